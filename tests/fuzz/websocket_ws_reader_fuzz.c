/* Reads a stream of frames whole, byte by byte and in steps whose sizes the input chooses: all must
 * give the same messages, control frames and end.
 *
 * Input: the number of steps, whether frames are a server's, the steps' sizes, the stream. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/utf8.h"
#include "websocket/ws_reader.h"

struct run {
  struct ws_reader reader;
  struct buf log;
  bool in_message, binary, ended;
};

/* Bytes of one message follow one another, however they were cut. */
static void log_data(struct run *run, const struct ws_item *item)
{
  invariant(!run->in_message || run->binary == item->binary);
  run->in_message = !item->ends;
  run->binary = item->binary;
  for (size_t i = 0; i < item->len; i++)
    buf_putf(&run->log, "%c%02x", item->binary ? 'b' : 't', (unsigned char)item->bytes[i]);
  if (item->ends)
    buf_put_char(&run->log, '.');
}

static void log_item(struct run *run, enum ws_event event, const struct ws_item *item)
{
  if (event == WS_GOT_DATA) {
    log_data(run, item);
    return;
  }
  buf_putf(&run->log, "<%d %u ", (int)event, item->code);
  if (event == WS_GOT_FAULT) {
    invariant(ws_close_code_is_valid(item->code) && item->reason[0]);
    buf_put_str(&run->log, str_of(item->reason));
  } else {
    invariant(item->len <= WS_CONTROL_MAX);
    buf_put(&run->log, item->bytes, item->len);
  }
  if (event == WS_GOT_CLOSE) {
    invariant(ws_close_code_is_valid(item->code) && item->len != 1);
    invariant(item->len < 2 || utf8_valid(item->bytes + 2, item->len - 2));
  }
  run->ended = event == WS_GOT_CLOSE || event == WS_GOT_FAULT;
}

static void feed(struct run *run, const uint8_t *bytes, size_t len)
{
  char *copy = malloc(len ? len : 1), *at = copy;
  invariant(copy);
  if (len)
    memcpy(copy, bytes, len);
  while (!run->ended) {
    struct ws_item item = {0};
    const char *before = at;
    enum ws_event event = ws_reader_next(&run->reader, &at, copy + len, &item);
    invariant(at >= before && at <= copy + len);
    if (event == WS_NEED_MORE) {
      invariant(at == copy + len);
      break;
    }
    if (event == WS_GOT_DATA) {
      invariant(item.bytes >= before && item.bytes + item.len == at);
      for (size_t i = 0; item.ascii && i < item.len; i++)
        invariant((unsigned char)item.bytes[i] < 0x80);
    }
    log_item(run, event, &item);
  }
  free(copy);
}

static void check_same(const struct run *a, const struct run *b)
{
  invariant(a->ended == b->ended && a->log.len == b->log.len);
  invariant(!a->log.len || memcmp(a->log.data, b->log.data, a->log.len) == 0);
}

static void run_fini(struct run *run)
{
  ws_reader_fini(&run->reader);
  buf_free(&run->log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 1)
    return 0;
  size_t n_sizes = data[0] % 8;
  if (size < 1 + n_sizes)
    return 0;
  const uint8_t *sizes = data + 1, *stream = sizes + n_sizes;
  size_t len = size - 1 - n_sizes;

  struct run whole = {.reader.from_server = data[0] & 8}, bytewise = whole, stepwise = whole;
  feed(&whole, stream, len);
  for (size_t i = 0; i < len; i++)
    feed(&bytewise, stream + i, 1);
  check_same(&whole, &bytewise);
  for (size_t i = 0, at = 0; n_sizes && at < len; i++) {
    size_t step = 1 + sizes[i % n_sizes];
    step = step > len - at ? len - at : step;
    feed(&stepwise, stream + at, step);
    at += step;
  }
  if (n_sizes)
    check_same(&whole, &stepwise);
  run_fini(&whole);
  run_fini(&bytewise);
  run_fini(&stepwise);
  return 0;
}
