/* Which messages each subscriber has had: tells one that comes too late from one that comes twice.
 * Owns its memory. One thread. */
#ifndef BENCH_LOAD_ORDER_H
#define BENCH_LOAD_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With room for late messages: how many sequence numbers behind the newest one they may be. */
enum { ORDER_WINDOW = 1024 };

struct order {
  uint32_t *next; /* per stream: the sequence number that comes next */
  uint64_t *
      had; /* per stream: a bit for each of the last ORDER_WINDOW, a ring; NULL: none may be late */
};

enum arrival { ARRIVED, ARRIVED_LATE, ARRIVED_TWICE };

/* False when memory is short. may_be_late: not every server keeps the order. */
bool order_init(struct order *order, size_t n_streams, bool may_be_late);
void order_fini(struct order *order);

/* The message seq of a stream has come. Without room for late ones each that is late counts as one
 * that came twice. */
enum arrival order_note(struct order *order, size_t stream, uint32_t seq);

#endif
