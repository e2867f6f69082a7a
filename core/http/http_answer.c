#include "http/http_answer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

const char *http_status_text(uint16_t status)
{
  static const struct {
    uint16_t status;
    const char *text;
  } texts[] = {
      {100, "Continue"},
      {101, "Switching Protocols"},
      {200, "OK"},
      {202, "Accepted"},
      {204, "No Content"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {421, "Misdirected Request"},
      {422, "Unprocessable Content"},
      {426, "Upgrade Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (texts[i].status == status)
      return texts[i].text;
  return "Unknown";
}

void http_put_time(char out[HTTP_TIME_SIZE], time_t at)
{
  static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  struct tm tm;
  out[0] = '\0';
  if (gmtime_r(&at, &tm)) /* not strftime, whose names depend on the locale */
    snprintf(out, HTTP_TIME_SIZE, "%s, %02u %s %u %02u:%02u:%02u GMT", days[tm.tm_wday % 7],
             (unsigned)tm.tm_mday % 100, months[tm.tm_mon % 12],
             ((unsigned)tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
             (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

/* RFC 9110 6.6.1: an origin server with a clock sends it. Put together once a second per thread. */
static void put_date(struct buf *out)
{
  static _Thread_local char line[48];
  static _Thread_local time_t made;
  time_t now = time(NULL);
  if (now != made) {
    char text[HTTP_TIME_SIZE];
    http_put_time(text, now);
    snprintf(line, sizeof line, "date: %s\r\n", text);
    made = now;
  }
  buf_put_str(out, str_of(line));
}

void http_answer_put_head(struct buf *out, const struct http_answer *answer, unsigned minor,
                          size_t body_len)
{
  buf_putf(out, "HTTP/1.1 %u %s\r\n", answer->status, http_status_text(answer->status));
  put_date(out);
  if (answer->close)
    buf_put_str(out, STR("connection: close\r\n"));
  else if (minor == 0)
    buf_put_str(out, STR("connection: keep-alive\r\n"));
  if (answer->headers)
    buf_put_str(out, str_of(answer->headers));
  bool bodiless = answer->status == 204 || answer->status == 304;
  if (!answer->untyped && (!bodiless || answer->type))
    buf_putf(out, "content-type: %s\r\n",
             answer->type ? answer->type : "text/plain; charset=utf-8");
  if (body_len != HTTP_STREAMED && !bodiless)
    buf_putf(out, "content-length: %zu\r\n", body_len);
  else if (body_len == HTTP_STREAMED && minor > 0)
    buf_put_str(out, STR("transfer-encoding: chunked\r\n"));
  buf_put_str(out, STR("x-content-type-options: nosniff\r\n\r\n"));
}

size_t http_chunk_put_head(char out[HTTP_CHUNK_HEAD_MAX], size_t len)
{
  return (size_t)snprintf(out, HTTP_CHUNK_HEAD_MAX, "%zx\r\n", len);
}

void http_answer_put_text(struct buf *out, const struct http_answer *answer, unsigned minor,
                          const char *text)
{
  http_answer_put_head(out, answer, minor, strlen(text) + 1);
  if (!answer->head_only)
    buf_putf(out, "%s\n", text);
}
