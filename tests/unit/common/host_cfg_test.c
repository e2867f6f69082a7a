/* A run through the options of an instance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host_cfg.h"

static plug_status give_str(const struct plug_host *host, const char *key,
                            struct plug_str *out) PLUG_NOEXCEPT
{
  (void)host;
  if (strcmp(key, "absent") == 0)
    return PLUG_EINVAL;
  *out = strcmp(key, "bytes") == 0   ? (struct plug_str){"a\0b", 3}
         : strcmp(key, "empty") == 0 ? (struct plug_str){NULL, 0}
                                     : (struct plug_str){"word and more", 4};
  return PLUG_OK;
}

static plug_status give_number(const struct plug_host *host, const char *key,
                               int64_t *out) PLUG_NOEXCEPT
{
  (void)host;
  *out = strcmp(key, "negative") == 0 ? -1 : 7;
  return strcmp(key, "absent") == 0 ? PLUG_EINVAL : PLUG_OK;
}

static const struct plug_host host = {.cfg_str = give_str, .cfg_i64 = give_number};

static void options_are_read(void **state)
{
  (void)state;
  struct plug_err err = {0};
  struct host_cfg cfg = {.host = &host, .err = &err};
  char *text = host_cfg_text(&cfg, "word");
  assert_string_equal(text, "word");
  free(text);
  assert_int_equal(host_cfg_str(&cfg, "word").len, 4);
  assert_int_equal(host_cfg_str(&cfg, "absent").len, 0);
  assert_non_null(host_cfg_str(&cfg, "empty").ptr);
  assert_null(host_cfg_text(&cfg, "empty"));
  assert_int_equal(host_cfg_number(&cfg, "seven"), 7);
  assert_int_equal(cfg.status, PLUG_OK);
  assert_int_equal(err.code, 0);
}

static void the_first_fault_stays(void **state)
{
  (void)state;
  struct plug_err err = {0};
  struct host_cfg cfg = {.host = &host, .err = &err};
  assert_int_equal(host_cfg_str(&cfg, "bytes").len, 0);
  assert_string_equal(err.text, "option bytes holds a NUL byte");
  host_cfg_fail(&cfg, PLUG_ENOMEM, "%d more", 1);
  assert_int_equal(host_cfg_number(&cfg, "seven"), 0);
  assert_null(host_cfg_text(&cfg, "word"));
  assert_int_equal(cfg.status, PLUG_EINVAL);
  assert_int_equal(err.code, PLUG_EINVAL);
  assert_string_equal(err.text, "option bytes holds a NUL byte");
}

static void unusable_numbers_are_faults(void **state)
{
  static const char *const keys[] = {"negative", "absent"};
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    struct plug_err err = {0};
    struct host_cfg cfg = {.host = &host, .err = &err};
    (void)host_cfg_number(&cfg, keys[i]);
    assert_int_equal(cfg.status, PLUG_EINVAL);
    assert_non_null(strstr(err.text, keys[i]));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(options_are_read),
                                     cmocka_unit_test(the_first_fault_stays),
                                     cmocka_unit_test(unusable_numbers_are_faults)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
