#include "websocket/ws_deflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"

static bool offered(const char *extensions)
{
  static struct http_head head;
  struct http_limits limits = {.head_bytes = 8192, .line_bytes = 1024, .n_fields = 20};
  struct http_reader reader = {0};
  struct http_fault fault;
  char bytes[1024];
  int n = snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nhost: x\r\n%s%s%s\r\n",
                   extensions ? "sec-websocket-extensions: " : "", extensions ? extensions : "",
                   extensions ? "\r\n" : "");
  assert_int_equal(http_head_read(&reader, &limits, bytes, (size_t)n, &head, &fault), HTTP_DONE);
  return ws_deflate_is_offered(&head);
}

static void offers_are_judged(void **state)
{
  (void)state;
  static const char *const good[] = {
      "permessage-deflate",
      "permessage-deflate; client_max_window_bits",
      "permessage-deflate; client_max_window_bits=10; server_no_context_takeover",
      "permessage-deflate; client_max_window_bits=\"8\"",
      "permessage-deflate; server_max_window_bits=15; client_no_context_takeover",
      "x-webkit-deflate-frame, permessage-deflate",
      "permessage-deflate; server_max_window_bits=9, permessage-deflate",
  };
  static const char *const bad[] = {
      "x-webkit-deflate-frame",
      "permessage-deflate; server_max_window_bits=10",
      "permessage-deflate; server_max_window_bits",
      "permessage-deflate; client_max_window_bits=16",
      "permessage-deflate; client_max_window_bits=07",
      "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9",
      "permessage-deflate; server_no_context_takeover=1",
      "permessage-deflate; unknown",
      "permessage-deflate;",
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!offered(good[i]))
      fail_msg("%s", good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (offered(bad[i]))
      fail_msg("%s", bad[i]);
  assert_false(offered(NULL));
}

static void what_is_compressed_comes_back(void **state)
{
  (void)state;
  struct buf text = {0}, packed = {0}, out = {0};
  for (size_t size = 0; size < 200000; size = size * 3 + 1) {
    text.len = packed.len = out.len = 0;
    for (size_t i = 0; i < size; i++)
      buf_put_char(&text, (char)('a' + (i * i) % 23));
    assert_true(ws_deflate(&packed, str_from(text.data, text.len)));
    assert_int_equal(ws_inflate(&out, str_from(packed.data, packed.len), size), WS_INFLATED);
    assert_int_equal(out.len, size);
    if (size)
      assert_memory_equal(out.data, text.data, size);
    if (size) {
      out.len = 0;
      assert_int_equal(ws_inflate(&out, str_from(packed.data, packed.len), size - 1),
                       WS_INFLATE_TOO_LARGE);
    }
  }
  buf_free(&text);
  buf_free(&packed);
  buf_free(&out);
}

/* RFC 7692 7.2.3 has these. */
static void the_examples_of_the_rfc_are_read(void **state)
{
  (void)state;
  static const struct {
    const char *bytes;
    size_t len;
  } rows[] = {
      {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7},
      {"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11},
      {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8},
      {"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct buf out = {0};
    assert_int_equal(ws_inflate(&out, str_from(rows[i].bytes, rows[i].len), 100), WS_INFLATED);
    assert_true(str_eq(str_from(out.data, out.len), STR("Hello")));
    buf_free(&out);
  }
}

static void what_is_broken_is_told(void **state)
{
  (void)state;
  struct buf out = {0};
  assert_int_equal(ws_inflate(&out, STR("\xff\xff\xff"), 100), WS_INFLATE_BAD);
  out.len = 0;
  assert_int_equal(ws_inflate(&out, STR(""), 100), WS_INFLATED);
  assert_int_equal(out.len, 0);
  buf_free(&out);
}

static int tear_down(void **state)
{
  (void)state;
  ws_deflate_drop_streams();
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(offers_are_judged),
      cmocka_unit_test(what_is_compressed_comes_back),
      cmocka_unit_test(the_examples_of_the_rfc_are_read),
      cmocka_unit_test(what_is_broken_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, tear_down);
}
