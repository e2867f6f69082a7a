/* The pulse of the threads that everything depends on: each is asked to come round, and counts as
 * hanging when it has not for too long. Owns what was seen of them. One thread takes the pulse, any
 * thread reads it. */
#ifndef OPS_PULSE_H
#define OPS_PULSE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PULSE_MAX        72 /* workers, the control thread, and some room */
#define PULSE_REASON_MAX 120

/* A thread: ask makes it come round, rounds says how often it has. */
struct pulse_source {
  char name[32];
  void (*ask)(void *ctx);
  uint64_t (*rounds)(void *ctx);
  void *ctx;
};

struct pulse {
  uint64_t limit_ms;
  struct {
    struct pulse_source source;
    uint64_t rounds, since_ms; /* what was seen, and when first */
  } all[PULSE_MAX];
  size_t n;
  _Atomic uint64_t taken_ms; /* 0: not yet */
  _Atomic bool hangs;
  pthread_mutex_t lock; /* protects the reason; nothing is called under it */
  char reason[PULSE_REASON_MAX];
};

void pulse_init(struct pulse *pulse, uint64_t limit_ms);
void pulse_fini(struct pulse *pulse);
/* Before the first pulse_take. Without room for it it is left out. */
void pulse_add(struct pulse *pulse, const struct pulse_source *source);

/* Looks at all, and asks them. Returns whether all are alive. */
bool pulse_take(struct pulse *pulse, uint64_t now_ms);

/* [any] False: a thread hangs, or the pulse is not taken any more; reason says which, out may be
 * NULL. */
bool pulse_is_alive(struct pulse *pulse, uint64_t now_ms, char *reason, size_t size);

#endif
