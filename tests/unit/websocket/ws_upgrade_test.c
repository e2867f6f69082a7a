/* Handshakes (RFC 6455 4): which requests are one, why others are refused, and what is answered. */
#include "websocket/ws_upgrade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/str.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static void read_head(const char *bytes, struct http_head *head)
{
  static const struct http_limits limits = {.head_bytes = 4096, .line_bytes = 1024, .n_fields = 32};
  struct http_reader reader = {0};
  struct http_fault fault = {0};
  if (http_head_read(&reader, &limits, bytes, strlen(bytes), head, &fault) != HTTP_DONE)
    fail_msg("%s: %s", bytes, fault.text ? fault.text : "more");
}

#define LINE    "GET /ws HTTP/1.1\r\n"
#define HOST    "Host: server.example.com\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONN    "Connection: Upgrade\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define ALL     LINE HOST UPGRADE CONN KEY VERSION

#define NO_GET        405, "A WebSocket handshake is a GET request.", "allow: GET\r\n"
#define OTHER_UPGRADE 400, "Can \"Upgrade\" only to \"WebSocket\".", NULL
#define OLD_HTTP      400, "A WebSocket handshake needs HTTP/1.1.", NULL
#define NO_CONNECTION 400, "The Connection header does not name \"Upgrade\".", NULL
#define OTHER_VERSION \
  426, "Only version 13 of the WebSocket protocol is spoken here.", "sec-websocket-version: 13\r\n"
#define BAD_KEY  400, "The Sec-WebSocket-Key header is missing or bad.", NULL
#define HAS_BODY 400, "A WebSocket handshake has no body.", NULL

static void what_is_no_handshake_is_refused(void **state)
{
  (void)state;
  static const struct {
    const char *request;
    unsigned status;
    const char *text, *header;
  } rows[] = {
      {"POST /ws HTTP/1.1\r\n" HOST UPGRADE CONN KEY VERSION "\r\n", NO_GET},
      {"HEAD /ws HTTP/1.1\r\n" HOST UPGRADE CONN KEY VERSION "\r\n", NO_GET},
      {"OPTIONS /ws HTTP/1.1\r\n" HOST UPGRADE CONN KEY VERSION "\r\n", NO_GET},
      {LINE HOST "Upgrade: h2c\r\n" CONN KEY VERSION "\r\n", OTHER_UPGRADE},
      {LINE HOST "Upgrade:\r\n" CONN KEY VERSION "\r\n", OTHER_UPGRADE},
      {LINE HOST "Upgrade: websockets\r\n" CONN KEY VERSION "\r\n", OTHER_UPGRADE},
      {LINE HOST "Upgrade: websocket/13\r\n" CONN KEY VERSION "\r\n", OTHER_UPGRADE},
      {LINE HOST "Upgrade: \"websocket\"\r\n" CONN KEY VERSION "\r\n", OTHER_UPGRADE},
      {LINE HOST CONN KEY VERSION "\r\n", OTHER_UPGRADE},
      {"GET /ws HTTP/1.0\r\n" HOST UPGRADE CONN KEY VERSION "\r\n", OLD_HTTP},
      {LINE HOST UPGRADE KEY VERSION "\r\n", NO_CONNECTION},
      {LINE HOST UPGRADE "Connection: keep-alive\r\n" KEY VERSION "\r\n", NO_CONNECTION},
      {LINE HOST UPGRADE "Connection: websocket\r\n" KEY VERSION "\r\n", NO_CONNECTION},
      {LINE HOST UPGRADE CONN KEY "\r\n", OTHER_VERSION},
      {LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version:\r\n\r\n", OTHER_VERSION},
      {LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 8\r\n\r\n", OTHER_VERSION},
      {LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 013\r\n\r\n", OTHER_VERSION},
      {LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 13, 8\r\n\r\n", OTHER_VERSION},
      {LINE HOST UPGRADE CONN KEY VERSION VERSION "\r\n", OTHER_VERSION},
      {LINE HOST UPGRADE CONN VERSION "\r\n", BAD_KEY},
      {LINE HOST UPGRADE CONN KEY KEY VERSION "\r\n", BAD_KEY},
      {ALL "Content-Length: 1\r\n\r\n", HAS_BODY},
      {ALL "Transfer-Encoding: chunked\r\n\r\n", HAS_BODY},
      /* The order: each of these has everything wrong that is named after it. */
      {"POST /ws HTTP/1.0\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n", NO_GET},
      {"GET /ws HTTP/1.0\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n", OTHER_UPGRADE},
      {"GET /ws HTTP/1.0\r\n" UPGRADE "Content-Length: 1\r\n\r\n", OLD_HTTP},
      {LINE HOST UPGRADE "Content-Length: 1\r\n\r\n", NO_CONNECTION},
      {LINE HOST UPGRADE CONN "Content-Length: 1\r\n\r\n", OTHER_VERSION},
      {LINE HOST UPGRADE CONN VERSION "Content-Length: 1\r\n\r\n", BAD_KEY},
  };
  for (size_t i = 0; i < N(rows); i++) {
    struct http_head head;
    struct http_fault fault = {0};
    struct ws_upgrade upgrade = {0};
    read_head(rows[i].request, &head);
    if (ws_upgrade_judge(&head, &upgrade, &fault) || fault.status != rows[i].status ||
        strcmp(fault.text, rows[i].text) != 0)
      fail_msg("%s: %u %s", rows[i].request, fault.status, fault.text ? fault.text : "");
    assert_int_equal(fault.header != NULL, rows[i].header != NULL);
    if (fault.header)
      assert_string_equal(fault.header, rows[i].header);
  }
}

static void handshakes_are_recognised_however_they_are_written(void **state)
{
  (void)state;
  static const char *const rows[] = {
      ALL "\r\n",
      LINE HOST VERSION KEY CONN UPGRADE "\r\n",
      "GET /ws HTTP/1.2\r\n" HOST UPGRADE CONN KEY VERSION "\r\n",
      "GET http://server.example.com/ws HTTP/1.1\r\n" HOST UPGRADE CONN KEY VERSION "\r\n",
      LINE HOST "upgrade:WebSocket\r\nconnection:uPGRADE\r\n"
                "sec-websocket-key:\t dGhlIHNhbXBsZSBub25jZQ== \r\nSEC-WEBSOCKET-VERSION:13 \r\n"
                "\r\n",
      LINE HOST UPGRADE "Connection: keep-alive, Upgrade\r\n" KEY VERSION "\r\n",
      LINE HOST UPGRADE "Connection: ,Upgrade,,\r\n" KEY VERSION "\r\n",
      LINE HOST UPGRADE "Connection: keep-alive\r\nConnection: x, upgrade\r\n" KEY VERSION "\r\n",
      LINE HOST "Upgrade: h2c, websocket\r\n" CONN KEY VERSION "\r\n",
      LINE HOST "Upgrade: ,\r\nUpgrade: websocket ,\r\n" CONN KEY VERSION "\r\n",
      ALL "Content-Length: 0\r\n\r\n",
      ALL "Sec-WebSocket-Extensions: permessage-deflate\r\nCookie: a=b\r\n\r\n",
  };
  for (size_t i = 0; i < N(rows); i++) {
    struct http_head head;
    struct http_fault fault = {0};
    struct ws_upgrade upgrade = {0};
    read_head(rows[i], &head);
    assert_true(ws_upgrade_wanted(&head));
    if (!ws_upgrade_judge(&head, &upgrade, &fault))
      fail_msg("%s: %s", rows[i], fault.text);
    assert_true(str_eq(upgrade.key, STR("dGhlIHNhbXBsZSBub25jZQ==")));
    assert_int_equal(upgrade.protocol.len, 0);
  }
}

static void an_upgrade_is_what_has_the_header(void **state)
{
  (void)state;
  struct http_head head;
  read_head(LINE HOST "Upgrade: h2c\r\n\r\n", &head);
  assert_true(ws_upgrade_wanted(&head));
  read_head(LINE HOST CONN KEY VERSION "\r\n", &head);
  assert_false(ws_upgrade_wanted(&head));
}

static bool key_is_taken(const char *key, size_t len)
{
  char request[512];
  struct http_head head;
  struct http_fault fault = {0};
  struct ws_upgrade upgrade = {0};
  int n = snprintf(request, sizeof request, "%sSec-WebSocket-Key: %.*s\r\n\r\n",
                   LINE HOST UPGRADE CONN VERSION, (int)len, key);
  assert_true(n > 0 && (size_t)n < sizeof request);
  read_head(request, &head);
  return ws_upgrade_judge(&head, &upgrade, &fault);
}

/* 4.2.1: the base64 of 16 bytes. */
static void keys_are_base64_of_16_bytes(void **state)
{
  (void)state;
  static const char good[] = "x3JJHMbDL1EzLkh9GBhXDw==";
  static const char *const bad[] = {
      "",
      "a",
      "==",
      "x3JJHMbDL1EzLkh9GBhXDw",
      "x3JJHMbDL1EzLkh9GBhXDw=",
      "x3JJHMbDL1EzLkh9GBhXDw===",
      "x3JJHMbDL1EzLkh9GBhXDww=",
      "x3JJHMbDL1EzLkh9GBhXDwww",
      "x3JJHMbDL1EzLkh9GBhXD===",
      "=3JJHMbDL1EzLkh9GBhXDw==",
      "x3JJHMbDL1EzLkh9GBhXD==w",
      "x3JJHMbDL1EzLkh9GBhXDwAA==",
      "SGVsbG8sIHdvcmxkIQ==",
      "x3JJHMbDL1EzLkh9GBhXDw==, x3JJHMbDL1EzLkh9GBhXDw==",
  };
  assert_true(key_is_taken(good, sizeof good - 1));
  assert_true(key_is_taken("AAAAAAAAAAAAAAAAAAAAAA==", 24));
  assert_true(key_is_taken("/////////////////////w==", 24));
  for (size_t i = 0; i < N(bad); i++)
    if (key_is_taken(bad[i], strlen(bad[i])))
      fail_msg("%s is taken", bad[i]);
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int c = 0x21; c < 0x100; c++)
    for (size_t at = 0; at < 22; at += 7) {
      char key[sizeof good];
      memcpy(key, good, sizeof good);
      key[at] = (char)c;
      if (c != 0x7f) /* of which the head would be refused */
        assert_int_equal(key_is_taken(key, 24), strchr(digits, c) != NULL);
    }
}

static void the_clients_order_chooses_the_protocol(void **state)
{
  (void)state;
#define OFFER "Sec-WebSocket-Protocol: "
  static const char *const rows[][2] = {
      {"", ""},
      {OFFER "v12.stomp\r\n", "v12.stomp"},
      {OFFER "v11.stomp\r\n", "v11.stomp"},
      {OFFER "v10.stomp\r\n", "v10.stomp"},
      {OFFER "v10.stomp, v11.stomp, v12.stomp\r\n", "v10.stomp"},
      {OFFER "v12.stomp,v11.stomp,v10.stomp\r\n", "v12.stomp"},
      {OFFER "mqtt, v11.stomp\r\n", "v11.stomp"},
      {OFFER ", ,\tv11.stomp ,,\r\n", "v11.stomp"},
      {OFFER "mqtt\r\n" OFFER "v11.stomp\r\n" OFFER "v12.stomp\r\n", "v11.stomp"},
      {"sec-websocket-PROTOCOL:v12.stomp\r\n", "v12.stomp"},
      /* Names have a case, and are whole. */
      {OFFER "V12.STOMP\r\n", ""},
      {OFFER "v12.stomp.x, xv12.stomp, v12\r\n", ""},
      {OFFER "\"v12.stomp\"\r\n", ""},
      {OFFER "v12.stomp v11.stomp\r\n", ""},
      {OFFER "mqtt\r\n", ""},
      {OFFER "\r\n", ""},
  };
  for (size_t i = 0; i < N(rows); i++) {
    char request[512];
    struct http_head head;
    struct http_fault fault = {0};
    struct ws_upgrade upgrade = {0};
    snprintf(request, sizeof request, "%s%s\r\n", ALL, rows[i][0]);
    read_head(request, &head);
    assert_true(ws_upgrade_judge(&head, &upgrade, &fault));
    assert_true(str_eq(upgrade.protocol, str_of(rows[i][1])));
  }
#undef OFFER
}

static void the_answer_is_that_of_the_rfc(void **state)
{
  (void)state;
  static const char *const rows[][2] = {
      {"", ""},
      {"Sec-WebSocket-Protocol: v12.stomp\r\n", "Sec-WebSocket-Protocol: v12.stomp\r\n"},
  };
  for (size_t i = 0; i < N(rows); i++) {
    char request[512], expected[512];
    struct http_head head;
    struct http_fault fault = {0};
    struct ws_upgrade upgrade = {0};
    struct buf out = {0};
    snprintf(request, sizeof request, "%s%s\r\n", ALL, rows[i][0]);
    read_head(request, &head);
    assert_true(ws_upgrade_judge(&head, &upgrade, &fault));
    ws_upgrade_put_answer(&out, &upgrade);
    assert_false(out.failed);
    /* 1.3 has the key and what it is answered with. */
    snprintf(expected, sizeof expected,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n%s\r\n",
             rows[i][1]);
    assert_true(str_eq(str_from(out.data, out.len), str_of(expected)));
    buf_free(&out);
  }
}

static void *accept_often(void *wrong)
{
  for (int i = 0; i < 3; i++) {
    char accept[WS_ACCEPT_LEN + 1];
    if (!ws_upgrade_accept(STR("x3JJHMbDL1EzLkh9GBhXDw=="), accept) ||
        strcmp(accept, "HSmrc0sMlYUkAGmm5OPpG2HaGWk=") != 0)
      *(bool *)wrong = true;
  }
  return NULL;
}

/* Leak checkers see what a thread leaves behind. */
static void threads_come_and_go(void **state)
{
  (void)state;
  pthread_t threads[8];
  bool wrong[N(threads)] = {false};
  for (size_t i = 0; i < N(threads); i++)
    assert_int_equal(pthread_create(&threads[i], NULL, accept_often, &wrong[i]), 0);
  for (size_t i = 0; i < N(threads); i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_false(wrong[i]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_no_handshake_is_refused),
      cmocka_unit_test(handshakes_are_recognised_however_they_are_written),
      cmocka_unit_test(an_upgrade_is_what_has_the_header),
      cmocka_unit_test(keys_are_base64_of_16_bytes),
      cmocka_unit_test(the_clients_order_chooses_the_protocol),
      cmocka_unit_test(the_answer_is_that_of_the_rfc),
      cmocka_unit_test(threads_come_and_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
