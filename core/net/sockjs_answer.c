#include "net/sockjs_answer.h"

#include "base/str.h"
#include "net/http_conn.h"
#include "sockjs/sockjs_frame.h"

static struct sockjs_request *request_of(const struct http_conn *http)
{
  return sockjs_request_of(http_conn_task(http));
}

static const char *type_of(enum sockjs_transport transport)
{
  return transport == SOCKJS_EVENTSOURCE     ? "text/event-stream; charset=UTF-8"
         : transport == SOCKJS_HTMLFILE      ? "text/html; charset=UTF-8"
         : sockjs_transport_sends(transport) ? "text/plain; charset=UTF-8"
                                             : "application/javascript; charset=UTF-8";
}

bool sockjs_answer_streams(const struct http_conn *http)
{
  return sockjs_transport_streams(request_of(http)->transport);
}

void sockjs_answer_plain(struct http_conn *http, uint16_t status, const char *text)
{
  struct http_answer answer = {
      .status = status, .headers = request_of(http)->headers, .type = "text/plain; charset=UTF-8"};
  (void)http_conn_answer(http, &answer, str_of(text));
}

void sockjs_answer_later(struct http_conn *http, uint16_t status, const char *retry_after,
                         const char *text)
{
  struct buf headers = {0};
  buf_putf(&headers, "%s%s", request_of(http)->headers, retry_after);
  buf_put_char(&headers, '\0');
  struct http_answer answer = {.status = status,
                               .headers = headers.failed ? NULL : headers.data,
                               .type = "text/plain; charset=UTF-8"};
  (void)http_conn_answer(http, &answer, str_of(text));
  buf_free(&headers);
}

void sockjs_answer_too_many(struct http_conn *http)
{
  sockjs_answer_later(http, 429, "retry-after: 1\r\n", "Too many connections from this address.\n");
}

void sockjs_answer_sender(struct http_conn *http)
{
  bool jsonp = request_of(http)->transport == SOCKJS_JSONP_SEND;
  sockjs_answer_plain(http, jsonp ? 200 : 204, jsonp ? "ok" : "");
}

static void put_chunk(struct buf *out, const struct sockjs_request *request, struct plug_str data)
{
  char head[HTTP_CHUNK_HEAD_MAX];
  if (request->task.minor)
    buf_put(out, head, http_chunk_put_head(head, data.len));
  buf_put_str(out, data);
  if (request->task.minor)
    buf_put(out, "\r\n", 2);
}

void sockjs_answer_put_frame(struct buf *out, const struct sockjs_request *request,
                             struct plug_str frame)
{
  struct buf data = {0};
  sockjs_put_frame(&data, request->transport, request->callback, frame);
  if (data.failed)
    out->failed = true;
  put_chunk(out, request, str_from(data.data, data.len));
  buf_free(&data);
}

void sockjs_answer_put_end(struct buf *out, const struct sockjs_request *request)
{
  if (request->task.minor)
    buf_put_str(out, STR(HTTP_LAST_CHUNK));
}

void sockjs_answer_put_begin(struct buf *out, struct http_conn *http)
{
  const struct sockjs_request *request = request_of(http);
  struct buf part = {0};
  /* nginx passes chunks on at once, but holds what it cannot tell apart until the end. */
  buf_putf(&part, "%sx-accel-buffering: no\r\n", request->headers);
  buf_put_char(&part, '\0');
  struct http_answer head = {
      .status = 200, .headers = part.data, .type = type_of(request->transport)};
  if (!part.failed)
    http_conn_put_head(http, out, &head, HTTP_STREAMED);
  part.len = 0;
  sockjs_put_prelude(&part, request->transport, request->callback);
  put_chunk(out, request, str_from(part.data, part.len));
  if (part.failed)
    out->failed = true;
  buf_free(&part);
}

bool sockjs_answer_frame(struct http_conn *http, struct plug_str frame)
{
  const struct sockjs_request *request = request_of(http);
  struct buf out = {0};
  bool well;
  if (sockjs_answer_streams(http)) {
    sockjs_answer_put_begin(&out, http);
    sockjs_answer_put_frame(&out, request, frame);
    sockjs_answer_put_end(&out, request);
    well = !out.failed && http_conn_answer_whole(http, str_from(out.data, out.len));
  } else {
    struct http_answer head = {
        .status = 200, .headers = request->headers, .type = type_of(request->transport)};
    sockjs_put_frame(&out, request->transport, request->callback, frame);
    well = !out.failed && http_conn_answer(http, &head, str_from(out.data, out.len));
  }
  if (out.failed)
    http_conn_drop(http);
  buf_free(&out);
  return well;
}
