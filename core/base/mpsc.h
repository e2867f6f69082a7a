/* A queue with many producers and one consumer: any thread pushes, the owner takes all. Owns no
 * memory; nodes are embedded in what is queued. Lock-free. Order is kept per producer, and between
 * producers whose pushes are ordered by a lock. */
#ifndef BASE_MPSC_H
#define BASE_MPSC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct mpsc_node {
  struct mpsc_node *next;
};

struct mpsc { /* zeroed: empty */
  _Atomic(struct mpsc_node *) head;
};

/* True if the queue was empty: then, and only then, the consumer needs a wake-up. */
static inline bool mpsc_push(struct mpsc *q, struct mpsc_node *node)
{
  struct mpsc_node *head = atomic_load_explicit(&q->head, memory_order_relaxed);
  do
    node->next = head;
  while (!atomic_compare_exchange_weak_explicit(&q->head, &head, node, memory_order_acq_rel,
                                                memory_order_relaxed));
  return head == NULL;
}

/* Takes everything, oldest first; NULL when empty. The consumer's thread only. */
static inline struct mpsc_node *mpsc_take(struct mpsc *q)
{
  if (!atomic_load_explicit(&q->head, memory_order_relaxed))
    return NULL;
  /* Both ways: who finds the queue empty then may reuse what the consumer had used before, such as
   * the task that woke it. */
  struct mpsc_node *node = atomic_exchange_explicit(&q->head, NULL, memory_order_acq_rel);
  struct mpsc_node *oldest = NULL;
  while (node) {
    struct mpsc_node *next = node->next;
    node->next = oldest;
    oldest = node;
    node = next;
  }
  return oldest;
}

#endif
