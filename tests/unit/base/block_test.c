#include "base/block.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Around the steps, the largest cached and beyond. */
static const size_t sizes[] = {0,   1,   63,  64,   65,   127,  128,  129,
                               500, 960, 961, 1023, 1024, 1025, 4096, 100000};
#define N_SIZES (sizeof sizes / sizeof *sizes)

static void blocks_hold_what_they_were_asked_for(void **state)
{
  (void)state;
  enum { ROUNDS = 3, EACH = 100 };
  static char *blocks[N_SIZES][EACH];
  for (int round = 0; round < ROUNDS; round++) {
    for (size_t s = 0; s < N_SIZES; s++)
      for (int i = 0; i < EACH; i++) {
        assert_non_null(blocks[s][i] = block_alloc(sizes[s]));
        assert_int_equal((uintptr_t)blocks[s][i] % 16, 0);
        memset(blocks[s][i], i, sizes[s]);
      }
    for (size_t s = 0; s < N_SIZES; s++)
      for (int i = 0; i < EACH; i++) {
        for (size_t at = 0; at < sizes[s]; at += 61)
          assert_int_equal(blocks[s][i][at], i);
        block_free(blocks[s][i], sizes[s]);
      }
  }
  block_free(NULL, 64);
  block_drop_cache();
}

static void *free_all(void *arg)
{
  void **blocks = arg;
  for (int i = 0; i < 10000; i++)
    block_free(blocks[i], 300);
  block_drop_cache();
  return NULL;
}

static void another_thread_may_free_them(void **state)
{
  (void)state;
  static void *blocks[10000];
  for (int i = 0; i < 10000; i++)
    assert_non_null(blocks[i] = block_alloc(300));
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, free_all, blocks), 0);
  pthread_join(thread, NULL);
  void *block = block_alloc(300);
  block_free(block, 300);
  block_drop_cache();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_hold_what_they_were_asked_for),
      cmocka_unit_test(another_thread_may_free_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
