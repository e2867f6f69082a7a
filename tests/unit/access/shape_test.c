#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "access/shape.h"
#include "base/str.h"

static struct shape *make(const char *text)
{
  struct plug_err err = {0};
  struct shape *shape = shape_new(str_of(text), &err);
  if (!shape)
    fail_msg("%s: %s", text, err.text);
  return shape;
}

enum { COVERS = 1, MEETS = 2, APART = 0 };

/* COVERS implies MEETS. */
static const struct {
  const char *mine, *theirs;
  int wanted;
} pairs[] = {
    {"/a/**", "/a/**", COVERS},
    {"/a/**", "/a/*", COVERS},
    {"/a/**", "/a/b/**", COVERS},
    {"/a/**", "/a/b/*/c", COVERS},
    {"/a/**", "/**", MEETS},
    {"/a/**", "/*/b", MEETS},
    {"/a/**", "/b/**", APART},
    {"/a/*", "/a/**", MEETS},
    {"/a/*", "/a/*", COVERS},
    {"/a/*", "/a/{x}", COVERS},
    {"/a/{x}", "/a/*", MEETS}, /* of which only the star matches "/a/" */
    {"/a/{x}", "/a/{y}", COVERS},
    {"/a/{x}/**", "/a/*/**", COVERS},
    {"/a/{x}/b", "/a/1/*", MEETS},
    {"/a/{x}/b", "/a/1/c*", APART},
    {"/a/{x}/b", "/c/*/b", APART},
    {"/a/{x:[0-9]+}", "/a/{y}", MEETS},
    {"/a/{x:[0-9]+}", "/a/{x:[0-9]+}", COVERS},
    {"/a/{x:[0-9]+}/c", "/a/12/*", MEETS},
    {"/a/{x:[0-9]+}/*", "/a/12/*", COVERS},
    {"/a/{x:[0-9]+}/*", "/a/b/*", APART},
    {"/a/b?/*", "/a/bc/*", COVERS},
    {"/a/b?/*", "/a/b?/*", COVERS},
    {"/a/b*/c", "/a/?c/c", MEETS},
    {"/**/x", "/a/**/x", COVERS},
    {"/**/x", "/a/*/x", COVERS},
    {"/**/x", "/a/**", MEETS},
    {"/a/**/b/**", "/a/x/b/y/*", COVERS},
    {"/a/**/b/**", "/a/*/c", MEETS}, /* the star may be "b" */
    {"/a/**/b", "/a/*/c", APART},
    {"/a/b", "/a/*", MEETS},
    {"/a", "/a/**", MEETS},
    {"/a/*", "/?/", MEETS}, /* in "/a/" */
    {"/a/", "/a/*", MEETS},
    {"/a/{x}", "/?/", APART},
    {"/a/*/", "/a/*", MEETS}, /* slashes at the end are not looked at for this */
    {"/a/**", "/a/*/", COVERS},
};

static void patterns_are_compared_on_the_safe_side(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    struct shape *shape = make(pairs[i].mine);
    struct plug_str theirs = str_of(pairs[i].theirs);
    int got = shape_covers(shape, theirs) ? COVERS : shape_meets(shape, theirs) ? MEETS : APART;
    if (got != pairs[i].wanted)
      fail_msg("%s and %s: %d", pairs[i].mine, pairs[i].theirs, got);
    if (got == COVERS)
      assert_true(shape_meets(shape, theirs));
    shape_free(shape);
  }
}

/* What is claimed about patterns holds for all destinations of a small world. */
static void claims_hold_for_every_destination(void **state)
{
  (void)state;
  static const char *const parts[] = {"a", "b", "*", "**", "{x}", "?", "{x:[ab]}", "a*"};
  static const char *const names[] = {"a", "b", "ab", "c"};
  enum { PARTS = sizeof parts / sizeof *parts, NAMES = sizeof names / sizeof *names };
  char texts[2 * (PARTS * PARTS + PARTS)][40];
  char paths[(NAMES * NAMES * NAMES + NAMES * NAMES + NAMES) * 2][40];
  size_t n_texts = 0, n_paths = 0;
  for (size_t i = 0; i < PARTS; i++) {
    snprintf(texts[n_texts++], 40, "/%s", parts[i]);
    snprintf(texts[n_texts++], 40, "/%s/", parts[i]);
    for (size_t k = 0; k < PARTS; k++)
      if (i != 4 && i != 6) {
        snprintf(texts[n_texts++], 40, "/%s/%s", parts[i], parts[k]);
        snprintf(texts[n_texts++], 40, "/%s/%s/", parts[i], parts[k]);
      }
  }
  for (size_t slash = 0; slash < 2; slash++)
    for (size_t i = 0; i < NAMES; i++) {
      snprintf(paths[n_paths++], 40, "/%s%s", names[i], slash ? "/" : "");
      for (size_t k = 0; k < NAMES; k++) {
        snprintf(paths[n_paths++], 40, "/%s/%s%s", names[i], names[k], slash ? "/" : "");
        for (size_t m = 0; m < NAMES; m++)
          snprintf(paths[n_paths++], 40, "/%s/%s/%s%s", names[i], names[k], names[m],
                   slash ? "/" : "");
      }
    }
  for (size_t i = 0; i < n_texts; i++) {
    struct shape *mine = make(texts[i]);
    for (size_t k = 0; k < n_texts; k++) {
      struct plug_err err;
      struct pattern *theirs = pattern_compile(str_of(texts[k]), &err);
      assert_non_null(theirs);
      bool covers = shape_covers(mine, str_of(texts[k]));
      bool meets = shape_meets(mine, str_of(texts[k]));
      for (size_t m = 0; m < n_paths; m++) {
        bool a = shape_match(mine, str_of(paths[m])), b = pattern_match(theirs, str_of(paths[m]));
        if ((covers && b && !a) || (!meets && a && b))
          fail_msg("%s, %s and %s", texts[i], texts[k], paths[m]);
      }
      pattern_free(theirs);
    }
    shape_free(mine);
  }
}

static void expect_variable(const char *text, const char *variable, const char *destination,
                            const char *wanted)
{
  struct shape *shape = make(text);
  const char *why;
  struct plug_str value;
  int number = shape_variable(shape, str_of(variable), &why);
  assert_true(number >= 0);
  bool found = shape_value(shape, number, str_of(destination), &value);
  if (found != (wanted != NULL) || (found && !str_eq(value, str_of(wanted))))
    fail_msg("%s of %s in %s: %.*s", variable, text, destination, found ? (int)value.len : 1,
             found ? value.ptr : "-");
  shape_free(shape);
}

static void variables_have_values(void **state)
{
  (void)state;
  expect_variable("/a/{id}/x", "id", "/a/7/x", "7");
  expect_variable("/a/{id:[0-9]+}/**", "id", "/a//7/x/y", "7");
  expect_variable("/{a}/{b}", "b", "/1/2", "2");
  expect_variable("/**/{id}", "id", "/a/b/c", "c");
  expect_variable("/**/x/{id}/y", "id", "/a/x/9/y", "9");
  /* in patterns */
  expect_variable("/a/{id}/**", "id", "/a/7/*", "7");
  expect_variable("/a/{id}/**", "id", "/a/7/**", "7");
  expect_variable("/a/{id}/**", "id", "/a/*/x", NULL);
  expect_variable("/a/{id}/**", "id", "/**/7", NULL);
  expect_variable("/a/{id}/**", "id", "/a/**", NULL);
  expect_variable("/**/{id}", "id", "/a/**/7", "7");
  expect_variable("/**/{id}", "id", "/a/7/**", NULL);
}

static void variables_without_a_place_are_told(void **state)
{
  (void)state;
  const char *why;
  struct shape *shape = make("/a/user-{part}/**/{between}/**/{end}");
  assert_int_equal(shape_variable(shape, STR("part"), &why), -1);
  assert_string_equal(why, "is not a whole segment of the pattern");
  assert_int_equal(shape_variable(shape, STR("between"), &why), -1);
  assert_non_null(strstr(why, "between two **"));
  assert_true(shape_variable(shape, STR("end"), &why) >= 0);
  assert_int_equal(shape_variable(shape, STR("none"), &why), -1);
  assert_null(why);
  shape_free(shape);
}

static void bad_patterns_are_refused(void **state)
{
  (void)state;
  static const char *const bad[] = {"",
                                    "a/b",
                                    "/a/{x:[}/b",
                                    "/{x}/{x}",
                                    "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/"
                                    "24/25/26/27/28/29/30/31/32/33/34/35/36/37/38/39/40/41/42/43/"
                                    "44/45/46/47/48/49/50/51/52/53/54/55/56/57/58/59/60/61/62/63/"
                                    "64/65",
                                    "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct plug_err err = {0};
    assert_null(shape_new(str_of(bad[i]), &err));
    assert_true(err.text[0] != '\0' && err.code < 0);
  }
}

static void prefixes_are_met(void **state)
{
  (void)state;
  static const struct {
    const char *text, *prefix;
    bool meets;
  } cases[] = {{"/sub/a", "/sub", true},     {"/sub", "/sub", true},
               {"/**", "/sub", true},        {"/*/x", "/sub", true},
               {"/subway/x", "/sub", false}, {"/a/b", "/a/b/c", false},
               {"/a/**/c", "/a/b/c", true},  {"/{x:[0-9]+}", "/sub", false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct shape *shape = make(cases[i].text);
    assert_int_equal(shape_meets_prefix(shape, str_of(cases[i].prefix)), cases[i].meets);
    shape_free(shape);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(patterns_are_compared_on_the_safe_side),
      cmocka_unit_test(claims_hold_for_every_destination),
      cmocka_unit_test(variables_have_values),
      cmocka_unit_test(variables_without_a_place_are_told),
      cmocka_unit_test(bad_patterns_are_refused),
      cmocka_unit_test(prefixes_are_met),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
