/* Reading INI text: places, comments, ${ENV}, --set, and every way a file can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/fault.h"

static struct config *read_good(const char *text)
{
  struct plug_err err = {0};
  struct config *config = config_new();
  assert_non_null(config);
  if (config_read_text(config, "x.ini", str_of(text), &err))
    fail_msg("%s", err.text);
  return config;
}

static const struct config_entry *entry(const struct config *config, const char *section,
                                        const char *key)
{
  const struct config_section *s = config_find(config, section);
  assert_non_null(s);
  return config_section_find(s, key);
}

static void expect_entry(const struct config *config, const char *section, const char *key,
                         const char *value, int line)
{
  const struct config_entry *e = entry(config, section, key);
  assert_non_null(e);
  assert_string_equal(e->value, value);
  assert_int_equal(e->line, line);
}

static void expect_bad(struct plug_str text, const char *message)
{
  struct plug_err err = {0};
  struct config *config = config_new();
  assert_non_null(config);
  assert_int_equal(config_read_text(config, "x.ini", text, &err), PLUG_EINVAL);
  assert_string_equal(err.text, message);
  assert_int_equal(err.code, PLUG_EINVAL);
  config_free(config);
}

static void every_entry_knows_its_file_and_line(void **state)
{
  (void)state;
  struct config *config = read_good("# c\n\n[a]\nx = 1\n\n  y=2  \n[broker.redis]\n\tz\t=\t3");
  expect_entry(config, "a", "x", "1", 4);
  expect_entry(config, "a", "y", "2", 6);
  expect_entry(config, "broker.redis", "z", "3", 8);
  assert_int_equal(config_find(config, "broker.redis")->line, 7);
  assert_string_equal(config_find(config, "a")->file, "x.ini");
  assert_null(config_find(config, "b"));
  assert_null(entry(config, "a", "z"));

  char place[32];
  assert_int_equal(config_entry_place(entry(config, "a", "y"), place, sizeof(place)), 9);
  assert_string_equal(place, "x.ini:6: ");
  assert_int_equal(config_entry_place(entry(config, "a", "y"), place, 5), 4);
  assert_string_equal(place, "x.in");
  config_free(config);
}

static void sections_keep_the_order_of_the_file(void **state)
{
  (void)state;
  struct config *config = read_good("[b]\n[a]\n[c d]\n");
  const char *names[] = {"b", "a", "c d"};
  size_t i = 0;
  for (struct list *link = config->sections.next; link != &config->sections; link = link->next)
    assert_string_equal(container_of(link, struct config_section, link)->name, names[i++]);
  assert_int_equal(i, 3);
  config_free(config);
}

static void semicolons_and_hashes_are_comments_only_where_promised(void **state)
{
  (void)state;
  struct config *config = read_good("; c\n  # c\n[a] ; c\np = a;b#c ; d\nq = ;c\nr =;c\n"
                                    "s = x #y\nt = a = b\nu = k:v\n");
  expect_entry(config, "a", "p", "a;b#c", 4);
  expect_entry(config, "a", "q", "", 5);
  expect_entry(config, "a", "r", ";c", 6);
  expect_entry(config, "a", "s", "x #y", 7);
  expect_entry(config, "a", "t", "a = b", 8);
  expect_entry(config, "a", "u", "k:v", 9);
  config_free(config);
}

static void an_indented_line_is_an_entry_of_its_own(void **state)
{
  (void)state;
  struct config *config = read_good("[a]\nx = 1\n    y = 2\n");
  expect_entry(config, "a", "x", "1", 2);
  expect_entry(config, "a", "y", "2", 3);
  config_free(config);
}

static void bom_and_crlf_are_understood(void **state)
{
  (void)state;
  struct config *config = read_good("\xEF\xBB\xBF[a]\r\nx = 1\r\n\r\ny = 2\r\n");
  expect_entry(config, "a", "x", "1", 2);
  expect_entry(config, "a", "y", "2", 4);
  config_free(config);
}

static void long_names_are_never_cut(void **state)
{
  (void)state;
  struct config *config =
      read_good("[endpoint /a/path/that/is/longer/than/what/the/ini/library/keeps/of/a/section]\n"
                "a-key-that-is-longer-than-what-the-ini-library-keeps-of-a-key = 1\n");
  expect_entry(config,
               "endpoint /a/path/that/is/longer/than/what/the/ini/library/keeps/of/a/section",
               "a-key-that-is-longer-than-what-the-ini-library-keeps-of-a-key", "1", 2);
  config_free(config);
}

static void a_line_is_taken_whole_or_refused(void **state)
{
  (void)state;
  for (size_t length = 4095; length <= 4097; length++) {
    char text[4 + 4097 + 1];
    memset(text, 'v', sizeof(text));
    memcpy(text, "[a]\nk=", 6);
    struct plug_str whole = str_from(text, 4 + length);
    if (length > 4096) {
      expect_bad(whole, "x.ini:2: the line is longer than 4096 bytes");
      continue;
    }
    struct plug_err err;
    struct config *config = config_new();
    assert_int_equal(config_read_text(config, "x.ini", whole, &err), PLUG_OK);
    assert_int_equal(strlen(entry(config, "a", "k")->value), length - 2);
    config_free(config);
  }
}

static void bad_text_is_refused_with_its_place(void **state)
{
  (void)state;
  static const struct {
    struct plug_str text;
    const char *message;
  } cases[] = {
      {{"x = 1", 5}, "x.ini:1: key 'x' stands before the first section"},
      {{"[a]\nx", 5}, "x.ini:2: expected 'key = value' or '[section]'"},
      {{"[a]\nx: 1", 8}, "x.ini:2: expected 'key = value' or '[section]'"},
      {{"[a]\nx: b=1", 10}, "x.ini:2: before '=' must stand a key of letters, digits, '-' and '_'"},
      {{"[a]\nx ;y = 1", 12},
       "x.ini:2: before '=' must stand a key of letters, digits, '-' and '_'"},
      {{"[a]\n = 1", 8}, "x.ini:2: before '=' must stand a key of letters, digits, '-' and '_'"},
      {{"[a]\nx = 1\n\nx = 2", 16}, "x.ini:4: key 'x' is given twice in [a], first at x.ini:2"},
      {{"[a]\n[b]\n[a]", 11}, "x.ini:3: section [a] is given twice, first at x.ini:1"},
      {{"\n[a", 3}, "x.ini:2: '[' without a closing ']'"},
      {{"[ ]", 3}, "x.ini:1: a section without a name"},
      {{"[a] x = 1", 9}, "x.ini:1: text after the ']' of a section"},
      {{"[a];c", 5}, "x.ini:1: text after the ']' of a section"},
      {{"[a]\nx = \0y", 10}, "x.ini:2: the line has a control character"},
      {{"[a]\nx = a\rb", 11}, "x.ini:2: the line has a control character"},
      {{"[a]\nx = \xFF", 9}, "x.ini:2: the line is not valid UTF-8"},
      {{"[a]\n\xEF\xBB\xBFx = 1", 12},
       "x.ini:2: before '=' must stand a key of letters, digits, '-' and '_'"},
      {{"[a]\n\nx = $HOME", 14},
       "x.ini:3: '$' must be followed by {NAME} or by another '$', which stands for one"},
      {{"[a]\nx = a$", 10},
       "x.ini:2: '$' must be followed by {NAME} or by another '$', which stands for one"},
      {{"[a]\nx = ${HOME", 14}, "x.ini:2: '${' without a closing '}'"},
      {{"[a]\nx = ${}", 11}, "x.ini:2: malformed ${...}: write ${NAME} or ${NAME:-default}"},
      {{"[a]\nx = ${A-b}", 14}, "x.ini:2: malformed ${...}: write ${NAME} or ${NAME:-default}"},
      {{"[a]\nx = ${1A}", 13}, "x.ini:2: malformed ${...}: write ${NAME} or ${NAME:-default}"},
      {{"[a]\nx = s3cret${PLUG_UNSET}", 27},
       "x.ini:2: environment variable PLUG_UNSET is not set (${PLUG_UNSET:-default} would give a "
       "default)"},
      {{"[a]\nx = ${PLUG_LATIN1}", 22}, "x.ini:2: the value is not valid UTF-8"},
  };
  unsetenv("PLUG_UNSET");
  setenv("PLUG_LATIN1", "caf\xE9", 1);
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
    expect_bad(cases[i].text, cases[i].message);
}

static void variables_are_expanded_once_and_in_values_only(void **state)
{
  (void)state;
  setenv("PLUG_A", "one", 1);
  setenv("PLUG_EMPTY", "", 1);
  setenv("PLUG_DOLLAR", "${PLUG_A} $$ ;x", 1);
  unsetenv("PLUG_UNSET");
  struct config *config = read_good("[a ${PLUG_A}]\n"
                                    "b = <${PLUG_A}${PLUG_A}>\n"
                                    "c = ${PLUG_UNSET:-d:-e}\n"
                                    "d = ${PLUG_EMPTY:-full}\n"
                                    "e = x${PLUG_EMPTY}\n"
                                    "f = ${PLUG_DOLLAR}\n"
                                    "g = $$${PLUG_A}$${PLUG_A}\n"
                                    "h = ${PLUG_UNSET:-}\n"
                                    "i = ${PLUG_A:-x}\n"
                                    "# ${PLUG_UNSET}\n");
  const char *s = "a ${PLUG_A}";
  expect_entry(config, s, "b", "<oneone>", 2);
  expect_entry(config, s, "c", "d:-e", 3);
  expect_entry(config, s, "d", "full", 4);
  expect_entry(config, s, "e", "x", 5);
  expect_entry(config, s, "f", "${PLUG_A} $$ ;x", 6);
  expect_entry(config, s, "g", "$one${PLUG_A}", 7);
  expect_entry(config, s, "h", "", 8);
  expect_entry(config, s, "i", "one", 9);
  config_free(config);
}

static void set_replaces_and_creates(void **state)
{
  (void)state;
  struct plug_err err;
  struct config *config = read_good("[limits]\na = 1\n");
  setenv("PLUG_A", "one", 1);
  assert_int_equal(config_set(config, "limits.a = 2 ;x ", &err), PLUG_OK);
  assert_int_equal(config_set(config, "broker.redis.url=redis://h.x:1/?a=b", &err), PLUG_OK);
  assert_int_equal(config_set(config, "endpoint /v1.0.allowed-origins=*", &err), PLUG_OK);
  assert_int_equal(config_set(config, "limits.b=${PLUG_A}", &err), PLUG_OK);
  assert_int_equal(config_set(config, "limits.b=x", &err), PLUG_OK);
  expect_entry(config, "limits", "a", "2 ;x", -1);
  expect_entry(config, "limits", "b", "x", -5);
  expect_entry(config, "broker.redis", "url", "redis://h.x:1/?a=b", -2);
  expect_entry(config, "endpoint /v1.0", "allowed-origins", "*", -3);
  char place[32];
  config_entry_place(entry(config, "limits", "a"), place, sizeof(place));
  assert_string_equal(place, "--set: ");
  config_free(config);
}

static bool not_b(const char *section)
{
  return strcmp(section, "b") != 0;
}

static void what_follows_from_a_mistake_is_known(void **state)
{
  (void)state;
  struct plug_err err;
  struct config *config = read_good("[app.a]\nx = 1\n[app.a one]\ny = 1\n[app.ab]\nz = 1\n");
  const struct config_section *a = config_find(config, "app.a");
  const struct config_section *one = config_find(config, "app.a one");
  const struct config_section *ab = config_find(config, "app.ab");
  fault_at(&err, one->file, one->line, "has no key");
  assert_false(config_fault_follows(config));
  const struct config_entry *x = entry(config, "app.a", "x");
  fault_at(&err, x->file, x->line, "bad");
  assert_false(config_fault_follows(config));
  assert_true(config_forget_fault(config, NULL));
  fault_at(&err, one->file, one->line, "has no key");
  assert_true(config_fault_follows(config));
  fault_at(&err, a->file, a->line, "has no key");
  assert_true(config_fault_follows(config));
  fault_at(&err, ab->file, ab->line, "has no key");
  assert_false(config_fault_follows(config));
  const struct config_entry *y = entry(config, "app.a one", "y");
  fault_at(&err, y->file, y->line, "bad"); /* a key's own mistake follows from nothing */
  assert_false(config_fault_follows(config));
  fault_at(&err, NULL, 0, "nowhere");
  assert_false(config_fault_follows(config));
  config_free(config);
}

static void what_is_wrong_can_be_taken_out(void **state)
{
  (void)state;
  struct plug_err err;
  struct config *config = read_good("[a]\nx = 1\ny = 2\n[b]\nz = 3\n");
  const struct config_entry *x = entry(config, "a", "x");
  fault_at(&err, x->file, x->line, "bad");
  assert_true(config_forget_fault(config, NULL));
  assert_null(entry(config, "a", "x"));
  assert_non_null(entry(config, "a", "y"));
  assert_true(config_find(config, "a")->damaged);
  assert_false(config_forget_fault(config, NULL)); /* a place is taken once */
  const struct config_entry *z = entry(config, "b", "z");
  fault_at(&err, z->file, z->line, "bad");
  assert_false(config_forget_fault(config, not_b));
  const struct config_section *b = config_find(config, "b");
  fault_at(&err, b->file, b->line, "unknown");
  assert_true(config_forget_fault(config, NULL));
  assert_null(config_find(config, "b"));
  fault_at(&err, NULL, 0, "nowhere");
  assert_false(config_forget_fault(config, NULL));
  assert_int_equal(config_set(config, "a.v=1", &err), PLUG_OK);
  assert_int_equal(config_set(config, "a.w=1", &err), PLUG_OK);
  const struct config_entry *w = entry(config, "a", "w");
  fault_at(&err, w->file, w->line, "bad");
  assert_true(config_forget_fault(config, NULL));
  assert_non_null(entry(config, "a", "v"));
  config_free(config);
}

static void a_malformed_set_is_refused(void **state)
{
  (void)state;
  static const char *const cases[][2] = {
      {"", "--set: expected section.key=value"},
      {"a", "--set: expected section.key=value"},
      {"a=b.c", "--set: expected section.key=value"},
      {".a=b", "--set: expected section.key=value"},
      {"a.=b", "--set: expected section.key=value"},
      {"a.b c=d", "--set: expected section.key=value"},
      {"a\n.b=d", "--set: expected section.key=value"},
      {"a.b=${PLUG_UNSET}", "--set: environment variable PLUG_UNSET is not set "
                            "(${PLUG_UNSET:-default} would give a default)"},
  };
  unsetenv("PLUG_UNSET");
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    struct plug_err err = {0};
    struct config *config = config_new();
    assert_int_equal(config_set(config, cases[i][0], &err), PLUG_EINVAL);
    assert_string_equal(err.text, cases[i][1]);
    assert_true(list_empty(&config->sections));
    config_free(config);
  }
}

static void a_file_is_read_or_named_in_the_message(void **state)
{
  (void)state;
  struct plug_err err = {0};
  char path[] = "/tmp/config_test_XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "[a]\nx = 1\ny\n", 10), 10);
  struct config *config = config_new();
  assert_int_equal(config_read_file(config, path, &err), PLUG_OK);
  assert_string_equal(entry(config, "a", "x")->file, path);
  expect_entry(config, "a", "x", "1", 2);
  config_free(config);

  assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
  close(fd);
  config = config_new();
  char expected[128];
  snprintf(expected, sizeof(expected), "%s: cannot read: larger than 1 MiB", path);
  assert_int_equal(config_read_file(config, path, &err), PLUG_EINVAL);
  assert_string_equal(err.text, expected);
  unlink(path);
  snprintf(expected, sizeof(expected), "%s: cannot read: No such file or directory", path);
  assert_int_equal(config_read_file(config, path, &err), PLUG_EINVAL);
  assert_string_equal(err.text, expected);
  assert_int_equal(config_read_file(config, "/", &err), PLUG_EINVAL);
  assert_string_equal(err.text, "/: cannot read: Is a directory");
  config_free(config);
}

static void a_long_message_is_cut_between_characters(void **state)
{
  (void)state;
  struct plug_err err = {0};
  char text[600] = "[a]\n[";
  for (size_t i = 0; i < 150; i++)
    strcat(text, "\xC3\xA9"); /* two bytes each */
  strcat(text, "]\nx\n");
  char name[300] = "";
  for (size_t i = 0; i < 140; i++)
    strcat(name, "\xC3\xA9");
  struct config *config = config_new();
  assert_int_equal(config_read_text(config, name, str_of(text), &err), PLUG_EINVAL);
  assert_int_equal(strlen(err.text), 250); /* 251 would be half of the 126th */
  config_free(config);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_entry_knows_its_file_and_line),
      cmocka_unit_test(sections_keep_the_order_of_the_file),
      cmocka_unit_test(semicolons_and_hashes_are_comments_only_where_promised),
      cmocka_unit_test(an_indented_line_is_an_entry_of_its_own),
      cmocka_unit_test(bom_and_crlf_are_understood),
      cmocka_unit_test(long_names_are_never_cut),
      cmocka_unit_test(a_line_is_taken_whole_or_refused),
      cmocka_unit_test(bad_text_is_refused_with_its_place),
      cmocka_unit_test(variables_are_expanded_once_and_in_values_only),
      cmocka_unit_test(set_replaces_and_creates),
      cmocka_unit_test(what_is_wrong_can_be_taken_out),
      cmocka_unit_test(what_follows_from_a_mistake_is_known),
      cmocka_unit_test(a_malformed_set_is_refused),
      cmocka_unit_test(a_file_is_read_or_named_in_the_message),
      cmocka_unit_test(a_long_message_is_cut_between_characters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
