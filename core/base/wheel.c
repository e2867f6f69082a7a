#include "base/wheel.h"

void wheel_init(struct wheel *w, uint64_t now_ms, wheel_fn fire)
{
  for (unsigned i = 0; i < WHEEL_SLOTS; i++)
    list_init(&w->slots[i]);
  w->next_tick = now_ms / WHEEL_TICK_MS;
  w->count = 0;
  w->fire = fire;
}

void wheel_timer_init(struct wheel_timer *t)
{
  list_init(&t->link);
  t->due_ms = 0;
}

/* The tick in which a timer fires: rounded up, so that it is never early. */
static uint64_t tick_of(uint64_t due_ms)
{
  return due_ms / WHEEL_TICK_MS + 1;
}

void wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t due_ms)
{
  wheel_stop(w, t);
  uint64_t tick = tick_of(due_ms);
  if (tick < w->next_tick)
    tick = w->next_tick;
  t->due_ms = due_ms;
  list_append(&w->slots[tick % WHEEL_SLOTS], &t->link);
  w->count++;
}

void wheel_stop(struct wheel *w, struct wheel_timer *t)
{
  if (!wheel_armed(t))
    return;
  list_remove(&t->link);
  w->count--;
}

void wheel_run(struct wheel *w, uint64_t now_ms)
{
  uint64_t now_tick = now_ms / WHEEL_TICK_MS;
  /* After a long sleep one turn visits every slot. */
  if (now_tick >= w->next_tick + WHEEL_SLOTS)
    w->next_tick = now_tick - WHEEL_SLOTS + 1;
  while (w->next_tick <= now_tick) {
    uint64_t tick = w->next_tick++;
    /* The slot is emptied first: fire() may arm timers into this very slot, a turn later. */
    struct list due;
    struct list *slot = &w->slots[tick % WHEEL_SLOTS];
    if (list_empty(slot))
      continue;
    due = *slot;
    due.next->prev = &due;
    due.prev->next = &due;
    list_init(slot);
    struct list *node;
    while ((node = list_first(&due))) {
      struct wheel_timer *t = container_of(node, struct wheel_timer, link);
      list_remove(node);
      if (tick_of(t->due_ms) > now_tick) {
        list_append(slot, node);
        continue;
      }
      w->count--;
      w->fire(t, now_ms);
    }
  }
}

uint64_t wheel_next_ms(const struct wheel *w)
{
  if (!w->count)
    return UINT64_MAX;
  for (uint64_t tick = w->next_tick; tick < w->next_tick + WHEEL_SLOTS; tick++)
    if (!list_empty(&w->slots[tick % WHEEL_SLOTS]))
      return tick * WHEEL_TICK_MS;
  return UINT64_MAX;
}
