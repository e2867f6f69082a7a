/* Names of user destinations: split, escaped as Spring does, hashed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/user.h"
#include "base/str.h"

static const struct user_names names = {{"/user", 5}, {"key", 3}};

static void destinations_are_split(void **state)
{
  (void)state;
  static const struct {
    const char *text, *name, *rest; /* name NULL: it is none */
  } rows[] = {
      {"/user/alice/queue/x", "alice", "/queue/x"},
      {"/user/a%2Fb/q", "a%2Fb", "/q"},
      {"/user/alice//", "alice", "//"},
      {"/user/alice/", NULL, NULL},
      {"/user/alice", NULL, NULL},
      {"/user//queue/x", NULL, NULL},
      {"/user", NULL, NULL},
      {"/user/", NULL, NULL},
      {"/users/alice/x", NULL, NULL},
      {"", NULL, NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct plug_str name, rest;
    bool is_one = user_split(&names, str_of(rows[i].text), &name, &rest);
    if (is_one != (rows[i].name != NULL))
      fail_msg("%s", rows[i].text);
    if (!is_one)
      continue;
    assert_true(str_eq(name, str_of(rows[i].name)));
    assert_true(str_eq(rest, str_of(rows[i].rest)));
  }
  static const struct user_names none = {{NULL, 0}, {NULL, 0}};
  struct plug_str name, rest;
  assert_false(user_split(&none, STR("/user/alice/queue/x"), &name, &rest));
}

/* The reverse, with the same rows, is in tests/unit/route/app_route_test.c. */
static void escaped_slashes_come_back(void **state)
{
  (void)state;
  static const struct {
    const char *escaped, *name;
  } rows[] = {{"alice", "alice"}, {"a%2Fb", "a/b"}, {"%2F", "/"}, {"a%b", "a%b"},
              {"%2f", "%2f"},     {"100%", "100%"}, {"%", "%"},   {"%2", "%2"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct buf back = {0};
    user_unescape(str_of(rows[i].escaped), &back);
    assert_true(str_eq(str_from(back.data, back.len), str_of(rows[i].name)));
    buf_free(&back);
  }
}

static void put(const struct user_names *with, const char *destination, struct buf *out)
{
  assert_true(user_put_destination(with, str_of(destination), out));
  buf_put_char(out, '\0');
}

static void topics_depend_on_name_and_key_and_on_nothing_else(void **state)
{
  (void)state;
  static const struct user_names other = {{"/user", 5}, {"other", 5}};
  struct buf a = {0}, b = {0}, c = {0}, d = {0}, e = {0};
  put(&names, "/user/a%2Fb/queue/x", &a);
  user_put_topic(&names, STR("a/b"), STR("/queue/x"), &b);
  buf_put_char(&b, '\0');
  assert_string_equal(a.data, b.data);
  /* HMAC-SHA256 with key "key" of "a/b", the first half, as any tool gives it. */
  assert_string_equal(a.data, "user:fc2a18b4698f83eeff211ec92df5cf6c/queue/x");
  put(&names, "/user/a/queue/x", &c);
  assert_string_not_equal(a.data, c.data);
  put(&other, "/user/a%2Fb/queue/x", &d);
  assert_string_not_equal(a.data, d.data);
  static const struct user_names keyless = {{"/user", 5}, {NULL, 0}};
  put(&keyless, "/user/a%2Fb/queue/x", &e);
  assert_string_not_equal(a.data, e.data);
  assert_false(user_put_destination(&names, STR("/user/a"), &e));
  buf_free(&a);
  buf_free(&b);
  buf_free(&c);
  buf_free(&d);
  buf_free(&e);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(destinations_are_split),
      cmocka_unit_test(escaped_slashes_come_back),
      cmocka_unit_test(topics_depend_on_name_and_key_and_on_nothing_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
