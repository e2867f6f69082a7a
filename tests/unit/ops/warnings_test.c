#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ops/warnings.h"

static char listed[4096];
static int n_listed;

static void put_listed(void *ctx, const char *id, uint64_t since_ms, const char *text)
{
  (void)ctx;
  assert_true(since_ms > 0);
  size_t len = strlen(listed);
  snprintf(listed + len, sizeof listed - len, "%s=%s;", id, text);
  n_listed++;
}

static const char *list(struct warnings *warnings)
{
  listed[0] = '\0';
  n_listed = 0;
  warnings_each(warnings, put_listed, NULL);
  return listed;
}

static void a_warning_is_put_again_and_taken_back_by_its_id(void **state)
{
  (void)state;
  struct warnings *w = warnings_new();
  assert_string_equal(list(w), "");
  assert_true(warnings_put(w, "a", "%d of them", 1));
  assert_true(warnings_put(w, "b", "other"));
  assert_false(warnings_put(w, "a", "%d of them", 2));
  assert_string_equal(list(w), "a=2 of them;b=other;");
  assert_true(warnings_clear(w, "a"));
  assert_false(warnings_clear(w, "a"));
  assert_string_equal(list(w), "b=other;");
  assert_true(warnings_set(w, true, "c", "x"));
  assert_true(warnings_set(w, false, "c", "x"));
  assert_string_equal(list(w), "b=other;");
  warnings_free(w);
}

static void a_warning_for_a_time_goes_by_itself(void **state)
{
  (void)state;
  struct warnings *w = warnings_new();
  assert_true(warnings_put_for(w, 1, "a", "x"));
  assert_true(warnings_put_for(w, 3600000, "b", "y"));
  uint64_t then_ms = clock_now_ms() + 1;
  while (clock_now_ms() <= then_ms)
    ;
  assert_string_equal(list(w), "b=y;");
  warnings_free(w);
}

static void there_are_so_many_at_most_and_texts_are_cut(void **state)
{
  (void)state;
  struct warnings *w = warnings_new();
  char text[2 * WARNING_TEXT_MAX];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  memcpy(text + WARNING_TEXT_MAX - 1, "\xc3\xa4", 2); /* of whose two bytes one would fit */
  assert_true(warnings_put(w, "cut", "%s", text));
  assert_int_equal(strlen(list(w)), strlen("cut=;") + WARNING_TEXT_MAX - 1);
  for (int i = 1; i < WARNINGS_MAX; i++) {
    char id[16];
    snprintf(id, sizeof id, "w%d", i);
    assert_true(warnings_put(w, id, "x"));
  }
  assert_false(warnings_put(w, "one more", "x"));
  (void)list(w);
  assert_int_equal(n_listed, WARNINGS_MAX);
  warnings_free(w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_warning_is_put_again_and_taken_back_by_its_id),
      cmocka_unit_test(a_warning_for_a_time_goes_by_itself),
      cmocka_unit_test(there_are_so_many_at_most_and_texts_are_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
