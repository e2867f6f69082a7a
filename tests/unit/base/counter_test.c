#include "base/counter.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#define THREADS 4
#define ADDS    100000

static void *count_bound(void *arg)
{
  (void)arg;
  counter_bind_thread();
  for (unsigned i = 0; i < ADDS; i++) {
    COUNT(frames_in);
    COUNT_BY(bytes_in, 10);
  }
  COUNT_BY(sessions, -5);
  return NULL;
}

static void *count_unbound(void *arg)
{
  (void)arg;
  for (unsigned i = 0; i < ADDS; i++)
    COUNT(frames_in);
  return NULL;
}

static void on_threads(void *(*run)(void *))
{
  pthread_t threads[THREADS];
  for (unsigned i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, run, NULL), 0);
  for (unsigned i = 0; i < THREADS; i++) {
    (void)counter_read(COUNTER_frames_in); /* while they count */
    pthread_join(threads[i], NULL);
  }
}

static void readers_sum_the_blocks_of_all_threads(void **state)
{
  (void)state;
  int64_t frames = counter_read(COUNTER_frames_in), bytes = counter_read(COUNTER_bytes_in);
  int64_t sessions = counter_read(COUNTER_sessions), other = counter_read(COUNTER_published);
  on_threads(count_bound);
  assert_true(counter_read(COUNTER_frames_in) == frames + THREADS * ADDS);
  assert_true(counter_read(COUNTER_bytes_in) == bytes + 10 * THREADS * ADDS);
  assert_true(counter_read(COUNTER_sessions) == sessions - 5 * THREADS);
  assert_true(counter_read(COUNTER_published) == other);
}

static void threads_without_a_block_lose_nothing(void **state)
{
  (void)state;
  int64_t frames = counter_read(COUNTER_frames_in);
  on_threads(count_unbound);
  assert_true(counter_read(COUNTER_frames_in) == frames + THREADS * ADDS);
}

static void every_counter_has_a_name_and_a_help_text(void **state)
{
  (void)state;
  for (int i = 0; i < COUNTER_COUNT; i++) {
    assert_true(strlen(counter_name((enum counter)i)) > 0);
    assert_true(strlen(counter_help((enum counter)i)) > 0);
  }
  assert_string_equal(counter_name(COUNTER_frames_in), "frames_in");
  assert_true(counter_is_gauge(COUNTER_connections));
  assert_false(counter_is_gauge(COUNTER_connections_total));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readers_sum_the_blocks_of_all_threads),
      cmocka_unit_test(threads_without_a_block_lose_nothing),
      cmocka_unit_test(every_counter_has_a_name_and_a_help_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
