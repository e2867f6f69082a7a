#include "base/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 2000 };

static bool is_all(const unsigned char *bytes, size_t len, unsigned char value)
{
  for (size_t i = 0; i < len; i++)
    if (bytes[i] != value)
      return false;
  return true;
}

static void each_object_has_its_bytes(size_t size)
{
  struct slab slab;
  static unsigned char *objects[N];
  slab_init(&slab, size);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < N; i++) {
      if (objects[i])
        continue;
      assert_non_null(objects[i] = slab_alloc(&slab));
      assert_int_equal((uintptr_t)objects[i] % 8, 0);
      assert_true(is_all(objects[i], size, 0)); /* of those that were freed, too */
      memset(objects[i], i % 251 + 1, size);
    }
    assert_int_equal(slab.count, N);
    for (int i = 0; i < N; i++) {
      assert_true(is_all(objects[i], size, (unsigned char)(i % 251 + 1)));
      if ((i + round) % 3 == 0)
        continue; /* what stays has its bytes in the next round, too */
      slab_free(&slab, objects[i]);
      objects[i] = NULL;
    }
  }
  for (int i = 0; i < N; i++)
    if (objects[i])
      slab_free(&slab, objects[i]);
  memset(objects, 0, sizeof objects);
  assert_int_equal(slab.count, 0);
  slab_fini(&slab);
}

static void objects_do_not_overlap(void **state)
{
  (void)state;
  each_object_has_its_bytes(8);
  each_object_has_its_bytes(13);
  each_object_has_its_bytes(72);
  each_object_has_its_bytes(616);
  each_object_has_its_bytes(4096);
}

static void they_take_no_more_than_their_size(void **state)
{
  struct slab slab;
  char *first, *second;
  (void)state;
  slab_init(&slab, 72);
  first = slab_alloc(&slab);
  second = slab_alloc(&slab);
  assert_int_equal(second - first, 72);
  slab_free(&slab, first);
  assert_ptr_equal(slab_alloc(&slab), first); /* the one that was freed last is in the cache */
  slab_free(&slab, first);
  slab_free(&slab, second);
  slab_fini(&slab);
}

static void empty_chunks_go_back_but_for_one(void **state)
{
  struct slab slab;
  static void *objects[N];
  (void)state;
  slab_init(&slab, 1000);
  for (int i = 0; i < N; i++)
    assert_non_null(objects[i] = slab_alloc(&slab));
  assert_int_equal(slab.n_empty, 0);
  for (int i = 0; i < N; i++) {
    slab_free(&slab, objects[i]);
    assert_true(slab.n_empty <= 1);
  }
  size_t n_chunks = 0;
  for (struct list *node = slab.with_room.next; node != &slab.with_room; node = node->next)
    n_chunks++;
  assert_int_equal(n_chunks, 1);
  /* One that stands at the border of a chunk does not ask the kernel each time. */
  void *before = slab_alloc(&slab);
  slab_free(&slab, before);
  assert_int_equal(slab.n_empty, 1);
  assert_ptr_equal(slab_alloc(&slab), before);
  slab_free(&slab, before);
  slab_fini(&slab);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(objects_do_not_overlap),
      cmocka_unit_test(they_take_no_more_than_their_size),
      cmocka_unit_test(empty_chunks_go_back_but_for_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
