/* One hook at work: what is to be asked of its backend waits, is asked, is asked again, and comes
 * to its end. Owns the jobs, the connections and two timers. [home], but for hook_new and
 * hook_free.
 *
 *   request, event --> queue --> call --> answer --> publish, reply, error
 *                        ^         |
 *                        |         +--> failure --> error, or, after a delay, the same call again
 *                     breaker <----+
 */
#ifndef HOOK_H
#define HOOK_H

#include "hook_config.h"

struct hook;

/* idle(ctx): nothing waits or is under way any more. Told while it drains or stops. NULL when out
 * of memory. */
struct hook *hook_new(struct hook_env *env, const struct hook_config *config,
                      void (*idle)(void *ctx), void *ctx);
bool hook_start(struct hook *hook); /* false: out of memory */

/* PLUG_PENDING, or a failure. */
plug_status hook_request(struct hook *hook, const struct plug_app_request *request,
                         struct plug_op *op);
void hook_event(struct hook *hook, const struct plug_app_event *event);
/* The operation is to be completed. False: it is not this hook's. */
bool hook_cancel(struct hook *hook, struct plug_op *op);

/* Nothing new comes: what waits is asked, what waits to be asked again is asked once more. */
void hook_drain(struct hook *hook);
/* Gives up what is left. */
void hook_abort(struct hook *hook);
bool hook_is_idle(const struct hook *hook);
/* Ends connections and timers of an idle hook. */
void hook_stop(struct hook *hook);
void hook_free(struct hook *hook); /* NULL is nothing */

#endif
