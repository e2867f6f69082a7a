#include "net/batch.h"

void batch_reset(struct batch *batch)
{
  for (uint32_t i = 0; i < batch->n; i++)
    frame_unref(batch->frames[i]);
  batch->n = 0;
}

void batch_fini(struct batch *batch)
{
  batch_reset(batch);
  buf_free(&batch->bytes);
}

static size_t skip_of(const struct frame *frame, bool tcp)
{
  return tcp ? frame->ws_header : 0;
}

/* True if the queue starts with just the frames of the batch, and the batch could hold no more. */
static bool batch_fits(const struct batch *batch, const struct outq *queue, uint32_t max_frames)
{
  if (!batch->n || batch->n > queue->count || (batch->n < queue->count && batch->n < max_frames))
    return false;
  for (uint32_t i = 0; i < batch->n; i++)
    if (batch->frames[i] != outq_at(queue, i))
      return false;
  return true;
}

struct plug_str batch_get(struct batch *batch, const struct outq *queue, bool tcp, size_t max_bytes,
                          uint32_t max_frames, uint32_t *n_frames)
{
  if (max_frames > BATCH_FRAMES_MAX)
    max_frames = BATCH_FRAMES_MAX;
  if (!batch_fits(batch, queue, max_frames)) {
    batch_reset(batch);
    batch->bytes.len = 0;
    batch->bytes.failed = false;
    while (batch->n < queue->count && batch->n < max_frames) {
      struct frame *frame = outq_at(queue, batch->n);
      size_t skip = skip_of(frame, tcp);
      if (batch->n && batch->bytes.len + frame->len - skip > max_bytes)
        break;
      buf_put(&batch->bytes, frame->bytes + skip, frame->len - skip);
      if (batch->bytes.failed)
        break;
      frame_ref(frame);
      batch->frames[batch->n++] = frame;
    }
  }
  if (!batch->n) {
    const struct frame *frame = outq_at(queue, 0);
    *n_frames = 1;
    return str_from(frame->bytes + skip_of(frame, tcp), frame->len - skip_of(frame, tcp));
  }
  *n_frames = batch->n;
  return str_from(batch->bytes.data, batch->bytes.len);
}
