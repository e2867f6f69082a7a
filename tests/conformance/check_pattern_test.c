/* The kit's patterns, which brokers are judged by, against those of the server; and where the relay
 * finds an address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "check_pattern.h"
#include "check_relay.h"
#include "hub/pattern.h"

static const char *const pieces[] = {"a",   "b",  "ab", "*",  "**",   "?",
                                     "{x}", "a*", "*b", "a?", "a{x}b"};
static const char *const words[] = {"a", "b", "ab", "aab", "x", "abb"};
enum { PIECES = sizeof pieces / sizeof pieces[0], WORDS = sizeof words / sizeof words[0] };

/* "/x/y/z" of the digits of n to the base of how many there are; 0 is nothing. */
static void put_path(char *out, size_t room, const char *const *parts, size_t n_parts, size_t n)
{
  size_t at = 0;
  out[0] = '\0';
  for (; n; n /= n_parts + 1)
    if (n % (n_parts + 1))
      at += (size_t)snprintf(out + at, room - at, "/%s", parts[n % (n_parts + 1) - 1]);
}

static void test_matches_like_the_server(void **state)
{
  char pattern[64], topic[64];
  (void)state;
  for (size_t p = 1; p < (PIECES + 1) * (PIECES + 1) * (PIECES + 1); p++) {
    struct plug_err err;
    put_path(pattern, sizeof pattern, pieces, PIECES, p);
    struct pattern *compiled = pattern_compile(str_of(pattern), &err);
    assert_non_null(compiled);
    for (size_t t = 1; t < (WORDS + 1) * (WORDS + 1) * (WORDS + 1); t++) {
      put_path(topic, sizeof topic, words, WORDS, t);
      int wanted = pattern_match(compiled, str_of(topic));
      if (check_pattern_matches(str_of(pattern), str_of(topic)) != wanted)
        fail_msg("%s %s %s, says the server", topic, wanted ? "matches" : "does not match",
                 pattern);
    }
    pattern_free(compiled);
  }
}

static void test_faults(void **state)
{
  size_t n;
  (void)state;
  assert_null(check_pattern_fault(STR("/a/{b}/{c:[0-9]+}/**"), &n));
  assert_int_equal(n, 2);
  assert_non_null(check_pattern_fault(STR(""), &n));
  assert_non_null(check_pattern_fault(STR("a"), &n));
  assert_non_null(check_pattern_fault(STR("/a//b"), &n));
  assert_non_null(check_pattern_fault(STR("/{a"), &n));
  assert_non_null(check_pattern_fault(STR("/{a/b}"), &n));
  assert_non_null(check_pattern_fault(STR("/{}"), &n));
  assert_non_null(check_pattern_fault(STR("/a\n"), &n));
  assert_true(check_pattern_has_expression(STR("/{a:b}")));
  assert_false(check_pattern_has_expression(STR("/{a}:b")));
}

static void test_fill(void **state)
{
  struct plug_kv variables[CHECK_PATTERN_VARIABLES];
  char path[64], little[8];
  size_t n;
  (void)state;
  assert_int_equal(check_pattern_fill(STR("/{a}/x?/**/{b}"), "7", path, sizeof path, variables, &n),
                   9);
  assert_string_equal(path, "/7/xa/a/7");
  assert_int_equal(n, 2);
  assert_true(str_eq(variables[1].key, STR("b")) && str_eq(variables[1].value, STR("7")));
  assert_int_equal(
      check_pattern_fill(STR("/{a}/{b}"), "seven", little, sizeof little, variables, &n), 0);
}

static void expect_address(const char *text, const char *host, const char *port)
{
  size_t at[4];
  assert_int_equal(check_relay_find(text, &at[0], &at[1], &at[2], &at[3]), host != NULL);
  if (!host)
    return;
  assert_true(str_eq(str_from(text + at[0], at[1]), str_of(host)));
  assert_true(str_eq(str_from(text + at[2], at[3]), str_of(port)));
}

static void test_addresses(void **state)
{
  (void)state;
  expect_address("redis://127.0.0.1:6379", "127.0.0.1", "6379");
  expect_address("rediss://user:p@ss:word@redis.example:6380/3", "redis.example", "6380");
  expect_address("nats://[::1]:4222", "::1", "4222");
  expect_address("localhost:80", "localhost", "80");
  expect_address("http://host:80?x=y:1", "host", "80");
  expect_address("redis://host", NULL, NULL);
  expect_address("redis://host:", NULL, NULL);
  expect_address("redis://host:port", NULL, NULL);
  expect_address("redis://host:123456", NULL, NULL);
  expect_address("redis://:6379", NULL, NULL);
  expect_address("nats://[::1:4222", NULL, NULL);
  expect_address("[::1]", NULL, NULL);
  expect_address("", NULL, NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_matches_like_the_server),
      cmocka_unit_test(test_faults),
      cmocka_unit_test(test_fill),
      cmocka_unit_test(test_addresses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
