/* Delays between attempts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backoff.h"

enum { TRIES = 2000 };

static void delays_double_up_to_the_longest(void **state)
{
  static const struct {
    unsigned n_failures;
    uint64_t most_ms;
  } steps[] = {{0, 100}, {1, 100}, {2, 200}, {3, 400}, {6, 3200}, {7, 5000}, {1000000, 5000}};
  struct backoff backoff;
  (void)state;
  backoff_init(&backoff);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    for (int k = 0; k < TRIES; k++) {
      uint64_t ms = backoff_next_ms(&backoff, steps[i].n_failures, 100, 5000);
      assert_in_range(ms, steps[i].most_ms / 2, steps[i].most_ms);
    }
}

static void nodes_differ(void **state)
{
  uint64_t least = UINT64_MAX, most = 0;
  struct backoff backoff;
  (void)state;
  for (int k = 0; k < TRIES; k++) {
    backoff_init(&backoff);
    uint64_t ms = backoff_next_ms(&backoff, 1, 1000, 1000);
    least = ms < least ? ms : least;
    most = ms > most ? ms : most;
  }
  assert_in_range(least, 500, 600);
  assert_in_range(most, 900, 1000);
}

static void the_shortest_may_be_one(void **state)
{
  struct backoff backoff = {.random = 1};
  (void)state;
  for (int k = 0; k < TRIES; k++)
    assert_in_range(backoff_next_ms(&backoff, 1, 1, 1), 0, 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(delays_double_up_to_the_longest),
                                     cmocka_unit_test(nodes_differ),
                                     cmocka_unit_test(the_shortest_may_be_one)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
