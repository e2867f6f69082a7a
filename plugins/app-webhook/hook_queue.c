#include "hook_queue.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct hook_lane {
  enum hook_kind kind;
  struct plug_str key; /* behind it */
  struct hook_items items;
  TAILQ_ENTRY(hook_lane) link; /* while it is ready: not busy, with items */
  bool busy;
};

static int compare(const void *left, const void *right)
{
  const struct hook_lane *a = left, *b = right;
  if (a->kind != b->kind)
    return a->kind < b->kind ? -1 : 1;
  if (a->key.len != b->key.len)
    return a->key.len < b->key.len ? -1 : 1;
  return a->key.len ? memcmp(a->key.ptr, b->key.ptr, a->key.len) : 0;
}

static struct hook_lane *lane_of(struct hook_queue *queue, enum hook_kind kind, struct plug_str key)
{
  struct hook_lane *lane = malloc(sizeof *lane + key.len);
  if (!lane)
    return NULL;
  *lane = (struct hook_lane){.kind = kind, .key = {(char *)(lane + 1), key.len}};
  if (key.len)
    memcpy(lane + 1, key.ptr, key.len);
  TAILQ_INIT(&lane->items);
  struct hook_lane **found = tsearch(lane, &queue->tree, compare);
  if (!found || *found != lane)
    free(lane);
  return found ? *found : NULL;
}

/* When nothing is in it any more. */
static void lane_check(struct hook_queue *queue, struct hook_lane *lane)
{
  if (lane->busy || !TAILQ_EMPTY(&lane->items))
    return;
  tdelete(lane, &queue->tree, compare);
  free(lane);
}

void hook_queue_init(struct hook_queue *queue)
{
  *queue = (struct hook_queue){0};
  for (int kind = 0; kind < HOOK_N_KINDS; kind++) {
    TAILQ_INIT(&queue->ready[kind]);
    TAILQ_INIT(&queue->waiting[kind]);
  }
}

bool hook_queue_put(struct hook_queue *queue, struct hook_item *item, enum hook_kind kind,
                    struct plug_str key)
{
  struct hook_lane *lane = lane_of(queue, kind, key);
  if (!lane)
    return false;
  item->lane = lane;
  item->kind = kind;
  if (!lane->busy && TAILQ_EMPTY(&lane->items))
    TAILQ_INSERT_TAIL(&queue->ready[kind], lane, link);
  TAILQ_INSERT_TAIL(&lane->items, item, of_lane);
  TAILQ_INSERT_TAIL(&queue->waiting[kind], item, of_kind);
  return true;
}

static void leave(struct hook_queue *queue, struct hook_item *item)
{
  TAILQ_REMOVE(&item->lane->items, item, of_lane);
  TAILQ_REMOVE(&queue->waiting[item->kind], item, of_kind);
}

struct hook_item *hook_queue_take(struct hook_queue *queue)
{
  enum hook_kind kind = queue->turn;
  if (TAILQ_EMPTY(&queue->ready[kind]))
    kind = kind == HOOK_REQUEST ? HOOK_EVENT_KIND : HOOK_REQUEST;
  struct hook_lane *lane = TAILQ_FIRST(&queue->ready[kind]);
  if (!lane)
    return NULL;
  queue->turn = kind == HOOK_REQUEST ? HOOK_EVENT_KIND : HOOK_REQUEST;
  TAILQ_REMOVE(&queue->ready[kind], lane, link);
  lane->busy = true;
  struct hook_item *item = TAILQ_FIRST(&lane->items);
  leave(queue, item);
  return item;
}

bool hook_queue_is_ready(const struct hook_queue *queue)
{
  for (int kind = 0; kind < HOOK_N_KINDS; kind++)
    if (!TAILQ_EMPTY(&queue->ready[kind]))
      return true;
  return false;
}

void hook_queue_release(struct hook_queue *queue, struct hook_item *item)
{
  struct hook_lane *lane = item->lane;
  lane->busy = false;
  if (!TAILQ_EMPTY(&lane->items))
    TAILQ_INSERT_TAIL(&queue->ready[lane->kind], lane, link);
  lane_check(queue, lane);
}

void hook_queue_remove(struct hook_queue *queue, struct hook_item *item)
{
  struct hook_lane *lane = item->lane;
  leave(queue, item);
  if (!lane->busy && TAILQ_EMPTY(&lane->items))
    TAILQ_REMOVE(&queue->ready[lane->kind], lane, link);
  lane_check(queue, lane);
}

struct hook_item *hook_queue_first(const struct hook_queue *queue, enum hook_kind kind)
{
  return TAILQ_FIRST(&queue->waiting[kind]);
}
