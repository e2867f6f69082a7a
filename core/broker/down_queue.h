/* What waits for better times: publishes kept, in order, while the backend is away, and sent when
 * it is back, after a delay in which other nodes come back too. Owns the queue and its timers, not
 * the entries. Control thread only, but for init. */
#ifndef BROKER_DOWN_QUEUE_H
#define BROKER_DOWN_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include <plugboard/abi.h>

#include "base/list.h"

struct down_queue_settings {
  uint64_t max_messages, max_bytes;
  uint64_t wait_ms;  /* longer than that nothing waits */
  uint64_t delay_ms; /* between the return of the backend and the first message; 0: none */
};

/* Embedded in what waits. Private. */
struct down_queue_entry {
  struct list link;
  size_t bytes;
  uint64_t until_ms;
};

/* What the queue asks of its owner; called with ctx. */
struct down_queue_calls {
  /* False: the backend is away again, and the entry stays. Otherwise it is the callee's. May report
   * the backend's state, and thus come back into this module. */
  bool (*send)(void *ctx, struct down_queue_entry *entry);
  void (*give_up)(void *ctx, struct down_queue_entry *entry, plug_status why);
  void (*over)(void *ctx); /* the delay has passed */
};

struct down_queue {
  struct down_queue_settings settings;
  const struct down_queue_calls *calls;
  void *ctx;
  struct list entries;       /* oldest first */
  _Atomic uint64_t n, bytes; /* read by any thread */
  uv_timer_t *wait_timer, *return_timer;
  bool returning; /* the backend is back, but other nodes may not have theirs */
  bool flushing;
};

void down_queue_init(struct down_queue *queue, const struct down_queue_settings *settings,
                     const struct down_queue_calls *calls, void *ctx);
/* Opens the timers; without memory for them nothing waits for the delay, and nothing times out. */
void down_queue_open(struct down_queue *queue, uv_loop_t *loop);
/* Closes them, and gives up with PLUG_ECANCELED all that still waits. */
void down_queue_close(struct down_queue *queue);

/* Behind all others. False: as many wait as may. */
bool down_queue_add(struct down_queue *queue, struct down_queue_entry *entry, size_t bytes);
/* Sends, oldest first, until one cannot be sent. */
void down_queue_flush(struct down_queue *queue);

/* Gives all to send, oldest first, which takes them: another backend is to have them. */
void down_queue_move(struct down_queue *queue, void (*send)(void *ctx, struct down_queue_entry *),
                     void *ctx);

/* The backend is back after a loss: the delay begins, and over() is called at its end. False: there
 * is none. */
bool down_queue_delay(struct down_queue *queue);
void down_queue_end_delay(struct down_queue *queue);

/* What is published now has to wait behind it. */
bool down_queue_holds(const struct down_queue *queue);

#endif
