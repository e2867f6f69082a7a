#include "load_deflate.h"

#include <stdlib.h>

#include "load_conn.h"

enum { OUT_MAX = 1 << 20 };

struct bytes inflater_run(struct inflater *inflater, const uint8_t *in, size_t len)
{
  static const uint8_t tail[] = {0, 0, 0xff, 0xff}; /* which the sender leaves away: 7.2.1 */
  z_stream *z = &inflater->stream;
  if (!inflater->ready) {
    if (inflateInit2(z, -15) != Z_OK)
      load_fail("out of memory");
    inflater->ready = true;
    inflater->out.cap = OUT_MAX;
    inflater->out.at = malloc(OUT_MAX);
    if (!inflater->out.at)
      load_fail("out of memory");
  }
  inflateReset(z);
  z->next_out = inflater->out.at;
  z->avail_out = OUT_MAX;
  z->next_in = (uint8_t *)(uintptr_t)in;
  z->avail_in = (uInt)len;
  int failed = inflate(z, Z_SYNC_FLUSH);
  z->next_in = (uint8_t *)(uintptr_t)tail;
  z->avail_in = sizeof tail;
  if (failed != Z_OK || (inflate(z, Z_SYNC_FLUSH) < 0) || !z->avail_out)
    load_fail("a compressed message of %zu bytes cannot be inflated", len);
  inflater->out.len = OUT_MAX - z->avail_out;
  return inflater->out;
}

void inflater_fini(struct inflater *inflater)
{
  if (inflater->ready)
    inflateEnd(&inflater->stream);
  bytes_free(&inflater->out);
}
