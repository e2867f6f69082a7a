/* Event streams: at once, byte by byte and in steps they give the same events. */
#include <stdint.h>

#include "base/assert.h"
#include "cli/sse.h"

static bool note(void *ctx, const char *event, struct plug_str data)
{
  struct buf *log = ctx;
  buf_putf(log, "%s(", event);
  buf_put_str(log, data);
  buf_put_char(log, ')');
  return data.len != 7; /* some are the last */
}

static void run(const uint8_t *data, size_t size, size_t step, struct buf *log)
{
  struct sse sse = {0};
  bool too_long = false, goes_on = true;
  for (size_t at = 0; at < size && goes_on; at += step)
    goes_on = sse_feed(&sse, (const char *)data + at, step < size - at ? step : size - at, note,
                       log, &too_long);
  invariant(!too_long || size > SSE_EVENT_MAX);
  sse_fini(&sse);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct buf whole = {0}, other = {0};
  if (!size)
    return 0;
  run(data, size, size, &whole);
  static const size_t steps[] = {1, 3, 64};
  for (size_t i = 0; i < 3; i++) {
    other.len = 0;
    run(data, size, steps[i], &other);
    invariant(other.len == whole.len && (!whole.len || !memcmp(other.data, whole.data, whole.len)));
  }
  buf_free(&whole);
  buf_free(&other);
  return 0;
}
