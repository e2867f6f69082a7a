/* Topics as subjects and back, and wildcards that cover patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nats_subject.h"

static struct plug_str str(const char *text)
{
  return (struct plug_str){text, strlen(text)};
}

static void topics_become_subjects_and_come_back(void **state)
{
  static const char *const vectors[][3] = {
      /* topic, subject, what comes back where it is not the topic */
      {"/sub/rooms/7", "p.t.sub.rooms.7", NULL},
      {"/", "p.t.%", NULL},
      {"/a/", "p.t.a.%", NULL},
      {"a", "p.r.a", NULL},
      {"a/", "p.r.a.%", NULL},
      {"plugboard:control", "p.r.plugboard:control", NULL},
      {"/a.b/*/>/c d/%", "p.t.a%2Eb.%2A.%3E.c%20d.%25", NULL},
      {"/%2E", "p.t.%252E", NULL},
      {"/tab\t\x7f\x01", "p.t.tab%09%7F%01", NULL},
      {"/\xc3\xbc", "p.t.\xc3\xbc", NULL},
      {"//a///b//", "p.t.a.b.%", "/a/b/"},
      {"//", "p.t.%", "/"},
  };
  char subject[NATS_SUBJECT_MAX + 1], topic[NATS_SUBJECT_MAX + 1];
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    assert_true(nats_subject_put(subject, "p", str(vectors[i][0])));
    assert_string_equal(subject, vectors[i][1]);
    size_t n = nats_subject_topic(subject + 2, topic, sizeof topic - 1);
    assert_true(n < sizeof topic);
    topic[n] = '\0';
    assert_string_equal(topic, vectors[i][2] != NULL ? vectors[i][2] : vectors[i][0]);
  }
}

static void foreign_subjects_are_no_topics(void **state)
{
  static const char *const bad[] = {"",      "t",    "r",    "x.a",   "t.",    "t..a",
                                    "t.a.",  "t.a%", "t.%2", "t.%2e", "t.%41", "t.*",
                                    "t.a b", "r.%",  "t.>",  "t.%.a", "t.a/b", "ta"};
  char topic[64];
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (nats_subject_topic(bad[i], topic, sizeof topic) != SIZE_MAX)
      fail_msg("accepted: %s", bad[i]);
  assert_int_equal(nats_subject_topic("t.abcdef", topic, 3), SIZE_MAX);
}

static void patterns_are_covered(void **state)
{
  static const char *const vectors[][3] = {
      {"/a/*/c", "p.t.a.*.c", NULL}, {"/a/b*", "p.t.a.*", NULL},
      {"/a/?/", "p.t.a.*.%", NULL},  {"/a/{id}/x.y", "p.t.a.*.x%2Ey", NULL},
      {"/**", "p.t.>", NULL},        {"**", "p.r.>", NULL},
      {"/a/**", "p.t.a", "p.t.a.>"}, {"/a//*/**/z", "p.t.a.*", "p.t.a.*.>"},
      {"/**/z", "p.t.>", NULL},      {"/a/**b/c", "p.t.a.*.c", NULL},
  };
  static char subjects[2][NATS_SUBJECT_MAX + 1];
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    size_t n = nats_subject_cover(subjects, "p", str(vectors[i][0]));
    assert_int_equal(n, vectors[i][2] != NULL ? 2 : 1);
    assert_string_equal(subjects[0], vectors[i][1]);
    if (n == 2)
      assert_string_equal(subjects[1], vectors[i][2]);
  }
}

static void what_is_too_long_is_refused_and_not_cut(void **state)
{
  static char subjects[2][NATS_SUBJECT_MAX + 1], topic[NATS_SUBJECT_MAX + 10];
  (void)state;
  memset(topic, 'a', sizeof topic);
  topic[0] = '/';
  /* p.t. for the slash */
  assert_true(nats_subject_put(subjects[0], "p", (struct plug_str){topic, NATS_SUBJECT_MAX - 3}));
  assert_int_equal(strlen(subjects[0]), NATS_SUBJECT_MAX);
  assert_false(nats_subject_put(subjects[0], "p", (struct plug_str){topic, NATS_SUBJECT_MAX - 2}));
  memcpy(topic + NATS_SUBJECT_MAX - 6, "/**", 3);
  assert_int_equal(
      nats_subject_cover(subjects, "p", (struct plug_str){topic, NATS_SUBJECT_MAX - 3}), 2);
  memset(topic, '.', sizeof topic);
  assert_false(nats_subject_put(subjects[0], "p", (struct plug_str){topic, 1200}));
}

static void prefixes_are_plain_tokens(void **state)
{
  static const char *const good[] = {"p", "a.b-c_9", "plugboard"};
  static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "a b", "a*", ">", "a/b"};
  (void)state;
  for (size_t i = 0; i < 3; i++)
    assert_true(nats_subject_is_prefix(good[i]));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(nats_subject_is_prefix(bad[i]));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(topics_become_subjects_and_come_back),
      cmocka_unit_test(foreign_subjects_are_no_topics),
      cmocka_unit_test(patterns_are_covered),
      cmocka_unit_test(what_is_too_long_is_refused_and_not_cut),
      cmocka_unit_test(prefixes_are_plain_tokens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
