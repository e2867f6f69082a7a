#include "broker/down_queue.h"

#include <stdlib.h>

#include "base/clock.h"

static void on_wait_timer(uv_timer_t *timer);

void down_queue_init(struct down_queue *queue, const struct down_queue_settings *settings,
                     const struct down_queue_calls *calls, void *ctx)
{
  *queue = (struct down_queue){.settings = *settings, .calls = calls, .ctx = ctx};
  list_init(&queue->entries);
}

static uv_timer_t *timer_open(struct down_queue *queue, uv_loop_t *loop)
{
  uv_timer_t *timer = malloc(sizeof *timer);
  if (timer) {
    uv_timer_init(loop, timer);
    timer->data = queue;
  }
  return timer;
}

void down_queue_open(struct down_queue *queue, uv_loop_t *loop)
{
  queue->wait_timer = timer_open(queue, loop);
  queue->return_timer = timer_open(queue, loop);
}

static void free_timer(uv_handle_t *handle)
{
  free(handle);
}

static void timer_close(uv_timer_t **timer)
{
  if (*timer)
    uv_close((uv_handle_t *)*timer, free_timer);
  *timer = NULL;
}

/* before: another entry, or the queue itself for its end. */
static void entry_link(struct down_queue *queue, struct down_queue_entry *entry,
                       struct list *before)
{
  list_append(before, &entry->link);
  queue->n++;
  queue->bytes += entry->bytes;
}

/* The oldest, taken out; NULL when none is left. */
static struct down_queue_entry *take_first(struct down_queue *queue)
{
  struct list *node = list_first(&queue->entries);
  if (!node)
    return NULL;
  struct down_queue_entry *entry = container_of(node, struct down_queue_entry, link);
  list_remove(node);
  queue->n--;
  queue->bytes -= entry->bytes;
  return entry;
}

void down_queue_close(struct down_queue *queue)
{
  struct down_queue_entry *entry;
  timer_close(&queue->wait_timer);
  timer_close(&queue->return_timer);
  queue->returning = false;
  while ((entry = take_first(queue)))
    queue->calls->give_up(queue->ctx, entry, PLUG_ECANCELED);
}

/* libuv counts from the start of the turn, and a timer must not be early by what has passed. */
static void start_timer(uv_timer_t *timer, uv_timer_cb fn, uint64_t after_ms)
{
  uv_update_time(timer->loop);
  uv_timer_start(timer, fn, after_ms, 0);
}

static void on_wait_timer(uv_timer_t *timer)
{
  struct down_queue *queue = timer->data;
  uint64_t now = clock_now_ms();
  struct list *node;
  while ((node = list_first(&queue->entries))) {
    uint64_t until_ms = container_of(node, struct down_queue_entry, link)->until_ms;
    if (queue->returning) /* what is about to be sent is not given up now */
      until_ms += queue->settings.delay_ms;
    if (until_ms > now) {
      start_timer(timer, on_wait_timer, until_ms - now);
      return;
    }
    queue->calls->give_up(queue->ctx, take_first(queue), PLUG_ETIMEDOUT);
  }
}

bool down_queue_add(struct down_queue *queue, struct down_queue_entry *entry, size_t bytes)
{
  if (queue->n >= queue->settings.max_messages || queue->bytes + bytes > queue->settings.max_bytes)
    return false;
  entry->bytes = bytes;
  entry->until_ms = clock_now_ms() + queue->settings.wait_ms;
  entry_link(queue, entry, &queue->entries);
  if (queue->wait_timer && !uv_is_active((uv_handle_t *)queue->wait_timer))
    start_timer(queue->wait_timer, on_wait_timer, queue->settings.wait_ms);
  return true;
}

void down_queue_flush(struct down_queue *queue)
{
  struct down_queue_entry *entry;
  if (queue->flushing)
    return; /* from inside send: the loop below goes on */
  queue->flushing = true;
  while ((entry = take_first(queue))) {
    if (queue->calls->send(queue->ctx, entry))
      continue;
    entry_link(queue, entry, queue->entries.next); /* to the front, so that the order stays */
    break;
  }
  queue->flushing = false;
}

void down_queue_move(struct down_queue *queue, void (*send)(void *ctx, struct down_queue_entry *),
                     void *ctx)
{
  struct down_queue_entry *entry;
  while ((entry = take_first(queue)))
    send(ctx, entry);
}

static void on_return_timer(uv_timer_t *timer)
{
  struct down_queue *queue = timer->data;
  queue->returning = false;
  queue->calls->over(queue->ctx);
}

bool down_queue_delay(struct down_queue *queue)
{
  if (!queue->return_timer || !queue->settings.delay_ms)
    return false;
  queue->returning = true;
  start_timer(queue->return_timer, on_return_timer, queue->settings.delay_ms);
  return true;
}

void down_queue_end_delay(struct down_queue *queue)
{
  queue->returning = false;
  if (queue->return_timer)
    uv_timer_stop(queue->return_timer);
}

bool down_queue_holds(const struct down_queue *queue)
{
  return queue->n > 0 || queue->returning;
}
