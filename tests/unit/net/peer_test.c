/* Addresses of peers, kept small and written out. */
#include "net/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define N(array) (sizeof(array) / sizeof(*(array)))

static void expect_text(const struct net_peer *peer, const char *expected)
{
  char *text = malloc(NET_PEER_TEXT_MAX);
  assert_non_null(text);
  assert_int_equal(net_peer_text(peer, text), strlen(expected));
  assert_string_equal(text, expected);
  free(text);
}

/* The address in memory of exactly its size. */
static void read_peer(struct net_peer *peer, const void *address, size_t size)
{
  void *copy = malloc(size);
  assert_non_null(copy);
  memcpy(copy, address, size);
  memset(peer, 0xa5, sizeof *peer);
  net_peer_read(peer, copy);
  free(copy);
}

static void addresses_are_written_as_usual(void **state)
{
  (void)state;
  static const struct {
    int family;
    const char *address;
    uint16_t port;
    const char *text;
  } rows[] = {
      {AF_INET, "127.0.0.1", 4711, "127.0.0.1:4711"},
      {AF_INET, "0.0.0.0", 0, "0.0.0.0:0"},
      {AF_INET, "255.255.255.255", 65535, "255.255.255.255:65535"},
      {AF_INET6, "::1", 4711, "[::1]:4711"},
      {AF_INET6, "::", 0, "[::]:0"},
      {AF_INET6, "2001:DB8::A", 80, "[2001:db8::a]:80"},
      /* a socket that takes both kinds */
      {AF_INET6, "::ffff:10.1.2.3", 80, "10.1.2.3:80"},
      {AF_INET6, "::10.1.2.3", 80, "[::10.1.2.3]:80"},
      {AF_INET6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535,
       "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
  };
  for (size_t i = 0; i < N(rows); i++) {
    struct net_peer peer;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(rows[i].port)};
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(rows[i].port), .sin6_scope_id = 7};
    void *to = rows[i].family == AF_INET ? (void *)&in.sin_addr : (void *)&in6.sin6_addr;
    assert_int_equal(inet_pton(rows[i].family, rows[i].address, to), 1);
    if (rows[i].family == AF_INET)
      read_peer(&peer, &in, sizeof in);
    else
      read_peer(&peer, &in6, sizeof in6);
    assert_int_equal(peer.port, rows[i].port);
    expect_text(&peer, rows[i].text);
  }
}

static void both_kinds_of_socket_give_the_same_for_an_address(void **state)
{
  (void)state;
  struct net_peer a, b;
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
  assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &in.sin_addr), 1);
  assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr), 1);
  read_peer(&a, &in, sizeof in);
  read_peer(&b, &in6, sizeof in6);
  assert_memory_equal(&a, &b, sizeof a);
}

static void other_families_have_no_address(void **state)
{
  (void)state;
  static const uint8_t zeros[16];
  struct net_peer peer;
  struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/x"};
  read_peer(&peer, &un, sizeof un);
  assert_memory_equal(peer.address, zeros, sizeof zeros);
  assert_int_equal(peer.port, 0);
  expect_text(&peer, "[::]:0");
}

static void a_connection_is_named_by_its_other_end(void **state)
{
  (void)state;
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  struct sockaddr_storage from;
  socklen_t len = sizeof here;
  struct net_peer accepted, asked;
  char expected[64];
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(listener >= 0 && client >= 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&here, sizeof here), 0);
  assert_int_equal(listen(listener, 1), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&here, &len), 0);
  assert_int_equal(connect(client, (struct sockaddr *)&here, sizeof here), 0);
  len = sizeof from;
  int server = accept(listener, (struct sockaddr *)&from, &len);
  assert_true(server >= 0);
  net_peer_read(&accepted, (struct sockaddr *)&from);
  len = sizeof from;
  assert_int_equal(getpeername(server, (struct sockaddr *)&from, &len), 0);
  net_peer_read(&asked, (struct sockaddr *)&from);
  assert_memory_equal(&accepted, &asked, sizeof asked);

  struct sockaddr_in there;
  len = sizeof there;
  assert_int_equal(getsockname(client, (struct sockaddr *)&there, &len), 0);
  snprintf(expected, sizeof expected, "127.0.0.1:%u", ntohs(there.sin_port));
  expect_text(&accepted, expected);
  close(server);
  close(client);
  close(listener);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(addresses_are_written_as_usual),
      cmocka_unit_test(both_kinds_of_socket_give_the_same_for_an_address),
      cmocka_unit_test(other_families_have_no_address),
      cmocka_unit_test(a_connection_is_named_by_its_other_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
