/* Request heads with a byte that may be anything: all 256 are tried, against the grammar of RFC
 * 9110 and RFC 9112 as the tests write it down for themselves. */
#include "head_fixture.h"

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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_byte_is_judged_by_the_grammar),
      cmocka_unit_test(every_byte_of_a_query_is_judged_by_the_grammar),
      cmocka_unit_test(every_byte_of_a_long_value_is_judged_by_the_grammar),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
