/* Reads text/event-stream (HTML, 9.2.6) as a server of ours sends it: bytes in, events out. No I/O.
 * Owns the line and the data that have not ended. The thread that owns it. */
#ifndef CLI_SSE_H
#define CLI_SSE_H

#include "base/buf.h"
#include "base/str.h"

#define SSE_EVENT_MAX (4u << 20) /* bytes of one event, and of one line */

struct sse {
  struct buf line, data;
  char event[32]; /* "" is message */
  bool cr;        /* the last byte was a CR: an LF belongs to it */
};

/* Calls on_event for each event that is complete, until it returns false. False: on_event did, or
 * an event is too long, which too_long says. */
bool sse_feed(struct sse *sse, const char *bytes, size_t len,
              bool (*on_event)(void *ctx, const char *event, struct plug_str data), void *ctx,
              bool *too_long);
void sse_fini(struct sse *sse);

#endif
