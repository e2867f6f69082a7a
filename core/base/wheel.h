/* A timer wheel for timers that are mostly re-armed before they fire. Owns no memory; nodes are
 * embedded. Arming and stopping cost O(1); a timer fires up to WHEEL_TICK_MS late and never early.
 * No I/O: the owner asks for the next deadline and calls wheel_run. The thread that owns it. */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define WHEEL_TICK_MS 16u
#define WHEEL_SLOTS   1024u /* one turn is about 16 s; later timers go round again */

struct wheel_timer {
  struct list link;
  uint64_t due_ms;
};

typedef void (*wheel_fn)(struct wheel_timer *timer, uint64_t now_ms);

struct wheel {
  struct list slots[WHEEL_SLOTS];
  uint64_t next_tick; /* ticks below this one have been run */
  uint64_t count;
  wheel_fn fire; /* runs with the timer stopped; it may arm or stop any timer */
};

void wheel_init(struct wheel *w, uint64_t now_ms, wheel_fn fire);
void wheel_timer_init(struct wheel_timer *t);
/* (Re-)arms t; a time in the past fires at the next run. */
void wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t due_ms);
void wheel_stop(struct wheel *w, struct wheel_timer *t);
static inline bool wheel_armed(const struct wheel_timer *t)
{
  return t->link.next != &t->link;
}
/* Fires all that is due. */
void wheel_run(struct wheel *w, uint64_t now_ms);
/* When wheel_run should be called next, at most one turn ahead; UINT64_MAX when nothing is armed.
 */
uint64_t wheel_next_ms(const struct wheel *w);

#endif
