/* Operations: one asynchronous request to a plugin, completed exactly once by it, with a deadline
 * that completes the waiter instead when the plugin is too slow. Owned by the pool of an instance.
 *
 * The waiter's done() runs on the control thread, exactly once, never inside op_done. */
#ifndef PLUGIN_OP_H
#define PLUGIN_OP_H

#include <plugboard/host.h>

struct plugin_instance;

/* The detail of PLUG_ETIMEDOUT when it is the deadline that says so. */
#define OP_TIMEOUT_DETAIL "no answer in time"

typedef void (*op_done_fn)(void *arg, plug_status status, struct plug_str detail); /* [home] */

/* [any] A token for one call into the plugin; NULL when out of memory. timeout_ms 0: no deadline.
 */
struct plug_op *op_new(struct plugin_instance *instance, uint64_t timeout_ms, op_done_fn done,
                       void *arg);

/* [any] Before the call: release(arg, status, detail), with the arg of op_new, runs [home] exactly
 * once after the plugin has completed an operation that it took, with what it said, which may be
 * long after done() was given PLUG_ETIMEDOUT. Until then whatever was lent to the plugin with the
 * call must stay as it is. */
typedef void (*op_release_fn)(void *arg, plug_status status, struct plug_str detail);
void op_on_release(struct plug_op *op, op_release_fn release);

/* [any] Before the call: PLUG_ALLOW, PLUG_DENY and PLUG_DEFER are answers to it. For others they
 * are none. */
void op_takes_verdicts(struct plug_op *op);

/* [any] The return value of a call that was offered no operation: what is no status at all is a
 * violation, and PLUG_EINTERNAL. */
plug_status op_judge(struct plugin_instance *instance, const char *function, plug_status status);

/* [any] Gives the plugin's return value of the call that was offered op. Anything but PLUG_PENDING
 * means that the plugin did not take it: the token is freed and neither done nor release is called;
 * the caller acts on the status itself. With PLUG_PENDING done will run. Returns the status,
 * PLUG_EINTERNAL after a violation for what is none. */
plug_status op_offered(struct plug_op *op, plug_status status);

/* [any] Completes an operation with more than a text: status is one that no plugin can give, above
 * OP_STATUS_PLUGIN_MAX, and detail an allocation of len bytes that is taken over, freed after
 * done() and release(). For upcalls of the host table. */
#define OP_STATUS_PLUGIN_MAX PLUG_DEFER
void op_complete(struct plug_op *op, plug_status status, void *detail, size_t len,
                 const char *function);

/* What a status means, for whoever reads a message of a plugin that has not explained it. */
const char *op_status_text(plug_status status);

/* [home] For upcalls that say something of an operation before it is completed: whose it is; NULL
 * after a violation, for one that is over. */
struct plugin_instance *op_instance(struct plug_op *op, const char *function);
/* [home] Its arg, if it is one with that done; else NULL. */
void *op_arg(struct plug_op *op, op_done_fn done);

#endif
