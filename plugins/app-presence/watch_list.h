/* The list of a room's members, as the templates have it. Owns what has been collected. Its owner's
 * thread. */
#ifndef WATCH_LIST_H
#define WATCH_LIST_H

#include "watch_section.h"

struct watch_list {
  const struct watch_section *section;
  struct route_values values; /* what all members have in common: the time, the variables */
  json_t *members;
  bool failed;
};

/* variables: borrowed until the list ends. False: out of memory. */
bool watch_list_begin(struct watch_list *list, const struct watch_section *section,
                      const struct plug_str *variables);
void watch_list_add(struct watch_list *list, struct plug_str user, struct plug_str info);
/* The text for free(); NULL: out of memory, or the template cannot be filled. Ends the list. */
char *watch_list_end(struct watch_list *list, uint64_t users, size_t *len);

#endif
