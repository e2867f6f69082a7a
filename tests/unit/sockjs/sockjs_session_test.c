#include "sockjs/sockjs_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct sockjs_limits limits = {
    .heartbeat_ms = 25000, .disconnect_ms = 5000, .stream_bytes = 4096};

static void the_first_receiver_opens(void **state)
{
  (void)state;
  struct sockjs_session s;
  sockjs_session_init(&s, &limits, SOCKJS_XHR, 1000);
  assert_int_equal(sockjs_session_attach(&s, SOCKJS_XHR, false), SOCKJS_WELCOME_OPEN);
  sockjs_session_detach(&s, 1000);
  assert_int_equal(sockjs_session_attach(&s, SOCKJS_XHR, false), SOCKJS_WELCOME_WAIT);
}

static void there_is_one_receiver_at_a_time(void **state)
{
  (void)state;
  struct sockjs_session s;
  sockjs_session_init(&s, &limits, SOCKJS_XHR_STREAMING, 0);
  sockjs_session_attach(&s, SOCKJS_XHR_STREAMING, false);
  assert_int_equal(sockjs_session_attach(&s, SOCKJS_XHR_STREAMING, true), SOCKJS_WELCOME_BUSY);
  sockjs_session_detach(&s, 10);
  assert_int_equal(sockjs_session_attach(&s, SOCKJS_XHR, false), SOCKJS_WELCOME_WAIT);
  assert_int_equal(s.transport, SOCKJS_XHR);
}

static void a_closed_session_hands_out_what_it_has_first(void **state)
{
  (void)state;
  struct sockjs_session s;
  sockjs_session_init(&s, &limits, SOCKJS_XHR, 0);
  sockjs_session_attach(&s, SOCKJS_XHR, false);
  sockjs_session_detach(&s, 0);
  sockjs_session_close(&s);
  assert_int_equal(sockjs_session_attach(&s, SOCKJS_XHR, true), SOCKJS_WELCOME_WAIT);
  sockjs_session_detach(&s, 0);
  assert_int_equal(sockjs_session_attach(&s, SOCKJS_XHR, false), SOCKJS_WELCOME_CLOSED);
  assert_int_equal(sockjs_session_attach(&s, SOCKJS_XHR, false), SOCKJS_WELCOME_CLOSED);
}

static void an_answer_is_full_at_its_limit(void **state)
{
  (void)state;
  struct sockjs_session s;
  sockjs_session_init(&s, &limits, SOCKJS_XHR_STREAMING, 0);
  sockjs_session_attach(&s, SOCKJS_XHR_STREAMING, false);
  for (int i = 0; i < 30; i++) {
    sockjs_session_sent(&s, 135);
    assert_false(sockjs_session_is_full(&s));
  }
  sockjs_session_sent(&s, 135);
  assert_true(sockjs_session_is_full(&s));
  sockjs_session_detach(&s, 0);
  sockjs_session_attach(&s, SOCKJS_XHR_STREAMING, false);
  assert_false(sockjs_session_is_full(&s));
}

static void time_passes_for_the_absent_and_for_the_silent(void **state)
{
  (void)state;
  struct sockjs_session s;
  sockjs_session_init(&s, &limits, SOCKJS_XHR, 1000);
  assert_int_equal(sockjs_session_deadline_ms(&s, 0, false), 6000);
  assert_int_equal(sockjs_session_tick(&s, 0, false, 5999), SOCKJS_DUE_NOTHING);
  assert_int_equal(sockjs_session_tick(&s, 0, false, 6000), SOCKJS_DUE_EXPIRED);
  sockjs_session_attach(&s, SOCKJS_XHR, false);
  assert_int_equal(sockjs_session_deadline_ms(&s, 2000, false), 27000);
  assert_int_equal(sockjs_session_tick(&s, 2000, false, 26999), SOCKJS_DUE_NOTHING);
  assert_int_equal(sockjs_session_tick(&s, 2000, false, 27000), SOCKJS_DUE_BEAT);
  assert_int_equal(sockjs_session_tick(&s, 2000, true, 90000), SOCKJS_DUE_NOTHING);
  sockjs_session_detach(&s, 30000);
  assert_int_equal(sockjs_session_deadline_ms(&s, 2000, true), 35000);
}

static void without_an_interval_there_are_no_beats(void **state)
{
  (void)state;
  static const struct sockjs_limits silent = {.disconnect_ms = 5000, .stream_bytes = 1};
  struct sockjs_session s;
  sockjs_session_init(&s, &silent, SOCKJS_XHR, 0);
  sockjs_session_attach(&s, SOCKJS_XHR, false);
  assert_true(sockjs_session_deadline_ms(&s, 0, false) == UINT64_MAX);
}

static void in_the_spring_profile_a_session_keeps_its_transport(void **state)
{
  (void)state;
  static const struct sockjs_limits spring = {
      .disconnect_ms = 5000, .stream_bytes = 1, .same_transport = true};
  struct sockjs_session s;
  sockjs_session_init(&s, &spring, SOCKJS_XHR, 0);
  sockjs_session_attach(&s, SOCKJS_XHR, false);
  sockjs_session_detach(&s, 0);
  assert_int_equal(sockjs_session_attach(&s, SOCKJS_EVENTSOURCE, false), SOCKJS_WELCOME_OTHER);
  assert_int_equal(sockjs_session_attach(&s, SOCKJS_XHR, false), SOCKJS_WELCOME_WAIT);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_receiver_opens),
      cmocka_unit_test(there_is_one_receiver_at_a_time),
      cmocka_unit_test(a_closed_session_hands_out_what_it_has_first),
      cmocka_unit_test(an_answer_is_full_at_its_limit),
      cmocka_unit_test(time_passes_for_the_absent_and_for_the_silent),
      cmocka_unit_test(without_an_interval_there_are_no_beats),
      cmocka_unit_test(in_the_spring_profile_a_session_keeps_its_transport),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
