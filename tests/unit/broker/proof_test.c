/* The broker counts as delivering only while what the node sends to itself comes back. */
#include "fixture.h"

#include "message/message.h"

#define CAPS (PLUG_CAP_ECHO | PLUG_CAP_CROSS_NODE)

static struct broker_settings settings_of(uint64_t interval_ms, uint64_t timeout_ms)
{
  struct broker_settings settings = plain_settings;
  settings.probe_interval_ms = interval_ms;
  settings.operation_timeout_ms = timeout_ms;
  return settings;
}

static bool is_unready(char text[300])
{
  return broker_unready(w.broker, text, 300);
}

static void wait_unready(bool unready, const char *start)
{
  char text[300];
  uint64_t deadline = clock_now_ms() + WAIT_MS;
  while (is_unready(text) != unready || strncmp(text, start, strlen(start)) != 0) {
    if (clock_now_ms() > deadline)
      fail_msg("it says '%s'", text);
    usleep(500);
  }
}

/* The next publish from number i on; *next: where to look on. */
static struct call wait_probe(unsigned *next)
{
  for (;;) {
    struct call call = wait_call((*next)++);
    if (call.kind == CALL_PUBLISH) {
      assert_int_equal(strncmp(call.text, PROOF_TOPIC "node=", sizeof(PROOF_TOPIC "node=") - 1), 0);
      return call;
    }
  }
}

/* As the backend would. */
static void echo(const struct call *call)
{
  const char *payload = strchr(call->text, '=') + 1;
  const struct plug_msg_init init = {.size = sizeof init,
                                     .topic =
                                         str_from(call->text, (size_t)(payload - 1 - call->text)),
                                     .payload = str_of(payload)};
  const struct plug_msg *msg = message_new(&init);
  assert_int_equal(script.host->broker->deliver(script.host, 0, msg), PLUG_OK);
  message_unref(msg);
}

static void it_is_ready_when_the_first_one_has_come_back(void **state)
{
  (void)state;
  char text[300];
  unsigned next = 0;
  struct broker_settings settings = settings_of(60000, 60000);
  start_broker(CAPS, &settings);
  assert_true(broker_ready(w.broker)); /* and takes messages */
  assert_true(is_unready(text));
  assert_string_equal(text,
                      "the broker has not delivered a message yet that this node sent to itself");
  struct call first = wait_probe(&next);
  assert_true(first.on_home);
  struct call second = wait_probe(&next); /* it may have come before the subscription */
  echo(&first);                           /* which is too late for this one */
  assert_true(is_unready(text));
  (void)second;
  while (is_unready(text)) {
    struct call call = wait_probe(&next);
    echo(&call);
  }
  assert_int_equal(broker_proof(w.broker)->kind, PROOF_BY_PROBES);
  assert_true(proof_proven_ms(broker_proof(w.broker)) > 0);
}

static void one_that_does_not_come_back_ends_it_and_the_next_one_heals_it(void **state)
{
  (void)state;
  char text[300];
  unsigned next = 0;
  struct broker_settings settings = settings_of(5, 100);
  start_broker(CAPS, &settings);
  do {
    struct call call = wait_probe(&next);
    echo(&call);
  } while (is_unready(text));
  wait_unready(true, "the broker takes messages but has not delivered one that this node sent to "
                     "itself ");
  assert_true(broker_ready(w.broker)); /* messages are still given to it */
  do {
    struct call call = wait_probe(&next);
    echo(&call);
  } while (is_unready(text));
}

static void a_broker_that_comes_back_proves_itself_anew(void **state)
{
  (void)state;
  char text[300];
  unsigned next = 0;
  struct broker_settings settings = settings_of(60000, 60000);
  start_broker(CAPS, &settings);
  do {
    struct call call = wait_probe(&next);
    echo(&call);
  } while (is_unready(text));
  report(PLUG_STATE_DOWN, 0);
  wait_unready(true, "the broker is unavailable");
  report(PLUG_STATE_UP, 0);
  wait_unready(true, "the broker has not delivered");
  do {
    struct call call = wait_probe(&next);
    echo(&call);
  } while (is_unready(text));
}

static void without_echo_it_is_enough_that_the_broker_takes_it(void **state)
{
  (void)state;
  unsigned next = 0;
  struct broker_settings settings = settings_of(60000, 60000);
  script_answer(CALL_PUBLISH, HELD);
  start_broker(PLUG_CAP_CROSS_NODE, &settings);
  struct call call = wait_probe(&next);
  wait_unready(true, "the broker has not delivered");
  complete(call.op, PLUG_OK); /* not the awaited one any more, perhaps: later ones are answered */
  wait_unready(false, "");
}

static void who_needs_none_is_not_asked(void **state)
{
  (void)state;
  char text[300];
  struct broker_settings settings = settings_of(1, 60000);
  start_broker(PLUG_CAP_ECHO | PLUG_CAP_PUBLISH_ANY | PLUG_CAP_DIRECT, &settings);
  usleep(20000);
  expect_no_call_after(0);
  assert_false(is_unready(text));
  assert_int_equal(broker_proof(w.broker)->kind, PROOF_TRIVIAL);
}

static void an_interval_of_0_is_never(void **state)
{
  (void)state;
  char text[300];
  start_broker(CAPS, &plain_settings);
  usleep(20000);
  expect_no_call_after(0);
  assert_false(is_unready(text));
  assert_int_equal(broker_proof(w.broker)->kind, PROOF_OFF);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(it_is_ready_when_the_first_one_has_come_back),
      TEST(one_that_does_not_come_back_ends_it_and_the_next_one_heals_it),
      TEST(a_broker_that_comes_back_proves_itself_anew),
      TEST(without_echo_it_is_enough_that_the_broker_takes_it),
      TEST(who_needs_none_is_not_asked),
      TEST(an_interval_of_0_is_never),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
