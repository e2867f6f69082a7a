/* Two connections for subscriptions, each fed by hand: what is delivered, in which order, and from
 * which of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "mock_host.h"
#include "redis_handover.h"

enum { OLD, NEW, N_CONNS };

struct fixture {
  struct mock_loop *loop;
  struct mock_host *host;
  struct redis_env env;
  struct redis_tasks tasks;
  struct redis_handover handover;
  char dir[32];
  struct redis_addr addr;
  int listener;
  int server[N_CONNS]; /* where the test writes */
  struct redis_conn *conn[N_CONNS];
  const char *awaited; /* the probe under way, or "" */
  bool reached, is_over, gapless, up;
  bool is_ready;
  char got[400]; /* what was delivered, and "|" where the node came up */
};

static struct fixture *f;

static void put(const char *text)
{
  size_t len = strlen(f->got);
  snprintf(f->got + len, sizeof f->got - len, "%s%s", len > 0 ? " " : "", text);
}

static void come_up(bool gapless)
{
  f->gapless = gapless;
  f->up = true;
  f->awaited = "";
  put("|");
}

static void on_old_message(void *arg, struct plug_str channel, struct plug_str payload)
{
  char text[32];
  (void)arg;
  assert_true(redis_str_eq(channel, redis_str("c")));
  snprintf(text, sizeof text, "%.*s", (int)payload.len, payload.ptr);
  put(text);
}

static bool on_is_awaited(void *arg, struct plug_str channel, struct plug_str payload)
{
  (void)arg, (void)channel;
  return f->awaited[0] != '\0' && redis_str_eq(payload, redis_str(f->awaited));
}

static void on_over(void *arg, bool gapless)
{
  (void)arg;
  f->is_over = true;
  come_up(gapless);
}

static const struct redis_handover_events events = {on_old_message, on_is_awaited, on_over};

static void on_ready(void *arg)
{
  (void)arg;
  f->is_ready = true;
}

/* As the broker does it. */
static void on_reply(void *arg, const redisReply *reply)
{
  struct redis_conn **conn = arg;
  bool gapless = false;
  assert_int_equal(reply->elements, 3);
  struct plug_str payload = {reply->element[2]->str, reply->element[2]->len};
  if (on_is_awaited(NULL, (struct plug_str){"", 0}, payload)) {
    f->reached = true;
    if (redis_handover_reach(&f->handover, *conn, payload, &gapless))
      come_up(gapless);
  } else if (!redis_handover_ignores(&f->handover)) {
    on_old_message(NULL, redis_str("c"), payload);
  }
}

static void on_lost(void *arg, const struct redis_loss *loss)
{
  struct redis_conn **conn = arg;
  (void)loss;
  struct redis_conn *gone = *conn;
  *conn = NULL;
  redis_conn_close(gone);
  redis_handover_fall_back(&f->handover);
}

static const struct redis_conn_events conn_events = {on_ready, on_reply, on_lost};

static void open_conn(int i)
{
  struct redis_loss loss;
  const struct redis_login login = {.name = "x", .role = REDIS_ROLE_ANY};
  f->is_ready = false;
  f->conn[i] =
      redis_conn_open(&f->env, &f->tasks, &f->addr, &login, &conn_events, &f->conn[i], &loss);
  assert_non_null(f->conn[i]);
  f->server[i] = accept(f->listener, NULL, NULL);
  assert_true(f->server[i] >= 0);
  assert_int_equal(write(f->server[i], "+OK\r\n", 5), 5);
  MOCK_WAIT(f->loop, 5000, f->is_ready);
}

static int set_up(void **state)
{
  (void)state;
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  f = calloc(1, sizeof *f);
  assert_non_null(f);
  f->loop = mock_loop_new();
  f->host = mock_host_new(f->loop, &plug_plugin_entry_redis, "a", NULL, NULL);
  redis_env_init(&f->env, &f->host->host);
  f->awaited = "";
  strcpy(f->dir, "/tmp/plugboard-handover-XXXXXX");
  assert_non_null(mkdtemp(f->dir));
  snprintf(f->addr.path, sizeof f->addr.path, "%s/s", f->dir);
  memcpy(sa.sun_path, f->addr.path, sizeof sa.sun_path);
  f->listener = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(f->listener, (struct sockaddr *)&sa, sizeof sa), 0);
  assert_int_equal(listen(f->listener, 5), 0);
  assert_true(redis_handover_init(&f->handover, &f->env, &events, f));
  /* The link was up, and is given up: its subscriptions stay. */
  open_conn(OLD);
  redis_handover_keep(&f->handover, f->conn[OLD]);
  assert_true(redis_handover_ignores(&f->handover));
  open_conn(NEW);
  f->awaited = "P";
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  redis_handover_fini(&f->handover);
  redis_conn_close(f->conn[NEW]);
  for (int i = 0; i < N_CONNS; i++)
    if (f->server[i] > 0)
      close(f->server[i]);
  close(f->listener);
  unlink(f->addr.path);
  rmdir(f->dir);
  mock_host_free(f->host);
  mock_loop_free(f->loop);
  free(f);
  return 0;
}

/* One that stands still does not see that it is closed: its link is given up for other reasons. */
static void give_new_up(void)
{
  struct redis_loss loss = {0};
  on_lost(&f->conn[NEW], &loss);
}

/* Payloads, separated by blanks, in one segment. */
static void send_to(int i, const char *payloads)
{
  char bytes[1000];
  size_t len = 0;
  for (const char *p = payloads; *p != '\0';) {
    size_t n = strcspn(p, " ");
    len += (size_t)snprintf(bytes + len, sizeof bytes - len,
                            "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$%zu\r\n%.*s\r\n", n, (int)n, p);
    p += n + strspn(p + n, " ");
  }
  assert_int_equal(send(f->server[i], bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Gives all that was sent the time to arrive. */
static void turn(void)
{
  for (int i = 0; i < 5; i++)
    mock_loop_turn(f->loop, 2);
}

static void the_new_one_comes_first_to_the_probe(void **state)
{
  (void)state;
  send_to(NEW, "3 P 4 5");
  MOCK_WAIT(f->loop, 5000, f->reached);
  turn();
  assert_false(f->up);
  send_to(OLD, "1 2");
  send_to(OLD, "3 P 4 5");
  MOCK_WAIT(f->loop, 5000, f->is_over);
  turn();
  assert_string_equal(f->got, "1 2 3 | 4 5");
  assert_true(f->gapless);
  send_to(NEW, "6");
  turn();
  assert_string_equal(f->got, "1 2 3 | 4 5 6");
}

static void the_old_one_comes_first_to_the_probe(void **state)
{
  (void)state;
  send_to(OLD, "1 2 3 P 4 5");
  turn();
  assert_string_equal(f->got, "1 2 3");
  send_to(NEW, "3 P 4");
  send_to(NEW, "5");
  MOCK_WAIT(f->loop, 5000, f->up);
  turn();
  assert_string_equal(f->got, "1 2 3 | 4 5");
  assert_true(f->gapless);
}

static void probes_of_other_times_are_no_mark(void **state)
{
  (void)state;
  send_to(OLD, "1 O 2");
  send_to(NEW, "O");
  turn();
  assert_string_equal(f->got, "1 O 2");
  assert_false(f->up);
}

static void an_old_one_that_is_closed_meanwhile_is_not_waited_for(void **state)
{
  (void)state;
  send_to(NEW, "3 P 4");
  MOCK_WAIT(f->loop, 5000, f->reached);
  send_to(OLD, "1");
  turn();
  close(f->server[OLD]);
  f->server[OLD] = 0;
  MOCK_WAIT(f->loop, 5000, f->is_over);
  turn();
  assert_string_equal(f->got, "1 | 4");
  assert_false(f->gapless);
}

static void an_old_one_that_is_closed_before_leaves_all_to_the_new_one(void **state)
{
  (void)state;
  close(f->server[OLD]);
  f->server[OLD] = 0;
  turn();
  send_to(NEW, "1 P 2");
  MOCK_WAIT(f->loop, 5000, f->up);
  turn();
  assert_string_equal(f->got, "1 | 2");
  assert_false(f->gapless);
}

static void an_old_one_that_is_cut_off_is_given_up(void **state)
{
  (void)state;
  send_to(NEW, "P 4");
  MOCK_WAIT(f->loop, 5000, f->reached);
  uint64_t begin = mock_now_ms();
  MOCK_WAIT(f->loop, 10000, f->is_over);
  assert_true(mock_now_ms() - begin >= 900);
  assert_false(f->gapless);
  turn();
  assert_string_equal(f->got, "| 4");
}

static void but_not_while_it_brings_something(void **state)
{
  (void)state;
  send_to(NEW, "P 9");
  MOCK_WAIT(f->loop, 5000, f->reached);
  for (int i = 1; i <= 3; i++) {
    char text[8];
    snprintf(text, sizeof text, "%d", i);
    send_to(OLD, text);
    mock_pause(f->loop, 600);
  }
  assert_false(f->is_over);
  send_to(OLD, "P");
  MOCK_WAIT(f->loop, 5000, f->is_over);
  turn();
  assert_string_equal(f->got, "1 2 3 | 9");
}

static void the_old_one_goes_on_when_the_new_one_is_lost(void **state)
{
  (void)state;
  for (int ahead = 0; ahead < 2; ahead++) {
    f->got[0] = '\0';
    if (ahead)
      send_to(OLD, "1 P 2"); /* stands at the probe */
    else
      send_to(NEW, "P 2"); /* the new one does */
    turn();
    give_new_up();
    close(f->server[NEW]);
    f->awaited = "";
    if (!ahead)
      send_to(OLD, "1 P 2");
    turn();
    assert_string_equal(f->got, ahead ? "1 2" : "1 P 2");
    open_conn(NEW);
    f->awaited = "P";
  }
  send_to(NEW, "2 P 3");
  send_to(OLD, "P 3");
  MOCK_WAIT(f->loop, 5000, f->up);
  turn();
  assert_string_equal(f->got, "1 2 | 3");
  assert_true(f->gapless);
}

static void the_end_may_come_at_any_time(void **state)
{
  (void)state;
  send_to(NEW, "P 2");
  turn();
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(the_new_one_comes_first_to_the_probe),
      TEST(the_old_one_comes_first_to_the_probe),
      TEST(probes_of_other_times_are_no_mark),
      TEST(an_old_one_that_is_closed_meanwhile_is_not_waited_for),
      TEST(an_old_one_that_is_closed_before_leaves_all_to_the_new_one),
      TEST(an_old_one_that_is_cut_off_is_given_up),
      TEST(but_not_while_it_brings_something),
      TEST(the_old_one_goes_on_when_the_new_one_is_lost),
      TEST(the_end_may_come_at_any_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
