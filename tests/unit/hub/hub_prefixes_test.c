/* A topic counts for the longest configured prefix that covers it; no topic makes a new one. */
#include "hub/hub_prefixes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

static void the_longest_prefix_counts(void **state)
{
  (void)state;
  const struct plug_str items[] = {STR("/sub"), STR("/sub/rooms/"), STR("/topic")};
  const struct hub_prefixes prefixes = {.configured = {items, 3}};
  static const struct {
    const char *topic;
    unsigned prefix;
  } rows[] = {{"/sub", 2},
              {"/sub/x", 2},
              {"/sub/rooms", 3},
              {"/sub/rooms/1", 3},
              {"/sub/roomsx", 2},
              {"/topic/**", 4},
              {"/topics", 0},
              {"/", 0},
              {"/elsewhere/x", 0},
              {"user:ab/queue", 1},
              {"", 1}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    assert_int_equal(hub_prefixes_find(&prefixes, str_of(rows[i].topic)), rows[i].prefix);
  assert_int_equal(hub_prefixes_count(&prefixes), 5);
}

static void those_beyond_the_last_place_are_others(void **state)
{
  (void)state;
  struct plug_str items[HUB_PREFIXES_MAX + 5];
  char names[HUB_PREFIXES_MAX + 5][8];
  for (unsigned i = 0; i < HUB_PREFIXES_MAX + 5; i++) {
    names[i][0] = '/';
    names[i][1] = (char)('a' + i / 10);
    names[i][2] = (char)('0' + i % 10);
    items[i] = str_from(names[i], 3);
  }
  const struct hub_prefixes prefixes = {.configured = {items, HUB_PREFIXES_MAX + 5}};
  assert_int_equal(hub_prefixes_count(&prefixes), HUB_PREFIXES_MAX);
  assert_int_equal(hub_prefixes_find(&prefixes, items[29]), HUB_PREFIXES_MAX - 1);
  assert_int_equal(hub_prefixes_find(&prefixes, items[30]), HUB_PREFIX_OTHER);
  assert_int_equal(hub_prefixes_find(&prefixes, items[36]), HUB_PREFIX_OTHER);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_longest_prefix_counts),
      cmocka_unit_test(those_beyond_the_last_place_are_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
