/* The names behind user destinations. "/user/alice/queue/x" is the topic "user:HASH/queue/x", and
 * so is "/user/queue/x" for a session of alice; a session's own id is a name, too. HASH is a keyed
 * hash of the name, the same on all nodes that have the same key.
 *
 * No client reaches such a topic in any other way: what clients write starts with a slash, and no
 * pattern that starts with one matches what does not. Owns the key; read-only: any thread. */
#ifndef APP_USER_H
#define APP_USER_H

#include <stdbool.h>

#include "base/buf.h"

struct user_names {
  struct plug_str prefix; /* "/user"; empty: there are no user destinations */
  struct plug_str key;
};

/* "/user/alice/queue/x" into alice and /queue/x; name is as it was written (user_unescape). False:
 * there is no name, or nothing behind it. */
bool user_split(const struct user_names *names, struct plug_str destination, struct plug_str *name,
                struct plug_str *rest);

/* %2F becomes a slash, as Spring writes names with one. */
void user_unescape(struct plug_str name, struct buf *out);

/* The topic of "/user/alice/queue/x"; the name is unescaped. False: it is none, or out of memory.
 */
bool user_put_destination(const struct user_names *names, struct plug_str destination,
                          struct buf *out);
/* Appends the topic of a name and what is behind it, which starts with a slash. */
#define USER_TOPIC_ADDS 37 /* bytes of a topic before rest */
void user_put_topic(const struct user_names *names, struct plug_str name, struct plug_str rest,
                    struct buf *out);

#endif
