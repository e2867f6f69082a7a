/* The timers of a worker: a wheel for connections by the ten thousand, and one timerfd for the
 * earliest of them, so that the loop waits without a time limit (for which the kernel would start
 * and cancel a timer of its own in every wait: a twentieth of what a lone message costs). Owns the
 * descriptor. Worker's thread only. */
#ifndef NET_TIMERS_H
#define NET_TIMERS_H

#include "base/wheel.h"
#include "net/poller.h"

struct timer {
  struct wheel_timer in_wheel;
  void (*fire)(struct timer *timer, uint64_t now_ms); /* it may arm or stop any timer */
};

struct timers {
  struct wheel wheel;
  struct watch watch;
  uint64_t set_ms; /* for when the descriptor is set; UINT64_MAX: not set */
};

/* 0, or an errno. */
int timers_init(struct timers *timers, struct poller *poller, uint64_t now_ms);
void timers_fini(struct timers *timers, struct poller *poller);

void timer_init(struct timer *timer, void (*fire)(struct timer *timer, uint64_t now_ms));
/* (Re-)arms; fires up to WHEEL_TICK_MS late and never early. On the clock of base/clock.h. */
void timers_arm(struct timers *timers, struct timer *timer, uint64_t due_ms);
void timers_stop(struct timers *timers, struct timer *timer);

#endif
