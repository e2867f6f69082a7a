/* Values by type, ranges, option tables of plugins, nearest names, the reference table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "config/option.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static void numbers_parse_by_type(void **state)
{
  (void)state;
  static const struct {
    uint32_t type;
    const char *text;
    int64_t value;
  } good[] = {
      {PLUG_OPT_INTEGER, "0", 0},
      {PLUG_OPT_INTEGER, "-5", -5},
      {PLUG_OPT_INTEGER, "9223372036854775807", INT64_MAX},
      {PLUG_OPT_BOOL, "on", 1},
      {PLUG_OPT_BOOL, "off", 0},
      {PLUG_OPT_BOOL, "TRUE", 1},
      {PLUG_OPT_BOOL, "false", 0},
      {PLUG_OPT_BOOL, "yes", 1},
      {PLUG_OPT_BOOL, "No", 0},
      {PLUG_OPT_BOOL, "1", 1},
      {PLUG_OPT_BOOL, "0", 0},
      {PLUG_OPT_DURATION, "0", 0},
      {PLUG_OPT_DURATION, "0ms", 0},
      {PLUG_OPT_DURATION, "250ms", 250},
      {PLUG_OPT_DURATION, "10s", 10000},
      {PLUG_OPT_DURATION, "5m", 300000},
      {PLUG_OPT_DURATION, "24h", 86400000},
      {PLUG_OPT_BYTES, "512", 512},
      {PLUG_OPT_BYTES, "64k", 65536},
      {PLUG_OPT_BYTES, "64K", 65536},
      {PLUG_OPT_BYTES, "16m", 16777216},
      {PLUG_OPT_BYTES, "1g", 1073741824},
      {PLUG_OPT_BYTES, "8589934591g", 9223372035781033984},
  };
  for (size_t i = 0; i < N(good); i++) {
    int64_t value = -1;
    assert_int_equal(option_parse_i64(good[i].type, str_of(good[i].text), &value), PLUG_OK);
    assert_true(value == good[i].value);
  }
  static const struct {
    uint32_t type;
    const char *text;
  } bad[] = {
      {PLUG_OPT_INTEGER, ""},
      {PLUG_OPT_INTEGER, "-"},
      {PLUG_OPT_INTEGER, "1.5"},
      {PLUG_OPT_INTEGER, "+1"},
      {PLUG_OPT_INTEGER, "0x10"},
      {PLUG_OPT_INTEGER, "9223372036854775808"},
      {PLUG_OPT_BOOL, ""},
      {PLUG_OPT_BOOL, "2"},
      {PLUG_OPT_DURATION, ""},
      {PLUG_OPT_DURATION, "10"},
      {PLUG_OPT_DURATION, "s"},
      {PLUG_OPT_DURATION, "-1s"},
      {PLUG_OPT_DURATION, "10 s"},
      {PLUG_OPT_DURATION, "1d"},
      {PLUG_OPT_DURATION, "00"},
      {PLUG_OPT_DURATION, "2562047788016h"},
      {PLUG_OPT_BYTES, ""},
      {PLUG_OPT_BYTES, "k"},
      {PLUG_OPT_BYTES, "12q"},
      {PLUG_OPT_BYTES, "12kb"},
      {PLUG_OPT_BYTES, "-1"},
      {PLUG_OPT_BYTES, "8589934592g"},
      {PLUG_OPT_BYTES, "99999999999999999999"},
      {PLUG_OPT_STRING, "1"},
  };
  for (size_t i = 0; i < N(bad); i++) {
    int64_t value;
    assert_int_equal(option_parse_i64(bad[i].type, str_of(bad[i].text), &value), PLUG_EINVAL);
  }
}

static const struct plug_option sample[] = {
    {"url", PLUG_OPT_STRING, PLUG_OPT_REQUIRED, NULL, NULL, "Where."},
    {"count", PLUG_OPT_INTEGER, 0, "3", "1..64", "How many."},
    {"wait", PLUG_OPT_DURATION, 0, "1s", "10ms..1h", "How long."},
    {"room", PLUG_OPT_BYTES, 0, "64k", "1k..64m", "How much."},
    {"tls", PLUG_OPT_BOOL, 0, "off", NULL, "Whether."},
    {"ca-file", PLUG_OPT_PATH, 0, NULL, NULL, "Which | file."},
    {"address", PLUG_OPT_HOSTPORT, 0, "127.0.0.1:6379", NULL, "Address."},
    {"names", PLUG_OPT_LIST, 0, "", NULL, "Names."},
    {"password", PLUG_OPT_SECRET, 0, NULL, NULL, "Secret."},
    {"mode", PLUG_OPT_CHOICE, 0, "a", "a|b-c", "Mode."},
};
static const struct option_table sample_table = {sample, N(sample)};

static struct config *config_of(const char *text)
{
  struct plug_err err = {0};
  struct config *config = config_new();
  if (config_read_text(config, "p.ini", str_of(text), &err))
    fail_msg("%s", err.text);
  return config;
}

static void values_are_checked_with_exact_messages(void **state)
{
  (void)state;
  static const char *const cases[][2] = {
      {"[s]\nurl=x\ncount=64\nwait=10ms\nroom=64m\ntls=yes\nca-file=/x\naddress=[::1]:0\n"
       "names=a, b\npassword=\nmode=b-c",
       ""},
      {"[s]\nurl=x\naddress=fe80-1.example_x:65535", ""},
      {"[s]\nurl=x\naddress=[fe80::1%eth0]:1", ""},
      {"[s]\nurl=x\ncount=0", "p.ini:3: [s] count: 0 is out of range 1..64"},
      {"[s]\nurl=x\ncount=65", "p.ini:3: [s] count: 65 is out of range 1..64"},
      {"[s]\nurl=x\ncount=", "p.ini:3: [s] count: '' is not a whole number"},
      {"[s]\nurl=x\ncount=1 2", "p.ini:3: [s] count: '1 2' is not a whole number"},
      {"[s]\nurl=x\nwait=9ms", "p.ini:3: [s] wait: 9ms is out of range 10ms..1h"},
      {"[s]\nurl=x\nwait=0", "p.ini:3: [s] wait: 0 is out of range 10ms..1h"},
      {"[s]\nurl=x\nwait=10", "p.ini:3: [s] wait: '10' has no unit: ms, s, m or h"},
      {"[s]\nurl=x\nwait=soon",
       "p.ini:3: [s] wait: 'soon' is not a duration (examples: 250ms, 10s, 5m, 1h)"},
      {"[s]\nurl=x\nroom=12q", "p.ini:3: [s] room: '12q' is not a size (examples: 512, 64k, 16m)"},
      {"[s]\nurl=x\nroom=1023", "p.ini:3: [s] room: 1023 is out of range 1k..64m"},
      {"[s]\nurl=x\nroom=65m", "p.ini:3: [s] room: 65m is out of range 1k..64m"},
      {"[s]\nurl=x\ntls=maybe", "p.ini:3: [s] tls: 'maybe' is neither on nor off"},
      {"[s]\nurl=x\nca-file=", "p.ini:3: [s] ca-file: '' is not a path"},
      {"[s]\nurl=x\naddress=localhost", "p.ini:3: [s] address: 'localhost' is not an address "
                                        "(examples: 127.0.0.1:8080, [::1]:8080)"},
      {"[s]\nurl=x\naddress=:80", "p.ini:3: [s] address: ':80' is not an address (examples: "
                                  "127.0.0.1:8080, [::1]:8080)"},
      {"[s]\nurl=x\naddress=::1:80", "p.ini:3: [s] address: '::1:80' is not an address (examples: "
                                     "127.0.0.1:8080, [::1]:8080)"},
      {"[s]\nurl=x\naddress=[::x]:80", "p.ini:3: [s] address: '[::x]:80' is not an address "
                                       "(examples: 127.0.0.1:8080, [::1]:8080)"},
      {"[s]\nurl=x\naddress=h:65536", "p.ini:3: [s] address: 'h:65536' is not an address "
                                      "(examples: 127.0.0.1:8080, [::1]:8080)"},
      {"[s]\nurl=x\nnames=a,,b", "p.ini:3: [s] names: 'a,,b' has an empty item between its commas"},
      {"[s]\nurl=x\nnames=a,", "p.ini:3: [s] names: 'a,' has an empty item between its commas"},
      {"[s]\nurl=x\nmode=c", "p.ini:3: [s] mode: 'c' is not one of a|b-c"},
      {"[s]\nurl=x\nmode=", "p.ini:3: [s] mode: '' is not one of a|b-c"},
      {"[s]\nurl=", "p.ini:2: [s] url: must not be empty"},
      {"\n[s]\ncount=1", "p.ini:2: [s] needs the key 'url'"},
      {"[s]\nurl=x\npasword=hunter2",
       "p.ini:3: unknown key 'pasword' in [s]; did you mean 'password'?"},
      {"[s]\nurl=x\nfrobnicate=1", "p.ini:3: unknown key 'frobnicate' in [s]"},
  };
  for (size_t i = 0; i < N(cases); i++) {
    struct plug_err err = {0};
    struct config *config = config_of(cases[i][0]);
    plug_status status = option_check(&sample_table, config_find(config, "s"), "s", &err);
    assert_string_equal(err.text, cases[i][1]);
    assert_int_equal(status, *cases[i][1] ? PLUG_EINVAL : PLUG_OK);
    config_free(config);
  }
}

static void messages_stay_on_one_line_and_short(void **state)
{
  (void)state;
  struct plug_err err = {0};
  struct config *config = config_new();
  assert_int_equal(config_read_text(config, "p.ini", STR("[s]\nurl=x\n"), &err), PLUG_OK);
  setenv("PLUG_FORGED", "a\nforged", 1);
  assert_int_equal(config_set(config, "s.mode=${PLUG_FORGED}", &err), PLUG_OK);
  option_check(&sample_table, config_find(config, "s"), "s", &err);
  assert_string_equal(err.text, "--set: [s] mode: 'a?forged' is not one of a|b-c");

  char long_value[] = "s.mode=abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefg"
                      "hijabcdefghij";
  assert_int_equal(config_set(config, long_value, &err), PLUG_OK);
  option_check(&sample_table, config_find(config, "s"), "s", &err);
  assert_string_equal(err.text, "--set: [s] mode: 'abcdefghijabcdefghijabcdefghijabcdefghij"
                                "abcdefghijabcdefghijabcdefghijabcd...' is not one of a|b-c");
  config_free(config);
}

static void a_missing_section_lacks_what_is_required(void **state)
{
  (void)state;
  struct plug_err err = {0};
  assert_int_equal(option_check(&sample_table, NULL, "broker.x", &err), PLUG_EINVAL);
  assert_string_equal(err.text, "[broker.x] needs the key 'url'");
}

static void values_and_defaults_are_read(void **state)
{
  (void)state;
  struct plug_str text;
  int64_t number;
  struct config *config = config_of("[s]\nurl = u\nwait = 2s\ntls = on\nnames =\n");
  const struct config_section *s = config_find(config, "s");
  assert_int_equal(option_str(&sample_table, s, "url", &text), PLUG_OK);
  assert_true(str_eq(text, STR("u")));
  assert_int_equal(option_i64(&sample_table, s, "wait", &number), PLUG_OK);
  assert_int_equal(number, 2000);
  assert_int_equal(option_i64(&sample_table, s, "tls", &number), PLUG_OK);
  assert_int_equal(number, 1);
  assert_int_equal(option_i64(&sample_table, s, "room", &number), PLUG_OK);
  assert_int_equal(number, 65536);
  assert_int_equal(option_str(&sample_table, NULL, "mode", &text), PLUG_OK);
  assert_true(str_eq(text, STR("a")));
  assert_int_equal(option_str(&sample_table, s, "names", &text), PLUG_OK);
  assert_int_equal(text.len, 0);

  assert_int_equal(option_str(&sample_table, s, "password", &text), PLUG_EINVAL);
  assert_int_equal(option_str(&sample_table, s, "nothing", &text), PLUG_EINVAL);
  assert_int_equal(option_i64(&sample_table, s, "nothing", &number), PLUG_EINVAL);
  assert_int_equal(option_i64(&sample_table, s, "mode", &number), PLUG_EINVAL);
  config_free(config);
}

static void tables_of_plugins_are_checked(void **state)
{
  (void)state;
  struct plug_err err = {0};
  assert_int_equal(option_table_check(&sample_table, false, &err), PLUG_OK);
  static const struct {
    struct plug_option option;
    const char *message;
  } cases[] = {
      {{NULL, PLUG_OPT_STRING, 0, NULL, NULL, "H."}, "option 0 has no name of the form [a-z0-9-]+"},
      {{"", PLUG_OPT_STRING, 0, NULL, NULL, "H."}, "option 0 has no name of the form [a-z0-9-]+"},
      {{"A", PLUG_OPT_STRING, 0, NULL, NULL, "H."}, "option 0 has no name of the form [a-z0-9-]+"},
      {{"a", 0, 0, NULL, NULL, "H."}, "option 'a': unknown type"},
      {{"a", 11, 0, NULL, NULL, "H."}, "option 'a': unknown type"},
      {{"a", PLUG_OPT_STRING, 2, NULL, NULL, "H."}, "option 'a': unknown flags"},
      {{"a", PLUG_OPT_STRING, 0, NULL, NULL, NULL}, "option 'a': no help text"},
      {{"a", PLUG_OPT_STRING, PLUG_OPT_REQUIRED, "x", NULL, "H."},
       "option 'a': required and yet with a default"},
      {{"a", PLUG_OPT_STRING, 0, NULL, "1..2", "H."}, "option 'a': malformed range"},
      {{"a", PLUG_OPT_INTEGER, 0, "1", "1", "H."}, "option 'a': malformed range"},
      {{"a", PLUG_OPT_INTEGER, 0, "1", "2..1", "H."}, "option 'a': malformed range"},
      {{"a", PLUG_OPT_DURATION, 0, "1s", "1..2s", "H."}, "option 'a': malformed range"},
      {{"a", PLUG_OPT_CHOICE, 0, "x", NULL, "H."},
       "option 'a': a choice without words, or with an empty one"},
      {{"a", PLUG_OPT_CHOICE, 0, "x", "x||y", "H."},
       "option 'a': a choice without words, or with an empty one"},
      {{"a", PLUG_OPT_CHOICE, 0, "z", "x|y", "H."}, "option 'a': default: 'z' is not one of x|y"},
      {{"a", PLUG_OPT_INTEGER, 0, "3", "1..2", "H."},
       "option 'a': default: 3 is out of range 1..2"},
      {{"a", PLUG_OPT_BYTES, 0, "x", NULL, "H."},
       "option 'a': default: 'x' is not a size (examples: 512, 64k, 16m)"},
  };
  for (size_t i = 0; i < N(cases); i++) {
    struct option_table table = {&cases[i].option, 1};
    assert_int_equal(option_table_check(&table, false, &err), PLUG_EINVAL);
    assert_string_equal(err.text, cases[i].message);
  }
  static const struct plug_option twice[] = {
      {"a", PLUG_OPT_STRING, 0, NULL, NULL, "H."},
      {"a", PLUG_OPT_STRING, 0, NULL, NULL, "H."},
  };
  struct option_table table = {twice, 2};
  assert_int_equal(option_table_check(&table, false, &err), PLUG_EINVAL);
  assert_string_equal(err.text, "option 'a': there are two of that name");
}

static const char *word_at(const void *ctx, size_t i)
{
  return ((const char *const *)ctx)[i];
}

static void the_nearest_name_is_found(void **state)
{
  (void)state;
  static const char *const names[] = {"max-connections", "max-headers", "listen", "app", "tcp"};
  static const char *const cases[][2] = {
      {"max-conections", "max-connections"},
      {"lisen", "listen"},
      {"Listen", "listen"},
      {"max_headers", "max-headers"},
      {"ap", "app"},
      {"tpc", NULL},
      {"max-frames", NULL},
      {"", NULL},
      {"x", NULL},
  };
  for (size_t i = 0; i < N(cases); i++) {
    const char *near = option_nearest(cases[i][0], word_at, names, N(names));
    if (cases[i][1]) {
      assert_non_null(near);
      assert_string_equal(near, cases[i][1]);
    } else {
      assert_null(near);
    }
  }
  assert_null(option_nearest("app", word_at, names, 0));
}

static void the_reference_is_a_markdown_table(void **state)
{
  (void)state;
  struct buf out = {0};
  option_put_reference(&out, &sample_table);
  buf_put_char(&out, '\0');
  assert_false(out.failed);
  assert_string_equal(out.data, "| key | type | default | values | meaning |\n"
                                "|---|---|---|---|---|\n"
                                "| `url` | text | required |  | Where. |\n"
                                "| `count` | number | `3` | `1..64` | How many. |\n"
                                "| `wait` | duration | `1s` | `10ms..1h` | How long. |\n"
                                "| `room` | size | `64k` | `1k..64m` | How much. |\n"
                                "| `tls` | on/off | `off` |  | Whether. |\n"
                                "| `ca-file` | path | – |  | Which \\| file. |\n"
                                "| `address` | address | `127.0.0.1:6379` |  | Address. |\n"
                                "| `names` | list | empty |  | Names. |\n"
                                "| `password` | secret | – |  | Secret. |\n"
                                "| `mode` | choice | `a` | `a`, `b-c` | Mode. |\n");
  buf_free(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_parse_by_type),
      cmocka_unit_test(values_are_checked_with_exact_messages),
      cmocka_unit_test(messages_stay_on_one_line_and_short),
      cmocka_unit_test(a_missing_section_lacks_what_is_required),
      cmocka_unit_test(values_and_defaults_are_read),
      cmocka_unit_test(tables_of_plugins_are_checked),
      cmocka_unit_test(the_nearest_name_is_found),
      cmocka_unit_test(the_reference_is_a_markdown_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
