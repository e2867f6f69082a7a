/* Who has not come round for too long counts as hanging, by an injected clock. */
#include "ops/rollcall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT 1000

static struct thread {
  uint64_t rounds;
  int asked;
} threads[2];

static void ask(void *ctx)
{
  ((struct thread *)ctx)->asked++;
}

static uint64_t rounds(void *ctx)
{
  return ((struct thread *)ctx)->rounds;
}

static struct rollcall call;

static int setup(void **state)
{
  (void)state;
  memset(threads, 0, sizeof threads);
  rollcall_init(&call, LIMIT);
  for (int i = 0; i < 2; i++) {
    struct rollcall_source source = {"worker-0", ask, rounds, &threads[i]};
    source.name[7] = (char)('0' + i);
    rollcall_add(&call, &source);
  }
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  rollcall_fini(&call);
  return 0;
}

static const char *reason(uint64_t now_ms)
{
  static char text[ROLLCALL_REASON_MAX];
  return rollcall_is_alive(&call, now_ms, text, sizeof text) ? "" : text;
}

static void who_comes_round_is_alive(void **state)
{
  (void)state;
  assert_string_equal(reason(5), ""); /* before the first call */
  for (uint64_t now = 10000; now < 20000; now += 400) {
    assert_true(rollcall_take(&call, now));
    assert_string_equal(reason(now + 300), "");
    threads[0].rounds++;
    threads[1].rounds++;
  }
  assert_int_equal(threads[1].asked, 25);
}

static void who_does_not_hangs_after_the_limit_and_may_come_back(void **state)
{
  (void)state;
  assert_true(rollcall_take(&call, 10000));
  for (uint64_t now = 10250; now <= 11000; now += 250) {
    threads[0].rounds++;
    assert_true(rollcall_take(&call, now)); /* not longer than the limit */
  }
  threads[0].rounds++;
  assert_false(rollcall_take(&call, 11001));
  assert_string_equal(reason(11002), "thread 'worker-1' has not come round for 1001 ms");
  threads[0].rounds++;
  threads[1].rounds++;
  assert_true(rollcall_take(&call, 11250));
  assert_string_equal(reason(11250), "");
}

static void nobody_who_calls_is_a_fault_too(void **state)
{
  (void)state;
  assert_true(rollcall_take(&call, 10000));
  assert_string_equal(reason(11000), "");
  assert_string_equal(reason(11001), "nobody has looked at the threads for 1001 ms");
}

static void a_process_that_was_stopped_is_not_blamed(void **state)
{
  (void)state;
  assert_true(rollcall_take(&call, 10000));
  assert_true(rollcall_take(&call, 99000)); /* nobody could come round meanwhile */
  assert_string_equal(reason(99000), "");
  for (uint64_t now = 99250; now <= 100000; now += 250)
    assert_true(rollcall_take(&call, now));
  assert_false(rollcall_take(&call, 100001));
}

static void more_than_there_is_room_for_are_left_out(void **state)
{
  (void)state;
  for (int i = 0; i < ROLLCALL_MAX; i++)
    rollcall_add(&call, &(struct rollcall_source){"more", ask, rounds, &threads[0]});
  assert_int_equal(call.n, ROLLCALL_MAX);
  assert_true(rollcall_take(&call, 1));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(who_comes_round_is_alive, setup, teardown),
      cmocka_unit_test_setup_teardown(who_does_not_hangs_after_the_limit_and_may_come_back, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(nobody_who_calls_is_a_fault_too, setup, teardown),
      cmocka_unit_test_setup_teardown(a_process_that_was_stopped_is_not_blamed, setup, teardown),
      cmocka_unit_test_setup_teardown(more_than_there_is_room_for_are_left_out, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
