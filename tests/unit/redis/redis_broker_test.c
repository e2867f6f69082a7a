/* The plugin against a real Redis: what is published arrives, once, under the right interest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mock_host.h"
#include "redis_server.h"

static struct redis_server server;
static struct mock_loop *loop;

static const struct plug_plugin *const plugin = &plug_plugin_entry_redis;

static struct mock_host *node(const char *name)
{
  static const char *options[3];
  options[0] = "url";
  options[1] = server.url;
  return mock_host_up(loop, plugin, name, options);
}

static void the_publisher_hears_its_own_message_once(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  assert_int_equal(mock_subscribe(a, 7, "/sub/x"), PLUG_OK);
  assert_int_equal(mock_publish(a, "/sub/x", "text/plain", "hello", NULL), PLUG_OK);
  MOCK_WAIT(loop, 2000, a->n_deliveries == 1);
  assert_int_equal(a->deliveries[0].interest, 7);
  assert_string_equal(a->deliveries[0].topic, "/sub/x");
  assert_string_equal(a->deliveries[0].content_type, "text/plain");
  assert_string_equal(a->deliveries[0].payload, "hello");
  mock_pause(loop, 50);
  assert_int_equal(a->n_deliveries, 1);
  assert_int_equal(mock_metric(a, "published"), 1);
  assert_int_equal(mock_metric(a, "delivered"), 1);
  assert_int_equal(mock_metric(a, "publish_in_flight"), 0);
  assert_int_equal(mock_metric(a, "topics"), 1);
  mock_host_free(a);
}

static void two_nodes_see_the_same_order(void **state)
{
  (void)state;
  struct mock_host *a = node("a"), *b = node("b");
  char text[16];
  assert_int_equal(mock_subscribe(a, 1, "/sub/x"), PLUG_OK);
  assert_int_equal(mock_subscribe(b, 2, "/sub/x"), PLUG_OK);
  for (int i = 0; i < 500; i++) {
    snprintf(text, sizeof text, "%d", i);
    assert_int_equal(mock_publish_op(i % 2 == 0 ? a : b, "/sub/x", text, NULL), PLUG_PENDING);
  }
  MOCK_WAIT(loop, 5000, a->n_deliveries == 500 && b->n_deliveries == 500);
  for (size_t i = 0; i < 500; i++)
    assert_string_equal(a->deliveries[i].payload, b->deliveries[i].payload);
  mock_host_free(a);
  mock_host_free(b);
}

static void nothing_arrives_after_unsubscribe(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  assert_int_equal(mock_subscribe(a, 1, "/sub/x"), PLUG_OK);
  assert_int_equal(mock_unsubscribe(a, 1, "/sub/x", false), PLUG_OK);
  assert_int_equal(mock_publish(a, "/sub/x", NULL, "late", NULL), PLUG_OK);
  mock_pause(loop, 50);
  assert_int_equal(a->n_deliveries, 0);
  assert_int_equal(mock_metric(a, "topics"), 0);
  assert_string_equal(REDIS(&server, "PUBSUB", "CHANNELS", "plugboard:t:*"), "(nil)");
  assert_int_equal(mock_subscribe(a, 2, "/sub/x"), PLUG_OK);
  assert_int_equal(mock_publish(a, "/sub/x", NULL, "again", NULL), PLUG_OK);
  MOCK_WAIT(loop, 2000, mock_count(a, 2, "again") == 1);
  mock_host_free(a);
}

static void a_pattern_and_a_topic_that_overlap_each_get_it_once(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  assert_int_equal(mock_subscribe(a, 1, "/sub/x"), PLUG_OK);
  assert_int_equal(mock_subscribe_pattern(a, 2, "/sub/*"), PLUG_OK);
  assert_int_equal(mock_subscribe_pattern(a, 3, "/sub/{id}"), PLUG_OK); /* the same glob */
  assert_int_equal(mock_subscribe_pattern(a, 4, "/sub/**"), PLUG_OK);
  assert_int_equal(mock_metric(a, "patterns"), 2);
  assert_int_equal(mock_publish(a, "/sub/x", NULL, "m", NULL), PLUG_OK);
  MOCK_WAIT(loop, 2000, a->n_deliveries >= 4);
  mock_pause(loop, 50);
  assert_int_equal(a->n_deliveries, 4);
  for (uint64_t id = 1; id <= 4; id++)
    assert_int_equal(mock_count(a, id, "m"), 1);

  assert_int_equal(mock_unsubscribe(a, 2, "/sub/*", true), PLUG_OK);
  assert_int_equal(mock_publish(a, "/sub/x", NULL, "n", NULL), PLUG_OK);
  MOCK_WAIT(loop, 2000, mock_count(a, 4, "n") == 1 && mock_count(a, 3, "n") == 1);
  assert_int_equal(mock_count(a, 2, "n"), 0);
  mock_host_free(a);
}

static void slashes_that_ant_ignores_do_not_keep_a_message_from_a_pattern(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  assert_int_equal(mock_subscribe_pattern(a, 1, "/sub/a*"), PLUG_OK);
  assert_int_equal(mock_subscribe(a, 2, "/sub//ab"), PLUG_OK);
  assert_int_equal(mock_subscribe(a, 3, "/sub/ab"), PLUG_OK);
  assert_int_equal(mock_publish(a, "/sub//ab", NULL, "m", NULL), PLUG_OK);
  MOCK_WAIT(loop, 2000, a->n_deliveries >= 2);
  mock_pause(loop, 50);
  assert_int_equal(mock_count(a, 1, "m"), 1);
  assert_int_equal(mock_count(a, 2, "m"), 1);
  assert_int_equal(mock_count(a, 3, "m"), 0);
  mock_host_free(a);
}

static void a_pattern_does_not_catch_the_probes(void **state)
{
  (void)state;
  struct mock_host *a = mock_host_up(
      loop, plugin, "a", (const char *const[]){"url", server.url, "probe-interval", "20ms", NULL});
  assert_int_equal(mock_subscribe_pattern(a, 1, "**"), PLUG_OK);
  assert_int_equal(mock_subscribe_pattern(a, 2, "/**"), PLUG_OK);
  mock_pause(loop, 200);
  assert_int_equal(a->n_deliveries, 0);
  assert_int_equal(mock_metric(a, "dropped_bad_envelope"), 0);
  assert_true(mock_metric(a, "probe_rtt_us") > 0);
  mock_host_free(a);
}

static void a_send_right_after_a_subscribe_comes_back(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  struct plug_op sub = {0}, pub[3] = {0};
  for (uint64_t round = 0; round < 50; round++) {
    char topic[32];
    snprintf(topic, sizeof topic, "/sub/%d", (int)round);
    struct plug_interest in = {round + 1, {topic, strlen(topic)}, 0};
    memset(&sub, 0, sizeof sub);
    memset(pub, 0, sizeof pub);
    mock_forget(a);
    assert_int_equal(mock_subscribe_many(a, &in, 1, &sub), PLUG_PENDING);
    assert_int_equal(mock_publish_op(a, topic, "1", &pub[0]), PLUG_PENDING);
    assert_int_equal(mock_publish_op(a, topic, "2", &pub[1]), PLUG_PENDING);
    assert_int_equal(mock_publish_op(a, topic, "3", &pub[2]), PLUG_PENDING);
    MOCK_WAIT(loop, 2000, a->n_deliveries == 3 && sub.done && pub[2].done);
    assert_int_equal(pub[0].status, PLUG_OK);
    assert_string_equal(a->deliveries[0].payload, "1");
    assert_string_equal(a->deliveries[1].payload, "2");
    assert_string_equal(a->deliveries[2].payload, "3");
  }
  assert_int_equal(mock_metric(a, "held"), 150);
  mock_host_free(a);
}

/* A SUBSCRIBE takes a round trip; whoever publishes meanwhile must not lose anything by it. */
static void a_flood_during_a_subscribe_is_held_as_a_whole(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  struct plug_op sub = {0};
  struct plug_interest in = {1, {"/sub/x", 6}, 0};
  char text[16];
  assert_int_equal(mock_subscribe_many(a, &in, 1, &sub), PLUG_PENDING);
  for (int i = 0; i < 4000; i++) {
    snprintf(text, sizeof text, "%d", i);
    assert_int_equal(mock_publish_op(a, "/sub/x", text, NULL), PLUG_PENDING);
  }
  assert_int_equal(mock_metric(a, "held"), 4000);
  MOCK_WAIT(loop, 20000, a->n_deliveries == 4000);
  for (size_t i = 0; i < 4000; i++)
    assert_int_equal(atoi(a->deliveries[i].payload), i);
  /* That of the last one is answered on another connection than it is delivered on. */
  MOCK_WAIT(loop, 5000, mock_metric(a, "publish_in_flight") == 0);
  mock_host_free(a);
}

static void held_messages_are_bounded_as_all_that_wait(void **state)
{
  (void)state;
  struct mock_host *a = mock_host_up(
      loop, plugin, "a", (const char *const[]){"url", server.url, "publish-queue", "100", NULL});
  struct plug_op sub = {0}, last = {0};
  struct plug_interest in = {1, {"/sub/x", 6}, 0};
  assert_int_equal(mock_subscribe_many(a, &in, 1, &sub), PLUG_PENDING);
  for (int i = 0; i < 100; i++)
    assert_int_equal(mock_publish_op(a, i % 2 ? "/sub/x" : "/sub/y", "m", NULL), PLUG_PENDING);
  assert_int_equal(mock_publish_op(a, "/sub/x", "m", &last), PLUG_PENDING);
  assert_true(last.done);
  assert_int_equal(last.status, PLUG_ESTATE);
  assert_string_equal(last.detail, "the publish queue is full");
  MOCK_WAIT(loop, 5000, a->n_deliveries == 50);
  mock_host_free(a);
}

static void an_unsubscribe_that_overtakes_leaves_no_message_behind(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  struct plug_op sub = {0}, unsub = {0}, pub = {0};
  struct plug_interest in = {1, {"/sub/x", 6}, 0};
  assert_int_equal(mock_subscribe_many(a, &in, 1, &sub), PLUG_PENDING);
  assert_int_equal(mock_publish_op(a, "/sub/x", "m", &pub), PLUG_PENDING);
  assert_int_equal(plugin->broker->unsubscribe(a->self, &in, 1, &unsub), PLUG_PENDING);
  MOCK_WAIT(loop, 2000, sub.done && unsub.done && pub.done);
  assert_int_equal(pub.status, PLUG_OK);
  mock_pause(loop, 30);
  assert_int_equal(a->n_deliveries, 0);
  assert_int_equal(mock_metric(a, "topics"), 0);
  mock_host_free(a);
}

static void a_full_queue_refuses_and_says_so(void **state)
{
  (void)state;
  struct mock_host *a = mock_host_up(
      loop, plugin, "a", (const char *const[]){"url", server.url, "publish-queue", "10", NULL});
  struct plug_op op = {0};
  for (int i = 0; i < 10; i++)
    assert_int_equal(mock_publish_op(a, "/sub/x", "m", NULL), PLUG_PENDING);
  assert_int_equal(mock_metric(a, "publish_in_flight"), 10);
  assert_int_equal(mock_publish_op(a, "/sub/x", "m", NULL), PLUG_ESTATE);
  assert_int_equal(mock_publish_op(a, "/sub/x", "m", &op), PLUG_PENDING);
  assert_int_equal(op.status, PLUG_ESTATE);
  assert_string_equal(op.detail, "the publish queue is full");
  assert_int_equal(mock_metric(a, "publish_failed"), 2);
  MOCK_WAIT(loop, 2000, mock_metric(a, "published") == 10);
  assert_int_equal(mock_publish(a, "/sub/x", NULL, "m", NULL), PLUG_OK);
  mock_host_free(a);
}

static void a_congested_node_is_counted(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  a->deliver_status = PLUG_EAGAIN;
  assert_int_equal(mock_subscribe(a, 1, "/sub/x"), PLUG_OK);
  assert_int_equal(mock_publish(a, "/sub/x", NULL, "m", NULL), PLUG_OK);
  MOCK_WAIT(loop, 2000, mock_metric(a, "congested") == 1);
  mock_host_free(a);
}

static void a_message_that_is_too_big_is_refused(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  size_t len = (size_t)plugin->broker->max_payload;
  char *payload = malloc(len + 1);
  struct plug_op op = {0};
  assert_non_null(payload);
  memset(payload, 'x', len + 1);
  assert_int_equal(mock_subscribe(a, 1, "/sub/x"), PLUG_OK);
  const struct plug_msg *msg = mock_msg(a, "/sub/x", NULL, payload, len + 1);
  assert_int_equal(plugin->broker->publish(a->self, msg, &op), PLUG_ETOOBIG);
  a->host.msg_unref(msg);
  msg = mock_msg(a, "/sub/x", NULL, payload, len);
  assert_int_equal(plugin->broker->publish(a->self, msg, &op), PLUG_PENDING);
  a->host.msg_unref(msg);
  MOCK_WAIT(loop, 10000, op.done && a->n_deliveries == 1);
  assert_int_equal(op.status, PLUG_OK);
  assert_int_equal(a->deliveries[0].payload_len, len);
  free(payload);
  mock_host_free(a);
}

static void what_is_not_of_this_cluster_is_dropped_and_counted(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  assert_int_equal(mock_subscribe(a, 1, "/sub/x"), PLUG_OK);
  assert_string_equal(REDIS(&server, "PUBLISH", "plugboard:t:/sub/x", "garbage"), "1");
  REDIS(&server, "PUBLISH", "plugboard:t:/sub/x", "garbage");
  MOCK_WAIT(loop, 2000, mock_metric(a, "dropped_bad_envelope") == 2);
  assert_int_equal(a->n_deliveries, 0);
  const char *first = strstr(a->log, "dropped a message");
  assert_non_null(first);
  assert_null(strstr(first + 1, "dropped a message"));
  mock_host_free(a);
}

static void a_unix_socket_a_database_and_a_name_work(void **state)
{
  (void)state;
  char url[160];
  snprintf(url, sizeof url, "unix:%s", server.socket);
  struct mock_host *a = mock_host_up(
      loop, plugin, "a", (const char *const[]){"url", url, "client-name", "my name", NULL});
  snprintf(url, sizeof url, "redis://localhost:%d/3", server.port);
  struct mock_host *b = mock_host_up(loop, plugin, "b", (const char *const[]){"url", url, NULL});
  assert_true(mock_logged(b, "database number"));
  assert_int_equal(mock_subscribe(a, 1, "/sub/x"), PLUG_OK);
  assert_int_equal(mock_publish(b, "/sub/x", NULL, "m", NULL), PLUG_OK);
  MOCK_WAIT(loop, 2000, a->n_deliveries == 1);
  const char *clients = REDIS(&server, "CLIENT", "LIST");
  assert_non_null(strstr(clients, "name=my_name"));
  mock_host_free(a);
  mock_host_free(b);
}

static void health_is_filled(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  struct plug_health health = {.size = sizeof health};
  plugin->broker->health(a->self, &health);
  assert_int_equal(health.state, PLUG_STATE_UP);
  assert_true(health.rtt_us > 0);
  assert_non_null(strstr(health.text, "127.0.0.1"));
  assert_int_equal(a->state_flags, PLUG_INTERESTS_LOST);
  mock_host_free(a);
}

static void drain_waits_for_what_is_under_way(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  struct plug_op pub = {0}, drain = {0};
  assert_int_equal(mock_subscribe(a, 1, "/sub/x"), PLUG_OK);
  for (int i = 0; i < 100; i++)
    assert_int_equal(mock_publish(a, "/sub/x", NULL, "m", NULL), PLUG_OK);
  assert_int_equal(mock_publish_op(a, "/sub/x", "m", &pub), PLUG_PENDING);
  assert_int_equal(plugin->drain(a->self, &drain), PLUG_PENDING);
  assert_false(drain.done);
  MOCK_WAIT(loop, 2000, drain.done);
  assert_int_equal(drain.status, PLUG_OK);
  assert_true(pub.done);
  assert_int_equal(pub.status, PLUG_OK);
  assert_int_equal(a->n_deliveries, 101); /* answered is not enough: it has come back, too */
  mock_host_free(a);
}

static void drain_does_not_wait_for_a_redis_that_is_lost(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  struct plug_op drain = {0};
  assert_int_equal(plugin->drain(a->self, &drain), PLUG_PENDING);
  REDIS(&server, "CLIENT", "KILL", "TYPE", "pubsub");
  MOCK_WAIT(loop, 2000, drain.done);
  mock_host_free(a);
}

static void stop_cancels_what_is_under_way(void **state)
{
  (void)state;
  struct mock_host *a = node("a");
  struct plug_op sub = {0}, held = {0}, pub = {0};
  struct plug_interest in = {1, {"/sub/x", 6}, 0};
  assert_int_equal(mock_subscribe_many(a, &in, 1, &sub), PLUG_PENDING);
  assert_int_equal(mock_publish_op(a, "/sub/x", "m", &held), PLUG_PENDING);
  assert_int_equal(mock_publish_op(a, "/sub/y", "m", &pub), PLUG_PENDING);
  mock_host_free(a);
  assert_int_equal(sub.status, PLUG_ECANCELED);
  assert_int_equal(held.status, PLUG_ECANCELED);
  assert_int_equal(pub.status, PLUG_ECANCELED);
}

static int set_up(void **state)
{
  (void)state;
  loop = mock_loop_new();
  redis_server_start(&server, NULL);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  redis_server_cleanup(&server);
  mock_loop_free(loop);
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_publisher_hears_its_own_message_once),
      cmocka_unit_test(two_nodes_see_the_same_order),
      cmocka_unit_test(nothing_arrives_after_unsubscribe),
      cmocka_unit_test(a_pattern_and_a_topic_that_overlap_each_get_it_once),
      cmocka_unit_test(slashes_that_ant_ignores_do_not_keep_a_message_from_a_pattern),
      cmocka_unit_test(a_pattern_does_not_catch_the_probes),
      cmocka_unit_test(a_send_right_after_a_subscribe_comes_back),
      cmocka_unit_test(a_flood_during_a_subscribe_is_held_as_a_whole),
      cmocka_unit_test(held_messages_are_bounded_as_all_that_wait),
      cmocka_unit_test(an_unsubscribe_that_overtakes_leaves_no_message_behind),
      cmocka_unit_test(a_full_queue_refuses_and_says_so),
      cmocka_unit_test(a_congested_node_is_counted),
      cmocka_unit_test(a_message_that_is_too_big_is_refused),
      cmocka_unit_test(what_is_not_of_this_cluster_is_dropped_and_counted),
      cmocka_unit_test(a_unix_socket_a_database_and_a_name_work),
      cmocka_unit_test(health_is_filled),
      cmocka_unit_test(drain_waits_for_what_is_under_way),
      cmocka_unit_test(drain_does_not_wait_for_a_redis_that_is_lost),
      cmocka_unit_test(stop_cancels_what_is_under_way),
  };
  if (!redis_server_installed()) {
    puts("redis-server is not installed");
    return 1; /* a test that cannot run has proved nothing */
  }
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
