#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listener.h"

/* What a socket has that was accepted; -1 where it cannot be asked. */
static int option_of(int fd, int level, int name)
{
  int value = -1;
  socklen_t len = sizeof value;
  return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

static int accept_with(const struct settings *settings, int *client)
{
  struct settings_address address = {.host = (char[]){"127.0.0.1"}};
  struct plug_err err = {0};
  uint16_t port = 0;
  int listening = listener_bind(&address, settings, &port, &err);
  assert_true(listening >= 0);
  assert_true(port > 0);
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons(port),
                           .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  *client = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(*client, (struct sockaddr *)&to, sizeof to), 0);
  int fd = accept(listening, NULL, NULL);
  assert_true(fd >= 0);
  close(listening);
  return fd;
}

static void peers_that_vanish_are_noticed(void **state)
{
  (void)state;
  const struct settings settings = {.send_timeout_ms = 20000, .tcp_keepalive_ms = 45000};
  int client, fd = accept_with(&settings, &client);
  assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 25000);
  assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 45);
  assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 10);
  assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  close(fd);
  close(client);
}

static void keepalive_can_be_switched_off(void **state)
{
  (void)state;
  const struct settings settings = {.send_timeout_ms = 1000, .tcp_keepalive_ms = 0};
  int client, fd = accept_with(&settings, &client);
  assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 6000);
  assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
  close(fd);
  close(client);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(peers_that_vanish_are_noticed),
      cmocka_unit_test(keepalive_can_be_switched_off),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
