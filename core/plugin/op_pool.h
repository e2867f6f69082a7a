/* The operations of one instance: where their memory comes from, and what the lifecycle does with
 * those still open. Owns the slots. Functions are tagged like those of plugboard/host.h.
 *
 * A token is not a pointer: it holds the number of a slot and the generation of its use, so that a
 * plugin that completes an operation twice, or one that is long over, is noticed and touches
 * nobody else's. Slots are never unmapped, which makes that check safe at any time.
 *
 *            op_new            op_offered(PENDING)          plugin: op_done
 *     FREE ---------> offered ---------------------> TAKEN -----------------> done() and FREE
 *                        |                             |
 *                        | any other answer: FREE      | deadline: done(ETIMEDOUT) = ANSWERED,
 *                        v                             v then the plugin's op_done: FREE
 */
#ifndef PLUGIN_OP_POOL_H
#define PLUGIN_OP_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include <plugboard/host.h>

#include "plugin/loop.h"

struct plugin_instance;

struct op_slot;
struct op_chunk;

struct op_pool {
  struct plugin_instance *instance;
  uv_mutex_t lock; /* protects free and chunks; only the lock of all chunks is taken under it */
  struct op_slot *free;
  struct op_chunk *chunks;
  _Atomic int64_t alive;
  _Atomic bool sweeping; /* the timer that looks for passed deadlines runs, or is about to */
  struct loop_task sweep_task;
  uv_timer_t *sweep_timer; /* home only */
  bool reclaimed;          /* home only: no timer any more */
};

bool op_pool_init(struct op_pool *pool, struct plugin_instance *instance);
void op_pool_fini(struct op_pool *pool); /* [create] with no operation alive */

int64_t op_pool_alive(const struct op_pool *pool); /* [any] */

/* [home] Asks the plugin to finish all that it has taken. */
void op_pool_cancel_all(struct op_pool *pool);

/* [home] After stop: takes back what the plugin has kept, answers the waiters with PLUG_ECANCELED,
 * ends the deadlines. Returns how many operations the plugin owed. */
size_t op_pool_reclaim(struct op_pool *pool);

/* Members of the host table. [any] */
void op_pool_done(struct plug_op *op, plug_status status, struct plug_str detail);
uint64_t op_pool_deadline_ms(const struct plug_op *op);

#endif
