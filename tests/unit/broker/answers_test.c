/* What a broker plugin answers that it must not, or says in an unusual way. */
#include "fixture.h"

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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_status_that_is_none_is_a_failure_and_named),
      TEST(an_unknown_failure_is_a_failure),
      TEST(a_slow_subscribe_is_accepted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
