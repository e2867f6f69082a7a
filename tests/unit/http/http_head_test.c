/* Request heads and the answer to each, by the sections of RFC 9110 and RFC 9112. Each row is read
 * at once, byte by byte, and with another request behind it. Where a byte may be anything, all 256
 * are tried, against the RFC's grammar as this file writes it down for itself. */
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

static bool lies_within(struct plug_str s, const char *bytes, size_t len)
{
  return s.len == 0 ||
         (s.ptr >= bytes && s.ptr <= bytes + len && s.len <= (size_t)(bytes + len - s.ptr));
}

static void check_slices(const struct http_head *head, const char *bytes)
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

static void put_part(struct buf *out, const char *name, struct plug_str value)
{
  buf_putf(out, " %s=", name);
  buf_put_str(out, value);
}

/* "GET 1.1 path=/a query=b host=x keep", what is not there left out. */
static void describe(const struct http_head *head, char *out, size_t size)
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

static void read_some(struct http_reader *reader, const struct http_limits *within,
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

static void read_whole(const struct http_limits *within, const char *bytes, size_t len,
                       struct verdict *verdict)
{
  struct http_reader reader = {0};
  read_some(&reader, within, bytes, len, verdict);
}

static void read_bytewise(const struct http_limits *within, const char *bytes, size_t len,
                          struct verdict *verdict)
{
  struct http_reader reader = {0};
  for (size_t n = 1; n <= len; n++) {
    read_some(&reader, within, bytes, n, verdict);
    if (verdict->result != HTTP_MORE)
      return;
  }
}

static _Noreturn void complain(const char *how, const char *bytes, size_t len, unsigned status,
                               const char *text, const struct verdict *got)
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
static void expect(const struct http_limits *within, const char *bytes, size_t len, unsigned status,
                   const char *text)
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

static void expect_rows(const struct row *rows, size_t n)
{
  for (size_t i = 0; i < n; i++)
    expect(&limits, rows[i].bytes, rows[i].len, rows[i].status, rows[i].text);
}

/* --- rows ---------------------------------------------------------------------------------- */

static void lines_end_as_rfc_9112_2_2_has_it(void **state)
{
  (void)state;
  static const struct row rows[] = {
      WITH("", 0, GOOD),
      /* One empty line in front does not count, a second one does. */
      ROW("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, GOOD),
      ROW("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\r\n\r\n\r\n", 400, NO_METHOD),
      ROW("\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\rGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\r\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\r\n\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\r\n GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW(" GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\tGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\0GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW(" \r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      /* A line feed alone ends no line. */
      ROW("GET / HTTP/1.1\nHost: x\n\n", 400, BARE_LF),
      ROW("GET / HTTP/1.1\nHost: x\r\n\r\n", 400, BARE_LF),
      ROW("GET / HTTP/1.1\r\nHost: x\n\r\n", 400, BARE_LF),
      ROW("GET / HTTP/1.1\r\nHost: x\r\n\n", 400, BARE_LF),
      ROW("GET / HTTP/1.1\r\n\nHost: x\r\n\r\n", 400, BARE_LF),
      ROW("GET / HTTP/1.1\r\nHost: x\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n", 400, BARE_LF),
      ROW("GET /\nHTTP/1.1\r\nHost: x\r\n\r\n", 400, BARE_LF),
      ROW("GET\n/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, BARE_LF),
      /* A carriage return alone is not a blank. */
      ROW("GET / HTTP/1.1\r\r\nHost: x\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\rHost: x\r\n\r\n", 400, BARE_CR),
      ROW("GET /\rHTTP/1.1\r\nHost: x\r\n\r\n", 400, BARE_CR),
      ROW("GET\r/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\r\nHost:\rx\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\r\nHost\r: x\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\r\n\rHost: x\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\r\nHost: x\r\n\r\r\n\r\n", 400, BARE_CR),
      /* No blank between the request line and the first header. */
      ROW("GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400, FOLDED),
      ROW("GET / HTTP/1.1\r\n\tHost: x\r\n\r\n", 400, FOLDED),
      ROW("GET / HTTP/1.1\r\n \r\nHost: x\r\n\r\n", 400, FOLDED),
      /* Another protocol is told at its first byte. */
      ROW("\x16\x03\x01", 400, NO_TLS),
      ROW("\r\n\x16\x03\x01", 400, NO_TLS),
      ROW("\x16", 400, NO_TLS),
      ROW("\x80\x2e", 400, NO_METHOD),
      ROW("\x00\x00", 400, NO_METHOD),
      ROW("\xff", 400, NO_METHOD),
      ROW("(", 400, NO_METHOD),
      ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, OTHER_VERSION),
      ROW("CONNECT\naccept-version:1.2\n\n", 400, BARE_LF),
      ROW("SSH-2.0-client\r\n\r\n", 400, NO_LINE),
  };
  expect_rows(rows, N(rows));
}

static void request_lines_are_those_of_rfc_9112_3(void **state)
{
  (void)state;
  static const struct row rows[] = {
      LINE("GET", 400, NO_LINE),
      LINE("GET ", 400, NO_LINE),
      LINE("GET /", 400, NO_LINE), /* HTTP/0.9 */
      LINE("GET/ HTTP/1.1", 400, NO_LINE),
      LINE("GET /HTTP/1.1", 400, NO_LINE),
      LINE("GET  HTTP/1.1", 400, NO_TARGET),
      LINE("GET / ", 400, NO_VERSION),
      LINE("GET  / HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /  HTTP/1.1", 400, BAD_TARGET),
      LINE("GET / HTTP/1.1 ", 400, NO_VERSION),
      LINE("GET /\tHTTP/1.1", 400, NO_LINE),
      LINE("GET\t/ HTTP/1.1", 400, NO_LINE),
      LINE("GET\t/\tHTTP/1.1", 400, NO_LINE),
      LINE("GET / HTTP/1.1\t", 400, NO_VERSION),
      LINE("GET /\vHTTP/1.1", 400, NO_LINE),
      LINE("GET / x HTTP/1.1", 400, BAD_TARGET),
      LINE("GET / HTTP/1.1 HTTP/1.1", 400, BAD_TARGET),
      LINE("Host: x", 400, NO_LINE),
      LINE("Host: x y", 400, NO_METHOD),
      LINE(":: / HTTP/1.1", 400, NO_METHOD),
  };
  expect_rows(rows, N(rows));
}

static void methods_are_those_of_rfc_9110_9(void **state)
{
  (void)state;
  static const struct row rows[] = {
      LINE("GET / HTTP/1.1", 0, GOOD),
      LINE("HEAD / HTTP/1.1", 0, "HEAD 1.1 path=/ host=x keep"),
      LINE("POST / HTTP/1.1", 0, "POST 1.1 path=/ host=x keep"),
      LINE("PUT / HTTP/1.1", 0, "PUT 1.1 path=/ host=x keep"),
      LINE("DELETE / HTTP/1.1", 0, "DELETE 1.1 path=/ host=x keep"),
      LINE("OPTIONS / HTTP/1.1", 0, "OPTIONS 1.1 path=/ host=x keep"),
      LINE("TRACE / HTTP/1.1", 0, "TRACE 1.1 path=/ host=x keep"),
      LINE("PATCH / HTTP/1.1", 0, "PATCH 1.1 path=/ host=x keep"),
      LINE("CONNECT a:1 HTTP/1.1", 0, "CONNECT 1.1 host=x keep"),
      /* They have a case (9.1). */
      LINE("get / HTTP/1.1", 501, OTHER_METHOD),
      LINE("Get / HTTP/1.1", 501, OTHER_METHOD),
      LINE("GEt / HTTP/1.1", 501, OTHER_METHOD),
      LINE("connect a:1 HTTP/1.1", 501, OTHER_METHOD),
      LINE("G / HTTP/1.1", 501, OTHER_METHOD),
      LINE("GETT / HTTP/1.1", 501, OTHER_METHOD),
      LINE("GE / HTTP/1.1", 501, OTHER_METHOD),
      LINE("PROPFIND / HTTP/1.1", 501, OTHER_METHOD),
      LINE("BREW /pot HTTP/1.1", 501, OTHER_METHOD),
      LINE("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1", 501, OTHER_METHOD),
      LINE("BREW pot HTTP/1.1", 501, OTHER_METHOD),
      LINE("G(T / HTTP/1.1", 400, NO_METHOD),
      LINE("G\xc3\x89T / HTTP/1.1", 400, NO_METHOD),
  };
  expect_rows(rows, N(rows));
}

static void versions_are_those_of_rfc_9112_2_3(void **state)
{
  (void)state;
  static const struct row rows[] = {
      LINE("GET / HTTP/1.0", 0, "GET 1.0 path=/ host=x close"),
      LINE("GET / HTTP/1.1", 0, GOOD),
      /* A later minor version is read as the last that is known (RFC 9110 2.5). */
      LINE("GET / HTTP/1.2", 0, GOOD),
      LINE("GET / HTTP/1.9", 0, GOOD),
      LINE("GET / HTTP/0.9", 505, OTHER_VERSION),
      LINE("GET / HTTP/0.0", 505, OTHER_VERSION),
      LINE("GET / HTTP/2.0", 505, OTHER_VERSION),
      LINE("GET / HTTP/3.0", 505, OTHER_VERSION),
      LINE("GET / HTTP/9.9", 505, OTHER_VERSION),
      LINE("GET / HTTP/2.1", 505, OTHER_VERSION),
      /* What a later version means by the rest is not known. */
      LINE("BREW pot HTTP/2.0", 505, OTHER_VERSION),
      LINE("GET / HTTP/2", 400, NO_VERSION),
      LINE("GET / HTTP/1", 400, NO_VERSION),
      LINE("GET / HTTP/1.", 400, NO_VERSION),
      LINE("GET / HTTP/.1", 400, NO_VERSION),
      LINE("GET / HTTP/1.10", 400, NO_VERSION),
      LINE("GET / HTTP/1.01", 400, NO_VERSION),
      LINE("GET / HTTP/01.1", 400, NO_VERSION),
      LINE("GET / HTTP/11.1", 400, NO_VERSION),
      LINE("GET / HTTP/1,1", 400, NO_VERSION),
      LINE("GET / HTTP/1.x", 400, NO_VERSION),
      LINE("GET / HTTP/x.1", 400, NO_VERSION),
      LINE("GET / HTTP/-1.1", 400, NO_VERSION),
      LINE("GET / HTTP/+1.1", 400, NO_VERSION),
      LINE("GET / HTTP 1.1", 400, NO_VERSION),
      LINE("GET / HTTP1.1", 400, NO_VERSION),
      LINE("GET / http/1.1", 400, NO_VERSION),
      LINE("GET / Http/1.1", 400, NO_VERSION),
      LINE("GET / HTTPS/1.1", 400, NO_VERSION),
      LINE("GET / HTTQ/1.1", 400, NO_VERSION),
      LINE("GET / /1.1", 400, NO_VERSION),
      LINE("GET / RTSP/1.0", 400, NO_VERSION),
      LINE("GET / \xef\xbb\xbfHTTP/1.1", 400, NO_VERSION),
  };
  expect_rows(rows, N(rows));
}

#define PATH(path)         "GET 1.1 path=" path " host=x keep"
#define QUERY(path, query) "GET 1.1 path=" path " query=" query " host=x keep"

static void targets_in_origin_form_are_those_of_rfc_9112_3_2_1(void **state)
{
  (void)state;
  static const struct row rows[] = {
      LINE("GET /a HTTP/1.1", 0, PATH("/a")),
      LINE("GET /a/b HTTP/1.1", 0, PATH("/a/b")),
      LINE("GET // HTTP/1.1", 0, PATH("//")),
      LINE("GET //a HTTP/1.1", 0, PATH("//a")),
      LINE("GET /. HTTP/1.1", 0, PATH("/.")),
      LINE("GET /../a HTTP/1.1", 0, PATH("/../a")),
      LINE("GET /* HTTP/1.1", 0, PATH("/*")),
      LINE("GET /a:b@c HTTP/1.1", 0, PATH("/a:b@c")),
      LINE("GET /http://a/ HTTP/1.1", 0, PATH("/http://a/")),
      LINE("GET /-._~!$&'()*+,;= HTTP/1.1", 0, PATH("/-._~!$&'()*+,;=")),
      /* Visible characters that a URI has only as escapes are sent by browsers all the same. */
      LINE("GET /{a}|[b]\\^`\"<c> HTTP/1.1", 0, PATH("/{a}|[b]\\^`\"<c>")),
      LINE("GET /a? HTTP/1.1", 0, QUERY("/a", "")),
      LINE("GET /? HTTP/1.1", 0, QUERY("/", "")),
      LINE("GET /a?b=c&d HTTP/1.1", 0, QUERY("/a", "b=c&d")),
      LINE("GET /a?b?c HTTP/1.1", 0, QUERY("/a", "b?c")),
      LINE("GET /a?/b/../c HTTP/1.1", 0, QUERY("/a", "/b/../c")),
      LINE("GET /?http://a/ HTTP/1.1", 0, QUERY("/", "http://a/")),
      LINE("GET /a?{[|]}\"<>\\^` HTTP/1.1", 0, QUERY("/a", "{[|]}\"<>\\^`")),
      LINE("GET /?a%zz%2%+% HTTP/1.1", 0, QUERY("/", "a%zz%2%+%")),
      /* Escapes (RFC 3986 2.1). */
      LINE("GET /%20 HTTP/1.1", 0, PATH("/%20")),
      LINE("GET /%2f%2F%aF%Fa HTTP/1.1", 0, PATH("/%2f%2F%aF%Fa")),
      LINE("GET /%00 HTTP/1.1", 0, PATH("/%00")),
      LINE("GET /%25%32%30 HTTP/1.1", 0, PATH("/%25%32%30")),
      LINE("GET /% HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%2 HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%2?a HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%?20 HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%zz HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%2z HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%z2 HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%%20 HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%u0041 HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /a% HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%20%2 HTTP/1.1", 400, BAD_ESCAPE),
      /* A fragment stays with the client (RFC 9110 7.1). */
      LINE("GET /#a HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /a#b?c HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /?a#b HTTP/1.1", 400, BAD_TARGET),
      LINE("GET #a HTTP/1.1", 400, BAD_TARGET),
      /* Raw bytes are no URI. */
      LINE("GET /\xc3\xa9 HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /?\xc3\xa9 HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /\xff HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /\x7f HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /\x01 HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /a\0b HTTP/1.1", 400, BAD_TARGET),
      LINE("GET a HTTP/1.1", 400, NO_TARGET),
      LINE("GET a/b HTTP/1.1", 400, NO_TARGET),
      LINE("GET ?a HTTP/1.1", 400, NO_TARGET),
      LINE("GET \\ HTTP/1.1", 400, NO_TARGET),
      LINE("GET %2f HTTP/1.1", 400, NO_TARGET),
      LINE("GET . HTTP/1.1", 400, NO_TARGET),
      LINE("GET x HTTP/1.1", 400, NO_TARGET),
      LINE("GET x:80 HTTP/1.1", 400, NO_TARGET),
      LINE("GET www.example.org HTTP/1.1", 400, NO_TARGET),
  };
  expect_rows(rows, N(rows));
}

static void targets_in_absolute_form_are_those_of_rfc_9112_3_2_2(void **state)
{
  (void)state;
#define ABSOLUTE(scheme, path, host) "GET 1.1 scheme=" scheme " path=" path " host=" host " keep"
  static const struct row rows[] = {
      /* The host is the target's, whatever Host says. */
      LINE("GET http://a/b HTTP/1.1", 0, ABSOLUTE("http", "/b", "a")),
      LINE("GET https://a/b HTTP/1.1", 0, ABSOLUTE("https", "/b", "a")),
      LINE("GET HTTP://A/b HTTP/1.1", 0, ABSOLUTE("HTTP", "/b", "A")),
      LINE("GET hTtPs://a/b HTTP/1.1", 0, ABSOLUTE("hTtPs", "/b", "a")),
      LINE("GET http://a HTTP/1.1", 0, ABSOLUTE("http", "/", "a")),
      LINE("GET http://a/ HTTP/1.1", 0, ABSOLUTE("http", "/", "a")),
      LINE("GET http://a:80/ HTTP/1.1", 0, ABSOLUTE("http", "/", "a:80")),
      LINE("GET http://a:/ HTTP/1.1", 0, ABSOLUTE("http", "/", "a:")),
      LINE("GET http://[::1]:80/ HTTP/1.1", 0, ABSOLUTE("http", "/", "[::1]:80")),
      LINE("GET http://a?b HTTP/1.1", 0, "GET 1.1 scheme=http path=/ query=b host=a keep"),
      LINE("GET http://a/b?c HTTP/1.1", 0, "GET 1.1 scheme=http path=/b query=c host=a keep"),
      LINE("GET http://a/http://b/ HTTP/1.1", 0, ABSOLUTE("http", "/http://b/", "a")),
      LINE("OPTIONS http://a HTTP/1.1", 0, "OPTIONS 1.1 scheme=http path=/ host=a keep"),
      LINE("GET http://a/%2 HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET http:// HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http:/// HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http:///a HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://?a HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://:80/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://a:b/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://a:80:80/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://user@a/ HTTP/1.1", 400, BAD_AUTHORITY), /* RFC 9110 4.2.4 */
      LINE("GET http://user:word@a/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://@a/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://a\\b/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://[::1/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://a/#b HTTP/1.1", 400, BAD_TARGET),
      LINE("GET http://a/\xc3\xa9 HTTP/1.1", 400, BAD_TARGET),
      LINE("GET http:/a HTTP/1.1", 400, NO_TARGET),
      LINE("GET http:a HTTP/1.1", 400, NO_TARGET),
      LINE("GET ://a HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET ws://a/ HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET wss://a/ HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET ftp://a/ HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET file:///etc/passwd HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET httpx://a/ HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET http%3a://a/ HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET a?b://c HTTP/1.1", 400, OTHER_SCHEME),
      /* Host has to be there and well-formed all the same. */
      ROW("GET http://a/ HTTP/1.1\r\n\r\n", 400, NO_HOST),
      ROW("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", 400, BAD_HOST),
      ROW("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, TWO_HOSTS),
      ROW("GET http://a/ HTTP/1.0\r\n\r\n", 0, "GET 1.0 scheme=http path=/ host=a close"),
  };
  expect_rows(rows, N(rows));
#undef ABSOLUTE
}

static void other_targets_are_those_of_rfc_9112_3_2_3_and_4(void **state)
{
  (void)state;
#define CONNECTED "CONNECT 1.1 host=x keep"
  static const struct row rows[] = {
      LINE("CONNECT a:80 HTTP/1.1", 0, CONNECTED),
      LINE("CONNECT 127.0.0.1:65535 HTTP/1.1", 0, CONNECTED),
      LINE("CONNECT [::1]:443 HTTP/1.1", 0, CONNECTED),
      LINE("CONNECT a HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT a: HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT :80 HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT [::1] HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT [::1]: HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT a:b HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT / HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT * HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT a:80/ HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT http://a:80/ HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT user@a:80 HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT a:80#b HTTP/1.1", 400, BAD_TARGET),
      LINE("OPTIONS * HTTP/1.1", 0, "OPTIONS 1.1 asterisk host=x keep"),
      LINE("OPTIONS * HTTP/1.0", 0, "OPTIONS 1.0 asterisk host=x close"),
      LINE("OPTIONS ** HTTP/1.1", 400, NO_TARGET),
      LINE("OPTIONS *?a HTTP/1.1", 400, NO_TARGET),
      LINE("OPTIONS a:80 HTTP/1.1", 400, NO_TARGET),
      LINE("GET * HTTP/1.1", 400, NO_TARGET),
      LINE("HEAD * HTTP/1.1", 400, NO_TARGET),
      LINE("GET a:80 HTTP/1.1", 400, NO_TARGET),
  };
  expect_rows(rows, N(rows));
#undef CONNECTED
}

static void hosts_are_those_of_rfc_9112_3_2_and_rfc_9110_7_2(void **state)
{
  (void)state;
#define AT(host) "GET 1.1 path=/ host=" host " keep"
  static const struct row rows[] = {
      HOST(" a.example", 0, AT("a.example")),
      HOST("a", 0, AT("a")),
      HOST("\t a \t", 0, AT("a")),
      HOST(" A.Example", 0, AT("A.Example")),
      HOST(" a.", 0, AT("a.")),
      HOST(" localhost:8080", 0, AT("localhost:8080")),
      HOST(" a:", 0, AT("a:")),
      HOST(" a:0", 0, AT("a:0")),
      HOST(" a:65535", 0, AT("a:65535")),
      HOST(" 127.0.0.1", 0, AT("127.0.0.1")),
      HOST(" 127.0.0.1:80", 0, AT("127.0.0.1:80")),
      HOST(" [::]", 0, AT("[::]")),
      HOST(" [::1]", 0, AT("[::1]")),
      HOST(" [::1]:8080", 0, AT("[::1]:8080")),
      HOST(" [::1]:", 0, AT("[::1]:")),
      HOST(" [2001:DB8::a]:1", 0, AT("[2001:DB8::a]:1")),
      HOST(" [1:2:3:4:5:6:7:8]", 0, AT("[1:2:3:4:5:6:7:8]")),
      HOST(" [::ffff:10.0.0.1]", 0, AT("[::ffff:10.0.0.1]")),
      HOST(" [ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]", 0,
           AT("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]")),
      HOST(" a-b_c~d.e", 0, AT("a-b_c~d.e")),
      HOST(" a!$&'()*+,;=b", 0, AT("a!$&'()*+,;=b")),
      HOST(" %41%c3%A9", 0, AT("%41%c3%A9")),
      ROW("GET / HTTP/1.1\r\nhOsT: a\r\n\r\n", 0, AT("a")),
      ROW("GET / HTTP/1.1\r\nA: b\r\nHost: a\r\nC: d\r\n\r\n", 0, AT("a")),
      ROW("GET / HTTP/1.0\r\n\r\n", 0, "GET 1.0 path=/ close"),
      ROW("GET / HTTP/1.1\r\n\r\n", 400, NO_HOST),
      ROW("GET / HTTP/1.1\r\nHosts: a\r\n\r\n", 400, NO_HOST),
      ROW("GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", 400, NO_HOST),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, TWO_HOSTS),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, TWO_HOSTS),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nHOST: b\r\n\r\n", 400, TWO_HOSTS),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nHost:\r\n\r\n", 400, TWO_HOSTS),
      ROW("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, TWO_HOSTS),
      ROW("GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 400, BAD_HOST),
      HOST("", 400, BAD_HOST),
      HOST(" ", 400, BAD_HOST),
      HOST(" a b", 400, BAD_HOST),
      HOST(" a, b", 400, BAD_HOST),
      HOST(" a:80, b:80", 400, BAD_HOST),
      HOST(" :80", 400, BAD_HOST),
      HOST(" :", 400, BAD_HOST),
      HOST(" a:x", 400, BAD_HOST),
      HOST(" a:8o", 400, BAD_HOST),
      HOST(" a:-1", 400, BAD_HOST),
      HOST(" a:+1", 400, BAD_HOST),
      HOST(" a: 80", 400, BAD_HOST),
      HOST(" a:123456", 400, BAD_HOST),
      HOST(" a:80:80", 400, BAD_HOST),
      HOST(" ::1", 400, BAD_HOST),
      HOST(" fe80::1", 400, BAD_HOST),
      HOST(" user@a", 400, BAD_HOST),
      HOST(" user:word@a", 400, BAD_HOST),
      HOST(" @a", 400, BAD_HOST),
      HOST(" http://a", 400, BAD_HOST),
      HOST(" a/", 400, BAD_HOST),
      HOST(" a/b", 400, BAD_HOST),
      HOST(" a?b", 400, BAD_HOST),
      HOST(" a#b", 400, BAD_HOST),
      HOST(" a\\b", 400, BAD_HOST),
      HOST(" a\"b\"", 400, BAD_HOST),
      HOST(" <a>", 400, BAD_HOST),
      HOST(" a|b", 400, BAD_HOST),
      HOST(" caf\xc3\xa9", 400, BAD_HOST),
      HOST(" %", 400, BAD_HOST),
      HOST(" %4", 400, BAD_HOST),
      HOST(" %4g", 400, BAD_HOST),
      HOST(" a%", 400, BAD_HOST),
      HOST(" a%4:1", 400, BAD_HOST),
      HOST(" []", 400, BAD_HOST),
      HOST(" [", 400, BAD_HOST),
      HOST(" ]", 400, BAD_HOST),
      HOST(" [::1", 400, BAD_HOST),
      HOST(" ::1]", 400, BAD_HOST),
      HOST(" [[::1]]", 400, BAD_HOST),
      HOST(" [::1]]", 400, BAD_HOST),
      HOST(" [::1]a", 400, BAD_HOST),
      HOST(" [::1].a", 400, BAD_HOST),
      HOST(" [::1]80", 400, BAD_HOST),
      HOST(" [::1]:x", 400, BAD_HOST),
      HOST(" [::1]:123456", 400, BAD_HOST),
      HOST(" a[::1]", 400, BAD_HOST),
      HOST(" [a]", 400, BAD_HOST),
      HOST(" [:]", 400, BAD_HOST),
      HOST(" [:::]", 400, BAD_HOST),
      HOST(" [1::2::3]", 400, BAD_HOST),
      HOST(" [1:2:3:4:5:6:7]", 400, BAD_HOST),
      HOST(" [1:2:3:4:5:6:7:8:9]", 400, BAD_HOST),
      HOST(" [12345::]", 400, BAD_HOST),
      HOST(" [g::]", 400, BAD_HOST),
      HOST(" [127.0.0.1]", 400, BAD_HOST),
      HOST(" [::1%25lo]", 400, BAD_HOST),
      HOST(" [fe80::1%eth0]", 400, BAD_HOST),
      HOST(" [v1.a]", 400, BAD_HOST),
      HOST(" [::1 ]", 400, BAD_HOST),
      HOST(" [0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]", 400, BAD_HOST),
  };
  expect_rows(rows, N(rows));
#undef AT
}

static void fields_are_those_of_rfc_9112_5(void **state)
{
  (void)state;
  static const struct row rows[] = {
      WITH("A:\r\n", 0, GOOD),
      WITH("A: \t \r\n", 0, GOOD),
      WITH("A:b\r\n", 0, GOOD),
      WITH("A: b: c\r\n", 0, GOOD),
      WITH("A::\r\n", 0, GOOD),
      WITH("A: \"b\r\n", 0, GOOD),
      WITH("A: caf\xc3\xa9\r\n", 0, GOOD),
      WITH("A: \xff\xfe\r\n", 0, GOOD),
      WITH("A: b\tc d\r\n", 0, GOOD),
      WITH("!#$%&'*+-.^_`|~09azAZ: b\r\n", 0, GOOD),
      WITH("A: b\r\nA: c\r\na: d\r\n", 0, GOOD),
      /* 5.1: no blank before the colon. */
      WITH("A : b\r\n", 400, BLANK_IN_NAME),
      WITH("A\t: b\r\n", 400, BLANK_IN_NAME),
      WITH("A b: c\r\n", 400, BLANK_IN_NAME),
      WITH("A b\r\n", 400, BLANK_IN_NAME),
      WITH("Transfer-Encoding : chunked\r\n", 400, BLANK_IN_NAME),
      WITH("Content-Length : 1\r\n", 400, BLANK_IN_NAME),
      ROW("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, BLANK_IN_NAME),
      WITH("A\r\n", 400, NO_FIELD),
      WITH("A=b\r\n", 400, NO_FIELD),
      WITH("A\"b: c\r\n", 400, NO_FIELD),
      WITH("(A): b\r\n", 400, NO_FIELD),
      WITH("A/B: b\r\n", 400, NO_FIELD),
      WITH("A\0: b\r\n", 400, NO_FIELD),
      WITH("A\x7f: b\r\n", 400, NO_FIELD),
      WITH("caf\xc3\xa9: b\r\n", 400, NO_FIELD),
      WITH("\xef\xbb\xbf"
           "A: b\r\n",
           400, NO_FIELD),
      WITH(": b\r\n", 400, NO_NAME),
      WITH(":\r\n", 400, NO_NAME),
      /* 5.2: no line goes on in the next. */
      WITH("A: b\r\n c\r\n", 400, FOLDED),
      WITH("A: b\r\n\tc\r\n", 400, FOLDED),
      WITH("A: b\r\n \r\n", 400, FOLDED),
      WITH("A:\r\n b\r\n", 400, FOLDED),
      WITH("A: b\r\n C: d\r\n", 400, FOLDED),
      WITH("Transfer-Encoding:\r\n chunked\r\n", 400, FOLDED),
      WITH("Content-Length: 1\r\n 0\r\n", 400, FOLDED),
      /* RFC 9110 5.5: no control characters. */
      WITH("A: b\0c\r\n", 400, BAD_VALUE),
      WITH("A: \0\r\n", 400, BAD_VALUE),
      WITH("A: b\x01\r\n", 400, BAD_VALUE),
      WITH("A: b\vc\r\n", 400, BAD_VALUE),
      WITH("A: b\fc\r\n", 400, BAD_VALUE),
      WITH("A: \x1b[0m\r\n", 400, BAD_VALUE),
      WITH("A: \x7f\r\n", 400, BAD_VALUE),
      WITH("Content-Length: \v1\r\n", 400, BAD_VALUE),
      WITH("Transfer-Encoding: \vchunked\r\n", 400, BAD_VALUE),
  };
  expect_rows(rows, N(rows));
}

static void bodies_are_framed_as_in_rfc_9112_6(void **state)
{
  (void)state;
#define SIZED(n) "GET 1.1 path=/ host=x sized=" n " keep"
#define CHUNKED  "GET 1.1 path=/ host=x chunked keep"
  static const struct row rows[] = {
      /* 6.2, RFC 9110 8.6: Content-Length. */
      WITH("Content-Length: 0\r\n", 0, SIZED("0")),
      WITH("Content-Length:5\r\n", 0, SIZED("5")),
      WITH("content-length:\t 5 \t\r\n", 0, SIZED("5")),
      WITH("Content-Length: 007\r\n", 0, SIZED("7")),
      WITH("Content-Length: 0000000000000000000000000000005\r\n", 0, SIZED("5")),
      WITH("Content-Length: 4294967296\r\n", 0, SIZED("4294967296")),
      WITH("Content-Length: 18446744073709551615\r\n", 0, SIZED("18446744073709551615")),
      WITH("Content-Length: 18446744073709551616\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 18446744073709551626\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 28446744073709551615\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 99999999999999999999\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 184467440737095516150\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 000184467440737095516160\r\n", 400, BAD_LENGTH),
      WITH("Content-Length:\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: \r\n", 400, BAD_LENGTH),
      WITH("Content-Length: +5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: -5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: -0\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5 5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5, 5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5,5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5, 6\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5,\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: ,5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5;\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5.0\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5e1\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 0x5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5a\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: a\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 1_0\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: \"5\"\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: \xd9\xa5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5\r\nContent-Length: 5\r\n", 400, TWO_LENGTHS),
      WITH("Content-Length: 5\r\nContent-Length: 6\r\n", 400, TWO_LENGTHS),
      WITH("Content-Length: 5\r\nA: b\r\ncontent-LENGTH: 5\r\n", 400, TWO_LENGTHS),
      WITH("Content-Length: 5\r\nContent-Length:\r\n", 400, TWO_LENGTHS),
      WITH_1_0("Content-Length: 5\r\n", 0, "GET 1.0 path=/ host=x sized=5 close"),
      WITH_1_0("Content-Length: x\r\n", 400, BAD_LENGTH),
      /* 6.1: Transfer-Encoding. */
      WITH("Transfer-Encoding: chunked\r\n", 0, CHUNKED),
      WITH("transfer-encoding:CHUNKED\r\n", 0, CHUNKED),
      WITH("Transfer-Encoding: Chunked \r\n", 0, CHUNKED),
      WITH("Transfer-Encoding: , chunked,,\r\n", 0, CHUNKED),
      WITH("Transfer-Encoding: ,\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", 0,
           CHUNKED),
      WITH("Transfer-Encoding: gzip, chunked\r\n", 501, OTHER_CODING),
      WITH("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 501, OTHER_CODING),
      WITH("Transfer-Encoding: identity, chunked\r\n", 501, OTHER_CODING),
      WITH("Transfer-Encoding: a;b=\"c, chunked\r\n", 501, OTHER_CODING),
      /* 6.3: without chunked at its end nobody knows where the body ends. */
      WITH("Transfer-Encoding: gzip\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: identity\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: gzip, deflate\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: xchunked\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: chunkedx\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: \"chunked\"\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: chunked;a=b\r\n", 400, NOT_CHUNKED), /* 7.1: has no parameters */
      WITH("Transfer-Encoding: chunked ;\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: chunked chunked\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: \xc3\xa7hunked\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: chunked, gzip\r\n", 400, AFTER_CHUNKED),
      WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", 400, AFTER_CHUNKED),
      WITH("Transfer-Encoding: chunked, identity\r\n", 400, AFTER_CHUNKED),
      WITH("Transfer-Encoding: chunked, chunked\r\n", 400, AFTER_CHUNKED),
      WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, AFTER_CHUNKED),
      WITH("Transfer-Encoding:\r\n", 400, EMPTY_CODING),
      WITH("Transfer-Encoding: , ,\r\n", 400, EMPTY_CODING),
      WITH_1_0("Transfer-Encoding: chunked\r\n", 400, OLD_CODING),
      WITH_1_0("Transfer-Encoding:\r\n", 400, OLD_CODING),
      WITH("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400, TWO_FRAMINGS),
      WITH("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400, TWO_FRAMINGS),
      WITH("Content-Length: 0\r\ntransfer-encoding: identity\r\n", 400, TWO_FRAMINGS),
      WITH("Content-Length:\r\nTransfer-Encoding:\r\n", 400, TWO_FRAMINGS),
      WITH_1_0("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400, TWO_FRAMINGS),
      /* Names that only resemble these. */
      WITH("Transfer_Encoding: gzip\r\nContent_Length: x\r\nTransfer-Encodings: x\r\n", 0, GOOD),
      WITH("X-Content-Length: 5\r\n", 0, GOOD),
      LINE("POST / HTTP/1.1\r\nContent-Length: 3", 0, "POST 1.1 path=/ host=x sized=3 keep"),
  };
  expect_rows(rows, N(rows));
#undef SIZED
#undef CHUNKED
}

static void expectations_are_those_of_rfc_9110_10_1_1(void **state)
{
  (void)state;
  static const struct row rows[] = {
      WITH("Expect: 100-continue\r\n", 0, GOOD " continue"),
      WITH("expect:100-Continue\r\n", 0, GOOD " continue"),
      WITH("Expect: 100-continue\r\nExpect: 100-continue\r\n", 0, GOOD " continue"),
      WITH("Expect: , 100-continue,\r\n", 0, GOOD " continue"),
      WITH("Expect:\r\n", 0, GOOD),
      WITH("Expect: 200-ok\r\n", 417, OTHER_EXPECT),
      WITH("Expect: 100-continued\r\n", 417, OTHER_EXPECT),
      WITH("Expect: 100-continue;a=b\r\n", 417, OTHER_EXPECT),
      WITH("Expect: 100-continue, x\r\n", 417, OTHER_EXPECT),
      WITH("Expect: 100-continue\r\nExpect: x\r\n", 417, OTHER_EXPECT),
      WITH_1_0("Expect: 100-continue\r\n", 0, "GET 1.0 path=/ host=x close"),
  };
  expect_rows(rows, N(rows));
}

static void connections_last_as_in_rfc_9112_9_3(void **state)
{
  (void)state;
#define CLOSING  "GET 1.1 path=/ host=x close"
#define OLD      "GET 1.0 path=/ host=x close"
#define OLD_KEPT "GET 1.0 path=/ host=x keep"
  static const struct row rows[] = {
      WITH("Connection: close\r\n", 0, CLOSING),
      WITH("connection:CLOSE\r\n", 0, CLOSING),
      WITH("Connection: keep-alive, close\r\n", 0, CLOSING),
      WITH("Connection: close, keep-alive\r\n", 0, CLOSING),
      WITH("Connection: keep-alive\r\nConnection: close\r\n", 0, CLOSING),
      WITH("Connection: close\r\nConnection: keep-alive\r\n", 0, CLOSING),
      WITH("Connection: ,, \t,close ,\r\n", 0, CLOSING),
      WITH("Connection: a\r\nX: y\r\nConnection: ,\r\nCONNECTION: b,,close\r\n", 0, CLOSING),
      WITH("Connection: keep-alive\r\n", 0, GOOD),
      WITH("Connection:\r\n", 0, GOOD),
      WITH("Connection: ,\r\n", 0, GOOD),
      WITH("Connection: closed\r\n", 0, GOOD),
      WITH("Connection: xclose\r\n", 0, GOOD),
      WITH("Connection: close close\r\n", 0, GOOD),
      WITH("Connection: \"close\"\r\n", 0, GOOD),
      WITH("Connection: close;a\r\n", 0, GOOD),
      WITH("Proxy-Connection: close\r\n", 0, GOOD),
      WITH("Connection: Upgrade\r\n", 0, GOOD " upgrade"),
      WITH("Connection: keep-alive, Upgrade\r\n", 0, GOOD " upgrade"),
      WITH("Connection: a, ,uPGRADE\r\n", 0, GOOD " upgrade"),
      WITH("Connection: keep-alive\r\nConnection:\r\nConnection: upgrade\r\n", 0, GOOD " upgrade"),
      WITH("Connection: close, upgrade\r\n", 0, CLOSING " upgrade"),
      WITH("Connection: upgrades\r\n", 0, GOOD),
      WITH("Upgrade: websocket\r\n", 0, GOOD),
      WITH_1_0("", 0, OLD),
      WITH_1_0("Connection: close\r\n", 0, OLD),
      WITH_1_0("Connection: keep-alive\r\n", 0, OLD_KEPT),
      WITH_1_0("Connection: Keep-Alive\r\n", 0, OLD_KEPT),
      WITH_1_0("Connection: a\r\nConnection: ,keep-alive\r\n", 0, OLD_KEPT),
      WITH_1_0("Connection: keep-alive, close\r\n", 0, OLD),
      WITH_1_0("Connection: upgrade\r\n", 0, OLD " upgrade"),
      WITH_1_0("Proxy-Connection: keep-alive\r\n", 0, OLD),
  };
  expect_rows(rows, N(rows));
#undef CLOSING
#undef OLD
#undef OLD_KEPT
}

/* --- every byte ---------------------------------------------------------------------------- */

/* The grammar once more, from the RFCs' text. */
static bool is_alpha(int c)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(int c)
{
  return c >= '0' && c <= '9';
}

static bool is_among(int c, const char *these)
{
  return c && strchr(these, c);
}

static bool is_tchar(int c) /* RFC 9110 5.6.2 */
{
  return is_alpha(c) || is_digit(c) || is_among(c, "!#$%&'*+-.^_`|~");
}

static bool is_vchar(int c) /* RFC 5234 B.1 */
{
  return c >= 0x21 && c <= 0x7e;
}

static bool is_unreserved_or_sub_delim(int c) /* RFC 3986 2.2, 2.3 */
{
  return is_alpha(c) || is_digit(c) || is_among(c, "-._~!$&'()*+,;=");
}

static bool is_field_content(int c) /* RFC 9110 5.5 */
{
  return is_vchar(c) || c >= 0x80 || c == ' ' || c == '\t';
}

/* What a template's '?' is replaced by, and what is then expected: 0 for a head that is read, else
 * the status; ANY for either of the refusals 400 and 501. */
#define ANY 1

static void try_every_byte(const char *template, unsigned (*expected)(int c))
{
  size_t len = strlen(template);
  const char *mark = strchr(template, '?');
  assert_non_null(mark);
  for (int c = 0; c < 256; c++) {
    char bytes[256];
    struct verdict whole, bytewise;
    memcpy(bytes, template, len);
    bytes[mark - template] = (char)c;
    read_whole(&limits, bytes, len, &whole);
    read_bytewise(&limits, bytes, len, &bytewise);
    unsigned status = expected(c), got = whole.fault.status;
    if (status == ANY ? got != 400 && got != 501 : got != status)
      complain("at once", bytes, len, status, "", &whole);
    if (whole.result == HTTP_MORE || bytewise.result != whole.result ||
        bytewise.fault.status != got || strcmp(bytewise.text, whole.text) != 0)
      complain("byte by byte", bytes, len, got, whole.text, &bytewise);
    if (status == 0)
      assert_int_equal(whole.len, len);
  }
}

static unsigned in_method(int c)
{
  return c == ' ' ? ANY : is_tchar(c) ? 501 : 400;
}

static unsigned as_first(int c)
{
  return is_tchar(c) ? 501 : 400;
}

static unsigned in_target(int c)
{
  return is_vchar(c) && c != '#' && c != '%' ? 0 : 400; /* a '%' begins no escape there */
}

static unsigned in_query(int c)
{
  return is_vchar(c) && c != '#' ? 0 : 400;
}

static unsigned in_escape(int c)
{
  return is_digit(c) || is_among(c, "abcdefABCDEF") ? 0 : 400;
}

static unsigned as_major(int c)
{
  return c == '1' ? 0 : is_digit(c) ? 505 : 400;
}

static unsigned as_minor(int c)
{
  return is_digit(c) ? 0 : 400;
}

static unsigned never(int c)
{
  (void)c;
  return 400;
}

#define ONLY(name, character)          \
  static unsigned name(int c)          \
  {                                    \
    return c == (character) ? 0 : 400; \
  }
ONLY(as_h, 'H')
ONLY(as_slash, '/')
ONLY(as_dot, '.')
ONLY(as_cr, '\r')
ONLY(as_lf, '\n')

static unsigned in_name(int c)
{
  return is_tchar(c) || c == ':' ? 0 : 400;
}

static unsigned as_first_of_name(int c)
{
  return is_tchar(c) ? 0 : 400;
}

static unsigned in_value(int c)
{
  return is_field_content(c) ? 0 : 400;
}

static unsigned in_host(int c)
{
  return is_unreserved_or_sub_delim(c) ? 0 : 400;
}

static unsigned in_port(int c)
{
  return is_digit(c) ? 0 : 400;
}

static unsigned at_end_of_port(int c)
{
  return is_digit(c) || c == ' ' || c == '\t' ? 0 : 400;
}

static unsigned at_start_of_length(int c)
{
  return is_digit(c) || c == ' ' || c == '\t' ? 0 : 400;
}

static void every_byte_is_judged_by_the_grammar(void **state)
{
  (void)state;
#define REST "\r\nHost: x\r\n\r\n"
  static const struct {
    const char *template;
    unsigned (*expected)(int c);
  } rows[] = {
      /* RFC 9112 3.1, RFC 9110 5.6.2 */
      {"G?T2 / HTTP/1.1" REST, in_method},
      {"?GET / HTTP/1.1" REST, as_first},
      {"\r\n?GET / HTTP/1.1" REST, as_first},
      /* RFC 9112 3.2, RFC 3986 3 */
      {"GET /a?b HTTP/1.1" REST, in_target},
      {"GET /? HTTP/1.1" REST, in_target},
      {"GET http://a/? HTTP/1.1" REST, in_target},
      {"GET /%4? HTTP/1.1" REST, in_escape},
      {"GET /%?4 HTTP/1.1" REST, in_escape},
      /* RFC 9112 2.3 */
      {"GET / ?TTP/1.1" REST, as_h},
      {"GET / HTTP?1.1" REST, as_slash},
      {"GET / HTTP/?.1" REST, as_major},
      {"GET / HTTP/1?1" REST, as_dot},
      {"GET / HTTP/1.?" REST, as_minor},
      {"GET / HTTP/1.1?" REST, never},
      /* RFC 9112 2.2 */
      {"GET / HTTP/1.1?\nHost: x\r\n\r\n", as_cr},
      {"GET / HTTP/1.1\r?Host: x\r\n\r\n", as_lf},
      {"GET / HTTP/1.1\r\nHost: x\r\n?\n", as_cr},
      /* RFC 9112 5 */
      {"GET / HTTP/1.1\r\nHost: x\r\nA?B: c\r\n\r\n", in_name},
      {"GET / HTTP/1.1\r\nHost: x\r\nA?: c\r\n\r\n", in_name},
      {"GET / HTTP/1.1\r\nHost: x\r\n?A: c\r\n\r\n", as_first_of_name},
      {"GET / HTTP/1.1\r\nHost: x\r\n?\r\n\r\n", never},
      {"GET / HTTP/1.1\r\n?A: c\r\nHost: x\r\n\r\n", as_first_of_name},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: b?c\r\n\r\n", in_value},
      {"GET / HTTP/1.1\r\nHost: x\r\nA:?b\r\n\r\n", in_value},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: b?\r\n\r\n", in_value},
      {"GET / HTTP/1.1\r\nHost: x\r\nA:?\r\n\r\n", in_value},
      /* RFC 9110 7.2, RFC 3986 3.2.2 */
      {"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", in_host},
      {"GET / HTTP/1.1\r\nHost: a:8?0\r\n\r\n", in_port},
      {"GET / HTTP/1.1\r\nHost: a:8?\r\n\r\n", at_end_of_port},
      {"GET / HTTP/1.1\r\nHost: [1:2:3:4:5:6:7:8?]\r\n\r\n", in_escape},
      {"GET / HTTP/1.1\r\nHost: %4?\r\n\r\n", in_escape},
      /* RFC 9110 8.6 */
      {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1?2\r\n\r\n", in_port},
      {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length:?2\r\n\r\n", at_start_of_length},
      {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2?\r\n\r\n", at_start_of_length},
  };
  for (size_t i = 0; i < N(rows); i++)
    try_every_byte(rows[i].template, rows[i].expected);
#undef REST
}

/* The question mark is taken by the template, so these are apart. */
static void every_byte_of_a_query_is_judged_by_the_grammar(void **state)
{
  (void)state;
  for (int c = 0; c < 256; c++) {
    char bytes[] = "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n";
    struct verdict got;
    bytes[7] = (char)c;
    read_whole(&limits, bytes, sizeof bytes - 1, &got);
    assert_int_equal(got.fault.status, in_query(c));
    if (got.result != HTTP_DONE)
      continue;
    char text[64];
    snprintf(text, sizeof text, "GET 1.1 path=/a query=%c host=x keep", c);
    assert_string_equal(got.text, text);
  }
}

/* Values are looked at several bytes at a time: every byte at every place of long ones, among
 * others of each kind. */
static void every_byte_of_a_long_value_is_judged_by_the_grammar(void **state)
{
  (void)state;
  static const char others[] = {'a', ' ', '\t', '~', (char)0x80, (char)0xff};
  for (size_t k = 0; k < N(others); k++)
    for (size_t len = 1; len <= 26; len++)
      for (size_t at = 0; at < len; at++)
        for (int c = 0; c < 256; c++) {
          char bytes[128] = "GET / HTTP/1.1\r\nHost: x\r\nA: <";
          size_t n = strlen(bytes);
          struct http_reader reader = {0};
          static struct http_head head;
          struct http_fault fault = {0};
          memset(bytes + n, others[k], len);
          bytes[n + at] = (char)c;
          memcpy(bytes + n + len, ">\r\n\r\n", 5);
          enum http_result result =
              http_head_read(&reader, &limits, bytes, n + len + 5, &head, &fault);
          if (result != (in_value(c) ? HTTP_REFUSED : HTTP_DONE))
            fail_msg("0x%02x at %zu of %zu among 0x%02x: %d", (unsigned)c, at, len,
                     (unsigned char)others[k], (int)result);
          if (result == HTTP_DONE)
            assert_int_equal(head.fields[1].value.len, len + 2);
        }
}

/* --- what is given out --------------------------------------------------------------------- */

static void fields_keep_their_order_and_their_bytes(void **state)
{
  (void)state;
  static const char bytes[] = "\r\nPOST /a%20b?c HTTP/1.1\r\nHost:x\r\nUPGRADE: \t one two \t\r\n"
                              "b:\xff:\r\nUpgrade:\r\nContent-Length: 2\r\n\r\nzz";
  static const char *const expected[][2] = {{"Host", "x"},
                                            {"UPGRADE", "one two"},
                                            {"b", "\xff:"},
                                            {"Upgrade", ""},
                                            {"Content-Length", "2"}};
  struct http_reader reader = {0};
  struct http_head head;
  struct http_fault fault;
  assert_int_equal(http_head_read(&reader, &limits, bytes, sizeof bytes - 1, &head, &fault),
                   HTTP_DONE);
  assert_int_equal(head.len, sizeof bytes - 1 - 2);
  assert_true(str_eq(head.target, STR("/a%20b?c")));
  assert_int_equal(head.n_fields, N(expected));
  for (size_t i = 0; i < N(expected); i++) {
    assert_true(str_eq(head.fields[i].name, str_of(expected[i][0])));
    assert_true(str_eq(head.fields[i].value, str_of(expected[i][1])));
  }
  assert_ptr_equal(http_head_field(&head, HTTP_UPGRADE), &head.fields[1]);
  assert_null(http_head_field(&head, HTTP_ORIGIN));
  assert_int_equal(head.counts[HTTP_UPGRADE], 2);
  assert_int_equal(head.counts[HTTP_OTHER], 1);
  assert_int_equal(head.counts[HTTP_ORIGIN], 0);
}

static enum http_name name_read(const char *name, size_t len)
{
  char bytes[128];
  struct http_reader reader = {0};
  static struct http_head head;
  struct http_fault fault = {0};
  int n = snprintf(bytes, sizeof bytes, "GET / HTTP/1.0\r\n%.*s:\r\n\r\n", (int)len, name);
  enum http_result result = http_head_read(&reader, &limits, bytes, (size_t)n, &head, &fault);
  if (head.n_fields != 1) /* a name that is none */
    return HTTP_NAMES;
  if (result == HTTP_DONE) {
    assert_int_equal(head.counts[head.fields[0].id], 1);
    assert_int_equal(head.firsts[head.fields[0].id], 0);
  }
  return (enum http_name)head.fields[0].id;
}

/* In any case; and no name that differs in one byte, or in its length, is taken for another. */
static void names_are_known_in_any_case(void **state)
{
  (void)state;
  static const char *const names[HTTP_NAMES] = {
      [HTTP_ACCESS_CONTROL_REQUEST_HEADERS] = "access-control-request-headers",
      [HTTP_CONNECTION] = "connection",
      [HTTP_CONTENT_LENGTH] = "content-length",
      [HTTP_CONTENT_TYPE] = "content-type",
      [HTTP_COOKIE] = "cookie",
      [HTTP_EXPECT] = "expect",
      [HTTP_FORWARDED] = "forwarded",
      [HTTP_HOST] = "host",
      [HTTP_IF_NONE_MATCH] = "if-none-match",
      [HTTP_ORIGIN] = "origin",
      [HTTP_SEC_FETCH_SITE] = "sec-fetch-site",
      [HTTP_SEC_WEBSOCKET_EXTENSIONS] = "sec-websocket-extensions",
      [HTTP_SEC_WEBSOCKET_KEY] = "sec-websocket-key",
      [HTTP_SEC_WEBSOCKET_PROTOCOL] = "sec-websocket-protocol",
      [HTTP_SEC_WEBSOCKET_VERSION] = "sec-websocket-version",
      [HTTP_TRANSFER_ENCODING] = "transfer-encoding",
      [HTTP_UPGRADE] = "upgrade",
      [HTTP_X_FORWARDED_FOR] = "x-forwarded-for",
      [HTTP_X_FORWARDED_HOST] = "x-forwarded-host",
      [HTTP_X_FORWARDED_PROTO] = "x-forwarded-proto",
  };
  for (unsigned id = 1; id < HTTP_NAMES; id++) {
    assert_non_null(names[id]);
    char name[64];
    size_t len = strlen(names[id]);
    for (size_t at = 0; at < len; at++)
      for (int c = 1; c < 256; c++) {
        bool letter = is_alpha(names[id][at]);
        bool same = c == names[id][at] || (letter && (c ^ 0x20) == names[id][at]);
        memcpy(name, names[id], len);
        name[at] = (char)c;
        enum http_name got = name_read(name, len);
        if (is_tchar(c) && got != (same ? id : HTTP_OTHER))
          fail_msg("%.*s: %d", (int)len, name, (int)got);
      }
    snprintf(name, sizeof name, "%sx", names[id]);
    assert_int_equal(name_read(name, len + 1), HTTP_OTHER);
    assert_int_equal(name_read(name, len - 1), HTTP_OTHER);
    for (size_t at = 0; at < len; at++)
      name[at] = (char)(is_alpha(name[at]) ? name[at] - 0x20 : name[at]);
    assert_int_equal(name_read(name, len), id);
  }
}

static void lists_go_over_lines_and_empty_members(void **state)
{
  (void)state;
  static const char bytes[] =
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: a,, b\t,\r\nM: e\r\nupgrade: ,C d ,\r\n\r\n";
  struct http_reader reader = {0};
  struct http_head head;
  struct http_fault fault;
  assert_int_equal(http_head_read(&reader, &limits, bytes, sizeof bytes - 1, &head, &fault),
                   HTTP_DONE);
  static const struct {
    const char *member;
    bool listed;
  } rows[] = {{"a", true},  {"A", true},   {"b", true},  {"c d", true},
              {"c", false}, {"d", false},  {"e", false}, {"a,", false},
              {"", false},  {"ab", false}, {",", false}, {"b\t", false}};
  for (size_t i = 0; i < N(rows); i++)
    assert_int_equal(http_head_lists(&head, HTTP_UPGRADE, str_of(rows[i].member)), rows[i].listed);

  struct plug_str rest = STR(" , one ,,\ttwo three,"), member;
  assert_true(http_list_next(&rest, &member) && str_eq(member, STR("one")));
  assert_true(http_list_next(&rest, &member) && str_eq(member, STR("two three")));
  assert_false(http_list_next(&rest, &member));
  assert_false(http_list_next(&rest, &member));
  rest = STR("");
  assert_false(http_list_next(&rest, &member));
}

static void tokens_are_those_of_rfc_9110_5_6_2(void **state)
{
  (void)state;
  assert_false(http_is_token(STR("")));
  assert_true(http_is_token(STR("a")));
  for (int c = 0; c < 256; c++) {
    char text[] = {'a', (char)c, 'b'};
    assert_int_equal(http_is_token(str_from(text, 3)), is_tchar(c));
    assert_int_equal(http_is_token(str_from(text + 1, 1)), is_tchar(c));
  }
}

/* --- limits -------------------------------------------------------------------------------- */

static void a_request_line_is_taken_up_to_its_limit(void **state)
{
  (void)state;
  static const char *const fronts[] = {"", "\r\n"};
  for (size_t f = 0; f < N(fronts); f++)
    for (uint32_t len = 64; len <= 67; len++) { /* with CR LF, without the empty line in front */
      char bytes[256], text[256];
      struct http_limits within = {.head_bytes = 200, .line_bytes = 65, .n_fields = 4};
      int fill = (int)len - (int)strlen("GET / HTTP/1.1\r\n");
      int n = snprintf(bytes, sizeof bytes, "%sGET /%0*d HTTP/1.1\r\nHost: x\r\n\r\n", fronts[f],
                       fill, 0);
      snprintf(text, sizeof text, "GET 1.1 path=/%0*d host=x keep", fill, 0);
      if (len <= 65)
        expect(&within, bytes, (size_t)n, 0, text);
      else
        expect(&within, bytes, (size_t)n, 414, LONG_LINE);
    }
}

static void a_head_is_taken_up_to_its_limit(void **state)
{
  (void)state;
  static const char *const fronts[] = {"", "\r\n"};
  for (size_t f = 0; f < N(fronts); f++)
    for (size_t len = 98; len <= 103; len++) { /* the empty line in front counts */
      char bytes[256];
      struct http_limits within = {.head_bytes = 100, .line_bytes = 64, .n_fields = 4};
      int fill = (int)len - (int)strlen(fronts[f]) -
                 (int)strlen("GET / HTTP/1.1\r\nHost: x\r\nA: \r\n\r\n");
      int n = snprintf(bytes, sizeof bytes, "%sGET / HTTP/1.1\r\nHost: x\r\nA: %0*d\r\n\r\n",
                       fronts[f], fill, 0);
      assert_int_equal(n, len);
      if (len <= 100)
        expect(&within, bytes, len, 0, GOOD);
      else
        expect(&within, bytes, len, 431, LARGE_HEAD);
    }
}

/* A client that never comes to an end is refused as soon as the limit is passed, and not before. */
static void what_does_not_end_is_refused_at_the_limit(void **state)
{
  (void)state;
  static const struct {
    const char *begin;
    char then;
    struct http_limits within;
    size_t at;
    unsigned status;
  } rows[] = {
      {"GET /", 'a', {.head_bytes = 200, .line_bytes = 100, .n_fields = 4}, 101, 414},
      {"\r\nGET /", 'a', {.head_bytes = 200, .line_bytes = 100, .n_fields = 4}, 103, 414},
      {"", 'A', {.head_bytes = 200, .line_bytes = 100, .n_fields = 4}, 101, 414},
      {"GET / HTTP/1.1\r\nA: ",
       'a',
       {.head_bytes = 200, .line_bytes = 100, .n_fields = 4},
       201,
       431},
      {"GET / HTTP/1.1\r\nA: ",
       '\r',
       {.head_bytes = 200, .line_bytes = 100, .n_fields = 4},
       201,
       431},
      {"GET / HTTP/1.1\r\n", '\0', {.head_bytes = 200, .line_bytes = 100, .n_fields = 4}, 201, 431},
      {"GET /", 'a', {.head_bytes = 100, .line_bytes = 200, .n_fields = 4}, 101, 431},
      {"GET /", 'a', {.head_bytes = 100, .line_bytes = 100, .n_fields = 4}, 101, 414},
      {"\r\nGET /", 'a', {.head_bytes = 100, .line_bytes = 100, .n_fields = 4}, 101, 431},
  };
  for (size_t i = 0; i < N(rows); i++) {
    char bytes[300];
    struct http_reader reader = {0};
    struct verdict got;
    memset(bytes, rows[i].then, sizeof bytes);
    memcpy(bytes, rows[i].begin, strlen(rows[i].begin));
    for (size_t n = 1; n < rows[i].at; n++) {
      read_some(&reader, &rows[i].within, bytes, n, &got);
      assert_int_equal(got.result, HTTP_MORE);
    }
    read_some(&reader, &rows[i].within, bytes, rows[i].at, &got);
    assert_int_equal(got.fault.status, rows[i].status);
    read_whole(&rows[i].within, bytes, sizeof bytes, &got);
    assert_int_equal(got.fault.status, rows[i].status);
    /* Nor does a line feed that comes at last change the reason. */
    bytes[sizeof bytes - 1] = '\n';
    read_whole(&rows[i].within, bytes, sizeof bytes, &got);
    assert_int_equal(got.fault.status, rows[i].status);
  }
}

static void headers_are_counted(void **state)
{
  (void)state;
  static const uint32_t allowed[] = {1, 8, 255, 256, 257, 1000};
  for (size_t i = 0; i < N(allowed); i++) {
    struct http_limits within = {.head_bytes = 8192, .line_bytes = 64, .n_fields = allowed[i]};
    uint32_t most = allowed[i] < HTTP_FIELDS_CAP ? allowed[i] : HTTP_FIELDS_CAP;
    for (uint32_t n = most; n <= most + 2; n++) {
      struct buf bytes = {0};
      buf_put_str(&bytes, STR("GET / HTTP/1.1\r\nHost: x\r\n"));
      for (uint32_t k = 1; k < n; k++)
        buf_putf(&bytes, "A%u: b\r\n", k);
      buf_put_str(&bytes, STR("\r\n"));
      assert_false(bytes.failed);
      if (n == most)
        expect(&within, bytes.data, bytes.len, 0, GOOD);
      else
        expect(&within, bytes.data, bytes.len, 431, TOO_MANY);
      buf_free(&bytes);
    }
  }
}

static void requests_in_a_row_come_one_by_one_at_any_split(void **state)
{
  (void)state;
  static const char bytes[] = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
                              "\r\nHEAD /2 HTTP/1.0\r\n\r\n"
                              "OPTIONS * HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n";
  static const char *const expected[] = {"GET 1.1 path=/1 host=a keep", "HEAD 1.0 path=/2 close",
                                         "OPTIONS 1.1 asterisk host=c close"};
  const size_t len = sizeof bytes - 1;
  for (size_t a = 0; a <= len; a++)
    for (size_t b = a; b <= len; b += 7) {
      const size_t ends[] = {a, b, len};
      struct http_reader reader = {0};
      size_t begin = 0, n = 0;
      for (size_t i = 0; i < N(ends); i++) {
        struct verdict got = {.result = HTTP_DONE};
        while (got.result == HTTP_DONE && begin < ends[i]) {
          read_some(&reader, &limits, bytes + begin, ends[i] - begin, &got);
          assert_int_not_equal(got.result, HTTP_REFUSED);
          if (got.result == HTTP_DONE) {
            assert_string_equal(got.text, expected[n++]);
            begin += got.len;
          }
        }
      }
      assert_int_equal(n, N(expected));
      assert_int_equal(begin, len);
    }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_end_as_rfc_9112_2_2_has_it),
      cmocka_unit_test(request_lines_are_those_of_rfc_9112_3),
      cmocka_unit_test(methods_are_those_of_rfc_9110_9),
      cmocka_unit_test(versions_are_those_of_rfc_9112_2_3),
      cmocka_unit_test(targets_in_origin_form_are_those_of_rfc_9112_3_2_1),
      cmocka_unit_test(targets_in_absolute_form_are_those_of_rfc_9112_3_2_2),
      cmocka_unit_test(other_targets_are_those_of_rfc_9112_3_2_3_and_4),
      cmocka_unit_test(hosts_are_those_of_rfc_9112_3_2_and_rfc_9110_7_2),
      cmocka_unit_test(fields_are_those_of_rfc_9112_5),
      cmocka_unit_test(bodies_are_framed_as_in_rfc_9112_6),
      cmocka_unit_test(expectations_are_those_of_rfc_9110_10_1_1),
      cmocka_unit_test(connections_last_as_in_rfc_9112_9_3),
      cmocka_unit_test(every_byte_is_judged_by_the_grammar),
      cmocka_unit_test(every_byte_of_a_query_is_judged_by_the_grammar),
      cmocka_unit_test(every_byte_of_a_long_value_is_judged_by_the_grammar),
      cmocka_unit_test(fields_keep_their_order_and_their_bytes),
      cmocka_unit_test(names_are_known_in_any_case),
      cmocka_unit_test(lists_go_over_lines_and_empty_members),
      cmocka_unit_test(tokens_are_those_of_rfc_9110_5_6_2),
      cmocka_unit_test(a_request_line_is_taken_up_to_its_limit),
      cmocka_unit_test(a_head_is_taken_up_to_its_limit),
      cmocka_unit_test(what_does_not_end_is_refused_at_the_limit),
      cmocka_unit_test(headers_are_counted),
      cmocka_unit_test(requests_in_a_row_come_one_by_one_at_any_split),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
