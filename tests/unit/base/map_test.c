#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/str.h"

struct item {
  struct map_entry entry;
  char key[16];
  unsigned visits;
};

static struct item *item_new(unsigned number)
{
  struct item *item = calloc(1, sizeof *item);
  assert_non_null(item);
  snprintf(item->key, sizeof item->key, "key-%u", number);
  item->entry.key = str_of(item->key);
  return item;
}

static struct item *find(const struct map *m, unsigned number)
{
  char key[16];
  snprintf(key, sizeof key, "key-%u", number);
  struct map_entry *e = map_find(m, str_of(key));
  return e ? container_of(e, struct item, entry) : NULL;
}

static void fill(struct map *m, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    assert_true(map_insert(m, &item_new(i)->entry));
}

static void empty(struct map *m)
{
  struct map_iter it = {0};
  struct map_entry *e;
  while ((e = map_next(m, &it))) {
    map_remove(m, e);
    free(container_of(e, struct item, entry));
  }
  assert_int_equal(m->count, 0);
  map_fini(m);
}

static void a_zeroed_map_is_empty(void **state)
{
  (void)state;
  struct map m = {0};
  struct map_iter it = {0};
  assert_null(map_find(&m, STR("a")));
  assert_null(map_next(&m, &it));
  map_fini(&m);
}

static void entries_are_found_while_the_table_grows(void **state)
{
  (void)state;
  struct map m = {0};
  for (unsigned n = 0; n < 5000; n++) {
    assert_null(find(&m, n));
    assert_true(map_insert(&m, &item_new(n)->entry));
    assert_int_equal(m.count, n + 1);
    assert_non_null(find(&m, n));
    assert_non_null(find(&m, n / 2));
  }
  assert_true(m.n_buckets >= 4096);
  for (unsigned n = 0; n < 5000; n++)
    assert_string_equal(find(&m, n)->entry.key.ptr, find(&m, n)->key);
  empty(&m);
}

static void keys_are_bytes(void **state)
{
  (void)state;
  struct map m = {0};
  struct map_entry a = {.key = STR("a\0b")}, b = {.key = STR("a\0c")}, none = {.key = STR("")};
  assert_true(map_insert(&m, &a));
  assert_true(map_insert(&m, &b));
  assert_true(map_insert(&m, &none));
  assert_ptr_equal(map_find(&m, STR("a\0b")), &a);
  assert_ptr_equal(map_find(&m, STR("a\0c")), &b);
  assert_ptr_equal(map_find(&m, str_from(NULL, 0)), &none);
  assert_null(map_find(&m, STR("a")));
  map_fini(&m);
}

static void equal_hashes_do_not_confuse_keys(void **state)
{
  (void)state;
  struct map m = {0};
  struct map_entry a = {.key = STR("a")}, b = {.key = STR("b")}, c = {.key = STR("c")};
  assert_true(map_insert_hashed(&m, &a, 7));
  assert_true(map_insert_hashed(&m, &b, 7));
  assert_true(map_insert_hashed(&m, &c, 7));
  map_remove(&m, &b);
  assert_ptr_equal(map_find_hashed(&m, STR("a"), 7), &a);
  assert_null(map_find_hashed(&m, STR("b"), 7));
  assert_ptr_equal(map_find_hashed(&m, STR("c"), 7), &c);
  assert_null(map_find_hashed(&m, STR("a"), 8));
  map_fini(&m);
}

static void removed_entries_are_gone_and_may_come_back(void **state)
{
  (void)state;
  struct map m = {0};
  fill(&m, 100);
  for (unsigned n = 0; n < 100; n += 2) {
    struct item *item = find(&m, n);
    map_remove(&m, &item->entry);
    assert_null(find(&m, n));
    if (n % 4 == 0)
      assert_true(map_insert(&m, &item->entry));
    else
      free(item);
  }
  assert_int_equal(m.count, 75);
  for (unsigned n = 0; n < 100; n++)
    assert_int_equal(find(&m, n) != NULL, n % 4 != 2);
  empty(&m);
}

static void iteration_visits_every_entry_once(void **state)
{
  (void)state;
  struct map m = {0};
  fill(&m, 3000);
  struct map_iter it = {0};
  struct map_entry *e;
  while ((e = map_next(&m, &it)))
    container_of(e, struct item, entry)->visits++;
  for (unsigned n = 0; n < 3000; n++)
    assert_int_equal(find(&m, n)->visits, 1);
  assert_null(map_next(&m, &it));
  empty(&m);
}

static void visited_entries_may_be_removed_and_freed(void **state)
{
  (void)state;
  struct map m = {0};
  fill(&m, 3000);
  struct map_iter it = {0};
  struct map_entry *e;
  unsigned visited = 0;
  while ((e = map_next(&m, &it))) {
    visited++;
    struct item *item = container_of(e, struct item, entry);
    if (atoi(item->key + 4) % 3 == 0) {
      map_remove(&m, e);
      free(item);
    }
  }
  assert_int_equal(visited, 3000);
  assert_int_equal(m.count, 2000);
  for (unsigned n = 0; n < 3000; n++)
    assert_int_equal(find(&m, n) != NULL, n % 3 != 0);
  empty(&m); /* to the last one, with which a large table goes */
}

static void a_table_that_was_large_gives_its_memory_back(void **state)
{
  (void)state;
  struct map m = {0};
  fill(&m, 5000);
  for (unsigned n = 0; n < 5000; n++) {
    struct item *item = find(&m, n);
    map_remove(&m, &item->entry);
    free(item);
  }
  assert_null(m.buckets);
  struct map_entry again = {.key = STR("again")};
  assert_true(map_insert(&m, &again));
  assert_ptr_equal(map_find(&m, STR("again")), &again);
  map_fini(&m);
}

static void see(void *ctx, const struct map_entry *entry)
{
  (void)ctx;
  container_of(entry, struct item, entry)->visits++;
}

static void a_scan_sees_what_stays_while_the_table_grows(void **state)
{
  (void)state;
  struct map m = {0};
  assert_int_equal(map_scan(&m, 0, see, NULL), 0);
  fill(&m, 500);
  size_t cursor = 0, grown = 0, steps = 0;
  do {
    cursor = map_scan(&m, cursor, see, NULL);
    if (++steps % 50 == 0 && grown < 4) { /* once through every fifty buckets */
      grown++;
      for (unsigned n = 0; n < 1500; n++) {
        struct item *more = calloc(1, sizeof *more);
        assert_non_null(more);
        snprintf(more->key, sizeof more->key, "more%zu-%u", grown, n);
        more->entry.key = str_of(more->key);
        assert_true(map_insert(&m, &more->entry));
      }
    }
  } while (cursor);
  assert_int_equal(grown, 4);
  for (unsigned n = 0; n < 500; n++)
    assert_int_equal(find(&m, n)->visits, 1);
  empty(&m);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_zeroed_map_is_empty),
      cmocka_unit_test(entries_are_found_while_the_table_grows),
      cmocka_unit_test(keys_are_bytes),
      cmocka_unit_test(equal_hashes_do_not_confuse_keys),
      cmocka_unit_test(removed_entries_are_gone_and_may_come_back),
      cmocka_unit_test(iteration_visits_every_entry_once),
      cmocka_unit_test(visited_entries_may_be_removed_and_freed),
      cmocka_unit_test(a_scan_sees_what_stays_while_the_table_grows),
      cmocka_unit_test(a_table_that_was_large_gives_its_memory_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
