#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/counter.h"
#include "base/str.h"
#include "base/utf8.h"
#include "capture.h"

/* The line behind its time stamp, which is checked for its form. */
static const char *after_stamp(const char *line)
{
  static const char form[] = "0000-00-00T00:00:00.000Z";
  size_t n = sizeof form - 1;
  assert_true(strlen(line) > n);
  for (size_t i = 0; i < n; i++)
    assert_true(form[i] == '0' ? line[i] >= '0' && line[i] <= '9' : line[i] == form[i]);
  return line + n;
}

static void a_text_line_names_level_and_area(void **state)
{
  (void)state;
  log_setup(LOG_INFO, false);
  capture_begin();
  log_warn("net", "%d of %s", 3, "many");
  assert_string_equal(after_stamp(capture_end()), " warn net: 3 of many\n");
}

static void a_json_line_has_the_same_fields(void **state)
{
  (void)state;
  log_setup(LOG_INFO, true);
  capture_begin();
  log_error("broker.redis", "said \"no\" \\ twice");
  const char *line = capture_end();
  assert_memory_equal(line, "{\"time\":\"", 9);
  assert_string_equal(after_stamp(line + 9), "\",\"level\":\"error\",\"area\":\"broker.redis\","
                                             "\"message\":\"said \\\"no\\\" \\\\ twice\"}\n");
}

static void lower_levels_are_not_written(void **state)
{
  (void)state;
  log_setup(LOG_WARN, false);
  assert_false(log_on(LOG_INFO));
  assert_true(log_on(LOG_WARN));
  assert_true(log_on(LOG_VIOLATION));
  capture_begin();
  log_debug("a", "no");
  log_info("a", "no");
  log_line(LOG_INFO, "a", STR("no"));
  assert_string_equal(capture_end(), "");
}

static void control_characters_cannot_forge_a_line(void **state)
{
  (void)state;
  log_setup(LOG_INFO, false);
  capture_begin();
  log_line(LOG_INFO, "a",
           STR("x\r\n2000 \x1b[1m\0\x7f\t\xc2\x9b"
               "1m\xc2\xa0"));
  assert_string_equal(after_stamp(capture_end()),
                      " info a: x\\x0d\\x0a2000 \\x1b[1m\\x00\\x7f\\x09\\u009b1m\xc2\xa0\n");
  log_setup(LOG_INFO, true);
  capture_begin();
  log_line(LOG_INFO, "a", STR("x\n\0"));
  assert_non_null(strstr(capture_end(), "\"message\":\"x\\u000a\\u0000\"}\n"));
}

static void bytes_that_are_not_utf8_are_escaped(void **state)
{
  (void)state;
  log_setup(LOG_INFO, false);
  capture_begin();
  log_line(LOG_INFO, "a", STR("\xc3\xa4\xff\xe2\x82"));
  assert_string_equal(after_stamp(capture_end()), " info a: \xc3\xa4\\xff\\xe2\\x82\n");
  log_setup(LOG_INFO, true);
  capture_begin();
  log_line(LOG_INFO, "a", STR("\xc3\xa4\xff"));
  assert_non_null(strstr(capture_end(), "\"message\":\"\xc3\xa4\\ufffd\"}\n"));
}

static void a_long_line_is_cut_between_characters(void **state)
{
  (void)state;
  static const char *const units[] = {"\n",   "\"", "\\", "\xc3\xa4", "\xf0\x9f\x98\x80",
                                      "\xff", "x"};
  log_setup(LOG_INFO, true);
  for (size_t u = 0; u < sizeof units / sizeof *units; u++)
    for (size_t shift = 0; shift < 6; shift++) {
      char message[8000];
      size_t n = shift, unit = strlen(units[u]);
      memset(message, 'x', shift);
      for (; n + unit <= sizeof message; n += unit)
        memcpy(message + n, units[u], unit);
      capture_begin();
      log_line(LOG_INFO, "a", str_from(message, n));
      const char *line = capture_end();
      size_t len = strlen(line);
      assert_true(len > 4000 && len <= 4096);
      assert_true(utf8_valid(line, len));
      assert_string_equal(line + len - 3, "\"}\n");
      /* The string ends at its quote: what is before it is whole. */
      const char *p = strstr(line, "\"message\":\"") + 11;
      while (*p != '"') {
        if (*p == '\\')
          p += p[1] == 'u' ? 6 : 2;
        else
          p++;
      }
      assert_ptr_equal(p, line + len - 3);
    }
}

static void a_limit_passes_one_line_per_period_and_counts_the_rest(void **state)
{
  (void)state;
  struct log_limit limit = {0};
  uint64_t held = 99;
  assert_true(log_limit_pass(&limit, 500, &held));
  assert_int_equal(held, 0);
  unsigned refused = 0;
  while (!log_limit_pass(&limit, 500, &held)) {
    refused++;
    usleep(1000);
  }
  assert_true(refused > 0);
  assert_int_equal(held, refused);
  assert_false(log_limit_pass(&limit, 60000, &held) && log_limit_pass(&limit, 60000, &held));
}

static struct log_limit shared_limit;

static void *knock(void *arg)
{
  uint64_t held;
  unsigned *passed = arg;
  for (unsigned i = 0; i < 10000; i++)
    *passed += log_limit_pass(&shared_limit, 3600000, &held);
  return NULL;
}

static void a_limit_passes_one_of_many_threads(void **state)
{
  (void)state;
  pthread_t threads[4];
  unsigned passed[4] = {0};
  for (unsigned i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, knock, &passed[i]), 0);
  for (unsigned i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  assert_int_equal(passed[0] + passed[1] + passed[2] + passed[3], 1);
  assert_int_equal(atomic_load(&shared_limit.held), 39999);
}

static void a_log_that_nobody_reads_holds_nobody_up(void **state)
{
  (void)state;
  int ends[2];
  static char text[200000];
  assert_int_equal(pipe(ends), 0);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  int saved = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  log_setup(LOG_INFO, false);
  int64_t before = counter_read(COUNTER_log_dropped);
  for (int i = 0; i < 100000; i++)
    log_error("test", "a line that nobody reads, number %d", i);
  int64_t dropped = counter_read(COUNTER_log_dropped) - before;
  ssize_t n, len = 0;
  while ((n = read(ends[0], text + len, sizeof text - 1 - (size_t)len)) > 0)
    len += n;
  log_error("test", "somebody reads again");
  n = read(ends[0], text, sizeof text - 1);
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(ends[0]);
  close(ends[1]);
  assert_true(dropped > 90000);
  assert_true(n > 0);
  text[n] = '\0';
  char said[100];
  snprintf(said, sizeof said, " warn log: %lld lines of the log were dropped: nobody read it\n",
           (long long)dropped);
  assert_non_null(strstr(text, "somebody reads again\n"));
  assert_non_null(strstr(text, said));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_line_names_level_and_area),
      cmocka_unit_test(a_json_line_has_the_same_fields),
      cmocka_unit_test(lower_levels_are_not_written),
      cmocka_unit_test(control_characters_cannot_forge_a_line),
      cmocka_unit_test(bytes_that_are_not_utf8_are_escaped),
      cmocka_unit_test(a_long_line_is_cut_between_characters),
      cmocka_unit_test(a_limit_passes_one_line_per_period_and_counts_the_rest),
      cmocka_unit_test(a_limit_passes_one_of_many_threads),
      cmocka_unit_test(a_log_that_nobody_reads_holds_nobody_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
