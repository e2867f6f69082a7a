/* Which of this node's own messages are followed (message_follow) although the broker's backend
 * gives them back as others: by their ids. Owns a table of the last ones. Any thread. */
#ifndef BROKER_FOLLOWED_H
#define BROKER_FOLLOWED_H

#include <stdatomic.h>
#include <stdint.h>

#define FOLLOWED_MAX 1024 /* those that are on their way at a time: some seconds' worth */

struct followed {
  struct {
    _Atomic uint64_t id, accepted_us;
  } places[FOLLOWED_MAX];
};

static inline void followed_add(struct followed *followed, uint64_t id, uint64_t accepted_us)
{
  _Atomic uint64_t *place = &followed->places[id % FOLLOWED_MAX].id;
  atomic_store_explicit(place, 0, memory_order_release);
  atomic_store_explicit(&followed->places[id % FOLLOWED_MAX].accepted_us, accepted_us,
                        memory_order_release);
  atomic_store_explicit(place, id, memory_order_release);
}

/* 0: not followed, or forgotten for newer ones. */
static inline uint64_t followed_find(const struct followed *followed, uint64_t id)
{
  const _Atomic uint64_t *place = &followed->places[id % FOLLOWED_MAX].id;
  if (atomic_load_explicit(place, memory_order_acquire) != id)
    return 0;
  uint64_t accepted_us =
      atomic_load_explicit(&followed->places[id % FOLLOWED_MAX].accepted_us, memory_order_acquire);
  return atomic_load_explicit(place, memory_order_relaxed) == id ? accepted_us : 0;
}

#endif
