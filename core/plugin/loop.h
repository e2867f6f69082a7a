/* A thread with one libuv loop on which plugins are at home: the control thread, or one that is the
 * home of a single instance. Owns the thread, its loop and its queue of posted functions. Functions
 * are tagged like those of plugboard/host.h. */
#ifndef PLUGIN_LOOP_H
#define PLUGIN_LOOP_H

#include <stdbool.h>
#include <uv.h>

#include <plugboard/host.h>

#include "base/list.h"
#include "base/mpsc.h"

struct loop;

/* Starts the thread, named "control"; it binds a counter block. NULL when it cannot be started. */
struct loop *loop_start(void);
/* The same for one instance: its thread is named so, and has the same threads to give work to as
 * control. It binds no counter block. */
struct loop *loop_start_own(const char *name, const struct loop *control);
/* Runs what is posted, then ends the thread and frees the loop. Not on the control thread. After a
 * plugin was abandoned it waits for the thread one second only, and what that plugin may still use
 * stays. */
void loop_stop(struct loop *loop);

bool loop_on_thread(const struct loop *loop);   /* [any] */
bool loop_is_own(const struct loop *loop);      /* [any] of one instance; NULL is not */
const char *loop_name(const struct loop *loop); /* [any] its thread's */
/* [any] A plugin has not come back from a call on this thread for as long as the watchdog allows:
 * nobody does what is posted here, and deadlines are not kept. Cheap. NULL does not. */
bool loop_hangs(const struct loop *loop);
/* [any] The same after a shorter time, as watchdog_some_home_is_late. */
bool loop_is_late(const struct loop *loop);
uv_loop_t *loop_uv(struct loop *loop); /* [home] */

/* The threads that instances of this loop give work to; set before they start, not owned. */
struct workpool;
void loop_set_pool(struct loop *loop, struct workpool *pool); /* [create] */
struct workpool *loop_pool(const struct loop *loop);          /* [home] NULL: none */

/* Embedded in whatever wants to run on the loop without an allocation. */
struct loop_task {
  struct mpsc_node node;
  void (*run)(struct loop_task *task); /* [home]; the task is free for reuse when it starts */
};
/* [any] FIFO per caller. */
void loop_post_task(struct loop *loop, struct loop_task *task);
/* [any] The same, but the loop may not be woken before loop_wake_owed: for threads that post many
 * in one turn of their own, and are sure to come to its end. */
void loop_post_task_soon(struct loop *loop, struct loop_task *task);
void loop_wake_owed(void);
/* [any] The same with an allocation; PLUG_ENOMEM. */
plug_status loop_post(struct loop *loop, plug_fn fn, void *arg);
/* Runs fn(arg) on the loop and waits for its return. Not on the control thread. */
void loop_call(struct loop *loop, plug_fn fn, void *arg);
/* The same, for what may have to wait for a plugin that does not come back. False: fn has not
 * returned in that time; unless it runs already it will not, and arg must stay for as long as the
 * loop's thread lives. */
bool loop_call_within(struct loop *loop, plug_fn fn, void *arg, uint64_t limit_ms);

/* [home] Called once at the end of each turn in which anything ran, before the loop sleeps: for
 * work that is better done in batches. */
struct loop_hook {
  struct list link;
  void (*run)(struct loop_hook *hook);
};
void loop_add_hook(struct loop *loop, struct loop_hook *hook);
void loop_remove_hook(struct loop *loop, struct loop_hook *hook);

#endif
