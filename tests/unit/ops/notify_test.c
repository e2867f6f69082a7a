/* What a service manager hears, over a socket like its own. */
#include "ops/notify.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static char dir[] = "/tmp/plugboard-notify-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static int fd;

static int setup(void **state)
{
  (void)state;
  assert_non_null(mkdtemp(dir));
  snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", dir);
  fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  close(fd);
  unlink(address.sun_path);
  rmdir(dir);
  return 0;
}

static const char *heard(void)
{
  static char text[1024];
  ssize_t n = recv(fd, text, sizeof text - 1, 0);
  text[n > 0 ? n : 0] = '\0';
  return text;
}

static void without_a_manager_nobody_hears(void **state)
{
  (void)state;
  unsetenv("NOTIFY_SOCKET");
  setenv("WATCHDOG_USEC", "4000000", 1);
  assert_false(notify_wanted());
  assert_int_equal(notify_alive_within_ms(), 0);
  notify_ready();
  notify_alive();
  notify_stopping();
  assert_string_equal(heard(), "");
}

static void a_manager_hears_everything(void **state)
{
  (void)state;
  setenv("NOTIFY_SOCKET", address.sun_path, 1);
  assert_true(notify_wanted());
  notify_ready();
  assert_string_equal(heard(), "READY=1");
  notify_alive();
  assert_string_equal(heard(), "WATCHDOG=1");
  notify_status("12 sessions, 100 % of them well");
  assert_string_equal(heard(), "STATUS=12 sessions, 100 % of them well");
  notify_stopping();
  assert_string_equal(heard(), "STOPPING=1\nSTATUS=Stopping");
}

static void a_reload_says_when_it_began(void **state)
{
  (void)state;
  uint64_t before = clock_now_us(), at = 0;
  notify_reloading();
  uint64_t after = clock_now_us();
  assert_int_equal(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%" SCNu64, &at), 1);
  assert_true(before <= at && at <= after);
}

static void the_watchdog_is_for_this_process(void **state)
{
  (void)state;
  char pid[24];
  setenv("WATCHDOG_USEC", "4000000", 1);
  unsetenv("WATCHDOG_PID");
  assert_int_equal(notify_alive_within_ms(), 4000);
  snprintf(pid, sizeof pid, "%d", (int)getpid());
  setenv("WATCHDOG_PID", pid, 1);
  assert_int_equal(notify_alive_within_ms(), 4000);
  snprintf(pid, sizeof pid, "%d", (int)getppid());
  setenv("WATCHDOG_PID", pid, 1);
  assert_int_equal(notify_alive_within_ms(), 0);
  unsetenv("WATCHDOG_PID");
  unsetenv("WATCHDOG_USEC");
  assert_int_equal(notify_alive_within_ms(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_a_manager_nobody_hears),
      cmocka_unit_test(a_manager_hears_everything),
      cmocka_unit_test(a_reload_says_when_it_began),
      cmocka_unit_test(the_watchdog_is_for_this_process),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
