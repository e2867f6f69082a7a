/* Feeds the parser one stream four ways: whole, once more when its heads may be known, byte by
 * byte, and in chunks whose sizes the input chooses. All must give the same frames and the same
 * error, within the limits and with slices that lie in the parser's memory.
 *
 * Input: version, frame limit, header limit, the number of chunk sizes, these sizes, the stream. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "stomp/stomp_parser.h"

static struct stomp_scratch scratch;

struct run {
  struct stomp_parser parser;
  struct stomp_limits limits;
  struct buf log; /* frames and the error, comparable as bytes */
  const char *chunk;
  size_t chunk_len;
  bool failed;
};

static bool lies_in(struct plug_str s, const char *from, size_t len)
{
  return from && s.ptr >= from && s.ptr <= from + len && s.len <= (size_t)(from + len - s.ptr);
}

static void check_slice(const struct run *run, struct plug_str s)
{
  const struct buf *pending = &run->parser.pending;
  invariant(lies_in(s, run->chunk, run->chunk_len) || lies_in(s, pending->data, pending->len));
}

static void log_slice(struct run *run, struct plug_str s)
{
  check_slice(run, s);
  buf_put(&run->log, &s.len, sizeof s.len);
  buf_put_str(&run->log, s);
}

static void log_frame(struct run *run, const struct stomp_frame *frame)
{
  invariant(frame->command <= STOMP_ERROR);
  invariant(frame->n_headers <= run->limits.n_headers);
  size_t bytes = frame->body.len;
  buf_put_str(&run->log, str_of(stomp_command_text(frame->command)));
  for (size_t i = 0; i < frame->n_headers; i++) {
    const struct stomp_header *h = &frame->headers[i];
    invariant(h->name.len > 0);
    invariant(h->name.len + h->value.len + 1 <= run->limits.header_bytes);
    invariant(utf8_valid(h->name.ptr, h->name.len) && utf8_valid(h->value.ptr, h->value.len));
    invariant(!memchr(h->name.ptr, '\0', h->name.len));
    invariant(!h->value.len || !memchr(h->value.ptr, '\0', h->value.len));
    bytes += h->name.len + h->value.len;
    log_slice(run, h->name);
    log_slice(run, h->value);
  }
  invariant(bytes < run->limits.frame_bytes);
  log_slice(run, frame->body);
}

static void log_parse_error(struct run *run, const struct stomp_parse_error *error)
{
  size_t len = strnlen(error->message, sizeof error->message);
  invariant(len > 0 && len < sizeof error->message - 1); /* nothing was cut off */
  invariant(utf8_valid(error->message, len));
  for (size_t i = 0; i < len; i++)
    invariant((unsigned char)error->message[i] >= 0x20);
  buf_put(&run->log, error->message, len);
  buf_putf(&run->log, " %d", (int)error->limit);
  if (error->receipt.ptr)
    log_slice(run, error->receipt);
}

static void feed(struct run *run, const uint8_t *bytes, size_t len)
{
  if (run->failed)
    return;
  char *chunk = malloc(len ? len : 1);
  invariant(chunk);
  if (len)
    memcpy(chunk, bytes, len);
  run->chunk = chunk;
  run->chunk_len = len;
  stomp_parser_feed(&run->parser, chunk, len);
  struct stomp_frame frame;
  struct stomp_parse_error error;
  size_t events = 0;
  enum stomp_event event;
  while ((event = stomp_parser_next(&run->parser, &frame, &error)) != STOMP_EVENT_MORE) {
    invariant(++events <= len + 1);
    if (event == STOMP_EVENT_FRAME) {
      log_frame(run, &frame);
    } else if (event == STOMP_EVENT_ERROR) {
      log_parse_error(run, &error);
      run->failed = true;
      break;
    }
  }
  const struct buf *pending = &run->parser.pending;
  invariant(pending->len <= run->limits.frame_bytes);
  invariant(pending->cap <= run->limits.frame_bytes);
  invariant(run->failed || pending->len || !pending->data);
  memset(chunk, 0xa5, len);
  free(chunk);
  memset(scratch.headers, 0xa5, sizeof scratch.headers);
}

static void run_init(struct run *run, struct stomp_limits limits, enum stomp_version version)
{
  *run = (struct run){.limits = limits};
  stomp_parser_init(&run->parser, &run->limits, &scratch);
  stomp_parser_set_version(&run->parser, version);
}

static void run_fini(struct run *run)
{
  stomp_parser_fini(&run->parser);
  buf_free(&run->log);
}

static void check_same(const struct run *a, const struct run *b)
{
  invariant(a->failed == b->failed);
  invariant(a->log.len == b->log.len);
  invariant(!a->log.len || memcmp(a->log.data, b->log.data, a->log.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 4)
    return 0;
  enum stomp_version version = data[0] % 4;
  static const struct plug_str credential = {"x", 1};
  const struct stomp_limits limits = {.frame_bytes = 8 + 8u * data[1],
                                      .n_headers = data[2] % 8,
                                      .header_bytes = 4 + data[2],
                                      .credential_bytes = data[2] & 1 ? 2u * data[2] : 0,
                                      .credentials = &credential,
                                      .n_credentials = 1};
  size_t n_sizes = data[3] % 16;
  const uint8_t *sizes = data + 4;
  if (size < 4 + n_sizes)
    return 0;
  const uint8_t *stream = sizes + n_sizes;
  size_t len = size - 4 - n_sizes;

  struct run whole, again, bytes, chunks;
  memset(scratch.heads, 0, sizeof scratch.heads);
  run_init(&whole, limits, version);
  feed(&whole, stream, len);

  run_init(&again, limits, version);
  feed(&again, stream, len);
  check_same(&whole, &again);
  run_fini(&again);

  run_init(&bytes, limits, version);
  for (size_t i = 0; i < len; i++)
    feed(&bytes, stream + i, 1);
  check_same(&whole, &bytes);

  if (n_sizes) {
    run_init(&chunks, limits, version);
    size_t at = 0;
    for (size_t i = 0; at < len; i++) {
      size_t n = 1 + sizes[i % n_sizes];
      if (n > len - at)
        n = len - at;
      feed(&chunks, stream + at, n);
      at += n;
    }
    check_same(&whole, &chunks);
    run_fini(&chunks);
  }
  run_fini(&whole);
  run_fini(&bytes);
  return 0;
}
