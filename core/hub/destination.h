/* Who handles a destination, by its prefix, and whether it may be used at all. The rules only point
 * at lists that the configuration owns. No state. Any thread.
 *
 * A prefix ends at a slash: "/sub" covers "/sub" and "/sub/x" but not "/subway". A slash at its end
 * changes nothing. */
#ifndef HUB_DESTINATION_H
#define HUB_DESTINATION_H

#include <stdbool.h>

#include "base/buf.h"

struct destination_prefixes {
  const struct plug_str *items;
  size_t n;
};

struct destination_rules {
  struct destination_prefixes broker, app;
  struct destination_prefixes client_send; /* broker destinations open to clients' SENDs */
  bool spring;          /* prefixes of broker and client_send need no slash after them */
  struct plug_str user; /* of user destinations; empty: there are none */
};

enum destination_kind { DESTINATION_NONE, DESTINATION_BROKER, DESTINATION_APP, DESTINATION_USER };

/* The longest prefix decides. A pattern belongs to a prefix only if all that it can match does: its
 * part before the first segment with a wildcard lies inside, so "/sub/" followed by any wildcards
 * does, "/su*" does not. */
enum destination_kind destination_classify(const struct destination_rules *rules,
                                           struct plug_str destination);

/* What is behind the prefix that makes a destination the applications'; starts with a slash, or is
 * empty. */
struct plug_str destination_app_path(const struct destination_rules *rules,
                                     struct plug_str destination);

/* May clients SEND to this broker or user destination, as far as the configuration goes? False for
 * destinations of any other kind. */
bool destination_may_send(const struct destination_rules *rules, struct plug_str destination);

/* Which of the prefixes covers it, the longest, whatever the profile; n of them: none. */
size_t destination_longest(const struct destination_prefixes *prefixes,
                           struct plug_str destination);

/* Writes "/topic, /queue" for error messages. */
void destination_put_prefixes(struct buf *out, const struct destination_prefixes *prefixes);

/* Starts with a slash, is at most max_len bytes of UTF-8 without control characters. If not, *why
 * is a static sentence. */
bool destination_valid(struct plug_str destination, size_t max_len, const char **why);

#endif
