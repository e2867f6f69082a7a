/* Users who were disconnected and may not come back for a while: asked with each CONNECT that a
 * plugin has granted. Owns its entries, of which there are so many at most. Any thread, behind one
 * mutex. */
#ifndef ACCESS_REFUSED_USERS_H
#define ACCESS_REFUSED_USERS_H

#include <stdbool.h>

#include <plugboard/abi.h>

struct refused_users;

#define REFUSED_REASON_MAX 255

struct refused_users *refused_users_new(size_t max);  /* NULL when out of memory */
void refused_users_free(struct refused_users *users); /* NULL is nothing */

/* Until then; of two times for one user the last one counts. reason: what clients are told, at most
 * REFUSED_REASON_MAX bytes of it. False: there are too many. */
bool refused_users_add(struct refused_users *users, struct plug_str user, struct plug_str reason,
                       uint64_t now_ms, uint64_t until_ms);

/* True: the user is refused, and reason says why. */
bool refused_users_find(struct refused_users *users, struct plug_str user, uint64_t now_ms,
                        char reason[REFUSED_REASON_MAX + 1]);

#endif
