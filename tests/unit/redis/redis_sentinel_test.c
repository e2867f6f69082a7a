/* Redis Sentinel: the master is found, and followed through a failover. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mock_presence.h"
#include "redis_sentinel.h"
#include "redis_server.h"

static const struct plug_plugin *const plugin = &plug_plugin_entry_redis;

struct cluster {
  struct redis_server master, replica, sentinels[2];
  struct mock_loop *loop;
  char list[96];
};

static int set_up(void **state)
{
  struct cluster *c = calloc(1, sizeof *c);
  char port[16];
  assert_non_null(c);
  c->loop = mock_loop_new();
  redis_server_start(&c->master, NULL);
  snprintf(port, sizeof port, "%d", c->master.port);
  redis_server_start(&c->replica, (const char *const[]){"--replicaof", "127.0.0.1", port, NULL});
  /* A failover needs a replica that has been in step. */
  REDIS(&c->master, "SET", "k", "v");
  bool in_step = false;
  for (int i = 0; i < 400 && !in_step; i++) {
    mock_pause(c->loop, 25);
    in_step = strcmp(REDIS(&c->replica, "EXISTS", "k"), "1") == 0;
  }
  assert_true(in_step);
  for (int i = 0; i < 2; i++)
    redis_sentinel_start(&c->sentinels[i], "mymaster", c->master.port, 1);
  /* The first address is nobody's: the next one is asked. */
  snprintf(c->list, sizeof c->list, "127.0.0.1:%d, 127.0.0.1:%d,127.0.0.1:%d",
           redis_server_free_port(), c->sentinels[0].port, c->sentinels[1].port);
  *state = c;
  return 0;
}

static int tear_down(void **state)
{
  struct cluster *c = *state;
  for (int i = 0; i < 2; i++)
    redis_server_cleanup(&c->sentinels[i]);
  redis_server_cleanup(&c->replica);
  redis_server_cleanup(&c->master);
  mock_loop_free(c->loop);
  free(c);
  return 0;
}

#define QUICK                                                                                    \
  "sentinels", c->list, "master", "mymaster", "reconnect-min", "10ms", "reconnect-max", "200ms", \
      "probe-interval", "100ms", "probe-timeout", "2000ms", "connect-timeout", "2s"

static void await_replica_known(struct cluster *c)
{
  for (int i = 0; i < 1200; i++) {
    if (strcmp(REDIS(&c->sentinels[0], "SENTINEL", "REPLICAS", "mymaster"), "(nil)") != 0 &&
        strcmp(REDIS(&c->sentinels[1], "SENTINEL", "REPLICAS", "mymaster"), "(nil)") != 0)
      return;
    mock_pause(c->loop, 50);
  }
  fail_msg("the sentinels do not know the replica");
}

static void a_planned_failover_is_followed_at_once(void **state)
{
  struct cluster *c = *state;
  char port[16];
  struct mock_host *a = mock_host_up(c->loop, plugin, "a", (const char *const[]){QUICK, NULL});
  snprintf(port, sizeof port, ":%d", c->master.port);
  assert_non_null(strstr(a->why, port));
  assert_int_equal(mock_subscribe(a, 1, "/sub/x"), PLUG_OK);
  await_replica_known(c);
  /* Right after its start a Sentinel does not trust any replica yet. */
  MOCK_WAIT(c->loop, 15000,
            strcmp(REDIS(&c->sentinels[0], "SENTINEL", "FAILOVER", "mymaster"), "OK") == 0);
  snprintf(port, sizeof port, ":%d", c->replica.port);
  MOCK_WAIT(c->loop, 20000, a->state == PLUG_STATE_UP && strstr(a->why, port) != NULL);
  assert_int_equal(mock_subscribe(a, 2, "/sub/x"), PLUG_OK);
  assert_int_equal(mock_publish(a, "/sub/x", NULL, "moved", NULL), PLUG_OK);
  MOCK_WAIT(c->loop, 2000, mock_count(a, 2, "moved") == 1);
  assert_string_equal(REDIS(&c->replica, "PUBSUB", "CHANNELS", "plugboard:t:*"),
                      "plugboard:t:/sub/x");
  mock_host_free(a);
}

static void a_dead_master_is_replaced(void **state)
{
  struct cluster *c = *state;
  char port[16];
  struct mock_host *a = mock_host_up(c->loop, plugin, "a", (const char *const[]){QUICK, NULL});
  await_replica_known(c);
  redis_server_kill(&c->master);
  MOCK_WAIT(c->loop, 5000, a->state == PLUG_STATE_DOWN);
  snprintf(port, sizeof port, ":%d", c->replica.port);
  MOCK_WAIT(c->loop, 20000, a->state == PLUG_STATE_UP);
  assert_non_null(strstr(a->why, port));
  mock_host_free(a);
}

/* Presence on two nodes through a failover: a replica that may lack the last writes becomes master,
 * and all that is there is there again, unseen by those who stay. */
static void members_survive(struct cluster *c, void (*fail_over)(struct cluster *c))
{
  mock_presence_begin();
  struct mock_presence *nodes[2];
  for (int i = 0; i < 2; i++)
    nodes[i] = mock_presence_new(mock_host_up(
        c->loop, plugin, i == 0 ? "a" : "b",
        (const char *const[]){QUICK, "presence-ttl", "60s", "presence-renew", "200ms", NULL}));
  struct mock_presence *a = nodes[0], *b = nodes[1];
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "k");
  mock_presence_join(b, "/t", "b1", "lee", "");
  struct mock_view *view = mock_presence_view(b, "/t");
  MOCK_WAIT(c->loop, 20000, (mock_presence_pump(), view->n == 2));
  await_replica_known(c);
  /* Some come and go in the last moment. */
  for (int i = 0; i < 50; i++) {
    char name[8];
    snprintf(name, sizeof name, "m%d", i);
    mock_presence_join(a, "/t", name, name, "");
    if (i % 2 == 0)
      mock_presence_leave(a, "/t", name);
  }
  mock_loop_turn(c->loop, 5);
  unsigned restored[2] = {a->n_restored, b->n_restored};
  fail_over(c);
  MOCK_WAIT(c->loop, 60000,
            (mock_presence_pump(), a->n_restored > restored[0] && b->n_restored > restored[1]));
  MOCK_WAIT(c->loop, 60000, (mock_presence_pump(), view->listed && view->n == 27));
  assert_non_null(mock_view_user(view, "kim"));
  assert_non_null(mock_view_user(view, "lee"));
  assert_non_null(mock_view_user(view, "m49"));
  MOCK_WAIT(c->loop, 60000, atoi(REDIS(&c->replica, "ZCARD", "plugboard:{presence}:leases")) == 2);
  MOCK_WAIT(c->loop, 60000, mock_presence_pump());
  assert_int_equal(view->n, 27);
  for (int i = 0; i < 2; i++) {
    mock_host_free(nodes[i]->h);
    mock_presence_free(nodes[i]);
  }
  mock_presence_end();
}

static void by_plan(struct cluster *c)
{
  MOCK_WAIT(c->loop, 15000,
            strcmp(REDIS(&c->sentinels[0], "SENTINEL", "FAILOVER", "mymaster"), "OK") == 0);
}

static void by_death(struct cluster *c)
{
  redis_server_kill(&c->master);
}

static void members_survive_a_planned_failover(void **state)
{
  members_survive(*state, by_plan);
}

static void members_survive_the_death_of_the_master(void **state)
{
  members_survive(*state, by_death);
}

static void a_replica_is_not_taken_for_a_master(void **state)
{
  struct cluster *c = *state;
  char port[16];
  struct redis_server liar = {0};
  char list[64];
  redis_sentinel_start(&liar, "mymaster", c->replica.port, 2);
  snprintf(list, sizeof list, "127.0.0.1:%d", liar.port);
  struct mock_host *a = mock_host_new(
      c->loop, plugin, "a",
      (const char *const[]){"sentinels", list, "master", "mymaster", "connect-timeout", "1s", NULL},
      NULL);
  mock_host_start(a);
  /* The Sentinel itself may find out in time that it was told wrong, and say where the master is.
   */
  snprintf(port, sizeof port, ":%d", c->master.port);
  if (a->state == PLUG_STATE_UP)
    assert_non_null(strstr(a->why, port));
  else
    assert_non_null(strstr(a->why, "not a master"));
  mock_host_free(a);
  redis_server_cleanup(&liar);
}

static void an_unknown_master_is_named(void **state)
{
  struct cluster *c = *state;
  struct mock_host *a = mock_host_new(
      c->loop, plugin, "a",
      (const char *const[]){"sentinels", c->list, "master", "other", "connect-timeout", "1s", NULL},
      NULL);
  mock_host_start(a);
  assert_int_equal(a->state, PLUG_STATE_DOWN);
  assert_non_null(strstr(a->why, "check the option master"));
  mock_host_free(a);
}

static void switch_messages_are_understood(void **state)
{
  static const struct {
    const char *text;
    bool ok;
  } vectors[] = {
      {"m 10.0.0.1 6379 10.0.0.2 6380", true},   {"other 10.0.0.1 6379 10.0.0.2 6380", false},
      {"m 10.0.0.1 6379 10.0.0.2", false},       {"m 10.0.0.1 6379 10.0.0.2 0", false},
      {"m 10.0.0.1 6379 10.0.0.2 x", false},     {"", false},
      {"m 10.0.0.1 6379 10.0.0.2 99999", false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    struct redis_addr addr;
    bool ok = redis_sentinel_parse_switch(redis_str(vectors[i].text), "m", &addr);
    assert_int_equal(ok, vectors[i].ok);
    if (ok) {
      assert_string_equal(addr.host, "10.0.0.2");
      assert_int_equal(addr.port, 6380);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(switch_messages_are_understood),
      cmocka_unit_test_setup_teardown(a_planned_failover_is_followed_at_once, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_dead_master_is_replaced, set_up, tear_down),
      cmocka_unit_test_setup_teardown(members_survive_a_planned_failover, set_up, tear_down),
      cmocka_unit_test_setup_teardown(members_survive_the_death_of_the_master, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_replica_is_not_taken_for_a_master, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_unknown_master_is_named, set_up, tear_down),
  };
  if (!redis_server_installed()) {
    puts("redis-server is not installed");
    return 1; /* a test that cannot run has proved nothing */
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
