#include "net/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

struct row {
  const char *bytes;
  size_t len;
  enum proxy_result result;
  const char *peer; /* NULL: the proxy speaks for itself */
};
#define ROW(bytes, result, peer) {bytes, sizeof(bytes) - 1, result, peer}

/* HAProxy's proxy-protocol.txt, 2.1 and 2.2. */
static const struct row rows[] = {
    ROW("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", PROXY_DONE, "192.0.2.1:56324"),
    ROW("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", PROXY_DONE,
        "255.255.255.255:65535"),
    ROW("PROXY TCP6 2001:db8::1 ::1 0 443\r\n", PROXY_DONE, "[2001:db8::1]:0"),
    ROW("PROXY UNKNOWN\r\n", PROXY_DONE, NULL),
    ROW("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", PROXY_DONE, NULL),
    ROW("PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n", PROXY_BAD, NULL),
    ROW("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 x\r\n", PROXY_BAD, NULL),
    ROW("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n", PROXY_BAD, NULL),
    ROW("PROXY TCP4 192.0.2.1  198.51.100.2 56324 443\r\n", PROXY_BAD, NULL),
    ROW("PROXY TCP4 192.0.2 198.51.100.2 1 2\r\n", PROXY_BAD, NULL),
    ROW("PROXY TCP4 2001:db8::1 ::1 1 2\r\n", PROXY_BAD, NULL),
    ROW("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n", PROXY_BAD, NULL),
    ROW("PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n", PROXY_BAD, NULL),
    ROW("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n", PROXY_BAD, NULL),
    ROW("PROXY TCP4 192.0.2.1 198.51.100.2 -1 2\r\n", PROXY_BAD, NULL),
    ROW("PROXY TCP4 192.0.2.1 198.51.100.2 1 \r\n", PROXY_BAD, NULL),
    ROW("PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n", PROXY_BAD, NULL),
    ROW("PROXY  TCP4 192.0.2.1 198.51.100.2 1 2\r\n", PROXY_BAD, NULL),
    ROW("PROXY \r\n", PROXY_BAD, NULL),
    ROW("proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n", PROXY_BAD, NULL),
    ROW("GET / HTTP/1.1\r\n", PROXY_BAD, NULL),
    ROW("\r\nGET", PROXY_BAD, NULL),
    ROW("CONNECT\n", PROXY_BAD, NULL),
    ROW(SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb", PROXY_DONE,
        "192.0.2.1:56324"),
    ROW(SIGNATURE "\x21\x11\0\x10\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb\x04\0\x01x",
        PROXY_DONE, "192.0.2.1:56324"),
    ROW(SIGNATURE "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x34\x01\xbb",
        PROXY_DONE, "[2001:db8::1]:4660"),
    ROW(SIGNATURE "\x20\0\0\0", PROXY_DONE, NULL),
    ROW(SIGNATURE "\x20\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb", PROXY_DONE, NULL),
    ROW(SIGNATURE "\x21\0\0\0", PROXY_DONE, NULL), /* UNSPEC */
    ROW(SIGNATURE "\x21\x11\0\x0b\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01", PROXY_BAD, NULL),
    ROW(SIGNATURE "\x21\x21\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb", PROXY_BAD, NULL),
    ROW(SIGNATURE "\x22\x11\0\0", PROXY_BAD, NULL),   /* no such command */
    ROW(SIGNATURE "\x11\x11\0\0", PROXY_BAD, NULL),   /* version 1 in binary */
    ROW(SIGNATURE "\x31\x11\0\0", PROXY_BAD, NULL),   /* version 3 */
    ROW(SIGNATURE "\x21\x11\x10\0", PROXY_BAD, NULL), /* longer than is looked at */
};

static void judge(const struct row *row, const char *bytes, size_t len)
{
  struct proxy_header header;
  char text[NET_PEER_TEXT_MAX] = "";
  enum proxy_result result = proxy_header_read(bytes, len, &header);
  if (result != row->result)
    fail_msg("%d instead of %d for: %s", result, row->result, row->bytes);
  if (result != PROXY_DONE)
    return;
  assert_int_equal(header.len, row->len);
  assert_int_equal(header.has_peer, row->peer != NULL);
  if (row->peer) {
    net_peer_text(&header.peer, text);
    assert_string_equal(text, row->peer);
  }
}

static void headers_are_read_whole_and_in_pieces(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const struct row *row = &rows[i];
    char longer[256];
    judge(row, row->bytes, row->len);
    memcpy(longer, row->bytes, row->len);
    memset(longer + row->len, 'z', sizeof longer - row->len);
    if (row->result == PROXY_DONE)
      judge(row, longer, sizeof longer);
    for (size_t len = 0; len < row->len; len++) { /* more never takes a refusal back */
      struct proxy_header header;
      enum proxy_result result = proxy_header_read(row->bytes, len, &header);
      assert_true(result == PROXY_MORE || (result == PROXY_BAD && row->result == PROXY_BAD));
    }
  }
}

static void a_line_ends_somewhere(void **state)
{
  (void)state;
  char bytes[200] = "PROXY UNKNOWN ";
  struct proxy_header header;
  memset(bytes + 14, 'x', sizeof bytes - 14);
  assert_int_equal(proxy_header_read(bytes, 106, &header), PROXY_MORE);
  assert_int_equal(proxy_header_read(bytes, 107, &header), PROXY_BAD);
  memcpy(bytes + 105, "\r\n", 2);
  assert_int_equal(proxy_header_read(bytes, sizeof bytes, &header), PROXY_DONE);
  assert_int_equal(header.len, 107);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(headers_are_read_whole_and_in_pieces),
      cmocka_unit_test(a_line_ends_somewhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
