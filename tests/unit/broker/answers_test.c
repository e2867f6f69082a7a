/* What a broker plugin answers that it must not, or says in an unusual way. */
#include "fixture.h"

#include "unit/base/capture.h"
#include "unit/violation.h"

#define ALL_CAPS (PLUG_CAP_ECHO | PLUG_CAP_CROSS_NODE | PLUG_CAP_PATTERN)

static plug_status publish(const char *payload, void *waiter)
{
  struct plug_msg_init init = {
      .size = sizeof init, .topic = STR("/sub/x"), .payload = str_of(payload)};
  const struct plug_msg *msg = message_new(&init);
  struct inbox_item *answer = NULL;
  if (waiter) {
    answer = inbox_item_new(INBOX_PUBLISHED, str_from(NULL, 0));
    answer->waiter = waiter;
  }
  plug_status status = broker_publish(w.broker, msg, answer, &w.posts[0].inbox);
  if (answer && status != PLUG_PENDING)
    inbox_item_free(answer);
  message_unref(msg);
  return status;
}

static void begin(uint32_t caps)
{
  script_reset();
  memset(&w, 0, sizeof w);
  start_broker(caps, &plain_settings);
}

/* In the child of expect_violation nobody hears a failed assertion: it ends with another status. */
static void end(bool well)
{
  broker_teardown(NULL);
  if (!well)
    _exit(1);
}

static void publish_at_home(void)
{
  int waiter;
  begin(PLUG_CAP_ECHO);
  script_answer(CALL_PUBLISH, 4711);
  publish("x", &waiter);
  end(wait_published(0, &waiter) == PLUG_EINTERNAL);
}

static void publish_on_a_worker(void)
{
  int waiter;
  begin(PLUG_CAP_ECHO | PLUG_CAP_PUBLISH_ANY);
  script_answer(CALL_PUBLISH, 4711);
  end(publish("x", &waiter) == PLUG_EINTERNAL);
}

static void publish_that_nobody_waits_for(void)
{
  begin(PLUG_CAP_ECHO | PLUG_CAP_PUBLISH_ANY);
  script_answer(CALL_PUBLISH, 4711);
  end(publish("x", NULL) == PLUG_EINTERNAL);
}

static void publish_completed_later(void)
{
  int waiter;
  begin(PLUG_CAP_ECHO);
  script_answer(CALL_PUBLISH, HELD);
  publish("x", &waiter);
  complete(wait_call(0).op, 4711);
  end(wait_published(0, &waiter) == PLUG_EINTERNAL);
}

static void publish_with_a_verdict(void)
{
  int waiter;
  begin(PLUG_CAP_ECHO);
  script_answer(CALL_PUBLISH, PLUG_ALLOW);
  publish("x", &waiter);
  end(wait_published(0, &waiter) == PLUG_EINTERNAL);
}

static void subscribe_with_nonsense(void)
{
  begin(ALL_CAPS);
  script_answer(CALL_SUBSCRIBE, 4711);
  interest_join(w.interests, 0, STR("/sub/a"), false);
  end(wait_interest(0, "/sub/a") == PLUG_EINTERNAL);
}

static void a_status_that_is_none_is_a_failure_and_named(void **state)
{
  (void)state;
  expect_violation(publish_at_home, "publish: gave status 4711");
  expect_violation(publish_on_a_worker, "publish: gave status 4711");
  expect_violation(publish_that_nobody_waits_for, "publish: gave status 4711");
  expect_violation(publish_completed_later, "op_done: gave status 4711");
  expect_violation(publish_with_a_verdict, "publish: gave status 2");
  expect_violation(subscribe_with_nonsense, "subscribe: gave status 4711");
}

static void an_unknown_failure_is_a_failure(void **state)
{
  (void)state;
  int waiter;
  start_broker(PLUG_CAP_ECHO, &plain_settings);
  script_answer(CALL_PUBLISH, -4711);
  publish("x", &waiter);
  assert_true(wait_published(0, &waiter) < 0);
}

static void a_slow_subscribe_is_accepted(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  script_answer(CALL_SUBSCRIBE, PLUG_EAGAIN);
  interest_join(w.interests, 0, STR("/sub/a"), false);
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
  script_answer(CALL_SUBSCRIBE, HELD);
  interest_join(w.interests, 0, STR("/sub/b"), false);
  complete(wait_call(1).op, PLUG_EAGAIN);
  assert_int_equal(wait_interest(0, "/sub/b"), PLUG_OK);
  expect_no_call_after(2);
}

static const struct broker_settings hasty_settings = {.unsubscribe_grace_ms = 30,
                                                      .operation_timeout_ms = 50,
                                                      .max_unused_topics = 10000,
                                                      .publish_queue = 100};

static void a_subscribe_without_an_answer_is_told_and_not_repeated(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &hasty_settings);
  script_answer(CALL_SUBSCRIBE, HELD);
  interest_join(w.interests, 0, STR("/sub/a"), false);
  struct plug_op *op = wait_call(0).op;
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_ETIMEDOUT);
  /* Whoever comes meanwhile is told at once, and the plugin has one batch of it, not more. */
  assert_int_equal(interest_join(w.interests, 0, STR("/sub/a"), false), PLUG_PENDING);
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_ETIMEDOUT);
  expect_no_call_after(1);
  /* What it says in the end is how it is. */
  complete(op, PLUG_OK);
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
  assert_int_equal(interest_join(w.interests, 1, STR("/sub/a"), false), PLUG_OK);
  expect_no_call_after(1);
}

static void a_subscribe_that_is_refused_late_may_be_tried_again(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &hasty_settings);
  script_answer(CALL_SUBSCRIBE, HELD);
  interest_join(w.interests, 0, STR("/sub/a"), false);
  struct plug_op *op = wait_call(0).op;
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_ETIMEDOUT);
  complete(op, PLUG_EDENIED);
  barrier();
  interest_join(w.interests, 0, STR("/sub/a"), false);
  expect_call(1, CALL_SUBSCRIBE, "/sub/a");
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
}

static void what_nobody_wants_any_more_is_given_back_when_it_comes_late(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &hasty_settings);
  script_answer(CALL_SUBSCRIBE, HELD);
  interest_join(w.interests, 0, STR("/sub/a"), false);
  struct plug_op *op = wait_call(0).op;
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_ETIMEDOUT);
  interest_leave(w.interests, 0, STR("/sub/a"), false);
  barrier();
  complete(op, PLUG_OK);
  expect_call(1, CALL_UNSUBSCRIBE, "/sub/a");
}

static void a_broker_may_stop_with_subscribes_unanswered(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &hasty_settings);
  script_answer(CALL_SUBSCRIBE, HELD);
  script_answer(CALL_SUBSCRIBE, HELD);
  interest_join(w.interests, 0, STR("/sub/a"), false);
  wait_call(0);
  interest_join(w.interests, 0, STR("/sub/b"), false);
  wait_call(1);
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_ETIMEDOUT);
  assert_int_equal(wait_interest(0, "/sub/b"), PLUG_ETIMEDOUT);
  interest_leave(w.interests, 0, STR("/sub/a"), false);
  barrier();
}

static void many_refusals_are_few_lines(void **state)
{
  (void)state;
  char name[32];
  start_broker(ALL_CAPS, &plain_settings);
  capture_begin();
  for (int i = 0; i < 60; i++) {
    script_answer(CALL_SUBSCRIBE, PLUG_EDENIED);
    snprintf(name, sizeof name, "/sub/%d", i);
    interest_join(w.interests, 0, str_of(name), false);
    assert_int_equal(wait_interest(0, name), PLUG_EDENIED);
  }
  const char *log = capture_end();
  unsigned lines = 0;
  for (const char *at = log; (at = strstr(at, "cannot subscribe")); at++)
    lines++;
  assert_in_range(lines, 1, 20); /* ten, and ten more if it takes longer than the period */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_status_that_is_none_is_a_failure_and_named),
      TEST(an_unknown_failure_is_a_failure),
      TEST(a_slow_subscribe_is_accepted),
      TEST(a_subscribe_without_an_answer_is_told_and_not_repeated),
      TEST(a_subscribe_that_is_refused_late_may_be_tried_again),
      TEST(what_nobody_wants_any_more_is_given_back_when_it_comes_late),
      TEST(a_broker_may_stop_with_subscribes_unanswered),
      TEST(many_refusals_are_few_lines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
