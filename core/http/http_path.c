#include "http/http_path.h"

#include <string.h>

#include "base/str.h"
#include "http/http_escape.h"

static size_t decode(struct plug_str raw, char *out)
{
  size_t n = 0;
  for (size_t i = 0; i < raw.len; i++) {
    int byte = http_escape_byte(raw, i);
    out[n++] = byte < 0 ? raw.ptr[i] : (char)byte;
    if (byte >= 0)
      i += HTTP_ESCAPE_LEN - 1;
  }
  return n;
}

/* Takes the last segment and the slash before it off path; nothing is above the root. */
static size_t cut_segment(const char *path, size_t len)
{
  while (len && path[len - 1] != '/')
    len--;
  return len ? len - 1 : 0;
}

struct plug_str http_path_normalise(struct plug_str raw, char *out)
{
  size_t len = decode(raw, out), at = 0, n = 0;
  /* out[0..n) is "" or "/a/b", without a slash at its end; at never falls behind n. */
  bool slash = false;
  while (at < len) {
    while (at < len && out[at] == '/')
      at++;
    size_t start = at;
    while (at < len && out[at] != '/')
      at++;
    struct plug_str segment = str_from(out + start, at - start);
    slash = at < len || segment.len == 0;
    if (segment.len == 0 || str_eq(segment, STR("."))) {
      slash = true;
    } else if (str_eq(segment, STR(".."))) {
      n = cut_segment(out, n);
      slash = true;
    } else {
      out[n++] = '/';
      memmove(out + n, segment.ptr, segment.len);
      n += segment.len;
    }
  }
  if (slash || n == 0)
    out[n++] = '/';
  return str_from(out, n);
}
