#include "base/log_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/utf8.h"

static struct log_bytes out;

static const char *line_of(enum log_form form, const struct log_record *record)
{
  log_record_put_line(&out, form, record);
  assert_true(out.len <= LOG_LINE_MAX);
  out.text[out.len] = '\0';
  return out.text;
}

static void fields_are_words_numbers_or_quoted(void **state)
{
  (void)state;
  const struct log_field fields[] = {LOG_FIELD_TEXT("word", STR("127.0.0.1:80")),
                                     LOG_FIELD_TEXT("empty", STR("")),
                                     LOG_FIELD_TEXT("blank", STR("a \"b\" \\ c\n")),
                                     LOG_FIELD_TEXT("equal", STR("a=b")),
                                     LOG_FIELD_NUMBER("n", UINT64_MAX),
                                     LOG_FIELD_TEXT("bytes", STR("\xc3\xa4\xff"))};
  struct log_record record = {.at = {.tv_sec = 1795872000, .tv_nsec = 7000000},
                              .level = LOG_WARN,
                              .area = "net",
                              .text = STR("said \"no\""),
                              .fields = fields,
                              .n_fields = 6};
  assert_string_equal(line_of(LOG_TEXT, &record),
                      "2026-11-28T13:20:00.007Z warn net: said \"no\" word=127.0.0.1:80 empty=\"\" "
                      "blank=\"a \\\"b\\\" \\\\ c\\x0a\" equal=\"a=b\" n=18446744073709551615 "
                      "bytes=\"\xc3\xa4\\xff\"\n");
  assert_string_equal(
      line_of(LOG_JSON, &record),
      "{\"time\":\"2026-11-28T13:20:00.007Z\",\"level\":\"warn\",\"area\":\"net\",\"message\":"
      "\"said "
      "\\\"no\\\"\",\"word\":\"127.0.0.1:80\",\"empty\":\"\",\"blank\":\"a \\\"b\\\" \\\\ "
      "c\\u000a\",\"equal\":\"a=b\",\"n\":18446744073709551615,\"bytes\":\"\xc3\xa4\\ufffd\"}\n");
}

static void fields_for_which_there_is_no_room_are_left_out_whole(void **state)
{
  (void)state;
  static char text[5000], value[300];
  memset(text, 't', sizeof text);
  memset(value, 'v', sizeof value);
  for (size_t len = 3700; len < 4200; len++) {
    const struct log_field fields[] = {LOG_FIELD_TEXT("first", str_from(value, sizeof value)),
                                       LOG_FIELD_TEXT("empty", STR("")),
                                       LOG_FIELD_NUMBER("n", 12345)};
    struct log_record record = {
        .area = "a", .text = str_from(text, len), .fields = fields, .n_fields = 3};
    size_t n = strlen(line_of(LOG_JSON, &record));
    assert_string_equal(out.text + n - 2, "}\n");
    const char *first = strstr(out.text, ",\"first\":"), *empty = strstr(out.text, ",\"empty\":");
    const char *number = strstr(out.text, ",\"n\":");
    assert_true(!first || strncmp(first + 310, "\"", 1) == 0);
    assert_true(!empty || (first && strncmp(empty, ",\"empty\":\"\"", 11) == 0));
    assert_true(!number || (empty && strcmp(number, ",\"n\":12345}\n") == 0));
    line_of(LOG_TEXT, &record);
    first = strstr(out.text, " first=");
    assert_true(!first || strspn(first + 7, "v") == sizeof value);
  }
}

/* What journald would read. */
static struct plug_str field_of(const struct log_bytes *entry, const char *name)
{
  size_t at = 0;
  while (at < entry->len) {
    const char *end = memchr(entry->text + at, '\n', entry->len - at);
    assert_non_null(end);
    size_t name_len = (size_t)(end - (entry->text + at));
    uint64_t len = 0;
    for (unsigned i = 0; i < 8; i++)
      len |= (uint64_t)(unsigned char)end[1 + i] << 8 * i;
    const char *value = end + 9;
    assert_true(value + len < entry->text + entry->len);
    assert_int_equal(value[len], '\n');
    if (name_len == strlen(name) && memcmp(entry->text + at, name, name_len) == 0)
      return str_from(value, (size_t)len);
    at = (size_t)(value - entry->text) + (size_t)len + 1;
  }
  return str_from(NULL, 0);
}

static void an_entry_of_the_journal_has_the_line_and_the_fields(void **state)
{
  (void)state;
  const struct log_field fields[] = {LOG_FIELD_TEXT("user", STR("a\nb\0c")),
                                     LOG_FIELD_NUMBER("duration_ms", 17)};
  static const char *const priorities[] = {"7", "6", "4", "3", "2"};
  for (int level = LOG_DEBUG; level <= LOG_VIOLATION; level++) {
    struct log_record record = {.level = (enum log_level)level,
                                .area = "broker.redis",
                                .text = STR("two\nlines"),
                                .fields = fields,
                                .n_fields = 2};
    log_record_put_entry(&out, &record);
    assert_true(str_eq(field_of(&out, "MESSAGE"),
                       STR("two\\x0alines user=\"a\\x0ab\\x00c\" duration_ms=17")));
    assert_true(str_eq(field_of(&out, "PRIORITY"), str_of(priorities[level])));
    assert_true(str_eq(field_of(&out, "SYSLOG_IDENTIFIER"), STR("plugboard")));
    assert_true(str_eq(field_of(&out, "PLUGBOARD_AREA"), STR("broker.redis")));
    assert_true(str_eq(field_of(&out, "PLUGBOARD_USER"), STR("a\nb\0c")));
    assert_true(str_eq(field_of(&out, "PLUGBOARD_DURATION_MS"), STR("17")));
  }
}

static void an_entry_that_is_too_long_is_still_one(void **state)
{
  (void)state;
  static char text[9000];
  memset(text, 'x', sizeof text);
  const struct log_field fields[] = {LOG_FIELD_TEXT("long", str_from(text, sizeof text)),
                                     LOG_FIELD_TEXT("less", str_from(text, 4000)),
                                     LOG_FIELD_NUMBER("n", 1)};
  struct log_record record = {
      .area = "a", .text = str_from(text, sizeof text), .fields = fields, .n_fields = 3};
  log_record_put_entry(&out, &record);
  assert_int_equal(field_of(&out, "PLUGBOARD_LONG").len, 0);
  assert_int_equal(field_of(&out, "PLUGBOARD_LESS").len, 4000);
  assert_true(field_of(&out, "MESSAGE").len > 4000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_are_words_numbers_or_quoted),
      cmocka_unit_test(fields_for_which_there_is_no_room_are_left_out_whole),
      cmocka_unit_test(an_entry_of_the_journal_has_the_line_and_the_fields),
      cmocka_unit_test(an_entry_that_is_too_long_is_still_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
