#include "net/batch.h"

static void batch_clear(struct batch *batch)
{
  for (uint32_t i = 0; i < batch->n; i++)
    frame_unref(batch->frames[i]);
  batch->n = 0;
  batch->bytes.len = 0;
  batch->bytes.failed = false;
}

void batch_set_reset(struct batch_set *set)
{
  while (set->n_used)
    batch_clear(&set->slots[--set->n_used]);
}

void batch_set_fini(struct batch_set *set)
{
  batch_set_reset(set);
  for (unsigned i = 0; i < BATCH_SLOTS; i++)
    buf_free(&set->slots[i].bytes);
}

/* True if the queue starts with just the frames of the batch and the batch could hold no more. */
static bool batch_fits(const struct batch *batch, const struct outq *queue, enum wire wire,
                       size_t max_bytes)
{
  if (batch->n > queue->count)
    return false;
  for (uint32_t i = 0; i < batch->n; i++)
    if (batch->frames[i] != outq_at(queue, i))
      return false;
  if (batch->n == queue->count || batch->n == BATCH_FRAMES_MAX)
    return true;
  return batch->bytes.len + wire_bytes(outq_at(queue, batch->n), wire).len > max_bytes;
}

static void batch_fill(struct batch *batch, const struct outq *queue, enum wire wire,
                       size_t max_bytes)
{
  while (batch->n < queue->count && batch->n < BATCH_FRAMES_MAX) {
    struct frame *frame = outq_at(queue, batch->n);
    struct plug_str bytes = wire_bytes(frame, wire);
    if (!bytes.len || (batch->n && batch->bytes.len + bytes.len > max_bytes))
      return;
    buf_put_str(&batch->bytes, bytes);
    if (batch->bytes.failed)
      return;
    frame_ref(frame);
    batch->frames[batch->n++] = frame;
  }
}

bool batch_set_get(struct batch_set *set, const struct outq *queue, enum wire wire,
                   size_t max_bytes, struct plug_str *bytes, uint32_t *n_frames)
{
  struct batch *batch = set->n_used ? &set->slots[set->n_used - 1] : NULL;
  if (!batch || !batch_fits(batch, queue, wire, max_bytes)) {
    if (set->n_used == BATCH_SLOTS)
      return false;
    batch = &set->slots[set->n_used];
    batch_fill(batch, queue, wire, max_bytes);
    if (!batch->n) {
      batch->bytes.failed = false;
      *bytes = wire_bytes(outq_at(queue, 0), wire);
      *n_frames = 1;
      return true;
    }
    set->n_used++;
  }
  *bytes = str_from(batch->bytes.data, batch->bytes.len);
  *n_frames = batch->n;
  return true;
}
