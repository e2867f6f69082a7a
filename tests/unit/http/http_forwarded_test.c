/* What proxies write about the client's view of the server. */
#include "http/http_forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "base/str.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static const struct row {
  const char *fields; /* each with its CR LF */
  const char *scheme, *host;
} rows[] = {
    {"", "", ""},
    {"X-Forwarded-For: 192.0.2.60\r\n", "", ""},
    {"X-Forwarded-Proto: https\r\n", "https", ""},
    {"x-forwarded-proto:HTTPS\r\n", "https", ""},
    {"X-Forwarded-Proto: http\r\n", "http", ""},
    {"X-Forwarded-Proto: wss\r\n", "https", ""},
    {"X-Forwarded-Proto: ws\r\n", "http", ""},
    {"X-Forwarded-Proto: WsS\r\n", "https", ""},
    {"X-Forwarded-Proto: ftp\r\n", "", ""},
    {"X-Forwarded-Proto: httpss\r\n", "", ""},
    {"X-Forwarded-Proto:\r\n", "", ""},
    {"X-Forwarded-Proto: https, http\r\n", "https", ""},
    {"X-Forwarded-Proto: http,https\r\n", "http", ""},
    {"X-Forwarded-Proto: , ,https\r\n", "https", ""},
    {"X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", "https", ""},
    {"X-Forwarded-Proto:\r\nX-Forwarded-Proto: ,\r\nX-Forwarded-Proto: https\r\n", "https", ""},
    {"X-Forwarded-Host: a.example\r\n", "", "a.example"},
    {"X-Forwarded-Host: a.example:8443\r\n", "", "a.example:8443"},
    {"X-Forwarded-Host: [::1]:8443\r\n", "", "[::1]:8443"},
    {"X-Forwarded-Host: a.example, b.example\r\n", "", "a.example"},
    {"X-Forwarded-Host: ,\t a.example ,\r\n", "", "a.example"},
    {"X-Forwarded-Host:\r\n", "", ""},
    {"X-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\n", "https", "a"},
    {"X-Forwarded-Host: a\r\nX-Forwarded-Proto: https\r\n", "https", "a"},
    /* RFC 7239 4 */
    {"Forwarded: for=192.0.2.60;proto=https;host=a;by=203.0.113.43\r\n", "https", "a"},
    {"forwarded: PROTO=HTTP;Host=A\r\n", "http", "A"},
    {"Forwarded: proto=wss\r\n", "https", ""},
    {"Forwarded: proto=\"https\";host=\"a:8443\"\r\n", "https", "a:8443"},
    {"Forwarded: host=\"[2001:db8::1]:80\"\r\n", "", "[2001:db8::1]:80"},
    {"Forwarded: for=\"[2001:db8::1]:4711\";host=a\r\n", "", "a"},
    {"Forwarded: for=\"a,host=b;host=c\";host=d\r\n", "", "d"},
    {"Forwarded: for=\"a\\\";host=b\";host=c\r\n", "", "c"},
    {"Forwarded: for=\"a\\\\\";host=b\r\n", "", "b"},
    {"Forwarded: ext=\"\";host=\"\"\r\n", "", ""},
    {"Forwarded: for=a\r\n", "", ""},
    {"Forwarded:\r\n", "", ""},
    {"Forwarded: ;;proto=https;\r\n", "https", ""},
    {"Forwarded:  proto=https ; host=a \r\n", "https", "a"},
    {"Forwarded: proto\r\n", "", ""},
    {"Forwarded: proto=;host=a\r\n", "", "a"},
    {"Forwarded: =https;host=a\r\n", "", "a"},
    {"Forwarded: xproto=https;hosts=a\r\n", "", ""},
    {"Forwarded: proto=ftp;host=a\r\n", "", "a"},
    /* quotes that do not end take the rest with them */
    {"Forwarded: for=\"a;host=b, proto=https\r\n", "", ""},
    {"Forwarded: proto=\"https\r\n", "", ""},
    {"Forwarded: host=\"\r\n", "", ""},
    {"Forwarded: host=\"a\\b\"\r\n", "", ""},
    {"Forwarded: host=\"a\"b\"\r\n", "", ""},
    {"Forwarded: host=\"\\\r\n", "", ""},
    /* of several proxies, the one next to the client */
    {"Forwarded: proto=https;host=a, proto=http;host=b\r\n", "https", "a"},
    {"Forwarded: for=a, proto=http;host=b\r\n", "", ""},
    {"Forwarded: proto=https;host=a\r\nForwarded: proto=http;host=b\r\n", "https", "a"},
    {"Forwarded: , proto=https;host=a\r\n", "https", "a"},
    {"Forwarded:\r\nForwarded: proto=https;host=a\r\n", "https", "a"},
    /* Forwarded goes before the others, each of its two parts for itself. */
    {"X-Forwarded-Proto: http\r\nX-Forwarded-Host: b\r\nForwarded: proto=https;host=a\r\n", "https",
     "a"},
    {"X-Forwarded-Proto: http\r\nX-Forwarded-Host: b\r\nForwarded: proto=https\r\n", "https", "b"},
    {"X-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\nForwarded: host=a\r\n", "https", "a"},
    {"X-Forwarded-Proto: https\r\nForwarded: for=c\r\n", "https", ""},
};

static void the_client_sees_what_its_proxy_says(void **state)
{
  (void)state;
  static const struct http_limits limits = {.head_bytes = 4096, .line_bytes = 99, .n_fields = 9};
  for (size_t i = 0; i < N(rows); i++) {
    char bytes[512];
    struct http_reader reader = {0};
    struct http_head head;
    struct http_fault fault;
    struct http_forwarded got;
    int len = snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", rows[i].fields);
    assert_int_equal(http_head_read(&reader, &limits, bytes, (size_t)len, &head, &fault),
                     HTTP_DONE);
    memset(&got, 0xa5, sizeof got);
    http_forwarded_read(&head, &got);
    if (!str_eq(got.scheme, str_of(rows[i].scheme)) || !str_eq(got.host, str_of(rows[i].host)))
      fail_msg("%s: scheme '%.*s', host '%.*s'", rows[i].fields, STR_ARG(got.scheme),
               STR_ARG(got.host));
  }
}

static void addresses_are_read_with_and_without_a_port(void **state)
{
  (void)state;
  static const char *const good[][2] = {
      {"192.0.2.1", "::ffff:192.0.2.1"},
      {"192.0.2.1:4711", "::ffff:192.0.2.1"},
      {"0.0.0.0", "::ffff:0.0.0.0"},
      {"2001:db8::1", "2001:db8::1"},
      {"::", "::"},
      {"::1", "::1"},
      {"[2001:db8::1]", "2001:db8::1"},
      {"[2001:DB8::1]:4711", "2001:db8::1"},
      {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
  };
  static const char *const bad[] = {
      "",           "a",
      "unknown",    "_hidden",
      "192.0.2",    "192.0.2.256",
      "192.0.2.1.", "010.0.0.1",
      " 192.0.2.1", ":80",
      "a:80",       "[",
      "[]",         "[::1",
      "::1]",       "[192.0.2.1]",
      ":::",        "::1%lo",
      "[::1%25lo]", "12345::",
      "\"::1\"",    "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255:1]",
  };
  for (size_t i = 0; i < N(good); i++) {
    uint8_t got[16], expected[16];
    assert_int_equal(inet_pton(AF_INET6, good[i][1], expected), 1);
    if (!http_forwarded_address(str_of(good[i][0]), got))
      fail_msg("%s is not read", good[i][0]);
    assert_memory_equal(got, expected, 16);
  }
  for (size_t i = 0; i < N(bad); i++) {
    uint8_t got[16];
    if (http_forwarded_address(str_of(bad[i]), got))
      fail_msg("%s is read", bad[i]);
  }
  uint8_t got[16];
  assert_false(http_forwarded_address(STR("192.0.2.1\0"), got));
}

/* The proxies of these tests have 10.x.x.x. */
static bool is_proxy(const void *ctx, const uint8_t address[16])
{
  assert_string_equal(ctx, "proxies");
  return address[10] == 0xff && address[12] == 10;
}

static void the_client_is_the_last_that_is_no_proxy(void **state)
{
  (void)state;
#define FOR "X-Forwarded-For: "
  static const char *const addresses[][2] = {
      {"", NULL},
      {FOR "\r\n", NULL},
      {FOR "192.0.2.1\r\n", "192.0.2.1"},
      {FOR "2001:db8::1\r\n", "2001:db8::1"},
      {FOR "192.0.2.1:4711\r\n", "192.0.2.1"},
      {"x-forwarded-for:192.0.2.1\r\n", "192.0.2.1"},
      /* what stands in front of it is anybody's word */
      {FOR "198.51.100.7, 192.0.2.1\r\n", "192.0.2.1"},
      {FOR "10.0.0.9, 192.0.2.1\r\n", "192.0.2.1"},
      {FOR "192.0.2.1, 10.0.0.1, 10.0.0.2\r\n", "192.0.2.1"},
      {FOR "198.51.100.7, 192.0.2.1,10.0.0.1\r\n", "192.0.2.1"},
      {FOR "198.51.100.7\r\n" FOR "192.0.2.1\r\n" FOR "10.0.0.1\r\n", "192.0.2.1"},
      {FOR "192.0.2.1\r\nX: y\r\n" FOR "10.0.0.1\r\n", "192.0.2.1"},
      /* all of them proxies: the farthest */
      {FOR "10.0.0.1, 10.0.0.2\r\n", "10.0.0.1"},
      {FOR "10.0.0.1\r\n" FOR "10.0.0.2\r\n", "10.0.0.1"},
      /* as far as it can be read */
      {FOR "unknown\r\n", NULL},
      {FOR "192.0.2.1, unknown\r\n", NULL},
      {FOR "192.0.2.1, unknown, 10.0.0.2\r\n", "10.0.0.2"},
  };
  static const struct http_limits limits = {.head_bytes = 4096, .line_bytes = 99, .n_fields = 9};
  for (size_t i = 0; i < N(addresses); i++) {
    char bytes[512], text[INET6_ADDRSTRLEN];
    struct http_reader reader = {0};
    struct http_head head;
    struct http_fault fault;
    uint8_t got[16], expected[16], untouched[16];
    memset(got, 0xa5, sizeof got);
    memset(untouched, 0xa5, sizeof untouched);
    int len = snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", addresses[i][0]);
    assert_int_equal(http_head_read(&reader, &limits, bytes, (size_t)len, &head, &fault),
                     HTTP_DONE);
    bool found = http_forwarded_client(&head, is_proxy, "proxies", got);
    if (found != (addresses[i][1] != NULL))
      fail_msg("%s: %s", addresses[i][0], found ? "found" : "not found");
    if (!found) {
      assert_memory_equal(got, untouched, sizeof got);
      continue;
    }
    assert_true(http_forwarded_address(str_of(addresses[i][1]), expected));
    if (memcmp(got, expected, sizeof got) != 0)
      fail_msg("%s: %s", addresses[i][0], inet_ntop(AF_INET6, got, text, sizeof text));
  }
#undef FOR
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_client_sees_what_its_proxy_says),
      cmocka_unit_test(addresses_are_read_with_and_without_a_port),
      cmocka_unit_test(the_client_is_the_last_that_is_no_proxy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
