#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"
#include "hub/pattern.h"

struct row {
  const char *pattern, *path;
  bool matches;
};

static bool matches(const char *text, const char *path)
{
  struct plug_err err = {0};
  struct pattern *p = pattern_compile(str_of(text), &err);
  if (!p)
    fail_msg("%s: %s", text, err.text);
  bool result = pattern_match(p, str_of(path));
  pattern_free(p);
  return result;
}

static void expect(const struct row *rows, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (matches(rows[i].pattern, rows[i].path) != rows[i].matches)
      fail_msg("%s against %s: not %d", rows[i].pattern, rows[i].path, rows[i].matches);
}
#define EXPECT(rows) expect(rows, sizeof(rows) / sizeof((rows)[0]))

static void wildcards_match_within_segments(void **state)
{
  (void)state;
  static const struct row rows[] = {
      {"/sub/*", "/sub/a", true},
      {"/sub/*", "/sub/a/b", false},
      {"/sub/*", "/sub", false},
      {"/sub/*/chat", "/sub/a/chat", true},
      {"/sub/*/chat", "/sub/chat", false},
      {"/sub/*/chat", "/sub/a/b/chat", false},
      {"/sub/a?", "/sub/ab", true},
      {"/sub/a?", "/sub/a", false},
      {"/sub/a?", "/sub/abc", false},
      {"/sub/?", "/sub//", false},
      {"/sub/a*", "/sub/a", true},
      {"/sub/a*", "/sub/abc", true},
      {"/sub/a*", "/sub/ba", false},
      {"/sub/*a", "/sub/ba", true},
      {"/sub/*a*b*c", "/sub/xaxbxc", true},
      {"/sub/*a*b*c", "/sub/xbxaxc", false},
      {"/sub/a**b", "/sub/axxb", true},
      {"/sub/a**b", "/sub/a/b", false},
      {"/sub/***", "/sub/a", true},
      {"/sub/***", "/sub/a/b", false},
      {"/sub/*?", "/sub/a", true},
      {"/sub/*?x", "/sub/x", false},
      {"/sub/a-?-*.json", "/sub/a-1-report.json", true},
      {"/sub/?", "/sub/\xc3\xa9", true},
      {"/sub/*?\xa9", "/sub/\xc3\xa9", false},
      {"/sub/??", "/sub/\xf0\x9f\x98\x80", false},
      {"/sub/*\xc3\xa9", "/sub/caf\xc3\xa9", true},
      {"/Sub/*", "/sub/a", false},
      {"*", "a", true},
      {"?", "a", true},
  };
  EXPECT(rows);
}

static void double_star_matches_any_number_of_segments(void **state)
{
  (void)state;
  static const struct row rows[] = {
      {"/sub/**", "/sub/a/b", true},
      {"/sub/**", "/sub", true},
      {"/sub/**", "/sub/", true},
      {"/sub/**", "/subway", false},
      {"/sub/**", "/pub/a", false},
      {"/sub/**/x", "/sub/x", true},
      {"/sub/**/x", "/sub/a/b/x", true},
      {"/sub/**/x", "/sub/a/b/y", false},
      {"/sub/**/x", "/sub/x/y/x", true},
      {"/**", "/", true},
      {"/**", "/a/b/c", true},
      {"/**/**", "/a", true},
      {"/**/a/**/b/**", "/a/b", true},
      {"/**/a/**/b/**", "/x/a/y/b/z", true},
      {"/**/a/**/b/**", "/b/a", false},
      {"/**/a/b/**/b/c", "/a/a/b/a/b/b/c", true},
      {"/**/a/b", "/a/a/a/b", true},
      {"/**/a/b/a/c", "/a/b/a/b/a/c", true},
      {"/**/*", "/a", true},
      {"/**/*", "/", false},
      {"/**/*/*", "/a", false},
      {"/a/**/?/*", "/a/b/c/d", true},
      {"/*/**", "/", false},
      {"**", "a/b", true},
      {"**", "", true},
      {"**", "/a", false},
      {"/**/{id:[0-9]+}/x", "/a/b/12/x", true},
      {"/**/{id:[0-9]+}/x", "/12/a/b/x", false},
  };
  EXPECT(rows);
}

static void slashes_at_the_ends_count(void **state)
{
  (void)state;
  static const struct row rows[] = {
      {"sub/*", "/sub/a", false},
      {"/sub/*", "sub/a", false},
      {"sub/*", "sub/a", true},
      {"/sub/a*/", "/sub/ab", false},
      {"/sub/a*/", "/sub/ab/", true},
      {"/sub/a*", "/sub/ab/", false},
      {"/sub/*", "/sub/", true},
      {"/sub/*", "/sub/a/", false},
      {"/sub/*/", "/sub/a/", true},
      {"/sub/*/", "/sub/", true},
      {"/sub/*/", "/sub/a", false},
      {"/sub/{id}", "/sub/", false},
      {"/sub/**", "/sub/a/", true},
      {"/sub/**/", "/sub/a", true},
      {"/sub/**/x", "/sub/a/x/", false},
      {"/sub/**/x/", "/sub/a/x/", true},
      {"/sub/**/*", "/sub/", false},
      {"/*", "/", true},
      {"/*/*", "/", false},
      {"/sub//a*", "/sub/ab", true},
      {"/sub/a*", "/sub//ab", true},
      {"/sub/a*", "//sub/ab", true},
      {"/sub/*/x", "/sub//x", false},
  };
  EXPECT(rows);
}

static void variables_match_one_segment(void **state)
{
  (void)state;
  static const struct row rows[] = {
      {"/sub/{id}/x", "/sub/9/x", true},
      {"/sub/{id}/x", "/sub/9/9/x", false},
      {"/sub/{id}/x", "/sub/x", false},
      {"/sub/{id:[0-9]+}/x", "/sub/19/x", true},
      {"/sub/{id:[0-9]+}/x", "/sub/a/x", false},
      {"/sub/{id:[0-9]+}/x", "/sub/1a/x", false},
      {"/sub/a{id}b", "/sub/ab", true},
      {"/sub/a{id}b", "/sub/axb", true},
      {"/sub/a{id}b", "/sub/ax", false},
      {"/sub/{a}-{b}", "/sub/1-2", true},
      {"/sub/{a}-{b}", "/sub/12", false},
      {"/sub/room-{id:\\d+}.{kind:chat|poll}", "/sub/room-7.poll", true},
      {"/sub/room-{id:\\d+}.{kind:chat|poll}", "/sub/room-7.pol", false},
      {"/sub/room-{id:\\d+}.{kind:chat|poll}", "/sub/room-7xpoll", false},
      {"/sub/*{id:\\d}?", "/sub/abc1d", true},
      {"/sub/*{id:\\d}?", "/sub/abc1", false},
      {"/sub/{id:[0-9]{2}}", "/sub/12", true},
      {"/sub/{id:[0-9]{2}}", "/sub/123", false},
      {"/sub/{id:\\{x\\}}", "/sub/{x}", true},
      {"/sub/{id:a:b}", "/sub/a:b", true},
      {"/sub/{:x+}", "/sub/xx", true},
      {"/sub/{a{b}", "/sub/{abc", true},
      {"/sub/{a{b}", "/sub/abc", false},
      {"/sub/{}", "/sub/{}", true},
      {"/sub/{}", "/sub/x", false},
      {"/*/{x", "/a/{x", true},
      {"/*/}{", "/a/}{", true},
  };
  EXPECT(rows);
}

static void patterns_are_told_from_names(void **state)
{
  (void)state;
  assert_true(pattern_is(STR("/sub/*")));
  assert_true(pattern_is(STR("/sub/a?")));
  assert_true(pattern_is(STR("/sub/{id}")));
  assert_true(pattern_is(STR("/sub/{a/b}")));
  assert_false(pattern_is(STR("/sub/a")));
  assert_false(pattern_is(STR("/a/{x")));
  assert_false(pattern_is(STR("/a/}{")));
  assert_false(pattern_is(STR("")));
}

static void text_of_the_pattern_is_kept(void **state)
{
  (void)state;
  struct plug_err err;
  struct pattern *p = pattern_compile(STR("/sub//{id:a+}/*"), &err);
  assert_non_null(p);
  assert_true(str_eq(pattern_text(p), STR("/sub//{id:a+}/*")));
  pattern_free(p);
  pattern_free(NULL);
}

static void too_many_wildcards_are_refused(void **state)
{
  (void)state;
  char text[2 * (PATTERN_WILDCARDS_MAX + 1)];
  for (size_t i = 0; i <= PATTERN_WILDCARDS_MAX; i++)
    memcpy(text + 2 * i, "/?", 2);
  struct plug_err err = {0};
  struct pattern *p = pattern_compile(str_from(text, sizeof text - 2), &err);
  assert_non_null(p);
  pattern_free(p);
  assert_null(pattern_compile(str_from(text, sizeof text), &err));
  assert_int_equal(err.code, PLUG_ETOOBIG);
  assert_non_null(strstr(err.text, "64 wildcards"));
}

static void bad_expressions_are_refused_with_a_sentence(void **state)
{
  (void)state;
  static const struct {
    const char *pattern, *why;
  } rows[] = {
      {"/{a:(b)\\1}", "escapes"},
      {"/{a:(?=b)}", "groups"},
      {"/{a:b**}", "cannot be repeated"},
      {"/{a:(b}", "'(' is not closed"},
      {"/{a:((((((((((x{100}){100}){100}){100}){100}){100}){100}){100}){100}){100})}", "too large"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct plug_err err = {0};
    assert_null(pattern_compile(str_of(rows[i].pattern), &err));
    assert_int_equal(err.code, PLUG_EINVAL);
    if (!strstr(err.text, rows[i].why))
      fail_msg("%s: %s", rows[i].pattern, err.text);
  }
}

/* Patterns that make a backtracking matcher run for years. */
static void hostile_patterns_take_bounded_time(void **state)
{
  (void)state;
  static const char *const patterns[] = {
      "/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
      "/**/*a*/**/*a*/**/*a*/**/*a*/**/*a*/**/*a*/**/b",
      "/{x:(a*)*b}",
      "/{x:(a|a)*(a|aa)+(a?){50}b}",
      "/{x:a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b}",
      "/**/{a:(a*)*}/{b:(a*)*}/**/{c:(a+)+}/{d:(a+)+b}",
  };
  char path[1024];
  for (int slashes = 0; slashes < 2; slashes++) {
    memset(path, 'a', sizeof path);
    for (size_t i = 0; i < sizeof path; i += slashes ? 2 : sizeof path)
      path[i] = '/';
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
      struct plug_err err;
      struct pattern *p = pattern_compile(str_of(patterns[i]), &err);
      assert_non_null(p);
      uint64_t start = clock_now_ms();
      assert_false(pattern_match(p, str_from(path, sizeof path)));
      assert_true(clock_now_ms() - start < 30000); /* backtracking would take years */
      pattern_free(p);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wildcards_match_within_segments),
      cmocka_unit_test(double_star_matches_any_number_of_segments),
      cmocka_unit_test(slashes_at_the_ends_count),
      cmocka_unit_test(variables_match_one_segment),
      cmocka_unit_test(patterns_are_told_from_names),
      cmocka_unit_test(text_of_the_pattern_is_kept),
      cmocka_unit_test(too_many_wildcards_are_refused),
      cmocka_unit_test(bad_expressions_are_refused_with_a_sentence),
      cmocka_unit_test(hostile_patterns_take_bounded_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
