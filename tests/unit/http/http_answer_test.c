/* Answers as they are on the wire. */
#include "http/http_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/str.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

/* Cuts the date line, which is checked apart, out of what follows the status line. */
static void cut_date(struct buf *out)
{
  char *line = memmem(out->data, out->len, "date: ", 6);
  assert_non_null(line);
  size_t at = (size_t)(line - out->data),
         len = sizeof "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" - 1;
  assert_true(out->len >= at + len);
  assert_memory_equal(line + len - 6, " GMT\r\n", 6);
  memmove(line, line + len, out->len - at - len);
  out->len -= len;
}

static void expect(struct buf *out, const char *text)
{
  assert_false(out->failed);
  cut_date(out);
  if (!str_eq(str_from(out->data, out->len), str_of(text)))
    fail_msg("expected\n%s\ngot\n%.*s", text, (int)out->len, out->data);
  buf_free(out);
}

#define NOSNIFF "x-content-type-options: nosniff\r\n\r\n"

static void answers_have_one_form(void **state)
{
  (void)state;
  static const struct {
    struct http_answer answer;
    unsigned minor;
    const char *text, *expected;
  } rows[] = {
      {{.status = 200},
       1,
       "ready",
       "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 6\r\n" NOSNIFF
       "ready\n"},
      {{.status = 404, .close = true},
       1,
       "There is nothing here.",
       "HTTP/1.1 404 Not Found\r\nconnection: close\r\n"
       "content-type: text/plain; charset=utf-8\r\ncontent-length: 23\r\n" NOSNIFF
       "There is nothing here.\n"},
      /* HTTP/1.0 is told that the connection stays, and answered with the version that is spoken
       * (RFC 9110 2.5). */
      {{.status = 200},
       0,
       "a",
       "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n"
       "content-type: text/plain; charset=utf-8\r\ncontent-length: 2\r\n" NOSNIFF "a\n"},
      {{.status = 200, .close = true},
       0,
       "a",
       "HTTP/1.1 200 OK\r\nconnection: close\r\n"
       "content-type: text/plain; charset=utf-8\r\ncontent-length: 2\r\n" NOSNIFF "a\n"},
      /* To HEAD the same head, and no body (RFC 9110 9.3.2). */
      {{.status = 200, .head_only = true},
       1,
       "ready",
       "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n"
       "content-length: 6\r\n" NOSNIFF},
      {{.status = 200, .type = "text/html", .headers = "a: b\r\nc: d\r\n"},
       1,
       "",
       "HTTP/1.1 200 OK\r\na: b\r\nc: d\r\ncontent-type: text/html\r\ncontent-length: 1\r\n" NOSNIFF
       "\n"},
      {{.status = 405, .headers = "allow: GET\r\n", .close = true},
       1,
       "No.",
       "HTTP/1.1 405 Method Not Allowed\r\nconnection: close\r\nallow: GET\r\n"
       "content-type: text/plain; charset=utf-8\r\ncontent-length: 4\r\n" NOSNIFF "No.\n"},
  };
  for (size_t i = 0; i < N(rows); i++) {
    struct buf out = {0};
    http_answer_put_text(&out, &rows[i].answer, rows[i].minor, rows[i].text);
    expect(&out, rows[i].expected);
  }
}

static void a_head_announces_a_body_of_any_length(void **state)
{
  (void)state;
  static const struct {
    struct http_answer answer;
    size_t len;
    const char *expected;
  } rows[] = {
      {{.status = 200, .type = "image/png"},
       0,
       "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 0\r\n" NOSNIFF},
      {{.status = 200, .type = "image/png"},
       4294967296,
       "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 4294967296\r\n" NOSNIFF},
      /* These have no body, so no length either (RFC 9110 8.6). */
      {{.status = 204, .headers = "allow: GET\r\n"},
       0,
       "HTTP/1.1 204 No Content\r\nallow: GET\r\n" NOSNIFF},
      {{.status = 304}, 0, "HTTP/1.1 304 Not Modified\r\n" NOSNIFF},
  };
  for (size_t i = 0; i < N(rows); i++) {
    struct buf out = {0};
    http_answer_put_head(&out, &rows[i].answer, 1, rows[i].len);
    expect(&out, rows[i].expected);
  }
}

/* RFC 9110 5.6.7; the form has no local names. */
static void the_date_is_now(void **state)
{
  (void)state;
  for (int i = 0; i < 3; i++) {
    struct buf out = {0};
    struct http_answer answer = {.status = 200};
    time_t before = time(NULL);
    http_answer_put_head(&out, &answer, 1, 0);
    time_t after = time(NULL);
    bool found = false;
    for (time_t t = before; t <= after; t++) {
      char line[64];
      struct tm tm;
      assert_non_null(gmtime_r(&t, &tm));
      assert_true(strftime(line, sizeof line, "\r\ndate: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm) > 0);
      found = found || memmem(out.data, out.len, line, strlen(line));
    }
    assert_true(found);
    buf_free(&out);
  }
}

static void answers_come_one_behind_the_other(void **state)
{
  (void)state;
  struct buf out = {0};
  struct http_answer answer = {.status = 200};
  buf_put_str(&out, STR("x"));
  http_answer_put_text(&out, &answer, 1, "a");
  size_t first = out.len;
  http_answer_put_text(&out, &answer, 1, "a");
  assert_int_equal(out.len - first, first - 1);
  assert_int_equal(out.data[0], 'x');
  assert_memory_equal(out.data + first, "HTTP/1.1 200 OK\r\n", 17);
  buf_free(&out);
}

static void every_status_that_is_sent_has_its_words(void **state)
{
  (void)state;
  static const struct {
    uint16_t status;
    const char *text;
  } rows[] = {
      {101, "Switching Protocols"},
      {200, "OK"},
      {204, "No Content"},
      {400, "Bad Request"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {417, "Expectation Failed"},
      {421, "Misdirected Request"},
      {426, "Upgrade Required"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {505, "HTTP Version Not Supported"},
      {299, "Unknown"},
      {0, "Unknown"},
  };
  for (size_t i = 0; i < N(rows); i++)
    assert_string_equal(http_status_text(rows[i].status), rows[i].text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_have_one_form),
      cmocka_unit_test(a_head_announces_a_body_of_any_length),
      cmocka_unit_test(the_date_is_now),
      cmocka_unit_test(answers_come_one_behind_the_other),
      cmocka_unit_test(every_status_that_is_sent_has_its_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
