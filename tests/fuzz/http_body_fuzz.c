/* Reads one body whole, byte by byte, and in steps whose sizes the input chooses: all must give the
 * same bytes, the same end and the same refusal.
 *
 * Input: framing, length of a sized body, the number of steps, their sizes, the stream. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/str.h"
#include "http/http_body.h"

struct run {
  struct http_body body;
  struct buf out;
  enum http_result result;
  struct http_fault fault;
  size_t taken;
};

static void feed(struct run *run, const uint8_t *bytes, size_t len)
{
  if (run->result != HTTP_MORE)
    return;
  char *copy = malloc(len ? len : 1);
  invariant(copy);
  memcpy(copy, bytes, len);
  struct plug_str rest = str_from(copy, len), piece;
  for (size_t n = 0;; n++) {
    invariant(n <= len);
    run->result = http_body_read(&run->body, &rest, &piece, &run->fault);
    invariant(rest.ptr + rest.len == copy + len);
    if (run->result != HTTP_MORE || !piece.len)
      break;
    invariant(piece.ptr >= copy && piece.ptr + piece.len == rest.ptr);
    buf_put_str(&run->out, piece);
  }
  invariant(piece.len == 0);
  invariant(run->result != HTTP_MORE || rest.len == 0);
  run->taken += len - rest.len;
  free(copy);
}

static void run_begin(struct run *run, const uint8_t *data)
{
  struct http_head head = {.framing = data[0] % 3, .content_length = data[1]};
  *run = (struct run){.result = HTTP_MORE};
  http_body_begin(&run->body, &head);
  feed(run, data, 0);
}

static void check_same(const struct run *a, const struct run *b)
{
  invariant(a->result == b->result && a->out.len == b->out.len);
  invariant(!a->out.len || memcmp(a->out.data, b->out.data, a->out.len) == 0);
  if (a->result == HTTP_REFUSED)
    invariant(a->fault.status == b->fault.status && a->fault.text == b->fault.text);
  invariant(a->taken == b->taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 3)
    return 0;
  size_t n_sizes = data[2] % 8;
  if (size < 3 + n_sizes)
    return 0;
  const uint8_t *sizes = data + 3, *stream = sizes + n_sizes;
  size_t len = size - 3 - n_sizes;

  struct run whole, bytewise, stepwise;
  run_begin(&whole, data);
  feed(&whole, stream, len);
  invariant(data[0] % 3 != HTTP_SIZED || whole.out.len == (len < data[1] ? len : data[1]));
  run_begin(&bytewise, data);
  for (size_t i = 0; i < len; i++)
    feed(&bytewise, stream + i, 1);
  check_same(&whole, &bytewise);
  run_begin(&stepwise, data);
  for (size_t i = 0, at = 0; n_sizes && at < len; i++) {
    size_t step = 1 + sizes[i % n_sizes];
    step = step > len - at ? len - at : step;
    feed(&stepwise, stream + at, step);
    at += step;
  }
  if (n_sizes)
    check_same(&whole, &stepwise);
  buf_free(&whole.out);
  buf_free(&bytewise.out);
  buf_free(&stepwise.out);
  return 0;
}
