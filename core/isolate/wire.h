/* What the server and the process of an isolated plugin say to each other: frames in a stream of
 * bytes, written and read without I/O. Both ends are of one build and on one machine, so numbers
 * are in its own byte order; but neither believes the other's bytes: every length and every number
 * that has a range is checked. Owns nothing; what is read is borrowed from the buffer it was read
 * from. Any thread.
 *
 *   length (4 bytes)   of all that follows the head
 *   kind (4 bytes)     enum wire_kind
 *   then its fields    numbers of 4 and 8 bytes; strings and blobs with 4 bytes of length before
 */
#ifndef ISOLATE_WIRE_H
#define ISOLATE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include <plugboard/host.h>

#include "base/buf.h"

#define WIRE_HEAD_LEN 8u

enum wire_kind {
  /* To the plugin's process. An id names the operation that WIRE_DONE answers, 0: none. */
  WIRE_HELLO = 1,   /* struct host_hello (host_inner.h), then paths */
  WIRE_CREATE,      /* section: whether there is one, file, line, then (key, value) each */
  WIRE_START,       /* id */
  WIRE_DRAIN,       /* id, deadline */
  WIRE_STOP,        /* id */
  WIRE_SUBSCRIBE,   /* id, deadline, n, then (interest, flags, topic) each */
  WIRE_UNSUBSCRIBE, /* the same */
  WIRE_PUBLISH,     /* id, deadline, message */
  WIRE_PING,        /* number */
  WIRE_FLOW,        /* 1: this node is congested, 0: no longer */
  WIRE_LOG_LEVEL,   /* the lowest that is written */
  WIRE_JOIN,        /* id, deadline, n, then (topic, member, user, info) each */
  WIRE_LEAVE,       /* the same */
  WIRE_WATCH,       /* id, deadline, topic */
  WIRE_UNWATCH,     /* topic */
  WIRE_LIST,        /* id, deadline, topic */
  WIRE_RESTORED,
  /* From it. */
  WIRE_DESCRIPTION = 64, /* struct said_description (said.h) */
  WIRE_CREATED,          /* extensions, n, then (gauge, name, help) of each metric */
  WIRE_FAILED,           /* status, text: it could not be loaded, or created */
  WIRE_DONE,             /* id, status, detail */
  WIRE_DELIVER,          /* interest, message */
  WIRE_ECHO,             /* interest, id, done, status: the message of that publish; done: and its
                            answer, else it is still open */
  WIRE_STATE,            /* state, flags, why */
  WIRE_HEALTH,           /* state, rtt, since, proven, text */
  WIRE_PONG,             /* number */
  WIRE_LOG,              /* level, area, text */
  WIRE_METRICS,          /* n, then the values, as they were created */
  WIRE_HANGS,            /* what in; empty: it does no longer */
  WIRE_USER,             /* id, members, user, info */
  WIRE_TOTAL,            /* id, users, members, offset, epoch */
  WIRE_CHANGED,          /* kind, users, offset, epoch, topic, user, info */
  WIRE_LOST,
};

/* In the id of a publish and its answers: the rest is its number in the lane (plugin/lane_calls.h).
 */
#define WIRE_LANE (UINT64_C(1) << 63)

struct wire_frame {
  uint32_t kind;
  struct plug_str body;
};

/* --- writing: failures are those of the buffer, looked at once at the end ------------------- */

/* Returns where the frame begins, for wire_end. */
size_t wire_begin(struct buf *out, enum wire_kind kind);
void wire_put_u32(struct buf *out, uint32_t v);
void wire_put_u64(struct buf *out, uint64_t v);
void wire_put_str(struct buf *out, struct plug_str s);
/* A message of message/envelope.h. */
void wire_put_msg(struct buf *out, const struct plug_msg *msg);
/* False, and the frame is taken back: it is longer than max, or there was no memory. */
bool wire_end(struct buf *out, size_t begin, size_t max);

/* --- reading ------------------------------------------------------------------------------- */

enum wire_next { WIRE_NEXT, WIRE_MORE, WIRE_BROKEN };
/* Takes the next frame off the front of rest. BROKEN: one longer than max. */
enum wire_next wire_next(struct plug_str *rest, struct wire_frame *frame, size_t max);

struct wire_reader {
  struct plug_str rest;
  bool bad; /* something was missing: all that follows is 0 and empty */
};
uint32_t wire_u32(struct wire_reader *r);
uint64_t wire_u64(struct wire_reader *r);
struct plug_str wire_str(struct wire_reader *r);
/* A number of items of at least that many bytes each, that many of which may still follow. */
uint32_t wire_count(struct wire_reader *r, size_t least);
/* All was there, and nothing more. */
bool wire_is_done(const struct wire_reader *r);

#endif
