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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(patterns_match_as_documented),
      cmocka_unit_test(own_origin_is_allowed_without_patterns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
