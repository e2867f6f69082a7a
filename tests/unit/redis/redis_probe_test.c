/* The probe: when does a connected Redis count as delivering, and when not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mock_host.h"
#include "redis_probe.h"

enum { INTERVAL = 40, TIMEOUT = 400 };

struct fixture {
  struct mock_loop *loop;
  struct mock_host *host;
  struct redis_env env;
  struct redis_probe probe;
  struct redis_progress progress;
  bool moving; /* bytes keep coming on both connections */
  int n_sent, n_heard, n_failed, n_namesake;
  char payload[64], why[128];
};

static void on_send(void *arg, struct plug_str payload)
{
  struct fixture *f = arg;
  f->n_sent++;
  snprintf(f->payload, sizeof f->payload, "%.*s", (int)payload.len, payload.ptr);
}

static void on_heard(void *arg, uint32_t rtt_us)
{
  struct fixture *f = arg;
  (void)rtt_us;
  f->n_heard++;
}

static void on_failed(void *arg, const char *why)
{
  struct fixture *f = arg;
  f->n_failed++;
  snprintf(f->why, sizeof f->why, "%s", why);
  redis_probe_stop(&f->probe);
}

static void on_namesake(void *arg)
{
  struct fixture *f = arg;
  f->n_namesake++;
}

static void on_progress(void *arg, struct redis_progress *out)
{
  struct fixture *f = arg;
  if (f->moving) {
    f->progress.commands++;
    f->progress.subscriptions++;
  }
  *out = f->progress;
}

static const struct redis_probe_events events = {on_send, on_heard, on_failed, on_namesake,
                                                 on_progress};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);
  assert_non_null(f);
  f->loop = mock_loop_new();
  f->host = mock_host_new(f->loop, &plug_plugin_entry_redis, "a", NULL, NULL);
  redis_env_init(&f->env, &f->host->host);
  assert_true(redis_probe_init(&f->probe, &f->env, INTERVAL, TIMEOUT, &events, f));
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;
  redis_probe_fini(&f->probe);
  mock_host_free(f->host);
  mock_loop_free(f->loop);
  free(f);
  return 0;
}

static void hear(struct fixture *f)
{
  redis_probe_answered(&f->probe);
  redis_probe_receive(&f->probe, (struct plug_str){f->payload, strlen(f->payload)});
}

static void a_probe_that_comes_back_is_followed_by_the_next(void **state)
{
  struct fixture *f = *state;
  redis_probe_start(&f->probe);
  for (int i = 1; i <= 3; i++) {
    MOCK_WAIT(f->loop, 1000, f->n_sent == i);
    hear(f);
    assert_int_equal(f->n_heard, i);
  }
  assert_int_equal(f->n_failed, 0);
}

static void probes_of_others_and_late_ones_do_not_count(void **state)
{
  struct fixture *f = *state;
  char first[64];
  redis_probe_start(&f->probe);
  memcpy(first, f->payload, sizeof first);
  redis_probe_receive(&f->probe, redis_str("0123456789abcdef:1"));
  redis_probe_receive(&f->probe, redis_str(""));
  assert_int_equal(f->n_heard, 0);
  hear(f);
  MOCK_WAIT(f->loop, 1000, f->n_sent == 2);
  redis_probe_receive(&f->probe, redis_str(first));
  assert_int_equal(f->n_heard, 1);
}

static void another_node_of_the_name_is_noticed(void **state)
{
  struct fixture *f = *state;
  redis_probe_start(&f->probe);
  hear(f); /* and whether a probe of its own is under way does not matter */
  redis_probe_receive(&f->probe, redis_str("0123456789abcdef:17"));
  assert_int_equal(f->n_namesake, 0); /* perhaps the last one of its predecessor */
  redis_probe_receive(&f->probe, redis_str("0123456789abcdef:18"));
  assert_int_equal(f->n_namesake, 1);
  redis_probe_receive(&f->probe, redis_str("fedcba9876543210:1"));
  assert_int_equal(f->n_namesake, 2);
}

static void another_instance_of_the_process_is_no_namesake(void **state)
{
  struct fixture *f = *state;
  struct redis_probe other;
  char text[REDIS_PROBE_MAX];
  assert_true(redis_probe_init(&other, f->probe.env, INTERVAL, TIMEOUT, &events, f));
  assert_true(other.nonce != f->probe.nonce);
  redis_probe_start(&f->probe);
  for (int i = 0; i < 3; i++) {
    other.seq++;
    redis_probe_receive(&f->probe, redis_probe_payload(&other, text));
  }
  assert_int_equal(f->n_namesake, 0);
  assert_int_equal(f->n_heard, 0); /* nor is it an answer */
  redis_probe_fini(&other);
}

static void what_is_no_probe_is_no_node(void **state)
{
  struct fixture *f = *state;
  static const char *const others[] = {"",
                                       "x",
                                       "0123456789abcdef",
                                       "0123456789abcdef:",
                                       "0123456789abcdeg:1",
                                       "0123456789abcdef:x",
                                       "0123456789ABCDEF:1",
                                       "0123456789abcdef;1",
                                       "0123456789abcdef:11111111111111111111111111111111111"};
  redis_probe_start(&f->probe);
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
      redis_probe_receive(&f->probe, redis_str(others[i]));
  hear(f);
  hear(f);
  hear(f); /* its own, late */
  assert_int_equal(f->n_namesake, 0);
}

static void no_answer_is_a_failure(void **state)
{
  struct fixture *f = *state;
  uint64_t begin = mock_now_ms();
  redis_probe_start(&f->probe);
  MOCK_WAIT(f->loop, 1000, f->n_failed == 1);
  assert_true(mock_now_ms() - begin >= TIMEOUT);
  assert_string_equal(f->why, "it does not answer any more");
  assert_int_equal(mock_metric(f->host, "probe_timeouts"), 1);
}

static void an_answer_without_a_delivery_is_a_failure(void **state)
{
  struct fixture *f = *state;
  redis_probe_start(&f->probe);
  redis_probe_answered(&f->probe);
  f->progress.commands = 1000; /* answers are no deliveries */
  MOCK_WAIT(f->loop, 1000, f->n_failed == 1);
  assert_string_equal(f->why, "it takes messages but does not deliver them");
}

static void a_probe_in_a_queue_that_moves_is_waited_for(void **state)
{
  struct fixture *f = *state;
  f->moving = true;
  redis_probe_start(&f->probe);
  redis_probe_answered(&f->probe);
  mock_pause(f->loop, TIMEOUT * 3);
  assert_int_equal(f->n_failed, 0);
  hear(f);
  assert_int_equal(f->n_heard, 1);
}

static void but_not_for_ever(void **state)
{
  struct fixture *f = *state;
  f->moving = true;
  redis_probe_start(&f->probe);
  MOCK_WAIT(f->loop, TIMEOUT * 10, f->n_failed == 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_probe_that_comes_back_is_followed_by_the_next),
      TEST(probes_of_others_and_late_ones_do_not_count),
      TEST(another_node_of_the_name_is_noticed),
      TEST(another_instance_of_the_process_is_no_namesake),
      TEST(what_is_no_probe_is_no_node),
      TEST(no_answer_is_a_failure),
      TEST(an_answer_without_a_delivery_is_a_failure),
      TEST(a_probe_in_a_queue_that_moves_is_waited_for),
      TEST(but_not_for_ever),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
