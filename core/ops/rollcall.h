/* A roll call of the threads that everything depends on: each is asked to come round, and counts as
 * hanging when it has not for too long. Owns what was seen of them. One thread calls the roll, any
 * thread reads it. */
#ifndef OPS_ROLLCALL_H
#define OPS_ROLLCALL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROLLCALL_MAX        72 /* workers, the control thread, and some room */
#define ROLLCALL_REASON_MAX 120

/* A thread: ask makes it come round, rounds says how often it has. */
struct rollcall_source {
  char name[32];
  void (*ask)(void *ctx);
  uint64_t (*rounds)(void *ctx);
  void *ctx;
};

struct rollcall {
  uint64_t limit_ms;
  struct {
    struct rollcall_source source;
    uint64_t rounds, since_ms; /* what was seen, and when first */
  } all[ROLLCALL_MAX];
  size_t n;
  _Atomic uint64_t taken_ms; /* 0: not yet */
  _Atomic bool hangs;
  pthread_mutex_t lock; /* protects the reason; nothing is called under it */
  char reason[ROLLCALL_REASON_MAX];
};

void rollcall_init(struct rollcall *call, uint64_t limit_ms);
void rollcall_fini(struct rollcall *call);
/* Before the first rollcall_take. Without room for it it is left out. */
void rollcall_add(struct rollcall *call, const struct rollcall_source *source);

/* Looks at all, and asks them. Returns whether all are alive. */
bool rollcall_take(struct rollcall *call, uint64_t now_ms);

/* [any] False: a thread hangs, or the roll is not called any more; reason says which, out may be
 * NULL. */
bool rollcall_is_alive(struct rollcall *call, uint64_t now_ms, char *reason, size_t size);

#endif
