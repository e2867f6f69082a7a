/* Which messages have come, where they may come over two connections: the last SEEN_MAX of them.
 * Owns its entries; a zeroed one remembers nothing. The thread that owns it. */
#ifndef CLI_SEEN_H
#define CLI_SEEN_H

#include "base/map.h"

#define SEEN_MAX 65536

struct seen_entry;

struct seen {
  struct map map;
  struct seen_entry *oldest, *newest;
};

/* True: it has come before. Otherwise it is remembered (without memory it is not, and comes
 * twice). */
bool seen_add(struct seen *seen, struct plug_str subscription, struct plug_str message_id);
void seen_forget(struct seen *seen); /* back to the zeroed state */

#endif
