#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "config/origin_match.h"

static bool allowed(const char *pattern, const char *origin)
{
  struct plug_str patterns[] = {STR("https://other.example"), str_of(pattern)};
  struct origin_request request = {str_of(origin), STR("https"), STR("node.internal")};
  return origin_allowed(patterns, pattern ? 2 : 1, &request);
}

static void patterns_match_as_documented(void **state)
{
  (void)state;
  static const struct {
    const char *pattern, *origin;
    bool allowed;
  } rows[] = {
      {"https://a.com", "https://a.com", true},
      {"https://a.com", "https://A.com", true},
      {"HTTPS://A.COM", "https://a.com", true},
      {"https://a.com", "https://a.com/", true},
      {"https://a.com/", "https://a.com", true},
      {"https://a.com", "http://a.com", false},
      {"https://a.com", "https://a.com.evil.org", false},
      {"https://a.com", "https://evil-a.com", false},
      {"https://a.com", "https://a.com:8080", false},
      {"https://a.com", "https://b.com", false},
      {"https://a.com", "null", false},
      {"https://a.com", "https://", false},
      {"https://a.com", "a.com", false},
      {"https://a.com:8443", "https://a.com:8443", true},
      {"https://a.com:8443", "https://a.com", false},
      {"https://a.com:8443", "https://a.com:84430", false},
      {"https://a.com:443", "https://a.com", true},
      {"http://a.com:80", "http://a.com", true},
      {"http://a.com:443", "http://a.com", false},
      {"https://*.a.com", "https://x.a.com", true},
      {"https://*.a.com", "https://x.y.a.com", true},
      {"https://*.a.com", "https://a.com", false},
      {"https://*.a.com", "https://xa.com", false},
      {"https://*.a.com", "https://x.a.com:8080", false},
      {"https://*.a.com", "http://x.a.com", false},
      {"https://*a*b*.com", "https://xxaabb.com", true},
      {"https://*a*b*.com", "https://bbaa.com", false},
      {"*.a.com", "http://x.a.com", true},
      {"*://localhost:[*]", "http://localhost:3000", true},
      {"*://localhost:[*]", "https://localhost", true},
      {"*://localhost:[*]", "https://localhost.evil.org", false},
      {"https://a.com:[*]", "https://a.com:1", true},
      {"https://a.com:[*]", "https://a.com:", false},
      {"https://a.com:[*]", "https://a.com:x", false},
      {"https://a.com:[8080,8081]", "https://a.com:8080", true},
      {"https://a.com:[8080, 8081]", "https://a.com:8081", true},
      {"https://a.com:[8080,8081]", "https://a.com:8082", false},
      {"https://a.com:[8080,8081]", "https://a.com:808", false},
      {"https://a.com:[8080,8081]", "https://a.com", false},
      {"https://a.com:[443,8443]", "https://a.com", true},
      {"https://*.a.com:[8080]", "https://x.a.com:8080", true},
      {"https://[::1]", "https://[::1]", true},
      {"https://[::1]:[8080]", "https://[::1]:8080", true},
      {"https://[::1]:[*]", "https://[::1]", true},
      {"https://[::1]", "https://[::2]", false},
      {"*", "https://anything.example:99", true},
      {"*", "null", true},
      {"null", "null", true},
      {"null", "https://a.com", false},
      {NULL, "https://a.com", false},
      {NULL, "https://other.example", true},
      /* pages of files and of apps */
      {"file://", "file://", true},
      {"file://", "FILE://", true},
      {"file://", "file:///", true},
      {"file://", "file:////", false},
      {"file://", "file:///a", false},
      {"file://", "file://a", false},
      {"file://", "file:", false},
      {"file://", "null", false},
      {"file://*", "file://", true},
      {"https://*", "file://", false},
      {"app://*", "app://localhost", true},
      {"app://*", "app://", true},
      {"app://*", "app://a:1", true},
      {"app://*", "app://a/b", false},
      {"app://*", "apps://a", false},
      {"app://*", "http://a", false},
      {"app://localhost", "app://localhost", true},
      {"app://localhost", "app://localhost:80", false},
      {"app://localhost:80", "app://localhost", false}, /* it has no default port */
      {"app://localhost:[*]", "app://localhost", true},
      {"capacitor://localhost", "capacitor://localhost/", true},
      {"*://localhost", "capacitor://localhost", true},
      /* a star stays within a host */
      {"https://*.a.com", "https://evil.org/.a.com", false},
      {"https://*.a.com", "https://evil.org/x.a.com", false},
      {"https://*.a.com", "https://evil.org?.a.com", false},
      {"https://*.a.com", "https://evil.org#.a.com", false},
      {"https://*.a.com", "https://evil.org\\.a.com", false},
      {"https://*.a.com", "https://user@x.a.com", false},
      {"https://*.a.com", "https://x.a.com@evil.org", false},
      {"https://*.a.com", "https://http://x.a.com", false},
      {"https://a.com*", "https://a.com/x", false},
      {"https://a.com*", "https://a.com@evil.org", false},
      {"https://a.*", "https://a.x/?b", false},
      {"https://*", "https://a.com", true},
      {"https://*", "https://a.com:8080", true},
      {"https://*", "https://a.com/x", false},
      {"https://*", "https://a@b", false},
      {"https://*", "http://a.com", false},
      {"*.a.com", "https://x/y.a.com", false},
      {"*.a.com", "x://y@z.a.com", false},
      {"*://a.com", "https://x://a.com", false},
      {"h*s://a.com", "https://a.com", true},
      {"h*s://a.com", "http://a.com", false},
      {"*", "https://a@b/c?d#e", true}, /* this one is not a host's */
      {"https://*.a.com:[*]", "https://x.a.com:80", true},
      {"https://*.a.com:[*]", "https://evil.org/.a.com:80", false},
      {"https://*.a.com:[*]", "https://x.a.com:80@evil.org:80", false},
      /* what programs send for a WebSocket */
      {"https://a.com", "wss://a.com", true},
      {"http://a.com", "ws://a.com", true},
      {"wss://a.com", "https://a.com", true},
      {"ws://a.com", "http://a.com", true},
      {"wss://a.com", "WSS://a.com", true},
      {"https://a.com", "ws://a.com", false},
      {"http://a.com", "wss://a.com", false},
      {"https://a.com:443", "wss://a.com", true},
      {"https://a.com:[443]", "wss://a.com", true},
      {"http://a.com:80", "ws://a.com", true},
      {"wss://a.com:443", "https://a.com", true},
      {"wss://a.com:8443", "https://a.com:8443", true},
      {"https://*.a.com:[8443]", "wss://x.a.com:8443", true},
      {"https://a.com", "wsss://a.com", false},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    bool got = allowed(rows[i].pattern, rows[i].origin);
    if (got != rows[i].allowed)
      fail_msg("%s against %s: %s", rows[i].origin, rows[i].pattern ? rows[i].pattern : "(none)",
               got ? "allowed" : "refused");
  }
}

static void own_origin_is_allowed_without_patterns(void **state)
{
  (void)state;
  static const struct {
    const char *origin, *scheme, *host;
    bool allowed;
  } rows[] = {
      {"", "http", "a.com", true},
      {NULL, "http", "a.com", true},
      {"http://a.com", "http", "a.com", true},
      {"http://a.com/", "http", "a.com", true},
      {"http://A.com", "http", "a.COM", true},
      {"http://a.com:80", "http", "a.com", true},
      {"http://a.com", "http", "a.com:80", true},
      {"https://a.com", "https", "a.com:443", true},
      {"https://a.com:443", "https", "a.com", true},
      {"https://a.com:8443", "https", "a.com:8443", true},
      {"http://[::1]:8080", "http", "[::1]:8080", true},
      {"http://[::1]", "http", "[::1]:80", true},
      {"http://[::1]", "http", "[::1]", true},
      {"http://a.com", "https", "a.com", false},
      {"https://a.com", "http", "a.com:443", false},
      {"http://a.com:8080", "http", "a.com", false},
      {"http://a.com", "http", "a.com:8080", false},
      {"http://b.com", "http", "a.com", false},
      {"http://a.com:0", "http", "a.com:0", false},
      {"http://a.com:99999", "http", "a.com:99999", false},
      {"http://", "http", "", false},
      {"null", "http", "a.com", false},
      {"null", "http", "null", false},
      {"://a.com", "http", "a.com", false},
      {"ftp://a.com", "http", "a.com", false},
      {"ws://a.com", "http", "a.com", true},
      {"wss://a.com", "https", "a.com:443", true},
      {"wss://a.com:8443", "https", "a.com:8443", true},
      {"wss://a.com", "http", "a.com", false},
      {"ws://a.com", "https", "a.com", false},
      {"http://a.com", "ws", "a.com", true},
      {"file://", "http", "a.com", false},
      {"file://", "http", "", false},
      {"http://a.com@b.com", "http", "b.com", false},
      {"http://b.com/", "http", "a.com", false},
      {"http://a.com/x", "http", "a.com", false},
      {"http://a.com:80:80", "http", "a.com", false},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct origin_request request = {str_of(rows[i].origin), str_of(rows[i].scheme),
                                     str_of(rows[i].host)};
    bool got = origin_allowed(NULL, 0, &request);
    if (got != rows[i].allowed)
      fail_msg("%s at %s %s: %s", rows[i].origin, rows[i].scheme, rows[i].host,
               got ? "allowed" : "refused");
  }
}

static void hosts_are_matched_without_their_port(void **state)
{
  (void)state;
  static const struct {
    const char *pattern, *host;
    bool allowed;
  } rows[] = {
      {"a.example", "a.example", true},
      {"a.example", "A.Example", true},
      {"A.EXAMPLE", "a.example", true},
      {"a.example", "a.example:8080", true},
      {"a.example", "a.example:", false},
      {"a.example", "a.example:x", false},
      {"a.example", "b.example", false},
      {"a.example", "xa.example", false},
      {"a.example", "a.example.evil.org", false},
      {"a.example", "", false},
      {"*.example", "a.example", true},
      {"*.example", "a.b.example:1", true},
      {"*.example", "example", false},
      {"*.example", ".example", true},
      {"*.example", "evil.org/.example", false},
      {"*.example", "evil@a.example", false},
      {"a-*-b", "a-x-b", true},
      {"a-*-b", "a--b", true},
      {"a-*-b", "a-b", false},
      {"*", "anything.at.all", true},
      {"*", "", true},
      /* never anybody else's */
      {NULL, "localhost", true},
      {NULL, "LocalHost:8080", true},
      {NULL, "127.0.0.1", true},
      {NULL, "192.168.1.5:8080", true},
      {NULL, "[::1]", true},
      {NULL, "[2001:db8::1]:8080", true},
      /* what only resembles these */
      {NULL, "localhost.evil.org", false},
      {NULL, "evil.localhost", false},
      {NULL, "xlocalhost", false},
      {NULL, "localhost.", false},
      {NULL, "127.0.0.1.evil.org", false},
      {NULL, "1.2.3", false},
      {NULL, "1.2.3.4.5", false},
      {NULL, "1.2.3.x", false},
      {NULL, "0x7f.0.0.1", false},
      {NULL, "12345", false},
      {NULL, "", false},
      {NULL, "a.example", false},
      {NULL, "other.example", true}, /* the first pattern of every row */
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct plug_str patterns[] = {STR("other.example"), str_of(rows[i].pattern)};
    bool got = origin_host_allowed(patterns, rows[i].pattern ? 2 : 1, str_of(rows[i].host));
    if (got != rows[i].allowed)
      fail_msg("%s at %s: %s", rows[i].host, rows[i].pattern ? rows[i].pattern : "(none)",
               got ? "allowed" : "refused");
  }
  assert_false(origin_host_allowed(NULL, 0, STR("a.example")));
  assert_true(origin_host_allowed(NULL, 0, STR("localhost")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(patterns_match_as_documented),
      cmocka_unit_test(own_origin_is_allowed_without_patterns),
      cmocka_unit_test(hosts_are_matched_without_their_port),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
