/* What other threads have for a worker: messages to fan out, answers, calls. Any thread
 * puts, the worker takes. Owns the items in it. Bounded: putters are told when a worker falls
 * behind. */
#ifndef HUB_INBOX_H
#define HUB_INBOX_H

#include <stdbool.h>

#include <plugboard/host.h>

#include "base/mpsc.h"
#include "message/message.h"

/* All of it lies in one line, and nothing else: that is what a put fetches from another core. */
struct inbox {
  _Alignas(64) struct mpsc queue;
  /* Of the items put and not yet taken: in the upper bits how many, in the lower ones the bytes of
   * their messages, each as if it were here only. One word, because every put is an atomic one. */
  _Atomic uint64_t load;
  void (*wake)(struct inbox *inbox); /* [any] makes the worker call inbox_take soon */
};

enum inbox_kind {
  INBOX_DELIVER,         /* msg to all that match its topic */
  INBOX_DELIVER_TOPIC,   /* msg to the subscriptions of exactly its topic */
  INBOX_DELIVER_PATTERN, /* msg to those of the pattern with this interest id */
  INBOX_DELIVER_ONE,     /* msg to the subscription of that id of the session of that number */
  INBOX_INTEREST,        /* the broker's answer to an interest */
  INBOX_PUBLISHED,       /* the broker's answer to a publish: waiter, status */
  INBOX_CALL,            /* waiter is a struct inbox_call */
};

/* Something to be done on the worker's thread, embedded in what it is done to. */
struct inbox_call {
  void (*run)(struct inbox_call *call);
};

struct inbox_item {
  struct mpsc_node node;
  uint32_t kind;
  plug_status status;
  const struct plug_msg *msg; /* a reference */
  uint64_t interest; /* INBOX_INTEREST: 1 for a pattern; deliveries by topic: hash of the topic;
                        one: the session */
  void *waiter;
  size_t text_len;
  char text[]; /* INBOX_INTEREST, INBOX_DELIVER_PATTERN: the topic or pattern; _ONE: the id */
};

/* Allocates; NULL when out of memory. */
struct inbox_item *inbox_item_new(enum inbox_kind kind, struct plug_str text);
/* A delivery of the message, to which it takes a reference; interest is the caller's to set. The
 * first one of a message lies in it. */
struct inbox_item *inbox_item_for(enum inbox_kind kind, struct plug_str text,
                                  const struct plug_msg *msg);
/* Releases the message, too. */
void inbox_item_free(struct inbox_item *item);

/* The upper ends of [limits] worker-queue and worker-queue-size fit, with room for what is put in
 * between: 134 million and 128 GiB. */
#define INBOX_BYTES_BITS 37

static inline uint64_t inbox_load_items(uint64_t load)
{
  return load >> INBOX_BYTES_BITS;
}

static inline uint64_t inbox_load_bytes(uint64_t load)
{
  return load & ((UINT64_C(1) << INBOX_BYTES_BITS) - 1);
}

/* What an item with this message (or NULL) adds to the load. */
static inline uint64_t inbox_load_with(const struct plug_msg *msg)
{
  return (UINT64_C(1) << INBOX_BYTES_BITS) + (msg ? message_bytes(msg) : 0);
}

static inline uint64_t inbox_item_load(const struct inbox_item *item)
{
  return inbox_load_with(item->msg);
}

/* [any] The load as it was, and this much is added. First of all, because who looks at the load
 * before he adds to it fetches its line twice. What is then not put is taken back. */
static inline uint64_t inbox_reserve(struct inbox *inbox, uint64_t load)
{
  return atomic_fetch_add_explicit(&inbox->load, load, memory_order_relaxed);
}

/* [any] load: the sum of inbox_item_load of what has been taken, or was not put. */
static inline void inbox_taken(struct inbox *inbox, uint64_t load)
{
  atomic_fetch_sub_explicit(&inbox->load, load, memory_order_relaxed);
}

/* [any] After inbox_reserve. True if the queue was empty: the caller then calls inbox->wake,
 * without a lock held. */
static inline bool inbox_push(struct inbox *inbox, struct inbox_item *item)
{
  return mpsc_push(&inbox->queue, &item->node);
}

/* [any] Both. */
static inline bool inbox_put(struct inbox *inbox, struct inbox_item *item)
{
  inbox_reserve(inbox, inbox_item_load(item));
  return inbox_push(inbox, item);
}

#endif
