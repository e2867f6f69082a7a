#include "cli/seen.h"

#include <stdlib.h>
#include <string.h>

struct seen_entry {
  struct map_entry entry;
  struct seen_entry *newer;
  char key[]; /* both ids, a NUL between them: neither has one */
};

static void drop_oldest(struct seen *seen)
{
  struct seen_entry *oldest = seen->oldest;
  map_remove(&seen->map, &oldest->entry);
  seen->oldest = oldest->newer;
  if (!seen->oldest)
    seen->newest = NULL;
  free(oldest);
}

bool seen_add(struct seen *seen, struct plug_str subscription, struct plug_str message_id)
{
  size_t len = subscription.len + 1 + message_id.len;
  struct seen_entry *made = calloc(1, sizeof *made + len);
  if (!made)
    return false;
  if (subscription.len)
    memcpy(made->key, subscription.ptr, subscription.len);
  if (message_id.len)
    memcpy(made->key + subscription.len + 1, message_id.ptr, message_id.len);
  made->entry.key = (struct plug_str){made->key, len};
  if (map_find(&seen->map, made->entry.key)) {
    free(made);
    return true;
  }
  if (!map_insert(&seen->map, &made->entry)) {
    free(made);
    return false;
  }
  if (seen->newest)
    seen->newest->newer = made;
  else
    seen->oldest = made;
  seen->newest = made;
  if (seen->map.count > SEEN_MAX)
    drop_oldest(seen);
  return false;
}

void seen_forget(struct seen *seen)
{
  while (seen->oldest)
    drop_oldest(seen);
  map_fini(&seen->map);
  *seen = (struct seen){0};
}
