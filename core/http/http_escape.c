#include "http/http_escape.h"

static int hex(char c)
{
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

int http_escape_byte(struct plug_str text, size_t at)
{
  if (text.len < HTTP_ESCAPE_LEN || at > text.len - HTTP_ESCAPE_LEN || text.ptr[at] != '%')
    return -1;
  int high = hex(text.ptr[at + 1]), low = hex(text.ptr[at + 2]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}
