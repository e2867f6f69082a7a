/* One section "[app.presence NAME]": which subscriptions make members of a room, and what is said
 * of it. Owns its texts and templates; immutable once it is complete. */
#ifndef WATCH_SECTION_H
#define WATCH_SECTION_H

#include "route_template.h"

/* What a new subscription gets for itself. */
enum watch_snapshot_kind {
  WATCH_NOTHING,
  WATCH_LIST, /* the list */
  WATCH_JOIN, /* the join of its user, if he was there before and the room is not told of it */
};

struct watch_section {
  char *name;
  struct route_path path;                   /* "watch" */
  struct route_path members;                /* "members", claim NULL: none */
  size_t variables[PLUG_APP_VARIABLES_MAX]; /* of path: their numbers in members */
  struct route_scope plain, sender, event, member_scope, list_scope;
  struct route_template *topic; /* the watched destination itself */
  struct route_template *destination, *info, *join, *leave, *member, *list;
  char *reply, *content_type;
  bool anonymous;
  enum watch_snapshot_kind snapshot;
  uint64_t linger_ms, max_events, max_list;
};

/* Begins with the key "watch"; PLUG_EINVAL with err->text. watch_section_fini is due in any case.
 */
plug_status watch_section_begin(struct watch_section *section, struct plug_str name,
                                struct plug_str watch, struct plug_err *err);
plug_status watch_section_set(struct watch_section *section, struct plug_kv entry,
                              struct plug_err *err);
/* Fills in what was left out. */
plug_status watch_section_complete(struct watch_section *section, struct plug_err *err);
void watch_section_fini(struct watch_section *section);

/* Values of the pattern's variables, as they are to be used: text for free() holds them. False:
 * they do not fit, or there is no memory (refusal->code NULL). */
bool watch_section_variables(const struct watch_section *section, const struct plug_kv *variables,
                             size_t n, const size_t *numbers, struct plug_str *out, char **text,
                             struct route_refusal *refusal);

/* The roots of the templates. */
enum { WATCH_USER, WATCH_INFO, WATCH_COUNT, WATCH_MERGED }; /* join, leave; member: the first two */
enum { WATCH_LIST_COUNT, WATCH_LIST_MEMBERS };              /* list */

#endif
