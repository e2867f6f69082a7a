#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "hub/destination.h"

#define LIT(text) {text, sizeof(text) - 1} /* STR is no constant */

static const struct plug_str broker[] = {LIT("/sub"), LIT("/topic/"), LIT("/app/events")};
static const struct plug_str app[] = {LIT("/app"), LIT("/pub")};
static const struct plug_str client_send[] = {LIT("/sub/open"), LIT("/pub")};

static struct destination_rules rules(bool spring)
{
  return (struct destination_rules){{broker, 3}, {app, 2}, {client_send, 2}, spring, {NULL, 0}};
}

struct row {
  const char *destination;
  enum destination_kind kind;
};

static void expect_kinds(const struct row *rows, size_t n, bool spring)
{
  struct destination_rules r = rules(spring);
  for (size_t i = 0; i < n; i++) {
    enum destination_kind got = destination_classify(&r, str_of(rows[i].destination));
    if (got != rows[i].kind)
      fail_msg("%s: kind %d", rows[i].destination, (int)got);
  }
}

static void prefixes_end_at_a_slash(void **state)
{
  (void)state;
  static const struct row rows[] = {
      {"/sub", DESTINATION_BROKER},
      {"/sub/", DESTINATION_BROKER},
      {"/sub/x/y", DESTINATION_BROKER},
      {"/subway", DESTINATION_NONE},
      {"/topic", DESTINATION_BROKER},
      {"/topic/x", DESTINATION_BROKER},
      {"/topics", DESTINATION_NONE},
      {"/pub/x", DESTINATION_APP},
      {"/pub", DESTINATION_APP},
      {"/publish", DESTINATION_NONE},
      {"/app/x", DESTINATION_APP},
      {"/app/events/x", DESTINATION_BROKER},
      {"/app/eventsx", DESTINATION_APP},
      {"/", DESTINATION_NONE},
      {"", DESTINATION_NONE},
      {"sub/x", DESTINATION_NONE},
      {"//sub/x", DESTINATION_NONE},
      {"/SUB/x", DESTINATION_NONE},
      {"/sub/a{b", DESTINATION_BROKER},
  };
  expect_kinds(rows, sizeof rows / sizeof rows[0], false);
}

static void patterns_must_lie_inside_a_prefix(void **state)
{
  (void)state;
  static const struct row rows[] = {
      {"/sub/**", DESTINATION_BROKER},
      {"/sub/*", DESTINATION_BROKER},
      {"/sub/a*", DESTINATION_BROKER},
      {"/sub/{id}/x", DESTINATION_BROKER},
      {"/**", DESTINATION_NONE},
      {"/*/x", DESTINATION_NONE},
      {"/su*/x", DESTINATION_NONE},
      {"/sub*", DESTINATION_NONE},
      {"/sub{x}", DESTINATION_NONE},
      {"/su?/x", DESTINATION_NONE},
      {"/app/*", DESTINATION_APP},
      {"/app/event?/x", DESTINATION_APP},
      {"/app/events/*", DESTINATION_BROKER},
      {"**", DESTINATION_NONE},
  };
  expect_kinds(rows, sizeof rows / sizeof rows[0], false);
}

static void spring_compares_the_start_of_broker_destinations(void **state)
{
  (void)state;
  static const struct row rows[] = {
      {"/subway", DESTINATION_BROKER}, {"/sub/x", DESTINATION_BROKER},
      {"/sub*", DESTINATION_BROKER},   {"/topic", DESTINATION_NONE},
      {"/topic/", DESTINATION_BROKER}, {"/publish", DESTINATION_NONE},
      {"/pub/x", DESTINATION_APP},     {"/su*/x", DESTINATION_NONE},
  };
  expect_kinds(rows, sizeof rows / sizeof rows[0], true);
}

static void clients_send_only_where_it_is_allowed(void **state)
{
  (void)state;
  struct destination_rules r = rules(false);
  assert_true(destination_may_send(&r, STR("/sub/open")));
  assert_true(destination_may_send(&r, STR("/sub/open/x")));
  assert_false(destination_may_send(&r, STR("/sub/opened")));
  assert_false(destination_may_send(&r, STR("/sub/x")));
  assert_false(destination_may_send(&r, STR("/pub/x"))); /* not the broker's */
  r.spring = true;
  assert_true(destination_may_send(&r, STR("/sub/opened")));
  assert_false(destination_may_send(&r, STR("/sub/x")));
  r.client_send = r.broker;
  assert_true(destination_may_send(&r, STR("/subway")));
  assert_false(destination_may_send(&r, STR("/other/x")));
}

static void root_prefix_covers_everything_that_is_left(void **state)
{
  (void)state;
  static const struct plug_str all[] = {LIT("/")};
  struct destination_rules r = {{all, 1}, {app, 2}, {NULL, 0}, false, {NULL, 0}};
  assert_int_equal(destination_classify(&r, STR("/x")), DESTINATION_BROKER);
  assert_int_equal(destination_classify(&r, STR("/**")), DESTINATION_BROKER);
  assert_int_equal(destination_classify(&r, STR("/pub/x")), DESTINATION_APP);
}

static void prefixes_are_listed_for_people(void **state)
{
  (void)state;
  struct buf out = {0};
  struct destination_rules r = rules(false);
  destination_put_prefixes(&out, &r.broker);
  assert_true(str_eq(str_from(out.data, out.len), STR("/sub, /topic/, /app/events")));
  buf_free(&out);
}

static void unusable_destinations_are_refused_with_a_reason(void **state)
{
  (void)state;
  const struct {
    struct plug_str destination;
    const char *why;
  } rows[] = {
      {STR(""), "empty"},         {STR("sub"), "slash"},          {STR("/a\xff"), "UTF-8"},
      {STR("/a\xc3"), "UTF-8"},   {STR("/a\nb"), "control"},      {STR("/a\0b"), "control"},
      {STR("/a\x7f"), "control"}, {STR("/a\xc2\x85"), "control"}, {STR("/12345678"), "long"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *why = "";
    assert_false(destination_valid(rows[i].destination, 8, &why));
    assert_non_null(strstr(why, rows[i].why));
  }
  const char *why;
  assert_true(destination_valid(STR("/1234567"), 8, &why));
  assert_true(destination_valid(STR("/"), 8, &why));
  assert_true(destination_valid(STR("/\xc3\xa9\xc2\xa0 x"), 8, &why));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(prefixes_end_at_a_slash),
      cmocka_unit_test(patterns_must_lie_inside_a_prefix),
      cmocka_unit_test(spring_compares_the_start_of_broker_destinations),
      cmocka_unit_test(clients_send_only_where_it_is_allowed),
      cmocka_unit_test(root_prefix_covers_everything_that_is_left),
      cmocka_unit_test(prefixes_are_listed_for_people),
      cmocka_unit_test(unusable_destinations_are_refused_with_a_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
