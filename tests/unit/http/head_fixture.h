/* Reads the head of a request at once, byte by byte and with another request behind it, and says
 * what was understood as one line of text. For the tests of http_head. */
#ifndef TESTS_HTTP_HEAD_FIXTURE_H
#define TESTS_HTTP_HEAD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "http/http_head.h"

#define UNUSED   __attribute__((unused))
#define N(array) (sizeof(array) / sizeof(*(array)))

/* What is said when a request is refused. */
#define NO_METHOD     "The request line does not begin with a method."
#define NO_TLS        "This port speaks plain HTTP, not TLS."
#define NO_LINE       "The request line is not of the form METHOD TARGET HTTP/1.1."
#define NO_VERSION    "The request line does not end with a version, as in HTTP/1.1."
#define OTHER_VERSION "Only HTTP/1.1 and HTTP/1.0 are spoken here."
#define OTHER_METHOD  "This method is not known."
#define BAD_TARGET    "The request target has a character that cannot be in it."
#define NO_TARGET     "The request target begins neither with '/' nor with 'http://'."
#define OTHER_SCHEME  "The scheme of the request target is neither http nor https."
#define BAD_AUTHORITY "The host in the request target is missing or not valid."
#define BAD_CONNECT   "The target of CONNECT is not of the form host:port."
#define BAD_ESCAPE    "The path has a '%' without two hexadecimal digits."
#define FOLDED        "A header line is folded."
#define BLANK_IN_NAME "A header has a blank in or behind its name."
#define NO_FIELD      "A header line is not of the form 'name: value'."
#define NO_NAME       "A header line has no name."
#define BAD_VALUE     "A header has a control character in its value."
#define TOO_MANY      "The request has too many header lines."
#define TWO_HOSTS     "There is more than one Host header."
#define NO_HOST       "The Host header is missing."
#define BAD_HOST      "The Host header is not a host with or without a port."
#define AFTER_CHUNKED "In Transfer-Encoding something follows 'chunked'."
#define OTHER_CODING  "The only transfer coding known here is 'chunked'."
#define NOT_CHUNKED   "The last transfer coding of a request has to be 'chunked'."
#define EMPTY_CODING  "The Transfer-Encoding header is empty."
#define TWO_FRAMINGS  "The request has both Content-Length and Transfer-Encoding."
#define OLD_CODING    "HTTP/1.0 has no Transfer-Encoding."
#define TWO_LENGTHS   "There is more than one Content-Length header."
#define BAD_LENGTH    "The Content-Length is not a number."
#define OTHER_EXPECT  "The only expectation known here is 100-continue."
#define BARE_CR       "A carriage return stands where no line ends."
#define BARE_LF       "A line ends without a carriage return."
#define LONG_LINE     "The request line is too long."
#define LARGE_HEAD    "The head of the request is too large."

static const struct http_limits limits = {.head_bytes = 4096, .line_bytes = 1024, .n_fields = 32};

/* --- reading a row ------------------------------------------------------------------------- */

/* The verdict on some bytes: a refusal, or what was understood as one line of text. */
struct verdict {
  enum http_result result;
  struct http_fault fault;
  uint32_t len;
  char text[2048];
};

UNUSED static bool lies_within(struct plug_str s, const char *bytes, size_t len)
{
  return s.len == 0 ||
         (s.ptr >= bytes && s.ptr <= bytes + len && s.len <= (size_t)(bytes + len - s.ptr));
}

UNUSED static void check_slices(const struct http_head *head, const char *bytes)
{
  assert_true(lies_within(head->target, bytes, head->len));
  assert_true(str_eq(head->path, STR("/")) || lies_within(head->path, bytes, head->len));
  assert_true(lies_within(head->query, bytes, head->len));
  assert_true(lies_within(head->scheme, bytes, head->len));
  assert_true(lies_within(head->host, bytes, head->len));
  for (size_t i = 0; i < head->n_fields; i++) {
    assert_true(head->fields[i].name.len > 0);
    assert_true(lies_within(head->fields[i].name, bytes, head->len));
    assert_true(lies_within(head->fields[i].value, bytes, head->len));
  }
}

UNUSED static void put_part(struct buf *out, const char *name, struct plug_str value)
{
  buf_putf(out, " %s=", name);
  buf_put_str(out, value);
}

/* "GET 1.1 path=/a query=b host=x keep", what is not there left out. */
UNUSED static void describe(const struct http_head *head, char *out, size_t size)
{
  static const char *const methods[HTTP_METHODS] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                    "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  struct buf text = {0};
  buf_putf(&text, "%s 1.%u", methods[head->method], head->minor);
  if (head->absolute)
    put_part(&text, "scheme", head->scheme);
  if (head->asterisk)
    buf_put_str(&text, STR(" asterisk"));
  if (head->path.len)
    put_part(&text, "path", head->path);
  if (head->has_query)
    put_part(&text, "query", head->query);
  if (head->host.len)
    put_part(&text, "host", head->host);
  if (head->framing == HTTP_SIZED)
    buf_putf(&text, " sized=%llu", (unsigned long long)head->content_length);
  if (head->framing == HTTP_CHUNKED)
    buf_put_str(&text, STR(" chunked"));
  buf_put_str(&text, head->keep_alive ? STR(" keep") : STR(" close"));
  if (head->wants_upgrade)
    buf_put_str(&text, STR(" upgrade"));
  if (head->wants_continue)
    buf_put_str(&text, STR(" continue"));
  assert_true(!text.failed && text.len < size);
  memcpy(out, text.data, text.len);
  out[text.len] = '\0';
  buf_free(&text);
}

UNUSED static void read_some(struct http_reader *reader, const struct http_limits *within,
                             const char *bytes, size_t len, struct verdict *verdict)
{
  static struct http_head head;
  char *copy = malloc(len ? len : 1); /* exactly so long: sanitizers see who reads beyond */
  assert_non_null(copy);
  memcpy(copy, bytes, len);
  memset(&head, 0xa5, sizeof head);
  *verdict = (struct verdict){0};
  verdict->result = http_head_read(reader, within, copy, len, &head, &verdict->fault);
  if (verdict->result == HTTP_DONE) {
    assert_true(head.len <= len);
    check_slices(&head, copy);
    describe(&head, verdict->text, sizeof verdict->text);
    verdict->len = head.len;
    assert_int_equal(reader->scanned | reader->line | reader->in_fields, 0);
  } else if (verdict->result == HTTP_REFUSED) {
    assert_in_range(verdict->fault.status, 400, 599);
    snprintf(verdict->text, sizeof verdict->text, "%s", verdict->fault.text);
  }
  free(copy);
}

UNUSED static void read_whole(const struct http_limits *within, const char *bytes, size_t len,
                              struct verdict *verdict)
{
  struct http_reader reader = {0};
  read_some(&reader, within, bytes, len, verdict);
}

UNUSED static void read_bytewise(const struct http_limits *within, const char *bytes, size_t len,
                                 struct verdict *verdict)
{
  struct http_reader reader = {0};
  for (size_t n = 1; n <= len; n++) {
    read_some(&reader, within, bytes, n, verdict);
    if (verdict->result != HTTP_MORE)
      return;
  }
}

UNUSED static _Noreturn void complain(const char *how, const char *bytes, size_t len,
                                      unsigned status, const char *text, const struct verdict *got)
{
  char shown[512];
  size_t n = 0;
  for (size_t i = 0; i < len && n + 5 < sizeof shown; i++) {
    unsigned char c = (unsigned char)bytes[i];
    n += (size_t)snprintf(shown + n, sizeof shown - n, c < ' ' || c > '~' ? "\\x%02x" : "%c", c);
  }
  shown[n] = '\0';
  fail_msg("%s, %s: expected %u %s, got %u %s", shown, how, status, text, got->fault.status,
           got->result == HTTP_MORE ? "(more)" : got->text);
  abort();
}

/* status 0: the head is good, and text describes it. */
UNUSED static void expect(const struct http_limits *within, const char *bytes, size_t len,
                          unsigned status, const char *text)
{
  static const char behind[] = "HEAD /next HTTP/1.1\r\nHost: next\r\n\r\n";
  struct verdict got;
  read_whole(within, bytes, len, &got);
  if (got.fault.status != status || strcmp(got.text, text) != 0)
    complain("at once", bytes, len, status, text, &got);
  if (status == 0)
    assert_int_equal(got.len, len);

  read_bytewise(within, bytes, len, &got);
  if (got.fault.status != status || strcmp(got.text, text) != 0)
    complain("byte by byte", bytes, len, status, text, &got);
  if (status == 0)
    assert_int_equal(got.len, len);

  char *both = malloc(len + sizeof behind - 1);
  assert_non_null(both);
  memcpy(both, bytes, len);
  memcpy(both + len, behind, sizeof behind - 1);
  read_whole(within, both, len + sizeof behind - 1, &got);
  if (got.fault.status != status || strcmp(got.text, text) != 0)
    complain("with a request behind it", bytes, len, status, text, &got);
  if (status == 0) {
    struct http_reader reader = {0};
    assert_int_equal(got.len, len);
    read_some(&reader, within, both, len + 5, &got); /* a part of the next is there already */
    assert_int_equal(got.len, len);
    read_some(&reader, within, both + len, sizeof behind - 1, &got);
    assert_string_equal(got.text, "HEAD 1.1 path=/next host=next keep");
    assert_int_equal(got.len, sizeof behind - 1);
  }
  free(both);
}

struct row {
  const char *bytes;
  size_t len;
  unsigned status;
  const char *text;
};

#define ROW(bytes, status, text)   {(bytes), sizeof(bytes) - 1, status, text}
/* A request whose line is given, with a Host. */
#define LINE(line, status, text)   ROW(line "\r\nHost: x\r\n\r\n", status, text)
/* A request whose headers are given, each with its CR LF, behind a Host. */
#define WITH(fields, status, text) ROW("GET / HTTP/1.1\r\nHost: x\r\n" fields "\r\n", status, text)
#define WITH_1_0(fields, status, text) \
  ROW("GET / HTTP/1.0\r\nHost: x\r\n" fields "\r\n", status, text)
/* A request whose Host's value is given. */
#define HOST(value, status, text) ROW("GET / HTTP/1.1\r\nHost:" value "\r\n\r\n", status, text)

#define GOOD "GET 1.1 path=/ host=x keep"

UNUSED static void expect_rows(const struct row *rows, size_t n)
{
  for (size_t i = 0; i < n; i++)
    expect(&limits, rows[i].bytes, rows[i].len, rows[i].status, rows[i].text);
}

/* --- the grammar ---------------------------------------------------------------------------- */

/* The grammar once more, from the RFCs' text. */
UNUSED static bool is_alpha(int c)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

UNUSED static bool is_digit(int c)
{
  return c >= '0' && c <= '9';
}

UNUSED static bool is_among(int c, const char *these)
{
  return c && strchr(these, c);
}

UNUSED static bool is_tchar(int c) /* RFC 9110 5.6.2 */
{
  return is_alpha(c) || is_digit(c) || is_among(c, "!#$%&'*+-.^_`|~");
}

#endif
