/* Bodies, sized and chunked (RFC 9112 6, 7.1): each is read whole, byte by byte, and in two and
 * three parts at every place; what comes out is the same each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "http/http_body.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

#define NO_SIZE       "A chunk has no size."
#define BAD_SIZE      "The size of a chunk is not a hexadecimal number."
#define LARGE_SIZE    "The size of a chunk is too large."
#define LONG_CHUNK    "A chunk is longer than its size."
#define CONTROL       "A control character stands between the chunks."
#define BARE_CR       "A carriage return stands where no line ends."
#define LONG_LINE     "The line that begins a chunk is too long."
#define LONG_TRAILERS "The trailers of the request are too large."

/* A body as far as it has been read. */
struct run {
  struct http_body body;
  struct buf out;
  enum http_result result;
  struct http_fault fault;
  size_t rest; /* what was left behind the body */
};

static void run_begin(struct run *run, enum http_framing framing, uint64_t len)
{
  struct http_head head = {.framing = (uint8_t)framing, .content_length = len};
  *run = (struct run){.result = HTTP_MORE};
  http_body_begin(&run->body, &head);
}

/* Bytes that have come; what is behind the body's end is counted. */
static void feed(struct run *run, const char *bytes, size_t len)
{
  if (run->result == HTTP_DONE)
    run->rest += len;
  if (run->result != HTTP_MORE)
    return;
  char *copy = malloc(len ? len : 1);
  assert_non_null(copy);
  memcpy(copy, bytes, len);
  struct plug_str rest = str_from(copy, len), piece;
  do {
    size_t before = rest.len;
    run->result = http_body_read(&run->body, &rest, &piece, &run->fault);
    assert_true(rest.len <= before);
    assert_ptr_equal(rest.ptr + rest.len, copy + len);
    if (run->result == HTTP_MORE && piece.len) {
      assert_true(piece.ptr >= copy && piece.ptr + piece.len <= rest.ptr);
      buf_put_str(&run->out, piece);
    } else {
      assert_int_equal(piece.len, 0);
    }
  } while (run->result == HTTP_MORE && piece.len);
  if (run->result == HTTP_MORE)
    assert_int_equal(rest.len, 0);
  if (run->result == HTTP_DONE)
    run->rest += rest.len;
  free(copy);
}

struct row {
  const char *bytes;
  size_t len;
  unsigned status; /* 0: the body is good or, when text is NULL, not at its end */
  const char *text;
  size_t rest;
};

#define GOOD(bytes, text, rest)  {(bytes), sizeof(bytes) - 1, 0, text, rest}
#define BAD(bytes, status, text) {(bytes), sizeof(bytes) - 1, status, text, 0}
#define PART(bytes)              GOOD(bytes, NULL, 0)

static void check(struct run *run, const struct row *row, const char *how)
{
  if (row->status) {
    if (run->result != HTTP_REFUSED || run->fault.status != row->status ||
        strcmp(run->fault.text, row->text) != 0)
      fail_msg("%s, %s: expected %u %s, got %d %s", row->bytes, how, row->status, row->text,
               (int)run->result, run->result == HTTP_REFUSED ? run->fault.text : "");
  } else if (!row->text) {
    if (run->result != HTTP_MORE)
      fail_msg("%s, %s: expected more, got %d", row->bytes, how, (int)run->result);
  } else if (run->result != HTTP_DONE || run->rest != row->rest ||
             !str_eq(str_from(run->out.data, run->out.len), str_of(row->text))) {
    fail_msg("%s, %s: expected %s, got %d %.*s, rest %zu", row->bytes, how, row->text,
             (int)run->result, (int)run->out.len, run->out.len ? run->out.data : "", run->rest);
  }
  buf_free(&run->out);
}

static void try_row(const struct row *row, enum http_framing framing, uint64_t length)
{
  struct run run;
  run_begin(&run, framing, length);
  feed(&run, row->bytes, row->len);
  check(&run, row, "whole");

  run_begin(&run, framing, length);
  feed(&run, "", 0);
  for (size_t i = 0; i < row->len; i++) {
    feed(&run, row->bytes + i, 1);
    feed(&run, "", 0);
  }
  check(&run, row, "byte by byte");

  for (size_t a = 0; a <= row->len; a++)
    for (size_t b = a; b <= row->len; b += row->len > 64 ? 37 : 1) {
      run_begin(&run, framing, length);
      feed(&run, row->bytes, a);
      feed(&run, row->bytes + a, b - a);
      feed(&run, row->bytes + b, row->len - b);
      check(&run, row, "in parts");
    }
}

static void a_request_without_a_body_ends_at_once(void **state)
{
  (void)state;
  static const struct row rows[] = {GOOD("", "", 0), GOOD("GET /", "", 5)};
  for (size_t i = 0; i < N(rows); i++) {
    try_row(&rows[i], HTTP_NO_BODY, 0);
    try_row(&rows[i], HTTP_NO_BODY, 7); /* a length counts only for a sized body */
    try_row(&rows[i], HTTP_SIZED, 0);
  }
}

static void a_sized_body_has_its_size(void **state)
{
  (void)state;
  static const struct {
    struct row row;
    uint64_t length;
  } rows[] = {
      {GOOD("a", "a", 0), 1},
      {GOOD("abcdef", "abcdef", 0), 6},
      {GOOD("abcdef", "abc", 3), 3},
      {GOOD("\r\n\r\n", "\r\n", 2), 2},
      {PART(""), 1},
      {PART("abc"), 4},
      {PART("abc"), UINT64_MAX},
  };
  for (size_t i = 0; i < N(rows); i++)
    try_row(&rows[i].row, HTTP_SIZED, rows[i].length);
}

static void chunks_are_those_of_rfc_9112_7_1(void **state)
{
  (void)state;
  static const struct row rows[] = {
      GOOD("0\r\n\r\n", "", 0),
      GOOD("0\r\n\r\nGET /", "", 5),
      GOOD("000\r\n\r\n", "", 0),
      GOOD("1\r\na\r\n0\r\n\r\n", "a", 0),
      GOOD("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n\r\n", "abcde", 2),
      GOOD("0000003\r\nabc\r\n0\r\n\r\n", "abc", 0),
      GOOD("A\r\n0123456789\r\n0\r\n\r\n", "0123456789", 0),
      GOOD("a\r\n0123456789\r\n0\r\n\r\n", "0123456789", 0),
      GOOD("1B\r\nabcdefghijklmnopqrstuvwxyz.\r\n0\r\n\r\n", "abcdefghijklmnopqrstuvwxyz.", 0),
      GOOD("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", 0),
      GOOD("5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n", 0),
      /* 7.1.1: extensions are passed over. */
      GOOD("1;a\r\nb\r\n0;c\r\n\r\n", "b", 0),
      GOOD("1;a=b;c=\"d e\";f\r\nb\r\n0\r\n\r\n", "b", 0),
      GOOD("1 ;a\r\nb\r\n0 \t;c\r\n\r\n", "b", 0),
      GOOD("1; a = b\r\nb\r\n0\r\n\r\n", "b", 0),
      GOOD("1;\r\nb\r\n0;;\r\n\r\n", "b", 0),
      GOOD("1;a=\xc3\xa9\r\nb\r\n0\r\n\r\n", "b", 0),
      GOOD("1;2\r\nb\r\n0\r\n\r\n", "b", 0),
      /* 7.1.2: so are trailers. */
      GOOD("0\r\nA: b\r\n\r\n", "", 0),
      GOOD("1\r\na\r\n0\r\nA: b\r\nContent-Length: 5\r\n\r\nrest", "a", 4),
      GOOD("0\r\nTransfer-Encoding: chunked\r\nHost: y\r\n\r\n", "", 0),
      GOOD("0\r\nA:\t\xff\r\n\r\n", "", 0),
      /* not at its end */
      PART(""),
      PART("1"),
      PART("1\r"),
      PART("1\r\n"),
      PART("1\r\na"),
      PART("1\r\na\r"),
      PART("1\r\na\r\n"),
      PART("1;a"),
      PART("1 "),
      PART("0\r\n"),
      PART("0\r\n\r"),
      PART("0\r\nA: b\r\n"),
      PART("7fffffffffffffff\r\nabc"),
      /* sizes */
      BAD("\r\n", 400, NO_SIZE),
      BAD("1\r\na\r\n\r\n", 400, NO_SIZE),
      BAD("x\r\n", 400, BAD_SIZE),
      BAD("g\r\n", 400, BAD_SIZE),
      BAD("1g\r\n", 400, BAD_SIZE),
      BAD("0x1\r\na\r\n", 400, BAD_SIZE),
      BAD("+1\r\na\r\n", 400, BAD_SIZE),
      BAD("-1\r\na\r\n", 400, BAD_SIZE),
      BAD(" 1\r\na\r\n", 400, BAD_SIZE),
      BAD("\t1\r\na\r\n", 400, BAD_SIZE),
      BAD("1 \r\na\r\n", 400, BAD_SIZE),
      BAD("1\t\r\na\r\n", 400, BAD_SIZE),
      BAD("1 a\r\na\r\n", 400, BAD_SIZE),
      BAD("1 1;a\r\na\r\n", 400, BAD_SIZE),
      BAD("1,2\r\n", 400, BAD_SIZE),
      BAD("1.0\r\n", 400, BAD_SIZE),
      BAD("1_0\r\n", 400, BAD_SIZE),
      BAD(";a\r\n", 400, BAD_SIZE),
      BAD("\xd9\xa1\r\n", 400, BAD_SIZE),
      BAD("8000000000000000\r\n", 400, LARGE_SIZE),
      BAD("ffffffffffffffff\r\n", 400, LARGE_SIZE),
      BAD("10000000000000000\r\n", 400, LARGE_SIZE),
      BAD("10000000000000001\r\na\r\n", 400, LARGE_SIZE),
      BAD("00000000000000010000000000000001\r\na\r\n", 400, LARGE_SIZE),
      /* ends of lines */
      BAD("1\na\r\n0\r\n\r\n", 400, CONTROL),
      BAD("1;a\na\r\n0\r\n\r\n", 400, CONTROL),
      BAD("1;a=\"\nb\"\r\na\r\n0\r\n\r\n", 400, CONTROL),
      BAD("1 \na\r\n", 400, CONTROL),
      BAD("1;\0\r\na\r\n", 400, CONTROL),
      BAD("1;\x7f\r\na\r\n", 400, CONTROL),
      BAD("\0", 400, CONTROL),
      BAD("\n", 400, CONTROL),
      BAD("1\ra\r\n", 400, BARE_CR),
      BAD("1\r\r\na\r\n", 400, BARE_CR),
      BAD("1;a\rb\r\n", 400, BARE_CR),
      BAD("\r\r\n", 400, BARE_CR),
      BAD("1\r\nab\r\n", 400, LONG_CHUNK),
      BAD("1\r\na\n0\r\n\r\n", 400, LONG_CHUNK),
      BAD("1\r\na0\r\n\r\n", 400, LONG_CHUNK),
      BAD("2\r\na\r\n0\r\n\r\n", 400, LONG_CHUNK), /* its second byte is the CR */
      BAD("1\r\na\r0\r\n\r\n", 400, BARE_CR),
      BAD("1\r\na\r\r\n", 400, BARE_CR),
      BAD("0\r\n\n", 400, CONTROL),
      BAD("0\r\n\rA", 400, BARE_CR),
      BAD("0\r\nA: b\nC: d\r\n\r\n", 400, CONTROL),
      BAD("0\r\nA: b\rC: d\r\n\r\n", 400, BARE_CR),
      BAD("0\r\nA: b\0\r\n\r\n", 400, CONTROL),
      BAD("0\n\n", 400, CONTROL),
  };
  for (size_t i = 0; i < N(rows); i++)
    try_row(&rows[i], HTTP_CHUNKED, 0);
}

/* What each byte does in each of the places where a byte can be. */
static void every_byte_is_judged_by_its_place(void **state)
{
  (void)state;
  static const struct {
    const char *before;
    const char *good; /* those after which more is waited for; NULL: field content */
  } rows[] = {
      {"", "0123456789abcdefABCDEF\r"}, /* a carriage return is judged with the byte behind it */
      {"1", "0123456789abcdefABCDEF \t;\r"},
      {"1 ", " \t;\r"},
      {"1\r", "\n"},
      {"1\r\na", "\r"},
      {"1\r\na\r", "\n"},
      {"0\r\n\r", ""}, /* the line feed ends the body */
      {"1;", NULL},
      {"0\r\nA", NULL},
  };
  for (size_t i = 0; i < N(rows); i++)
    for (int c = 0; c < 256; c++) {
      struct run run;
      char byte = (char)c;
      bool content = (c >= 0x20 && c != 0x7f) || c == '\t' || c == '\r';
      bool good = rows[i].good ? c && strchr(rows[i].good, c) : content;
      run_begin(&run, HTTP_CHUNKED, 0);
      feed(&run, rows[i].before, strlen(rows[i].before));
      assert_int_equal(run.result, HTTP_MORE);
      feed(&run, &byte, 1);
      bool end = strcmp(rows[i].before, "0\r\n\r") == 0 && c == '\n';
      enum http_result expected = end ? HTTP_DONE : good ? HTTP_MORE : HTTP_REFUSED;
      if (run.result != expected)
        fail_msg("%s, then 0x%02x: %d", rows[i].before, (unsigned)c, (int)run.result);
      buf_free(&run.out);
    }
}

static void lines_and_trailers_have_limits(void **state)
{
  (void)state;
  for (int over = 0; over <= 1; over++) {
    struct run run;
    struct buf bytes = {0};
    /* The line that begins a chunk: digits, or a digit and an extension. */
    for (int digits = 0; digits <= 1; digits++) {
      run_begin(&run, HTTP_CHUNKED, 0);
      bytes.len = 0;
      while (bytes.len + 1 < HTTP_CHUNK_LINE_MAX + (size_t)over)
        buf_put_str(&bytes, digits ? STR("0") : bytes.len ? STR("x") : STR("1;"));
      if (bytes.len < HTTP_CHUNK_LINE_MAX + (size_t)over)
        buf_put_str(&bytes, STR("1"));
      buf_put_str(&bytes, STR("\r\na\r\n0\r\n\r\n"));
      feed(&run, bytes.data, bytes.len);
      if (over) {
        assert_int_equal(run.result, HTTP_REFUSED);
        assert_int_equal(run.fault.status, 400);
        assert_string_equal(run.fault.text, LONG_LINE);
      } else {
        assert_int_equal(run.result, HTTP_DONE);
        assert_int_equal(run.out.len, 1);
      }
      buf_free(&run.out);
    }
    /* Trailers, in one line and in many; the ends of lines do not count. */
    for (size_t line = 1; line <= HTTP_TRAILERS_MAX; line *= 64) {
      run_begin(&run, HTTP_CHUNKED, 0);
      bytes.len = 0;
      buf_put_str(&bytes, STR("0\r\n"));
      for (size_t n = 0; n < HTTP_TRAILERS_MAX + (size_t)over; n++) {
        buf_put_char(&bytes, 'a');
        if (n % line == line - 1)
          buf_put_str(&bytes, STR("\r\n"));
      }
      buf_put_str(&bytes,
                  (HTTP_TRAILERS_MAX + (size_t)over) % line ? STR("\r\n\r\n") : STR("\r\n"));
      assert_false(bytes.failed);
      feed(&run, bytes.data, bytes.len);
      if (over) {
        assert_int_equal(run.result, HTTP_REFUSED);
        assert_int_equal(run.fault.status, 431);
        assert_string_equal(run.fault.text, LONG_TRAILERS);
      } else {
        assert_int_equal(run.result, HTTP_DONE);
      }
      buf_free(&run.out);
    }
    buf_free(&bytes);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_without_a_body_ends_at_once),
      cmocka_unit_test(a_sized_body_has_its_size),
      cmocka_unit_test(chunks_are_those_of_rfc_9112_7_1),
      cmocka_unit_test(every_byte_is_judged_by_its_place),
      cmocka_unit_test(lines_and_trailers_have_limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
