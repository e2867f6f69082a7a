/* The numbers that the plugin was built for: topics after a reconnect, messages per second. */
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

enum { TOPICS = 100000, BATCH = 1000, MESSAGES = 300000, IN_FLIGHT = 20000 };

static struct redis_server server;
static struct mock_loop *loop;

static const struct plug_plugin *const plugin = &plug_plugin_entry_redis;

static void subscribe_all(struct mock_host *h, struct plug_interest *v, size_t n)
{
  size_t n_batches = n / BATCH;
  struct plug_op *ops = calloc(n_batches, sizeof *ops);
  assert_non_null(ops);
  for (size_t i = 0; i < n_batches; i++)
    assert_int_equal(mock_subscribe_many(h, v + i * BATCH, BATCH, &ops[i]), PLUG_PENDING);
  for (size_t i = 0; i < n_batches; i++) {
    MOCK_WAIT(loop, 30000, ops[i].done);
    assert_int_equal(ops[i].status, PLUG_OK);
  }
  free(ops);
}

static void a_hundred_thousand_topics_come_back_in_seconds(void **state)
{
  (void)state;
  struct mock_host *a = mock_host_up(loop, plugin, "a",
                                     (const char *const[]){"url", server.url, "reconnect-min",
                                                           "10ms", "reconnect-max", "50ms", NULL});
  struct plug_interest *v = calloc(TOPICS, sizeof *v);
  char(*topics)[40] = calloc(TOPICS, sizeof *topics);
  assert_true(v != NULL && topics != NULL);
  for (size_t i = 0; i < TOPICS; i++) {
    snprintf(topics[i], sizeof topics[i], "/sub/contents/%zu/chat", i);
    v[i] = (struct plug_interest){i + 1, {topics[i], strlen(topics[i])}, 0};
  }
  subscribe_all(a, v, TOPICS);
  REDIS(&server, "CLIENT", "KILL", "TYPE", "pubsub");
  MOCK_WAIT(loop, 2000, a->n_down == 1);
  MOCK_WAIT(loop, 5000, a->state == PLUG_STATE_UP);
  uint64_t begin = mock_now_ms();
  subscribe_all(a, v, TOPICS);
  uint64_t took = mock_now_ms() - begin;
  printf("%d topics subscribed again in %d ms\n", TOPICS, (int)took);
  assert_int_equal(mock_metric(a, "topics"), TOPICS);
  assert_int_equal(mock_publish(a, topics[TOPICS - 1], NULL, "m", NULL), PLUG_OK);
  MOCK_WAIT(loop, 2000, mock_count(a, TOPICS, "m") == 1);

  struct plug_op op = {0};
  assert_int_equal(plugin->broker->unsubscribe(a->self, v, TOPICS, &op), PLUG_PENDING);
  MOCK_WAIT(loop, 30000, op.done);
  assert_int_equal(mock_metric(a, "topics"), 0);
  mock_host_free(a);
  free(topics);
  free(v);
}

static void a_flood_passes(void **state)
{
  (void)state;
  struct mock_host *a =
      mock_host_up(loop, plugin, "a", (const char *const[]){"url", server.url, NULL});
  char payload[121];
  memset(payload, 'x', sizeof payload - 1);
  payload[sizeof payload - 1] = '\0';
  a->count_only = true;
  assert_int_equal(mock_subscribe(a, 1, "/sub/x"), PLUG_OK);
  const struct plug_msg *msg = mock_msg(a, "/sub/x", NULL, payload, sizeof payload - 1);
  uint64_t begin = mock_now_ms(), end = begin + 300000;
  size_t sent = 0;
  while (a->n_deliveries < MESSAGES) {
    assert_true(mock_now_ms() < end);
    for (int i = 0; i < 500 && sent < MESSAGES && sent - a->n_deliveries < IN_FLIGHT; i++, sent++)
      assert_int_equal(plugin->broker->publish(a->self, msg, NULL), PLUG_PENDING);
    mock_loop_turn(loop, 5);
  }
  uint64_t took = mock_now_ms() - begin;
  a->host.msg_unref(msg);
  MOCK_WAIT(loop, 2000, mock_metric(a, "published") == MESSAGES);
  printf("%d messages of 120 bytes in %d ms: %d per second\n", MESSAGES, (int)took,
         (int)(MESSAGES * UINT64_C(1000) / (took + 1)));
  assert_int_equal(a->n_deliveries, MESSAGES);
  assert_int_equal(a->n_down, 0);
  mock_host_free(a);
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
      cmocka_unit_test(a_hundred_thousand_topics_come_back_in_seconds),
      cmocka_unit_test(a_flood_passes),
  };
  if (!redis_server_installed()) {
    puts("redis-server is not installed");
    return 1; /* a test that cannot run has proved nothing */
  }
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
