/* Addresses, logins and the explanations of errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "redis_buf.h"
#include "redis_error.h"
#include "redis_url.h"

static const char *or_none(const char *s)
{
  return s == NULL ? "-" : s;
}

static void urls_are_taken_apart(void **state)
{
  static const struct {
    const char *url, *addr, *user, *password;
    bool has_db, tls;
  } vectors[] = {
      {"redis://h", "h:6379", "-", "-", false, false},
      {"redis://h:1", "h:1", "-", "-", false, false},
      {"redis://h/", "h:6379", "-", "-", false, false},
      {"redis://h:7000/12", "h:7000", "-", "-", true, false},
      {"redis://:p@h", "h:6379", "-", "p", false, false},
      {"redis://u:p@h:65535", "h:65535", "u", "p", false, false},
      {"redis://u:a%3Ab%40%2f%25@h/0", "h:6379", "u", "a:b@/%", true, false},
      {"redis://u:a@b/c:d@h", "h:6379", "u", "a@b/c:d", false, false},
      {"redis://u%20v:p@[::1]:7", "[::1]:7", "u v", "p", false, false},
      {"redis://[fe80::1]", "[fe80::1]:6379", "-", "-", false, false},
      {"rediss://h", "h:6379", "-", "-", false, true},
      {"rediss://u:p%40@[::1]:6380/3", "[::1]:6380", "u", "p@", true, true},
      {"unix:/run/redis.sock", "unix:/run/redis.sock", "-", "-", false, false},
      {"unix:///run/redis.sock", "unix:/run/redis.sock", "-", "-", false, false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    struct redis_url url;
    const char *why = "";
    char text[REDIS_ADDR_TEXT];
    if (redis_url_parse(redis_str(vectors[i].url), &url, &why) != PLUG_OK)
      fail_msg("%s: %s", vectors[i].url, why);
    assert_string_equal(redis_addr_text(&url.addr, text), vectors[i].addr);
    assert_string_equal(or_none(url.user), vectors[i].user);
    assert_string_equal(or_none(url.password), vectors[i].password);
    assert_int_equal(url.has_db, vectors[i].has_db);
    assert_int_equal(url.tls, vectors[i].tls);
    redis_url_fini(&url);
  }
}

static void bad_urls_are_refused_without_repeating_them(void **state)
{
  static const char *const bad[] = {
      "",
      "SECRET",
      "redis:",
      "redis:/SECRET",
      "redis://",
      "redis://:SECRET@",
      "redis://SECRET@h",
      "redis://SECRET:@h",
      "redis://u:SECRET%@h",
      "redis://u:SECRET%0g@h",
      "redis://u:SECRET%00@h",
      "redis://h:0",
      "redis://h:65536",
      "redis://h:x",
      "redis://h:",
      "redis://h:1:2",
      "redis://[::1",
      "redis://[::1]x",
      "redis://[]:1",
      "redis://h/x",
      "redis://h/1/2",
      "redis://h/-1",
      "redis://h?SECRET=1",
      "rediss:",
      "rediss:/SECRET",
      "rediss://",
      "rediss://SECRET@h",
      "rediss://h:0",
      "redisss://SECRET",
      "REDISS://h",
      "rediss+unix:/SECRET",
      "unix:",
      "unix:SECRET",
      "http://h",
  };
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct redis_url url;
    const char *why = NULL;
    if (redis_url_parse(redis_str(bad[i]), &url, &why) == PLUG_OK)
      fail_msg("accepted: %s", bad[i]);
    assert_non_null(why);
    assert_null(strstr(why, "SECRET"));
  }
}

static void errors_are_explained(void **state)
{
  static const char *const vectors[][2] = {
      {"NOAUTH Authentication required.", "set username and password"},
      {"NOPERM this user has no permissions to run the 'publish' command", "+publish"},
      {"LOADING Redis is loading the dataset in memory", "tried again"},
      {"READONLY You can't write against a read only replica.", "replica"},
      {"ERR max number of clients reached", "maxclients"},
      {"DENIED Redis is running in protected mode", "protected"},
      {"WRONGPASS invalid username-password pair", "password is wrong"},
      {"ODD thing\r\nwith lines", "Redis answered: ODD thing  with lines"},
  };
  char why[REDIS_WHY_MAX];
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    redis_error_explain(redis_str(vectors[i][0]), false, why);
    if (strstr(why, vectors[i][1]) == NULL)
      fail_msg("%s", why);
  }
  /* Some servers repeat the command, and with it the password. */
  redis_error_explain(redis_str("ERR unknown command `AUTH`, with args beginning with: `hunter2`"),
                      true, why);
  assert_null(strstr(why, "hunter2"));
  assert_non_null(strstr(why, "ERR"));
  assert_int_equal(redis_error_status(redis_str("NOPERM x")), PLUG_EDENIED);
  assert_int_equal(redis_error_status(redis_str("LOADING x")), PLUG_EUNAVAIL);
  assert_false(redis_error_is_fatal(redis_str("NOPERM x")));
  assert_true(redis_error_is_fatal(redis_str("READONLY x")));
}

static void commands_are_written_whole(void **state)
{
  static const char want[] = "*3\r\n$7\r\nPUBLISH\r\n$0\r\n\r\n$12\r\na\0b\r\n456789x\r\n";
  struct redis_buf buf = {0};
  const struct plug_str argv[] = {redis_str("PUBLISH"), {NULL, 0}, {"a\0b\r\n456789x", 12}};
  (void)state;
  assert_true(redis_buf_put_command(&buf, argv, 3));
  assert_int_equal(buf.len, sizeof want - 1);
  assert_memory_equal(buf.ptr, want, sizeof want - 1);
  redis_buf_drop(&buf, 4);
  assert_memory_equal(buf.ptr, "$7\r\n", 4);
  redis_buf_fini(&buf);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(urls_are_taken_apart),
      cmocka_unit_test(bad_urls_are_refused_without_repeating_them),
      cmocka_unit_test(errors_are_explained),
      cmocka_unit_test(commands_are_written_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
