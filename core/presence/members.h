/* The members that this node keeps in rooms: what applications want, brought to the backend in
 * batches, again after a failure, and all of it after the backend has lost it. Owns the members. No
 * I/O, no clock. Control thread only.
 *
 *              join                     answered: OK
 *   (nothing) -----> to join --> under way -------> there --- lost --> to join
 *                                                     | leave
 *                    (nothing) <-- under way <-- to leave
 */
#ifndef PRESENCE_MEMBERS_H
#define PRESENCE_MEMBERS_H

#include "base/map.h"
#include "presence/presence_backend.h"

#define MEMBERS_BATCH 500 /* of one operation */

struct members {
  const struct presence_backend *backend;
  uint64_t max;
  struct map map; /* struct member.by_key */
  struct list joins, leaves;
  size_t n_wanted, n_restoring, n_batches;
  uint64_t generation; /* rises when the backend has lost them */
  bool restoring;
  struct presence_retry retry;
  uint64_t n_failed; /* batches */
};

/* One operation under way. */
struct members_batch {
  struct members *members;
  bool is_join;
  uint64_t generation;
  size_t n;
  struct member *items[MEMBERS_BATCH];
  struct plug_member v[MEMBERS_BATCH];
};

void members_init(struct members *members, const struct presence_backend *backend, uint64_t max);
void members_fini(struct members *members); /* nobody waits, and nothing is under way */

/* wait: for the outcome of the first attempt, or NULL; never answered before this returns. A batch
 * that is refused is no attempt of its members, who are tried one by one then. Answered with
 * PLUG_ECANCELED when the contrary is wanted meanwhile.
 *
 * PLUG_PENDING: it will be answered. PLUG_OK: there already; or not there, and nobody waits.
 * PLUG_ETOOBIG: there are max already. PLUG_ENOMEM. */
plug_status members_join(struct members *members, const struct plug_member *member,
                         struct presence_wait *wait);
plug_status members_leave(struct members *members, const struct plug_member *member,
                          struct presence_wait *wait);
/* Whose it is from now on: who has joined it last. */
void members_own(struct members *members, const struct plug_member *member, const void *owner);
const void *members_owner(struct members *members, const struct plug_member *member); /* or NULL */
/* False: it is another's, who has taken it over. */
bool members_is_own(struct members *members, const struct plug_member *member, const void *owner);
void members_leave_of(struct members *members, const void *owner);
void members_leave_all(struct members *members);
/* The backend has lost all of them, or may have. */
void members_lost(struct members *members);
/* Nothing is to be done, and nothing under way. */
bool members_idle(const struct members *members);

/* Gives the backend what is to be done. Not from inside one of its calls. */
void members_pump(struct members *members, uint64_t now_ms);
/* When members_pump has something to do without anything having happened; UINT64_MAX: never. */
uint64_t members_next_ms(const struct members *members);

void members_answered(struct members_batch *batch, plug_status status);
void members_released(struct members_batch *batch, plug_status status, uint64_t now_ms);

#endif
