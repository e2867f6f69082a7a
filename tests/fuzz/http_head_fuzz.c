/* Feeds the reader of request heads what may be several requests three ways: whole, byte by byte
 * and in steps whose sizes the input chooses. All must give the same heads and the same refusal,
 * and what a head points to must lie within it.
 *
 * Input: head limit, line limit, field limit, the number of steps, their sizes, the stream. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/str.h"
#include "http/http_forwarded.h"
#include "http/http_head.h"

static bool lies_in(struct plug_str s, const char *from, size_t len)
{
  return s.len == 0 ||
         (s.ptr >= from && s.ptr <= from + len && s.len <= (size_t)(from + len - s.ptr));
}

static void log_slice(struct buf *log, struct plug_str s)
{
  buf_put(log, &s.len, sizeof s.len);
  buf_put_str(log, s);
}

static void check_head(const struct http_head *head, const struct http_limits *limits,
                       const char *bytes, size_t len)
{
  invariant(head->len >= 4 && head->len <= len && head->len <= limits->head_bytes);
  invariant(head->n_fields <= limits->n_fields && head->n_fields <= HTTP_FIELDS_CAP);
  invariant(head->method < HTTP_METHODS && head->minor <= 1);
  invariant(memcmp(bytes + head->len - 4, "\r\n\r\n", 4) == 0);
  invariant(head->target.len > 0 && lies_in(head->target, bytes, head->len));
  invariant(str_eq(head->path, STR("/")) || lies_in(head->path, bytes, head->len));
  invariant(!head->path.len || head->path.ptr[0] == '/');
  invariant(head->path.len || head->asterisk || head->method == HTTP_CONNECT);
  invariant(lies_in(head->query, bytes, head->len) && lies_in(head->scheme, bytes, head->len));
  invariant(lies_in(head->host, bytes, head->len) && (head->host.len || head->minor == 0));
  for (size_t i = 0; i < head->n_fields; i++) {
    invariant(http_is_token(head->fields[i].name));
    invariant(lies_in(head->fields[i].name, bytes, head->len));
    struct plug_str value = head->fields[i].value;
    invariant(lies_in(value, bytes, head->len));
    for (size_t k = 0; k < value.len; k++)
      invariant(value.ptr[k] == '\t' ||
                ((unsigned char)value.ptr[k] >= ' ' && value.ptr[k] != 127));
  }
}

static bool is_even(const void *ctx, const uint8_t address[16])
{
  (void)ctx;
  return address[15] % 2 == 0;
}

static void log_head(struct buf *log, const struct http_head *head)
{
  struct http_forwarded forwarded;
  http_forwarded_read(head, &forwarded);
  uint8_t client[16] = {0};
  if (http_forwarded_client(head, is_even, NULL, client))
    buf_put(log, client, sizeof client);
  invariant(lies_in(forwarded.host, head->fields[0].name.ptr, head->len));
  buf_putf(log, "%u %u %u %u %d%d%d%d%d%d %llu %zu ", head->len, head->method, head->minor,
           head->framing, head->absolute, head->asterisk, head->keep_alive, head->wants_upgrade,
           head->wants_continue, head->has_query, (unsigned long long)head->content_length,
           head->n_fields);
  log_slice(log, head->target);
  log_slice(log, head->path);
  log_slice(log, head->query);
  log_slice(log, head->scheme);
  log_slice(log, head->host);
  log_slice(log, forwarded.scheme);
  log_slice(log, forwarded.host);
  for (size_t i = 0; i < head->n_fields; i++) {
    log_slice(log, head->fields[i].name);
    log_slice(log, head->fields[i].value);
  }
}

struct run {
  struct http_reader reader;
  struct buf log;
  size_t at; /* where the request begins that is being read */
  bool refused;
};

/* The stream up to end is there. */
static void feed(struct run *run, const struct http_limits *limits, const uint8_t *stream,
                 size_t end)
{
  static struct http_head head;
  while (!run->refused && run->at < end) {
    size_t len = end - run->at;
    char *bytes = malloc(len);
    struct http_fault fault = {0};
    invariant(bytes);
    memcpy(bytes, stream + run->at, len);
    memset(&head, 0xa5, sizeof head);
    enum http_result result = http_head_read(&run->reader, limits, bytes, len, &head, &fault);
    invariant(result != HTTP_MORE || len <= limits->head_bytes);
    if (result == HTTP_DONE) {
      check_head(&head, limits, bytes, len);
      log_head(&run->log, &head);
      run->at += head.len;
    } else if (result == HTTP_REFUSED) {
      invariant(fault.status >= 400 && fault.status < 600 && fault.text);
      buf_putf(&run->log, "%u %s", fault.status, fault.text);
      run->refused = true;
    }
    free(bytes);
    if (result == HTTP_MORE)
      return;
  }
}

static void check_same(const struct run *a, const struct run *b)
{
  invariant(a->refused == b->refused && a->at == b->at && a->log.len == b->log.len);
  invariant(!a->log.len || memcmp(a->log.data, b->log.data, a->log.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 4)
    return 0;
  const struct http_limits limits = {
      .head_bytes = 16 + 16u * data[0], .line_bytes = 16 + 8u * data[1], .n_fields = data[2] % 32};
  size_t n_sizes = data[3] % 8;
  if (size < 4 + n_sizes || size > 4096)
    return 0;
  const uint8_t *sizes = data + 4, *stream = sizes + n_sizes;
  size_t len = size - 4 - n_sizes;

  struct run whole = {0}, bytewise = {0}, stepwise = {0};
  feed(&whole, &limits, stream, len);
  for (size_t end = 1; end <= len; end++)
    feed(&bytewise, &limits, stream, end);
  check_same(&whole, &bytewise);
  for (size_t i = 0, end = 0; n_sizes && end < len; i++) {
    size_t step = 1 + sizes[i % n_sizes];
    end = step > len - end ? len : end + step;
    feed(&stepwise, &limits, stream, end);
  }
  if (n_sizes)
    check_same(&whole, &stepwise);
  buf_free(&whole.log);
  buf_free(&bytewise.log);
  buf_free(&stepwise.log);
  return 0;
}
