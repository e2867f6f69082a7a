/* One route, as a section "[app.route NAME]" says. Owns all its parts; what changes in it has locks
 * of its own: any thread. */
#ifndef ROUTE_H
#define ROUTE_H

#include "route_condition.h"

struct route {
  char *name;
  struct route_path path;
  struct route_scope scope;
  struct route_condition *condition; /* or NULL */
  struct route_template *to;
  struct route_template *body; /* NULL: the body passes as it is */
  char *content_type;          /* of what body makes */
};

/* Takes one key of the section; PLUG_EINVAL with err->text. "pattern" has to come before the others
 * are looked at: route_begin. */
plug_status route_begin(struct route *route, struct plug_str name, struct plug_str pattern,
                        struct plug_err *err);
plug_status route_set(struct route *route, struct plug_kv entry, size_t rate_keys,
                      struct plug_err *err);
void route_fini(struct route *route);

/* What a request becomes. */
struct route_result {
  char *destination, *body; /* for free(); body NULL: the request's */
  size_t destination_len, body_len;
};
bool route_run(struct route *route, const struct plug_app_request *request, int64_t now_ms,
               uint64_t now_us, struct route_result *result, struct route_refusal *refusal);

#endif
