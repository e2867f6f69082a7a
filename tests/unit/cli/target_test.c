/* URLs of servers: what each scheme means, and what is no such URL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/target.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static void good_urls_are_taken_apart(void **state)
{
  static const struct {
    const char *url;
    bool websocket, tls;
    const char *host, *port, *path, *user, *password, *authority;
  } rows[] = {
      {"ws://a.example", true, false, "a.example", "80", "/ws", NULL, NULL, "a.example"},
      {"ws://a.example/", true, false, "a.example", "80", "/", NULL, NULL, "a.example"},
      {"WSS://a.example:8443/x/y?q=1&r", true, true, "a.example", "8443", "/x/y?q=1&r", NULL, NULL,
       "a.example:8443"},
      {"ws://a.example?token=x", true, false, "a.example", "80", "/ws?token=x", NULL, NULL,
       "a.example"},
      {"ws://a.example?to=/b/c", true, false, "a.example", "80", "/ws?to=/b/c", NULL, NULL,
       "a.example"},
      {"stomp://127.0.0.1", false, false, "127.0.0.1", "61613", "/ws", NULL, NULL, "127.0.0.1"},
      {"tcp://h:1", false, false, "h", "1", "/ws", NULL, NULL, "h:1"},
      {"stomp+ssl://u:p%40%3a@[::1]:7", false, true, "::1", "7", "/ws", "u", "p@:", "[::1]:7"},
      {"stomp+ssl://u@h/", false, true, "h", "61614", "/", "u", NULL, "h"},
  };
  (void)state;
  for (size_t i = 0; i < N(rows); i++) {
    struct target target;
    char why[240] = "";
    if (!target_parse(&target, rows[i].url, why))
      fail_msg("%s: %s", rows[i].url, why);
    assert_int_equal(target.websocket, rows[i].websocket);
    assert_int_equal(target.tls, rows[i].tls);
    assert_string_equal(target.host, rows[i].host);
    assert_string_equal(target.port, rows[i].port);
    assert_string_equal(target.path, rows[i].path);
    assert_string_equal(target.authority, rows[i].authority);
    assert_int_equal(!target.user, !rows[i].user);
    if (rows[i].user)
      assert_string_equal(target.user, rows[i].user);
    assert_int_equal(!target.password, !rows[i].password);
    if (rows[i].password)
      assert_string_equal(target.password, rows[i].password);
    target_fini(&target);
  }
}

static void others_are_refused_with_a_reason(void **state)
{
  static const char *const urls[] = {
      "",          "h",           "h:80",        "http://h", "ws://",          "ws://h:99999",
      "ws://h:x",  "stomp://h/x", "stomp://h?q", "ws://h#f", "ws://h/a b\r\n", "://h",
      "ws:///path"};
  (void)state;
  for (size_t i = 0; i < N(urls); i++) {
    struct target target;
    char why[240] = "";
    if (target_parse(&target, urls[i], why))
      fail_msg("'%s' was taken", urls[i]);
    assert_true(why[0]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_urls_are_taken_apart),
      cmocka_unit_test(others_are_refused_with_a_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
