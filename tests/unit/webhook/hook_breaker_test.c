/* The circuit breaker, with times that are given. */
#include "hook_breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool call(struct hook_breaker *breaker, bool good, uint64_t now_ms)
{
  assert_true(hook_breaker_lets(breaker, now_ms));
  return hook_breaker_end(breaker, hook_breaker_begin(breaker), good, now_ms);
}

static void opens_after_failures_in_a_row(void **state)
{
  struct hook_breaker breaker;
  (void)state;
  hook_breaker_init(&breaker, 3, 1000);
  assert_false(call(&breaker, false, 1));
  assert_false(call(&breaker, false, 2));
  assert_false(call(&breaker, true, 3)); /* not in a row */
  assert_false(call(&breaker, false, 4));
  assert_false(call(&breaker, false, 5));
  assert_true(call(&breaker, false, 6));
  assert_int_equal(breaker.state, HOOK_OPEN);
  assert_int_equal(breaker.failures, 3);
  assert_false(hook_breaker_lets(&breaker, 6));
  assert_false(hook_breaker_lets(&breaker, 1005));
  assert_true(hook_breaker_lets(&breaker, 1006));
}

static void one_call_tries(void **state)
{
  struct hook_breaker breaker;
  (void)state;
  hook_breaker_init(&breaker, 1, 1000);
  assert_true(call(&breaker, false, 0));
  uint32_t trial = hook_breaker_begin(&breaker);
  assert_int_equal(breaker.state, HOOK_TRIAL);
  assert_false(hook_breaker_lets(&breaker, 100000)); /* one only, however long it takes */
  assert_true(hook_breaker_end(&breaker, trial, false, 2000));
  assert_int_equal(breaker.state, HOOK_OPEN);
  assert_false(hook_breaker_lets(&breaker, 2999));
  assert_true(hook_breaker_lets(&breaker, 3000));
  trial = hook_breaker_begin(&breaker);
  assert_true(hook_breaker_end(&breaker, trial, true, 3001));
  assert_int_equal(breaker.state, HOOK_CLOSED);
  assert_int_equal(breaker.failures, 0);
  assert_true(hook_breaker_lets(&breaker, 3001));
}

static void calls_of_before_say_nothing(void **state)
{
  struct hook_breaker breaker;
  (void)state;
  hook_breaker_init(&breaker, 2, 1000);
  uint32_t slow = hook_breaker_begin(&breaker), slower = hook_breaker_begin(&breaker);
  assert_false(call(&breaker, false, 1));
  assert_true(call(&breaker, false, 2));
  assert_false(hook_breaker_end(&breaker, slow, true, 3)); /* does not close it */
  assert_int_equal(breaker.state, HOOK_OPEN);
  uint32_t trial = hook_breaker_begin(&breaker);
  assert_false(hook_breaker_end(&breaker, slower, false, 1003)); /* is not the trial */
  assert_int_equal(breaker.state, HOOK_TRIAL);
  assert_true(hook_breaker_end(&breaker, trial, true, 1004));
  assert_false(hook_breaker_end(&breaker, slower, false, 1005));
  assert_int_equal(breaker.failures, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opens_after_failures_in_a_row),
      cmocka_unit_test(one_call_tries),
      cmocka_unit_test(calls_of_before_say_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
