/* Users who are refused for a while: told why, let in again, and so many at most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access/refused_users.h"
#include "base/str.h"

static char reason[REFUSED_REASON_MAX + 1];

static bool is_refused(struct refused_users *users, const char *name, uint64_t now_ms)
{
  return refused_users_find(users, str_of(name), now_ms, reason);
}

static void users_are_refused_until_then(void **state)
{
  (void)state;
  struct refused_users *users = refused_users_new(10);
  assert_false(is_refused(users, "alice", 0));
  assert_true(refused_users_add(users, STR("alice"), STR("spam"), 100, 200));
  assert_true(is_refused(users, "alice", 100));
  assert_string_equal(reason, "spam");
  assert_true(is_refused(users, "alice", 199));
  assert_false(is_refused(users, "alic", 199));
  assert_false(is_refused(users, "alice", 200));
  assert_false(is_refused(users, "alice", 150)); /* it was forgotten */
  refused_users_free(users);
}

static void the_last_time_counts(void **state)
{
  (void)state;
  struct refused_users *users = refused_users_new(1);
  assert_true(refused_users_add(users, STR("alice"), STR("long"), 0, 1000));
  assert_true(refused_users_add(users, STR("alice"), STR(""), 0, 10));
  assert_true(is_refused(users, "alice", 9));
  assert_string_equal(reason, "");
  assert_false(is_refused(users, "alice", 10));
  refused_users_free(users);
}

static void there_are_so_many_at_most(void **state)
{
  (void)state;
  struct refused_users *users = refused_users_new(2);
  assert_true(refused_users_add(users, STR("a"), STR(""), 0, 100));
  assert_true(refused_users_add(users, STR("b"), STR(""), 0, 5000));
  assert_false(refused_users_add(users, STR("c"), STR(""), 0, 5000));
  assert_true(refused_users_add(users, STR("b"), STR(""), 0, 5000));
  /* whose time is over makes room, looked for once a second */
  assert_true(refused_users_add(users, STR("c"), STR(""), 2000, 5000));
  assert_true(is_refused(users, "c", 2000));
  assert_true(is_refused(users, "b", 2000));
  refused_users_free(users);
  refused_users_free(NULL);
}

static void reasons_are_cut_between_characters(void **state)
{
  (void)state;
  struct refused_users *users = refused_users_new(2);
  char text[300] = "x";
  for (size_t i = 1; i + 2 < sizeof text; i += 2)
    memcpy(text + i, "\xc3\xa9", 3);
  assert_true(refused_users_add(users, STR("a"), str_of(text), 0, 100));
  assert_true(is_refused(users, "a", 0));
  assert_int_equal(strlen(reason), 255);
  text[254] = '\xc3';
  assert_true(refused_users_add(users, STR("b"), str_from(text + 2, 290), 0, 100));
  refused_users_free(users);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(users_are_refused_until_then),
      cmocka_unit_test(the_last_time_counts),
      cmocka_unit_test(there_are_so_many_at_most),
      cmocka_unit_test(reasons_are_cut_between_characters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
