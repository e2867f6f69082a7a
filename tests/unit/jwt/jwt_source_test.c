/* Where tokens are looked for, and what Cache-Control says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jwt_fetch.h"
#include "jwt_source.h"
#include "jwt_text.h"

#define S(text) {text, sizeof(text) - 1}

static struct jwt_sources sources(const char *list)
{
  struct jwt_sources s = {.header = (char[]){"Authorization"}};
  struct plug_str bad;
  static char header[] = "Authorization", cookie[] = "sid", query[] = "access_token";
  s.header = s.handshake_header = header;
  s.cookie = cookie;
  s.query = query;
  assert_true(jwt_sources_parse(&s, jwt_str(list), &bad));
  return s;
}

static void expect(const char *list, const struct plug_auth_request *request, const char *wanted)
{
  struct jwt_sources s = sources(list);
  struct plug_str got = jwt_sources_find(&s, request);
  if (wanted == NULL ? got.ptr != NULL : !jwt_str_is(got, wanted))
    fail_msg("%s instead of %s", got.ptr == NULL ? "nothing" : strndup(got.ptr, got.len),
             wanted == NULL ? "nothing" : wanted);
}

static void schemes(void **state)
{
  (void)state;
  static const struct {
    const char *value, *token;
  } cases[] = {
      {"Bearer a.b.c", "a.b.c"},
      {"bearer a.b.c", "a.b.c"},
      {"BEARER \t a.b.c \t", "a.b.c"},
      {"a.b.c", "a.b.c"},
      {" a.b.c", "a.b.c"},
      {"opaque", "opaque"},
      {"Basic YTpi", NULL},
      {"Bearer", "Bearer"},
      {"Bearer ", "Bearer"},
      {"", NULL},
      {"   ", NULL},
      {"DPoP a.b.c", NULL},
      {"Bearer a b", "a b"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct plug_kv headers[] = {{S("host"), S("x")},
                                      {S("AUTHORIZATION"), jwt_str(cases[i].value)}};
    const struct plug_auth_request frame = {
        .stage = PLUG_STAGE_CONNECT, .headers = headers, .n_headers = 2};
    const struct plug_auth_request handshake = {
        .stage = PLUG_STAGE_CONNECT, .http_headers = headers, .n_http_headers = 2};
    expect("header", &frame, cases[i].token);
    expect("handshake", &handshake, cases[i].token);
    expect("handshake", &frame, NULL);
    expect("header", &handshake, NULL);
  }
}

static void passcodes(void **state)
{
  (void)state;
  static const struct {
    const char *value, *token;
  } cases[] = {
      {"eyJh.e30.c2ln", "eyJh.e30.c2ln"},
      {"ewog.e30.c2ln", "ewog.e30.c2ln"},
      {"eyJh.a.b.c.d", "eyJh.a.b.c.d"},
      {"Bearer x", "x"},
      {"secret", NULL},
      {"a.b.c", NULL},
      {"eyJh.b", NULL},
      {"eyJh", NULL},
      {"two words", NULL},
      {"", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct plug_auth_request r = {.stage = PLUG_STAGE_CONNECT,
                                        .passcode = jwt_str(cases[i].value)};
    expect("passcode", &r, cases[i].token);
    expect("header", &r, NULL);
  }
}

static void cookies_and_queries(void **state)
{
  (void)state;
  static const struct {
    const char *text, *token;
  } cookies[] =
      {
          {"sid=t", "t"},         {"a=b; sid=t; c=d", "t"},
          {"a=b;sid=\"t\"", "t"}, {"sid=", NULL},
          {"xsid=t", NULL},       {"SID=t", NULL},
          {"sid", NULL},          {"; ;sid=t=u", "t=u"},
          {"a=sid=t", NULL},      {"sid=first; sid=second", "first"},
      },
    queries[] = {
        {"access_token=t", "t"},
        {"a=b&access_token=t&c", "t"},
        {"&&access_token=t", "t"},
        {"access_token=", NULL},
        {"access_tokens=t", NULL},
        {"a=access_token=t", NULL},
        {"", NULL},
    };
  for (size_t i = 0; i < sizeof cookies / sizeof *cookies; i++) {
    const struct plug_kv headers[] = {{S("cookie"), S("x=y")},
                                      {S("cookie"), jwt_str(cookies[i].text)}};
    const struct plug_auth_request r = {
        .stage = PLUG_STAGE_CONNECT, .http_headers = headers, .n_http_headers = 2};
    expect("cookie", &r, cookies[i].token);
    expect("query, header", &r, NULL);
  }
  for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
    const struct plug_auth_request r = {.stage = PLUG_STAGE_CONNECT,
                                        .query = jwt_str(queries[i].text)};
    expect("query", &r, queries[i].token);
    expect("cookie, header, handshake, passcode", &r, NULL);
  }
}

static void order_and_renewal(void **state)
{
  (void)state;
  const struct plug_kv frame[] = {{S("authorization"), S("Bearer one")}},
                       http[] = {{S("authorization"), S("two")}};
  struct plug_auth_request r = {.stage = PLUG_STAGE_CONNECT,
                                .headers = frame,
                                .n_headers = 1,
                                .http_headers = http,
                                .n_http_headers = 1,
                                .query = S("access_token=three"),
                                .body = S(" four\r\n")};
  expect("header, handshake, query", &r, "one");
  expect("query, header", &r, "three");
  expect("handshake, header", &r, "two");
  expect("cookie", &r, NULL);
  r.stage = PLUG_STAGE_REFRESH;
  expect("header", &r, "one");
  expect("cookie", &r, "four");
  r.body = (struct plug_str)S("\n \n");
  expect("cookie", &r, NULL);
  struct jwt_sources s;
  struct plug_str bad;
  assert_false(jwt_sources_parse(&s, jwt_str("header, heder"), &bad));
  assert_true(jwt_str_is(bad, "heder"));
  assert_false(jwt_sources_parse(&s, jwt_str("query, query"), &bad));
  assert_false(jwt_sources_parse(&s, jwt_str(""), &bad));
}

static void max_age(void **state)
{
  (void)state;
  static const struct {
    const char *value;
    uint64_t seconds;
  } cases[] = {
      {"max-age=300", 300},
      {"public, Max-Age=21600, must-revalidate", 21600},
      {"no-store", 0},
      {"max-age=0", 0},
      {"max-age=-1", 0},
      {"max-age=1x", 0},
      {"max-age=99999999999999999999999", 0},
      {"s-maxage=5", 0},
      {"", 0},
      {"max-age=", 0},
      {" max-age=7", 7},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_true(jwt_fetch_max_age(jwt_str(cases[i].value)) == cases[i].seconds);
}

static void urls(void **state)
{
  (void)state;
  static const struct {
    const char *url;
    bool good, with_allow_http;
  } cases[] = {
      {"https://id.example/keys", true, true},
      {"https://[2001:db8::1]:8443/k?a=b", true, true},
      {"http://localhost/keys", true, true},
      {"http://127.0.0.1:8080/keys", true, true},
      {"http://127.9.9.9/", true, true},
      {"http://[::1]/keys", true, true},
      {"http://id.example/keys", false, true},
      {"http://127.evil.example/", false, true},
      {"http://localhost.evil.example/", false, true},
      {"http://10.0.0.1/", false, true},
      {"ftp://id.example/", false, false},
      {"file:///etc/passwd", false, false},
      {"", false, false},
      {"keys", false, false},
      {"https://", false, false},
      {"https://user@id.example/", false, false},
      {"javascript:alert(1)", false, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char why[240] = "";
    if (jwt_url_allowed(cases[i].url, false, why) != cases[i].good ||
        jwt_url_allowed(cases[i].url, true, why) != cases[i].with_allow_http)
      fail_msg("%s: %s", cases[i].url, why);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(schemes),
      cmocka_unit_test(passcodes),
      cmocka_unit_test(cookies_and_queries),
      cmocka_unit_test(order_and_renewal),
      cmocka_unit_test(max_age),
      cmocka_unit_test(urls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
