/* permessage-deflate (RFC 7692) as a client reads it that agreed on messages without a context:
 * each is inflated by itself. Owns one zlib stream and a buffer, for all connections. One thread.
 */
#ifndef BENCH_LOAD_DEFLATE_H
#define BENCH_LOAD_DEFLATE_H

#include <stdbool.h>
#include <zlib.h>

#include "load_wire.h"

#define INFLATER_OFFER "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

struct inflater {
  z_stream stream;
  bool ready;
  struct bytes out;
};

/* A whole message; what is returned is the inflater's until the next call. Ends the program when it
 * cannot be inflated. */
struct bytes inflater_run(struct inflater *inflater, const uint8_t *in, size_t len);
void inflater_fini(struct inflater *inflater);

#endif
