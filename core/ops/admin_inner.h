/* The admin API from within: what its files share. Private to core/ops. A request belongs to its
 * worker's thread. */
#ifndef OPS_ADMIN_INNER_H
#define OPS_ADMIN_INNER_H

#include <jansson.h>

#include "api/api_fault.h"
#include "ops/admin.h"
#include "ops/admin_auth.h"
#include "ops/pulse.h"

struct admin {
  struct admin_parts parts;
  struct admin_auth *auth;
  struct nodes *nodes;
  struct warnings *warnings;
  struct pulse pulse;
  struct net_hooks hooks;
  _Atomic int64_t n_tails;
  _Atomic unsigned n_walks; /* that are under way */
};

/* --- answers: the request is gone afterwards ----------------------------------------------- */

/* json is taken over; NULL: out of memory. */
void admin_answer(struct mount_request *request, uint16_t status, json_t *json);
void admin_refuse(struct mount_request *request, const struct api_fault *fault);
void admin_refuse_with(struct mount_request *request, uint16_t status, const char *code,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
void admin_no_memory(struct mount_request *request);

/* --- queries ------------------------------------------------------------------------------- */

/* "search", "limit" and "after" of a list. */
#define ADMIN_LIMIT_MAX 1000
struct admin_page {
  struct buf search, after; /* terminated, too */
  size_t limit;
};
/* False: the request has been refused, and there is nothing to free. */
bool admin_page_read(struct mount_request *request, struct admin_page *page);
void admin_page_free(struct admin_page *page);
/* Is needle somewhere in text, in any case of ASCII? An empty one is. */
bool admin_text_has(struct plug_str text, struct plug_str needle);

/* How long the steps of all walks that are under way may keep a worker from others in one turn. */
#define ADMIN_STEP_US 500u
/* Around a walk over all that the workers have, and when its step is to end. */
void admin_walk_begin(struct admin *admin);
void admin_walk_end(struct admin *admin);
uint64_t admin_step_end_us(const struct admin *admin);

/* text as a JSON string; of what is no UTF-8 nothing. */
json_t *admin_string(struct plug_str text);

/* --- what is asked for --------------------------------------------------------------------- */

void admin_status(struct admin *admin, struct mount_request *request);
void admin_nodes(struct admin *admin, struct mount_request *request);
void admin_clients(struct admin *admin, struct mount_request *request);
void admin_client(struct admin *admin, struct mount_request *request, struct plug_str session);
void admin_topics(struct admin *admin, struct mount_request *request);
void admin_tail(struct admin *admin, struct mount_request *request);
void admin_config(struct admin *admin, struct mount_request *request);
void admin_kick(struct admin *admin, struct mount_request *request);
void admin_drain(struct admin *admin, struct mount_request *request);
void admin_reload(struct admin *admin, struct mount_request *request);
void admin_swap(struct admin *admin, struct mount_request *request);

#endif
