/* A TLS stream from within: what its two files share, the one that moves bytes (tls_stream.c) and
 * the one that knows what the handshake has come to: why it failed, or what is kept of it, who the
 * client is, and how often it may change its keys (tls_stream_outcome.c). Private to these.
 * Worker's thread only. */
#ifndef NET_TLS_STREAM_INNER_H
#define NET_TLS_STREAM_INNER_H

#include "net/tls_stream.h"

/* A ticket costs a tenth of a handshake. Where a session that is resumed saves hardly more than
 * that it waits until nobody else's handshake does. */
enum ticket { TICKET_NONE, TICKET_DUE, TICKET_CAN_WAIT };

struct tls_stream {
  SSL *ssl;
  char *rest;
  char *ahead; /* what has come behind the handshake, in one read with its end */
  uint32_t rest_at, rest_end;
  uint32_t ahead_len;
  uint32_t n_records; /* since the keys were changed */
  uint32_t rekey_after, max_rekeys;
  uint32_t n_rekeys; /* by the client, since rekeys_s */
  uint32_t rekeys_s;
  uint8_t ticket; /* enum ticket: goes in front of what is sent next */
  bool shut;      /* farewell has been said */
  bool ended;     /* by the client */
  bool broken;
};

/* From OpenSSL's queue of errors. TLS_PLAIN or TLS_FAILED; *why as tls_stream_handshake has it. */
enum tls_step tls_stream_judge_failure(struct tls_stream *stream, const char **why);
/* ahead: what has come behind the handshake; copied. False when out of memory. */
bool tls_stream_finish_handshake(struct tls_stream *stream, struct plug_str ahead);

#endif
