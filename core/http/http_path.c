#include "http/http_path.h"

#include <string.h>

#include "base/str.h"

static unsigned hex(char c)
{
  return c <= '9' ? (unsigned)c - '0' : ((unsigned)c | 0x20u) - 'a' + 10;
}

static size_t decode(struct plug_str raw, char *out)
{
  size_t n = 0;
  for (size_t i = 0; i < raw.len; i++) {
    if (raw.ptr[i] != '%') {
      out[n++] = raw.ptr[i];
      continue;
    }
    out[n++] = (char)(hex(raw.ptr[i + 1]) << 4 | hex(raw.ptr[i + 2]));
    i += 2;
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
