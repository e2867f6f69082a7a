/* Lets the worker's loop sleep without a time limit. A timer of libuv becomes the limit of every
 * wait, for which the kernel starts and cancels a timer of its own each time: a twentieth of what a
 * lone message costs. So the worker's deadline, and those timers of libwebsockets that are far off,
 * are kept in one timerfd, which stays set while the loop waits. Owns the descriptor. Worker's
 * thread only. */
#ifndef NET_DEADLINE_H
#define NET_DEADLINE_H

#include <uv.h>

#define DEADLINE_TIMERS_MAX 4

struct deadline {
  uv_poll_t poll;
  int fd;
  uint64_t set_ms; /* the time for which the descriptor is set; UINT64_MAX: not set */
  uint64_t due_ms; /* the owner's; UINT64_MAX: none */
  void (*passed)(struct deadline *me); /* due_ms is UINT64_MAX then */
  struct {
    uv_timer_t *timer;
    uint64_t due_ms; /* UINT64_MAX: libuv has it, if it runs at all */
  } timers[DEADLINE_TIMERS_MAX];
  unsigned n_timers;
};

/* 0, or an error of libuv. me stays where it is until the loop has ended. */
int deadline_init(struct deadline *me, uv_loop_t *loop, void (*passed)(struct deadline *me));
/* From now on the timers that are in the loop at this moment are looked after, too: one-shot timers
 * that their owner starts anew but never stops. */
void deadline_adopt_timers(struct deadline *me);
/* In the loop's time (uv_now); UINT64_MAX for none. Calls passed, never early. */
void deadline_set(struct deadline *me, uint64_t due_ms);
/* To be called in the loop's prepare phase: stops adopted timers that are far off. */
void deadline_before_wait(struct deadline *me);
/* Adopted timers are given back, to be called soon, and no longer touched. deadline_set has no
 * effect any more. */
void deadline_close(struct deadline *me);

#endif
