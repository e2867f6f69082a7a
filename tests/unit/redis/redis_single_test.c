/* The layout "single": JSON as Spring nodes write and read it, in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>

#include "mock_host.h"
#include "redis_server.h"
#include "redis_single.h"

static const struct {
  const char *topic, *type, *payload, *json; /* json NULL: cannot be said */
} encoded[] = {
    {"/sub/a", "application/json", "{\"x\":1}",
     "{\"destination\":\"/sub/a\",\"content\":{\"x\":1}}"},
    {"/sub/a", "", "[1, 2]", "{\"destination\":\"/sub/a\",\"content\":[1, 2]}"},
    {"/sub/a", "", "12.50", "{\"destination\":\"/sub/a\",\"content\":12.50}"},
    {"/sub/a", "", "true", "{\"destination\":\"/sub/a\",\"content\":true}"},
    {"/sub/a", "", "\"t\"", "{\"destination\":\"/sub/a\",\"content\":\"t\"}"},
    {"/sub/a", "", "hello", "{\"destination\":\"/sub/a\",\"content\":\"hello\"}"},
    {"/sub/a", "", "", "{\"destination\":\"/sub/a\",\"content\":\"\"}"},
    {"/sub/a", "", "null", "{\"destination\":\"/sub/a\",\"content\":\"null\"}"},
    {"/sub/a", "application/json",
     "{\"x\":", "{\"destination\":\"/sub/a\",\"content\":\"{\\\"x\\\":\"}"},
    {"/sub/a", "text/plain", "123", "{\"destination\":\"/sub/a\",\"content\":\"123\"}"},
    {"/sub/a", "text/plain;charset=UTF-8", "{}", "{\"destination\":\"/sub/a\",\"content\":\"{}\"}"},
    {"/sub/a", "Application/JSON; charset=utf-8", "{}",
     "{\"destination\":\"/sub/a\",\"content\":{}}"},
    {"/sub/a", "application/vnd.x+json", "{}", "{\"destination\":\"/sub/a\",\"content\":{}}"},
    {"/sub/a", "application/jsonp", "{}", "{\"destination\":\"/sub/a\",\"content\":\"{}\"}"},
    {"/sub/a", "application/octet-stream", "{}", "{\"destination\":\"/sub/a\",\"content\":\"{}\"}"},
    {"/sub/\"q\"\n", "", "1", "{\"destination\":\"/sub/\\\"q\\\"\\n\",\"content\":1}"},
    {"/sub/\xED\x99\x8D", "text/plain", "\xF0\x9F\x98\x80\x01",
     "{\"destination\":\"/sub/\xED\x99\x8D\",\"content\":\"\xF0\x9F\x98\x80\\u0001\"}"},
    {"/sub/a", "", "\xFF\x00", NULL},
    {"/sub/a", "application/json", "\"\xFF\"", NULL},
    {"/sub/\xFF", "", "1", NULL},
};

static void payloads_become_json(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof encoded / sizeof *encoded; i++) {
    struct redis_buf out = {0};
    const char *why = NULL;
    plug_status status =
        redis_single_encode(&out, redis_str(encoded[i].topic), redis_str(encoded[i].type),
                            redis_str(encoded[i].payload), &why);
    if (encoded[i].json == NULL) {
      assert_int_equal(status, PLUG_EINVAL);
      assert_non_null(why);
    } else {
      assert_int_equal(status, PLUG_OK);
      redis_buf_put_char(&out, '\0');
      assert_string_equal(out.ptr, encoded[i].json);
    }
    redis_buf_fini(&out);
  }
}

#define TEXT "text/plain;charset=UTF-8"
#define JSON "application/json"

static const struct {
  const char *json;
  plug_status status;
  const char *topic, *type, *payload;
} decoded[] = {
    {"{\"destination\":\"/sub/a\",\"content\":{\"x\":null}}", PLUG_OK, "/sub/a", JSON,
     "{\"x\":null}"},
    {"{\"content\":\"hi\",\"destination\":\"/sub/a\"}", PLUG_OK, "/sub/a", TEXT, "hi"},
    {" { \"destination\" : \"/sub/a\" , \"content\" : [ 1 ] } \n", PLUG_OK, "/sub/a", JSON,
     "[ 1 ]"},
    {"{\"destination\":\"\\/sub\\/a\",\"content\":-1.5e3}", PLUG_OK, "/sub/a", JSON, "-1.5e3"},
    {"{\"destination\":\"/sub/a\",\"content\":false}", PLUG_OK, "/sub/a", JSON, "false"},
    {"{\"destination\":\"/sub/a\",\"content\":\"\"}", PLUG_OK, "/sub/a", TEXT, ""},
    {"{\"destination\":\"/sub/a\",\"content\":\"\\uD83D\\uDE00\"}", PLUG_OK, "/sub/a", TEXT,
     "\xF0\x9F\x98\x80"},
    {"{\"destination\":\"/sub/a\",\"content\":\"\\uD83D\"}", PLUG_OK, "/sub/a", TEXT,
     "\xEF\xBF\xBD"},
    {"{\"destination\":\"/sub/a\",\"content\":{\"a\":\"\\uD83D\"}}", PLUG_OK, "/sub/a", JSON,
     "{\"a\":\"\\uD83D\"}"},
    {"{\"destination\":\"/sub/x\",\"content\":1,\"destination\":\"/sub/y\",\"content\":2}", PLUG_OK,
     "/sub/y", JSON, "2"},
    {"{\"@class\":\"x\",\"n\":null,\"o\":{\"destination\":1},\"destination\":\"/sub/"
     "a\",\"content\":1}",
     PLUG_OK, "/sub/a", JSON, "1"},
    {"{\"\\u0064estination\":\"/sub/a\",\"conten\\u0074\":1}", PLUG_OK, "/sub/a", JSON, "1"},
    {"{\"destination\":\"/sub/a\",\"content\":null}", PLUG_ESTATE, NULL, NULL, NULL},
    {"{\"destination\":\"/sub/a\",\"content\":1,\"content\":null}", PLUG_ESTATE, NULL, NULL, NULL},
    {"{\"destination\":\"/sub/a\"}", PLUG_ESTATE, NULL, NULL, NULL},
    {"", PLUG_EINVAL, NULL, NULL, NULL},
    {"{}", PLUG_EINVAL, NULL, NULL, NULL},
    {"[]", PLUG_EINVAL, NULL, NULL, NULL},
    {"\"x\"", PLUG_EINVAL, NULL, NULL, NULL},
    {"{\"destination\":\"\",\"content\":1}", PLUG_EINVAL, NULL, NULL, NULL},
    {"{\"destination\":null,\"content\":1}", PLUG_EINVAL, NULL, NULL, NULL},
    {"{\"destination\":7,\"content\":1}", PLUG_EINVAL, NULL, NULL, NULL},
    {"{\"destination\":\"/a\\u0000b\",\"content\":1}", PLUG_EINVAL, NULL, NULL, NULL},
    {"{\"destination\":\"/sub/a\",\"content\":1}x", PLUG_EINVAL, NULL, NULL, NULL},
    {"{\"destination\":\"/sub/a\",\"content\":1", PLUG_EINVAL, NULL, NULL, NULL},
    {"{\"destination\":\"/sub/a\",\"content\":\"\xFF\"}", PLUG_EINVAL, NULL, NULL, NULL},
    {"{\"destination\":\"/sub/a\",,\"content\":1}", PLUG_EINVAL, NULL, NULL, NULL},
};

static void json_becomes_messages(void **state)
{
  struct redis_buf scratch = {0};
  (void)state;
  for (size_t i = 0; i < sizeof decoded / sizeof *decoded; i++) {
    struct redis_single out;
    const char *why = NULL;
    plug_status status = redis_single_decode(&scratch, redis_str(decoded[i].json), &out, &why);
    if (status != decoded[i].status)
      fail_msg("status %d: %s", status, decoded[i].json);
    if (status == PLUG_EINVAL)
      assert_non_null(why);
    if (status != PLUG_OK)
      continue;
    assert_true(redis_str_eq(out.topic, redis_str(decoded[i].topic)));
    assert_true(redis_str_eq(out.content_type, redis_str(decoded[i].type)));
    if (!redis_str_eq(out.payload, redis_str(decoded[i].payload)))
      fail_msg("payload of %s", decoded[i].json);
  }
  redis_buf_fini(&scratch);
}

static void the_deepest_payload_that_is_sent_as_json_is_accepted_back(void **state)
{
  char deep[2 * 512 + 1];
  (void)state;
  for (size_t depth = 510; depth <= 512; depth++) {
    struct redis_buf out = {0}, scratch = {0};
    struct redis_single in;
    const char *why;
    memset(deep, '[', depth);
    memset(deep + depth, ']', depth);
    struct plug_str payload = {deep, 2 * depth};
    assert_int_equal(redis_single_encode(&out, redis_str("/a"), redis_str(""), payload, &why),
                     PLUG_OK);
    assert_int_equal(redis_single_decode(&scratch, redis_buf_str(&out), &in, &why), PLUG_OK);
    assert_true(redis_str_eq(in.payload, payload));
    assert_true(redis_str_eq(in.content_type, redis_str(depth <= 511 ? JSON : TEXT)));
    redis_buf_fini(&out);
    redis_buf_fini(&scratch);
  }
}

static void a_spring_node_and_this_one_understand_each_other(void **state)
{
  struct redis_server server = {0};
  struct mock_loop *loop = mock_loop_new();
  char detail[256];
  (void)state;
  assert_true(redis_server_installed());
  redis_server_start(&server, NULL);
  struct mock_host *a =
      mock_host_up(loop, &plug_plugin_entry_redis, "a",
                   (const char *const[]){"url", server.url, "layout", "single", NULL});
  redisContext *spring = redisConnect("127.0.0.1", server.port);
  assert_true(spring != NULL && spring->err == 0);
  freeReplyObject(redisCommand(spring, "SUBSCRIBE websocket-events"));
  assert_int_equal(mock_subscribe(a, 1, "/sub/a"), PLUG_OK); /* nothing to do, everything comes */

  assert_int_equal(mock_publish(a, "/sub/a", "application/json", "{\"x\":1}", NULL), PLUG_OK);
  redisReply *reply = NULL;
  assert_int_equal(redisGetReply(spring, (void **)&reply), REDIS_OK);
  assert_string_equal(reply->element[2]->str, "{\"destination\":\"/sub/a\",\"content\":{\"x\":1}}");
  freeReplyObject(reply);
  MOCK_WAIT(loop, 2000, a->n_deliveries == 1); /* its own, through Redis, once */
  assert_int_equal(a->deliveries[0].interest, 0);
  assert_string_equal(a->deliveries[0].content_type, JSON);
  assert_string_equal(a->deliveries[0].payload, "{\"x\":1}");

  REDIS(&server, "PUBLISH", "websocket-events",
        "{\"destination\":\"/sub/b\",\"content\":\"\xED\x99\x8D \\uD83D\\uDE00\"}");
  REDIS(&server, "PUBLISH", "websocket-events", "no json");
  REDIS(&server, "PUBLISH", "websocket-events", "");
  REDIS(&server, "PUBLISH", "websocket-events", "{\"destination\":\"/sub/b\",\"content\":null}");
  MOCK_WAIT(loop, 2000, mock_metric(a, "dropped_no_content") == 1);
  assert_int_equal(a->n_deliveries, 2);
  assert_string_equal(a->deliveries[1].topic, "/sub/b");
  assert_string_equal(a->deliveries[1].content_type, TEXT);
  assert_string_equal(a->deliveries[1].payload, "\xED\x99\x8D \xF0\x9F\x98\x80");
  assert_int_equal(mock_metric(a, "dropped_bad_json"), 2);

  assert_int_equal(mock_publish(a, "/sub/a", NULL, "\xFF", detail), PLUG_EINVAL);
  assert_non_null(strstr(detail, "layout topics"));
  assert_int_equal(mock_publish_op(a, "/sub/a", "\xFF", NULL), PLUG_EINVAL);
  assert_true(mock_logged(a, "a message was refused"));
  assert_int_equal(mock_unsubscribe(a, 1, "/sub/a", false), PLUG_OK);

  redisFree(spring);
  mock_host_free(a);
  redis_server_cleanup(&server);
  mock_loop_free(loop);
}

/* Redis would throw out all subscribers of the channel at once, Spring nodes too. */
static void what_is_too_large_as_json_is_refused(void **state)
{
  struct redis_server server = {0};
  struct mock_loop *loop = mock_loop_new();
  char detail[256];
  (void)state;
  redis_server_start(&server, NULL);
  struct mock_host *a =
      mock_host_up(loop, &plug_plugin_entry_redis, "a",
                   (const char *const[]){"url", server.url, "layout", "single", NULL});
  size_t len = 8 << 20;
  char *payload = malloc(len + 1);
  assert_non_null(payload);
  memset(payload, '\x01', len);
  payload[len] = '\0';
  assert_int_equal(mock_publish(a, "/sub/a", NULL, payload, detail), PLUG_ETOOBIG);
  assert_non_null(strstr(detail, "as JSON"));
  memset(payload, 'x', len);
  assert_int_equal(mock_publish(a, "/sub/a", NULL, payload, NULL), PLUG_OK);
  MOCK_WAIT(loop, 5000, a->n_deliveries == 1);
  assert_int_equal(a->n_down, 0);
  assert_int_equal(mock_metric(a, "publish_failed"), 1);
  free(payload);
  mock_host_free(a);
  redis_server_cleanup(&server);
  mock_loop_free(loop);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(payloads_become_json),
      cmocka_unit_test(json_becomes_messages),
      cmocka_unit_test(the_deepest_payload_that_is_sent_as_json_is_accepted_back),
      cmocka_unit_test(a_spring_node_and_this_one_understand_each_other),
      cmocka_unit_test(what_is_too_large_as_json_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
