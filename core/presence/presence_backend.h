/* What presence needs of a broker, so that its two halves know neither plugins nor clocks: the
 * members that this node keeps (members.h), and the rooms that it watches (rooms.h).
 *
 * Every call is answered by its status or, after PLUG_PENDING, by two calls back: *_answered, once,
 * when the outcome is known or its deadline has passed, and *_released when the plugin has nothing
 * more to do with it, which may be much later. What comes next for the same thing waits for the
 * latter: of two operations under way nobody could say which is done last. */
#ifndef PRESENCE_BACKEND_H
#define PRESENCE_BACKEND_H

#include <stdbool.h>

#include <plugboard/ext/presence.h>

#include "base/list.h"

struct members_batch;
struct room;

struct presence_backend {
  /* They join or leave, as the batch says. */
  plug_status (*change)(void *ctx, const struct plug_member *v, size_t n,
                        struct members_batch *batch);
  void (*restored)(void *ctx);
  plug_status (*watch)(void *ctx, struct room *room);
  void (*unwatch)(void *ctx, struct room *room);
  plug_status (*list)(void *ctx, struct room *room);
  /* A change of a room that is known. */
  void (*tell)(void *ctx, struct room *room, const struct plug_presence_change *change);
  void *ctx;
};

/* Somebody who waits for an outcome; embedded in what he is. */
struct presence_wait {
  struct list link;
  void (*answer)(struct presence_wait *wait, plug_status status);
};

static inline void presence_answer(struct list *waits, plug_status status)
{
  struct list *node;
  while ((node = list_first(waits))) {
    struct presence_wait *wait = container_of(node, struct presence_wait, link);
    list_remove(node);
    wait->answer(wait, status);
  }
}

/* The backend is away or slow, as against: it refuses this. */
static inline bool presence_is_passing(plug_status status)
{
  return status == PLUG_EUNAVAIL || status == PLUG_ECANCELED || status == PLUG_ETIMEDOUT ||
         status == PLUG_ESTATE || status == PLUG_ENOMEM;
}

#define PRESENCE_RETRY_MS     250 /* doubles with each failure */
#define PRESENCE_RETRY_MAX_MS 5000

/* When to try again after failures. */
struct presence_retry {
  uint64_t at_ms, delay_ms; /* 0: nothing has failed */
};

static inline void presence_retry_after(struct presence_retry *retry, uint64_t now_ms)
{
  if (retry->at_ms > now_ms)
    return; /* one of several that were under way */
  retry->delay_ms = retry->delay_ms ? retry->delay_ms * 2 : PRESENCE_RETRY_MS;
  if (retry->delay_ms > PRESENCE_RETRY_MAX_MS)
    retry->delay_ms = PRESENCE_RETRY_MAX_MS;
  retry->at_ms = now_ms + retry->delay_ms;
}

#endif
