/* What proxies write about the client's view of the server. */
#include "http/http_forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_client_sees_what_its_proxy_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
