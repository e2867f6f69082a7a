/* A new generation on its way to the workers while they run: each goes over to it between two
 * turns, judges anew what its sessions are subscribed to, some of them each turn, and says when it
 * is done. Owns what it sends them, not the generation. Main thread. */
#ifndef NET_RENEWAL_H
#define NET_RENEWAL_H

#include "net/generation.h"
#include "net/worker.h"

struct renewal;

/* All that may fail; NULL when out of memory. */
struct renewal *renewal_new(struct worker *workers, unsigned n);
/* Once. The generation stays until all workers have another one. */
void renewal_send(struct renewal *renewal, const struct generation *generation);
/* Until deadline_ms of base/clock.h. True: no worker uses the former generation any more. */
bool renewal_wait(struct renewal *renewal, uint64_t deadline_ms);
/* Before it was sent, or after all are done. NULL is nothing. */
void renewal_free(struct renewal *renewal);

#endif
