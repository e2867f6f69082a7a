/* A path: what comes out starts with a slash, has no empty segment, no "." and no "..", and is
 * itself already resolved. Escapes that are not whole are what a head would be refused for. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/str.h"
#include "http/http_path.h"

static bool is_hex(uint8_t c)
{
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void check(struct plug_str path)
{
  invariant(path.len > 0 && path.ptr[0] == '/');
  struct plug_str segments = str_from(path.ptr + 1, path.len - 1);
  for (size_t i = 0, start = 0; i <= segments.len; i++) {
    if (i < segments.len && segments.ptr[i] != '/')
      continue;
    struct plug_str segment = str_from(segments.ptr + start, i - start);
    invariant(segment.len || i == segments.len); /* a slash at the end */
    invariant(!str_eq(segment, STR(".")) && !str_eq(segment, STR("..")));
    start = i + 1;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *raw = malloc(size + 1), *out = malloc(size + 1), *again = malloc(size + 1);
  invariant(raw && out && again);
  raw[0] = '/';
  if (size)
    memcpy(raw + 1, data, size);
  bool whole = true, escapes = false;
  for (size_t i = 0; i < size; i++)
    if (data[i] == '%')
      whole = whole && size - i >= 3 && is_hex(data[i + 1]) && is_hex(data[i + 2]);
  if (whole) {
    struct plug_str path = http_path_normalise(str_from(raw, size + 1), out);
    invariant(path.ptr == out && path.len <= size + 1);
    check(path);
    for (size_t i = 0; i < path.len; i++)
      escapes = escapes || path.ptr[i] == '%';
    if (!escapes)
      invariant(str_eq(http_path_normalise(path, again), path));
  }
  free(raw);
  free(out);
  free(again);
  return 0;
}
