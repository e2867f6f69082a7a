/* Channel names: every topic that an Ant pattern matches is covered by its glob, and nothing
 * outside of the namespace of topics is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "redis_glob.h"

/* Globs as Redis reads them, without sets, which are never written. */
static bool glob_matches(const char *g, const char *s)
{
  for (; *g != '\0'; g++, s++) {
    if (*g == '*') {
      for (;; s++) {
        if (glob_matches(g + 1, s))
          return true;
        if (*s == '\0')
          return false;
      }
    }
    if (*s == '\0')
      return false;
    if (*g == '?')
      continue;
    if (*g == '\\' && g[1] != '\0')
      g++;
    assert_int_not_equal(*g, '\0');
    if (*g != *s)
      return false;
  }
  return *s == '\0';
}

static char *text_of(struct redis_buf *buf)
{
  redis_buf_put_char(buf, '\0');
  assert_false(buf->failed);
  return buf->ptr;
}

static bool covers(const char *prefix, const char *pattern, const char *topic)
{
  struct redis_buf glob = {0}, channel = {0};
  redis_glob_put(&glob, redis_str(prefix), redis_str(pattern));
  redis_channel_put(&channel, redis_str(prefix), redis_str(topic));
  bool yes = glob_matches(text_of(&glob), text_of(&channel));
  redis_buf_fini(&glob);
  redis_buf_fini(&channel);
  return yes;
}

static void globs_cover_what_ant_patterns_match(void **state)
{
  static const char *const vectors[][2] = {
      {"/sub/**", "/sub/a/b"},
      {"/sub/**", "/sub"},
      {"/sub/**", "/sub/"},
      {"/sub/*", "/sub/a"},
      {"/sub/*", "/sub/"},
      {"/sub/*/chat", "/sub/a/chat"},
      {"/sub/a?", "/sub/ab"},
      {"/sub/{id}/x", "/sub/9/x"},
      {"/sub/**/x", "/sub/x"},
      {"/sub/**/x", "/sub/a/b/x"},
      {"/**", "/"},
      {"/**", "/a/b"},
      {"/**/x", "/x"},
      {"/**/x", "/a/x"},
      {"**", "a/b"},
      {"**/x", "x"},
      {"**/x", "a/x"},
      {"/sub/{id:[0-9]+}/x", "/sub/7/x"},
      {"/sub/a{x}b{y}c", "/sub/a1b2c"},
      {"/sub//a*", "/sub/ab"},
      {"/sub/a*", "/sub//ab"},
      {"/sub/**/a/**/b", "/sub/a/b"},
      {"/sub/**/**", "/sub"},
      {"/sub/*/", "/sub/a/"},
      {"/sub/**/", "/sub/a/"},
      {"/sub/?", "/sub/\xED\x95\x9C"},
      {"/sub/a[b]*", "/sub/a[b]c"},
      {"/sub/a\\*", "/sub/a\\b"},
      {"/su*/**/x*y", "/sub/1/2/xzy"},
      {"/sub/a{b/c*", "/sub/a{b/cd"},
      {"/sub/x}{y*", "/sub/x}{yz"},
      {"/sub/a**b", "/sub/ab"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    if (!covers("plugboard:", vectors[i][0], vectors[i][1]))
      fail_msg("%s does not cover %s", vectors[i][0], vectors[i][1]);
    assert_true(covers("a[b]*?\\^-:", vectors[i][0], vectors[i][1]));
  }
}

static void globs_are_as_narrow_as_they_can_be(void **state)
{
  static const char *const vectors[][2] = {
      {"/sub/a", "/sub/b"},     {"/sub/*", "/pub/a"},        {"/sub/*/chat", "/sub/a/watch"},
      {"/sub/a?", "/sub/a"},    {"/sub/{id}/x", "/sub/9/y"}, {"/sub/a[b]*", "/sub/abc"},
      {"/sub/a\\*", "/sub/ab"}, {"/sub/**/x", "/sub/y"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
    if (covers("plugboard:", vectors[i][0], vectors[i][1]))
      fail_msg("%s covers %s", vectors[i][0], vectors[i][1]);
}

static void globs_are_short_and_equal_where_they_mean_the_same(void **state)
{
  static const char *const vectors[][2] = {
      {"/sub/*", "p:t:/sub/*"},        {"/sub/{id}", "p:t:/sub/*"}, {"/sub/**", "p:t:/sub*"},
      {"/sub/**/**/x", "p:t:/sub*/x"}, {"/a/{b}{c}*", "p:t:/a/*"},  {"/a?b", "p:t:/a?*b"},
      {"/a*[", "p:t:/a*\\["},          {"/a\\*b", "p:t:/a\\\\*b"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    struct redis_buf glob = {0};
    redis_glob_put(&glob, redis_str("p:"), redis_str(vectors[i][0]));
    assert_string_equal(text_of(&glob), vectors[i][1]);
    redis_buf_fini(&glob);
  }
}

static void no_pattern_covers_the_other_channels_of_the_prefix(void **state)
{
  static const char *const patterns[] = {"**", "/**", "*", "?*", "{x}", "**/*", "*:*"};
  (void)state;
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    struct redis_buf glob = {0};
    redis_glob_put(&glob, redis_str("plugboard:"), redis_str(patterns[i]));
    assert_false(glob_matches(text_of(&glob), "plugboard:probe:node-1"));
    redis_buf_fini(&glob);
  }
}

static void channels_keep_all_but_repeated_slashes(void **state)
{
  static const char *const vectors[][2] = {
      {"/sub/a", "p:t:/sub/a"}, {"//sub///a//", "p:t:/sub/a/"}, {"a", "p:t:a"}, {"/", "p:t:/"}};
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    struct redis_buf channel = {0};
    redis_channel_put(&channel, redis_str("p:"), redis_str(vectors[i][0]));
    assert_string_equal(text_of(&channel), vectors[i][1]);
    redis_buf_fini(&channel);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(globs_cover_what_ant_patterns_match),
      cmocka_unit_test(globs_are_as_narrow_as_they_can_be),
      cmocka_unit_test(globs_are_short_and_equal_where_they_mean_the_same),
      cmocka_unit_test(no_pattern_covers_the_other_channels_of_the_prefix),
      cmocka_unit_test(channels_keep_all_but_repeated_slashes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
