/* The client's side of WebSocket: the request, answers good and bad, and frames that our own reader
 * reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/ws_client.h"
#include "websocket/ws_reader.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

/* The key and its answer are those of RFC 6455 1.3. */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define START  "HTTP/1.1 101 Switching Protocols\r\n"
#define FIELDS "Upgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n"

static void answers_are_judged(void **state)
{
  static const struct {
    const char *answer;
    enum ws_client_answer expected;
    const char *why;
  } rows[] = {
      {START FIELDS "sec-websocket-accept:" ACCEPT "\r\n\r\nrest", WS_CLIENT_OPEN, ""},
      {"HTTP/1.1 101\n" FIELDS "Sec-WebSocket-Accept: " ACCEPT "\n\nrest", WS_CLIENT_OPEN, ""},
      {"HTTP/1.", WS_CLIENT_MORE, ""},
      {"", WS_CLIENT_MORE, ""},
      {START FIELDS, WS_CLIENT_MORE, ""},
      {"SSH", WS_CLIENT_GARBAGE, "what answers is no HTTP server"},
      {"HTTP/1.1 1x1 a\r\n\r\n", WS_CLIENT_GARBAGE, "what answers is no HTTP server"},
      {"HTTP/1.1 1010\r\n\r\n", WS_CLIENT_GARBAGE, "what answers is no HTTP server"},
      {"HTTP/1.1 404 Not Found\r\nX: y\r\n\r\nnot here\nat all", WS_CLIENT_REFUSED,
       "HTTP/1.1 404 Not Found: not here"},
      {"HTTP/1.0 302 Found\r\n\r\n", WS_CLIENT_REFUSED, "HTTP/1.0 302 Found"},
      {"HTTP/1.1 503 Service Unavailable\r\n\r\n", WS_CLIENT_UNAVAILABLE,
       "HTTP/1.1 503 Service Unavailable"},
      {START FIELDS "\r\n", WS_CLIENT_GARBAGE,
       "the answer to the handshake is not that of a WebSocket server"},
      {START "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n", WS_CLIENT_GARBAGE,
       "the answer to the handshake is not that of a WebSocket server"},
      {START FIELDS "Sec-WebSocket-Accept: x\r\n\r\n", WS_CLIENT_GARBAGE,
       "the answer to the handshake is not that of a WebSocket server"},
      {START FIELDS "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Extensions: x\r\n\r\n",
       WS_CLIENT_GARBAGE, "the server uses an extension that was not asked for"},
  };
  (void)state;
  for (size_t i = 0; i < N(rows); i++) {
    char why[240] = "";
    size_t used = 0, len = strlen(rows[i].answer);
    char *copy = malloc(len + 1); /* what is read beyond the end is seen by sanitizers */
    assert_non_null(copy);
    memcpy(copy, rows[i].answer, len);
    copy = realloc(copy, len ? len : 1);
    assert_int_equal(ws_client_read_answer(copy, len, KEY, &used, why), rows[i].expected);
    assert_string_equal(why, rows[i].why);
    if (rows[i].expected == WS_CLIENT_OPEN)
      assert_int_equal(len - used, strlen("rest"));
    free(copy);
  }
}

static void the_request_is_a_handshake(void **state)
{
  const char *items[] = {"Origin: http://o.example"};
  const struct text_list headers = {items, 1};
  struct buf out = {0};
  char key[WS_KEY_LEN + 1];
  (void)state;
  assert_true(ws_client_make_key(key));
  assert_int_equal(strlen(key), WS_KEY_LEN);
  ws_client_put_request(&out, "h:1", "/ws?x", key, &headers);
  static const struct http_limits limits = {4096, 4096, 64};
  struct http_reader reader = {0};
  struct http_fault fault;
  struct ws_upgrade upgrade;
  struct http_head *head = malloc(sizeof *head);
  assert_non_null(head);
  assert_int_equal(http_head_read(&reader, &limits, out.data, out.len, head, &fault), HTTP_DONE);
  assert_true(ws_upgrade_judge(head, &upgrade, &fault));
  assert_true(str_eq(upgrade.protocol, STR("v12.stomp")));
  assert_true(str_eq(upgrade.key, str_of(key)));
  assert_true(str_eq(http_head_field(head, HTTP_ORIGIN)->value, STR("http://o.example")));
  free(head);
  buf_free(&out);
}

static void frames_of_every_length_are_read_by_a_server(void **state)
{
  static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, 100000};
  (void)state;
  for (size_t i = 0; i < N(lengths); i++) {
    struct buf text = {0}, out = {0};
    for (size_t n = 0; n < lengths[i]; n++)
      buf_put_char(&text, (char)('a' + n % 26));
    ws_client_put_frame(&out, WS_TEXT, str_from(text.data, text.len));
    struct ws_reader reader = {0};
    struct ws_item item;
    char *at = out.data;
    assert_int_equal(ws_reader_next(&reader, &at, out.data + out.len, &item), WS_GOT_DATA);
    assert_true(item.ends && !item.binary && at == out.data + out.len);
    assert_true(str_eq(str_from(item.bytes, item.len), str_from(text.data, text.len)));
    ws_reader_fini(&reader);
    buf_free(&text);
    buf_free(&out);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_are_judged),
      cmocka_unit_test(the_request_is_a_handshake),
      cmocka_unit_test(frames_of_every_length_are_read_by_a_server),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
