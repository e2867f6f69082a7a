/* What other threads have for a worker: messages to fan out, answers of the broker. Any thread
 * puts, the worker takes. Owns the items in it. Bounded: putters are told when a worker falls
 * behind. */
#ifndef HUB_INBOX_H
#define HUB_INBOX_H

#include <stdbool.h>

#include <plugboard/host.h>

#include "base/mpsc.h"
#include "message/message.h"

struct inbox {
  struct mpsc queue;
  _Alignas(64) _Atomic int64_t depth; /* items put and not yet taken */
  _Atomic int64_t bytes;              /* of their messages, each as if it were here only */
  void (*wake)(struct inbox *inbox);  /* [any] makes the worker call inbox_take soon */
};

enum inbox_kind {
  INBOX_DELIVER,         /* msg to all that match its topic */
  INBOX_DELIVER_TOPIC,   /* msg to the subscriptions of exactly its topic */
  INBOX_DELIVER_PATTERN, /* msg to those of the pattern with this interest id */
  INBOX_INTEREST,        /* the broker's answer to an interest */
  INBOX_PUBLISHED,       /* the broker's answer to a publish: waiter, status */
};

struct inbox_item {
  struct mpsc_node node;
  uint32_t kind;
  plug_status status;
  const struct plug_msg *msg; /* a reference */
  uint64_t interest; /* INBOX_INTEREST: 1 for a pattern; deliveries by topic: hash of the topic */
  void *waiter;
  size_t text_len;
  char text[]; /* INBOX_INTEREST, INBOX_DELIVER_PATTERN: the topic or pattern */
};

/* Allocates; NULL when out of memory. */
struct inbox_item *inbox_item_new(enum inbox_kind kind, struct plug_str text);
/* Releases the message, too. */
void inbox_item_free(struct inbox_item *item);

/* [any] True if the queue was empty: the caller then calls inbox->wake, without a lock held. */
static inline bool inbox_put(struct inbox *inbox, struct inbox_item *item)
{
  atomic_fetch_add_explicit(&inbox->depth, 1, memory_order_relaxed);
  if (item->msg)
    atomic_fetch_add_explicit(&inbox->bytes, (int64_t)message_bytes(item->msg),
                              memory_order_relaxed);
  return mpsc_push(&inbox->queue, &item->node);
}

/* n items with messages of so many bytes have been taken. */
static inline void inbox_taken(struct inbox *inbox, int64_t n, int64_t bytes)
{
  atomic_fetch_sub_explicit(&inbox->depth, n, memory_order_relaxed);
  if (bytes)
    atomic_fetch_sub_explicit(&inbox->bytes, bytes, memory_order_relaxed);
}

#endif
