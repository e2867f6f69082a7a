#include "broker/order.h"

#include <pthread.h>
#include <stdlib.h>

#include "message/message.h"

#define BUCKETS 256 /* a power of two; topics that have a publish under way are few */

/* The mutex protects the queues and all members of their turns but msg and topic_hash. It is a
 * leaf: delivering and over() happen outside, while the first turn stays in its place. */
struct bucket {
  pthread_mutex_t mutex;
  struct order_turn *queues;
};

struct order {
  plug_status (*deliver)(void *ctx, const struct plug_msg *msg);
  void *ctx;
  void (*over)(struct order_turn *turn);
  struct bucket buckets[BUCKETS];
};

struct order *order_new(plug_status (*deliver)(void *ctx, const struct plug_msg *msg),
                        void (*over)(struct order_turn *turn), void *ctx)
{
  struct order *order = calloc(1, sizeof *order);
  if (!order)
    return NULL;
  order->deliver = deliver;
  order->ctx = ctx;
  order->over = over;
  for (size_t i = 0; i < BUCKETS; i++)
    pthread_mutex_init(&order->buckets[i].mutex, NULL);
  return order;
}

void order_free(struct order *order)
{
  if (!order)
    return;
  for (size_t i = 0; i < BUCKETS; i++)
    pthread_mutex_destroy(&order->buckets[i].mutex);
  free(order);
}

static struct bucket *bucket_of(struct order *order, uint64_t topic_hash)
{
  return &order->buckets[topic_hash % BUCKETS];
}

/* Where the queue of the topic hangs, or would. Topics of the same hash share one, which costs them
 * a wait now and then and no more. */
static struct order_turn **find(struct bucket *bucket, uint64_t topic_hash)
{
  struct order_turn **link = &bucket->queues;
  while (*link && (*link)->topic_hash != topic_hash)
    link = &(*link)->queue;
  return link;
}

void order_enter(struct order *order, struct order_turn *turn, const struct plug_msg *msg)
{
  *turn = (struct order_turn){.msg = msg, .topic_hash = message_topic_hash(msg), .last = turn};
  struct bucket *bucket = bucket_of(order, turn->topic_hash);
  pthread_mutex_lock(&bucket->mutex);
  struct order_turn **link = find(bucket, turn->topic_hash);
  if (*link) {
    (*link)->last->next = turn;
    (*link)->last = turn;
  } else {
    *link = turn;
  }
  pthread_mutex_unlock(&bucket->mutex);
}

/* Takes the first turn out; the one behind it becomes the first. */
static void drop_first(struct order_turn **link)
{
  struct order_turn *first = *link;
  if (first->next) {
    first->next->last = first->last;
    first->next->queue = first->queue;
    *link = first->next;
  } else {
    *link = first->queue;
  }
}

plug_status order_end(struct order *order, struct order_turn *turn, bool deliver)
{
  uint64_t topic_hash = turn->topic_hash;
  struct bucket *bucket = bucket_of(order, topic_hash);
  plug_status status = PLUG_OK;
  pthread_mutex_lock(&bucket->mutex);
  turn->outcome = deliver ? ORDER_DELIVER : ORDER_SKIP;
  for (;;) {
    struct order_turn *first = *find(bucket, topic_hash);
    if (!first || first->delivering || first->outcome == ORDER_UNKNOWN)
      break;
    first->delivering = true;
    pthread_mutex_unlock(&bucket->mutex);
    if (first->outcome == ORDER_DELIVER && order->deliver(order->ctx, first->msg) != PLUG_OK &&
        first == turn)
      status = PLUG_EAGAIN;
    pthread_mutex_lock(&bucket->mutex);
    drop_first(find(bucket, topic_hash));
    pthread_mutex_unlock(&bucket->mutex);
    order->over(first);
    pthread_mutex_lock(&bucket->mutex);
  }
  pthread_mutex_unlock(&bucket->mutex);
  return status;
}
