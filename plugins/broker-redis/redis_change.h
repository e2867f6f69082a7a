/* What presence writes as bytes, and reads back: changes of a topic as the scripts publish them,
 * and the names under which a node's members are kept. Owns nothing, no I/O, any thread.
 *
 *   changes   "1 EPOCH FIRST COUNT\n", then COUNT times "KIND USERS LEN LEN\n" USER INFO, where
 * KIND is J or L, and the LENs are those of USER and INFO. The changes of one script in one topic
 * are one message; the second has the offset FIRST + 1, and so on. member    LEN ":" TOPIC MEMBER,
 * where LEN is that of TOPIC; a field of a node's hash */
#ifndef REDIS_CHANGE_H
#define REDIS_CHANGE_H

#include "redis_buf.h"

struct redis_changes {
  const char *p, *end; /* what is left */
  uint64_t epoch, offset, n_left;
};

struct redis_change {
  bool joined; /* else left */
  uint64_t users, offset;
  struct plug_str user, info; /* point into the message */
};

/* False: that is no such message. Nothing of it is to be used then. */
bool redis_changes_open(struct redis_changes *in, struct plug_str message);
/* After open, n_left times. False: the message ends early or goes on beyond its last change. */
bool redis_changes_next(struct redis_changes *in, struct redis_change *out);

struct redis_member_name {
  struct plug_str topic, member; /* point into the field */
};

/* False: that is no such field. */
bool redis_member_name_read(struct plug_str field, struct redis_member_name *out);

/* A number in decimal digits from *p on, which is moved behind it. False: there is none, or it is
 * larger than 2^53, which the scripts cannot count to. */
bool redis_number_read(const char **p, const char *end, uint64_t *out);

#endif
