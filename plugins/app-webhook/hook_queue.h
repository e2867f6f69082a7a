/* What waits for a backend, in lanes: the items of one lane are taken one after the other, each
 * when the one before has been given up or answered; lanes do not wait for each other. Requests and
 * events have lanes of their own. Owns the lanes, not the items. No I/O. One thread.
 *
 *   put --> lane "session 7":   c b a --> ready --> take --> (busy) --> release
 *           lane "session 9":   z     -/
 */
#ifndef HOOK_QUEUE_H
#define HOOK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <plugboard/abi.h>

enum hook_kind { HOOK_REQUEST, HOOK_EVENT_KIND, HOOK_N_KINDS };

struct hook_lane;

struct hook_item { /* embedded */
  TAILQ_ENTRY(hook_item) of_lane, of_kind;
  struct hook_lane *lane;
  enum hook_kind kind;
};
TAILQ_HEAD(hook_items, hook_item);
TAILQ_HEAD(hook_lanes, hook_lane);

struct hook_queue {
  void *tree; /* of lanes, by kind and key */
  struct hook_lanes ready[HOOK_N_KINDS];
  struct hook_items waiting[HOOK_N_KINDS]; /* in the order of their coming */
  enum hook_kind turn;                     /* of whom the next one is, if both are ready */
};

void hook_queue_init(struct hook_queue *queue);

/* False when out of memory. The key is copied. */
bool hook_queue_put(struct hook_queue *queue, struct hook_item *item, enum hook_kind kind,
                    struct plug_str key);
/* The next item whose lane is not busy, which is then; NULL: none. */
struct hook_item *hook_queue_take(struct hook_queue *queue);
/* Would hook_queue_take give one? */
bool hook_queue_is_ready(const struct hook_queue *queue);
/* The item that was taken is through: its lane goes on. */
void hook_queue_release(struct hook_queue *queue, struct hook_item *item);
/* Takes out one that waits. */
void hook_queue_remove(struct hook_queue *queue, struct hook_item *item);
/* The oldest that waits; NULL: none. */
struct hook_item *hook_queue_first(const struct hook_queue *queue, enum hook_kind kind);

#endif
