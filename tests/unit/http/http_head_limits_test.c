/* What is given out of the head of a request, and where its limits are. */
#include "head_fixture.h"

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
