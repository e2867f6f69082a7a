/* Compressed messages of clients: within the limit, and what is compressed here comes back. */
#include "base/assert.h"
#include "base/str.h"
#include "websocket/ws_deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const size_t max = 100000;
  struct buf out = {0}, packed = {0}, again = {0};
  struct plug_str text = str_from((const char *)data, size);
  if (ws_inflate(&out, text, max) == WS_INFLATED)
    invariant(out.len <= max);
  invariant(ws_deflate(&packed, text));
  invariant(ws_inflate(&again, str_from(packed.data, packed.len), size) == WS_INFLATED);
  invariant(str_eq(str_from(again.data, again.len), text));
  buf_free(&out);
  buf_free(&packed);
  buf_free(&again);
  return 0;
}
