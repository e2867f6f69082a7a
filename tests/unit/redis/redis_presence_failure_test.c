/* Presence when nodes or Redis fail: what each node sees ends equal to who is there, and nobody is
 * seen to leave who does not. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "mock_presence.h"
#include "redis_server.h"

static struct redis_server server;
static struct mock_loop *loop;

static const struct plug_plugin *const plugin = &plug_plugin_entry_redis;

#define CONNECT                                                                                 \
  "url", server.url, "reconnect-min", "10ms", "reconnect-max", "100ms", "probe-timeout", "20s", \
      "connect-timeout", "20s"
/* Leases that last longer than any machine stands still, renewed often. */
#define LONG         CONNECT, "presence-ttl", "60s", "presence-renew", "100ms"
/* Long enough for nodes that are late; what only the end of a lease puts right (a name that its
 * node has given up since the data were copied) is right within two of them. */
#define MEDIUM       CONNECT, "presence-ttl", "10s", "presence-renew", "100ms"
/* Leases that run out while one waits. */
#define SHORT        CONNECT, "presence-ttl", "2s", "presence-renew", "100ms"
#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define AWAIT(expr)  MOCK_WAIT(loop, 60000, (mock_presence_pump(), (expr)))
#define CALM()       MOCK_WAIT(loop, 60000, mock_presence_pump())

#define BASE       "plugboard:{presence}:"
#define N_LEASES() atoi(REDIS(&server, "ZCARD", BASE "leases"))

static int begin(void **state)
{
  (void)state;
  loop = mock_loop_new();
  redis_server_start(&server, NULL);
  mock_presence_begin();
  return 0;
}

static int end(void **state)
{
  (void)state;
  redis_server_cleanup(&server);
  server = (struct redis_server){0};
  mock_presence_end();
  mock_loop_free(loop);
  return 0;
}

static struct mock_presence *node(const char *name, const char *const *options)
{
  return mock_presence_new(mock_host_up(loop, plugin, name, options));
}

/* As if it were killed: it says nothing any more. */
static void crash(struct mock_presence *mp)
{
  mock_host_free(mp->h);
  mock_presence_free(mp);
}

#define end_node crash

static bool sees(struct mock_presence *mp, const char *const *users)
{
  struct mock_view *view = mock_presence_view(mp, "/t");
  size_t n = 0;
  for (; users[n] != NULL; n++)
    if (mock_view_user(view, users[n]) == NULL)
      return false;
  return view->listed && view->n == n && view->users == n;
}
#define SEES(mp, ...) sees(mp, (const char *const[]){__VA_ARGS__, NULL})

/* How many members a list tells, in the end: reaping takes its time, and a list may be refused when
 * all members are being joined again. */
static void await_members(struct mock_presence *mp, uint64_t n)
{
  struct mock_view *view = mock_presence_view(mp, "/t");
  uint64_t end_ms = mock_now_ms() + 60000;
  plug_status status;
  do {
    status = mock_presence_list(mp, "/t");
    assert_true(status == PLUG_OK || status == PLUG_EUNAVAIL);
  } while ((status != PLUG_OK || view->members != n) && mock_now_ms() < end_ms);
  assert_int_equal(view->members, n);
}

static void a_crashed_node_loses_its_members_and_no_others(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(SHORT)), *b = node("b", OPTIONS(SHORT));
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "");
  mock_presence_join(a, "/t", "a2", "lee", "");
  mock_presence_join(a, "/t", "a3", "lee", "");
  mock_presence_join(b, "/t", "b1", "kim", "");
  AWAIT(SEES(b, "kim", "lee"));
  CALM();
  unsigned left = mock_presence_view(b, "/t")->n_left;
  crash(a);
  AWAIT(SEES(b, "kim"));
  AWAIT(N_LEASES() == 1);
  assert_int_equal(mock_presence_view(b, "/t")->n_left, left + 1);
  await_members(b, 1);
  assert_int_equal(mock_metric(b->h, "presence_reaped"), 3);
  end_node(b);
}

/* It stands still, as a machine that is moved, and goes on long after it was declared dead. */
static void a_node_that_was_declared_dead_joins_again(void **state)
{
  (void)state;
  struct mock_loop *frozen = mock_loop_new(), *usual = loop;
  struct mock_presence *b = node("b", OPTIONS(SHORT));
  loop = frozen;
  struct mock_presence *a = node("a", OPTIONS(SHORT));
  mock_presence_join(a, "/t", "a1", "kim", "x");
  for (int i = 0; i < 2000 && strcmp(REDIS(&server, "EXISTS", BASE "u:/t"), "1") != 0; i++)
    mock_loop_turn(frozen, 5);
  loop = usual;
  mock_presence_watch(b, "/t");
  AWAIT(SEES(b, "kim"));
  AWAIT(mock_presence_view(b, "/t")->n == 0);
  AWAIT(N_LEASES() == 1);
  for (int i = 0; i < 4000 && !SEES(b, "kim"); i++) {
    mock_loop_turn(frozen, 2);
    mock_loop_turn(usual, 2);
    mock_presence_pump();
  }
  assert_true(SEES(b, "kim"));
  assert_int_equal(a->n_lost, 1);
  assert_true(mock_logged(a->h, "another node has declared this one dead"));
  assert_int_equal(mock_metric(a->h, "presence_rejoins"), 1);
  end_node(a);
  mock_loop_free(frozen);
  end_node(b);
}

static void a_lease_that_ran_out_unnoticed_is_renewed(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(LONG));
  mock_presence_watch(a, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "");
  AWAIT(SEES(a, "kim"));
  char name[192];
  snprintf(name, sizeof name, "%s", REDIS(&server, "ZRANGE", BASE "leases", "0", "-1"));
  REDIS(&server, "ZADD", BASE "leases", "1000", name);
  AWAIT(atof(REDIS(&server, "ZSCORE", BASE "leases", name)) > 1e12);
  mock_pause(loop, 300);
  assert_int_equal(a->n_lost, 0);
  /* One that was declared dead is not. */
  REDIS(&server, "ZADD", BASE "leases", "0", name);
  AWAIT(a->n_restored == 1 && N_LEASES() == 1);
  AWAIT(strcmp(REDIS(&server, "ZRANGE", BASE "leases", "0", "-1"), name) != 0);
  AWAIT(SEES(a, "kim"));
  end_node(a);
}

/* What a clock that was set back leaves behind. */
static void a_lease_that_ends_too_late_is_over(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(SHORT));
  mock_presence_watch(a, "/t");
  CALM();
  char score[32];
  snprintf(score, sizeof score, "%lld", (long long)time(NULL) * 1000 + 3600000);
  REDIS(&server, "ZADD", BASE "leases", score, "x:0:2000");
  REDIS(&server, "ZADD", BASE "leases", score, "y:0:3600000"); /* its leases last that long */
  AWAIT(N_LEASES() == 2);
  mock_pause(loop, 500);
  assert_int_equal(N_LEASES(), 2);
  end_node(a);
}

static void a_broken_connection_is_not_seen_by_others(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(LONG)), *b = node("b", OPTIONS(LONG));
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "");
  mock_presence_join(b, "/t", "b1", "lee", "");
  AWAIT(SEES(b, "kim", "lee"));
  for (unsigned i = 1; i <= 5; i++) {
    REDIS(&server, "CLIENT", "KILL", "TYPE", i % 2 != 0 ? "pubsub" : "normal");
    AWAIT(a->n_restored == i && b->n_restored == i);
    AWAIT(SEES(b, "kim", "lee"));
  }
  CALM();
  AWAIT(N_LEASES() == 2);
  assert_int_equal(mock_presence_view(b, "/t")->n_left, 0);
  await_members(b, 2);
  end_node(a);
  end_node(b);
}

static void several_losses_before_all_is_restored_leave_nothing_behind(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(LONG)), *b = node("b", OPTIONS(LONG));
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "");
  AWAIT(SEES(b, "kim"));
  a->holds_back = true;
  for (unsigned i = 1; i <= 12; i++) {
    REDIS(&server, "CLIENT", "KILL", "TYPE", "normal");
    AWAIT(a->n_lost == i && b->n_restored == i);
    AWAIT(SEES(b, "kim"));
  }
  a->holds_back = false;
  AWAIT(a->n_restored == 1);
  AWAIT(SEES(b, "kim"));
  assert_int_equal(mock_presence_view(b, "/t")->n_left, 0);
  CALM();
  await_members(b, 1);
  end_node(a);
  end_node(b);
}

static void who_leaves_while_redis_is_away_is_gone_when_it_is_back(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(LONG)), *b = node("b", OPTIONS(LONG));
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "");
  mock_presence_join(a, "/t", "a2", "lee", "");
  AWAIT(SEES(b, "kim", "lee"));
  CALM();
  redis_server_signal(&server, SIGSTOP);
  mock_presence_join(a, "/t", "a3", "late", "");
  mock_presence_leave(a, "/t", "a2");
  mock_loop_turn(loop, 20);
  redis_server_kill(&server);
  AWAIT(a->h->state == PLUG_STATE_DOWN);
  redis_server_start(&server, NULL);
  AWAIT(SEES(b, "kim", "late"));
  end_node(a);
  end_node(b);
}

static void a_redis_without_its_data_gets_all_of_it_again(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(LONG)), *b = node("b", OPTIONS(LONG));
  struct plug_op op = {0};
  struct plug_member m = {{"/t", 2}, {"s", 1}, {"u", 1}, {"", 0}};
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "k");
  mock_presence_join(b, "/t", "b1", "lee", "l");
  AWAIT(SEES(b, "kim", "lee"));
  CALM();
  struct plug_position before = mock_presence_view(b, "/t")->pos;
  redis_server_kill(&server);
  AWAIT(a->h->state == PLUG_STATE_DOWN && b->h->state == PLUG_STATE_DOWN);
  assert_int_equal(a->ext->join(a->h->self, &m, 1, &op), PLUG_EUNAVAIL);
  assert_int_equal(a->ext->leave(a->h->self, &m, 1, &op), PLUG_EUNAVAIL);
  assert_int_equal(a->ext->watch(a->h->self, m.topic, &op), PLUG_EUNAVAIL);
  assert_int_equal(a->ext->list(a->h->self, m.topic, &op), PLUG_EUNAVAIL);
  a->ext->unwatch(a->h->self, m.topic);
  redis_server_start(&server, NULL);
  AWAIT(a->n_restored == 1 && b->n_restored == 1);
  AWAIT(SEES(b, "kim", "lee"));
  assert_string_equal(mock_view_user(mock_presence_view(b, "/t"), "kim")->info, "k");
  assert_true(mock_presence_view(b, "/t")->pos.epoch > before.epoch);
  end_node(a);
  end_node(b);
}

static void a_redis_that_is_emptied_gets_all_of_it_again(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(LONG)), *b = node("b", OPTIONS(LONG));
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "k");
  mock_presence_join(b, "/t", "b1", "lee", "");
  AWAIT(SEES(b, "kim", "lee"));
  CALM();
  REDIS(&server, "FLUSHALL");
  AWAIT(a->n_restored == 1 && b->n_restored == 1);
  AWAIT(SEES(b, "kim", "lee"));
  await_members(b, 2);
  assert_int_equal(a->h->n_down + b->h->n_down, 0);
  end_node(a);
  end_node(b);
}

/* What a Redis that evicts may do: what is counted from does not depend on it. */
static void an_evicted_position_begins_anew(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(LONG)), *b = node("b", OPTIONS(LONG));
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "k");
  mock_presence_join(a, "/t", "a2", "lee", "l");
  mock_presence_join(b, "/t", "b1", "lee", "l");
  AWAIT(SEES(b, "kim", "lee"));
  CALM();
  struct plug_position before = mock_presence_view(b, "/t")->pos;
  mock_pause(loop, 5); /* an epoch is its millisecond, and all of this takes less */
  assert_string_equal(REDIS(&server, "DEL", BASE "t:/t"), "1");
  mock_presence_join(a, "/t", "a3", "new", "n");
  AWAIT(SEES(b, "kim", "lee", "new"));
  struct plug_position after = mock_presence_view(b, "/t")->pos;
  assert_true(after.epoch > before.epoch);
  assert_int_equal(after.offset, 1);
  mock_presence_leave(a, "/t", "a1");
  AWAIT(SEES(b, "lee", "new"));
  CALM();
  assert_int_equal(mock_presence_view(b, "/t")->pos.epoch, after.epoch);
  assert_int_equal(mock_presence_view(b, "/t")->pos.offset, 2);
  await_members(b, 3);
  assert_string_equal(mock_view_user(mock_presence_view(b, "/t"), "lee")->info, "l");
  assert_int_equal(a->n_lost + b->n_lost, 0);
  assert_string_equal(REDIS(&server, "HLEN", BASE "t:/t"), "3"); /* nothing that is counted twice */
  end_node(a);
  end_node(b);
}

static void a_redis_with_old_data_is_put_right(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(LONG)), *b = node("b", OPTIONS(LONG));
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "");
  mock_presence_join(a, "/t", "a2", "gone", "");
  AWAIT(SEES(b, "kim", "gone"));
  CALM();
  assert_string_equal(REDIS(&server, "SAVE"), "OK");
  mock_presence_leave(a, "/t", "a2");
  mock_presence_join(a, "/t", "a3", "late", "");
  AWAIT(SEES(b, "kim", "late"));
  CALM();
  struct plug_position before = mock_presence_view(b, "/t")->pos;
  redis_server_kill(&server);
  AWAIT(a->h->state == PLUG_STATE_DOWN);
  redis_server_start(&server, NULL);
  AWAIT(a->n_restored == 1 && b->n_restored == 1);
  AWAIT(SEES(b, "kim", "late"));
  AWAIT(N_LEASES() == 2);
  CALM();
  assert_true(mock_presence_view(b, "/t")->pos.epoch > before.epoch);
  await_members(b, 2);
  end_node(a);
  end_node(b);
}

/* The connection stays, the data are of another: as after a failover behind a proxy. */
static void a_master_with_the_data_of_another_is_noticed(void **state)
{
  (void)state;
  struct redis_server other = {0};
  char port[16], own[16];
  snprintf(own, sizeof own, "%d", server.port);
  struct mock_presence *a = node("a", OPTIONS(MEDIUM, "probe-interval", "600s")),
                       *b = node("b", OPTIONS(MEDIUM, "probe-interval", "600s"));
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "");
  mock_presence_join(a, "/t", "a2", "gone", "");
  AWAIT(SEES(b, "kim", "gone"));
  redis_server_start(&other, (const char *const[]){"--replicaof", "127.0.0.1", own, NULL});
  snprintf(port, sizeof port, "%d", other.port);
  AWAIT(strcmp(REDIS(&other, "EXISTS", BASE "u:/t"), "1") == 0);
  /* The first replica gives the master another id; nothing is lost, and nobody sees anything. */
  AWAIT(a->n_restored >= 1 && b->n_restored >= 1);
  AWAIT(atoi(REDIS(&other, "ZCARD", BASE "leases")) == 2);
  CALM();
  assert_int_equal(mock_presence_view(b, "/t")->n_left, 0);
  assert_true(SEES(b, "kim", "gone"));
  REDIS(&other, "REPLICAOF", "NO", "ONE");
  mock_presence_leave(a, "/t", "a2");
  mock_presence_join(a, "/t", "a3", "late", "");
  AWAIT(SEES(b, "kim", "late"));
  CALM();
  unsigned restored = a->n_restored;
  REDIS(&server, "REPLICAOF", "127.0.0.1", port);
  for (int i = 0;
       i < 2000 && strstr(REDIS(&server, "INFO", "replication"), "link_status:up") == NULL; i++)
    mock_pause(loop, 10);
  REDIS(&server, "REPLICAOF", "NO", "ONE");
  AWAIT(a->n_restored > restored);
  AWAIT(SEES(b, "kim", "late"));
  AWAIT(N_LEASES() == 2);
  CALM();
  assert_true(SEES(b, "kim", "late"));
  await_members(b, 2);
  end_node(a);
  end_node(b);
  redis_server_cleanup(&other);
}

static void a_full_redis_refuses_joins_and_nothing_else(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(SHORT)), *b = node("b", OPTIONS(SHORT));
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "");
  mock_presence_join(a, "/t", "a2", "lee", "");
  AWAIT(SEES(b, "kim", "lee"));
  CALM();
  REDIS(&server, "CONFIG", "SET", "maxmemory", "1");
  a->refused = false;
  mock_presence_join(a, "/t", "a3", "new", "");
  AWAIT(a->refused);
  assert_int_equal(a->last_status, PLUG_EUNAVAIL);
  assert_non_null(strstr(a->last_detail, "maxmemory"));
  mock_pause(loop, 3000); /* longer than the leases last */
  assert_int_equal(a->n_lost + b->n_lost, 0);
  assert_int_equal(N_LEASES(), 2);
  mock_presence_leave(a, "/t", "a2");
  AWAIT(SEES(b, "kim"));
  /* A join and a leave that wait together: the one is refused, the other passes. */
  a->refused = false;
  mock_presence_join(a, "/t", "a4", "no", "");
  mock_presence_join(a, "/t", "a5", "no", "");
  mock_presence_leave(a, "/t", "a1");
  AWAIT(a->refused && mock_presence_view(b, "/t")->n == 0);
  /* A dead node is reaped. */
  REDIS(&server, "CONFIG", "SET", "maxmemory", "0");
  mock_presence_join(a, "/t", "a6", "dead", "");
  AWAIT(SEES(b, "dead"));
  REDIS(&server, "CONFIG", "SET", "maxmemory", "1");
  crash(a);
  AWAIT(mock_presence_view(b, "/t")->n == 0 && N_LEASES() == 1);
  REDIS(&server, "CONFIG", "SET", "maxmemory", "0");
  mock_presence_join(b, "/t", "b1", "kim", "");
  AWAIT(SEES(b, "kim"));
  end_node(b);
}

/* In several calls, of which a later one is refused: none of the operation is counted. */
static void a_join_that_fails_half_way_is_taken_back(void **state)
{
  (void)state;
  enum { N = 3000 };
  static struct plug_member v[N];
  static char names[N][16];
  struct mock_presence *a = node("a", OPTIONS(LONG));
  mock_presence_watch(a, "/t");
  mock_presence_join(a, "/t", "u0", "u0", ""); /* was there before, and stays */
  AWAIT(SEES(a, "u0"));
  for (size_t i = 0; i < N; i++) {
    snprintf(names[i], sizeof names[i], "u%zu", i);
    struct plug_str name = {names[i], strlen(names[i])};
    v[i] = (struct plug_member){{"/t", 2}, name, name, {"", 0}};
  }
  struct plug_op op = {0};
  assert_int_equal(a->ext->join(a->h->self, v, N, &op), PLUG_PENDING);
  MOCK_WAIT(loop, 60000, atoi(REDIS(&server, "HLEN", BASE "u:/t")) >= 200);
  REDIS(&server, "CONFIG", "SET", "maxmemory", "1");
  MOCK_WAIT(loop, 60000, op.done);
  assert_int_equal(op.status, PLUG_EUNAVAIL);
  assert_string_equal(REDIS(&server, "HLEN", BASE "u:/t"), "1");
  AWAIT(SEES(a, "u0"));
  assert_int_equal(a->n_lost, 0);
  await_members(a, 1);
  REDIS(&server, "CONFIG", "SET", "maxmemory", "0");
  end_node(a);
}

static void forgotten_scripts_are_sent_again(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(LONG));
  mock_presence_watch(a, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "");
  AWAIT(SEES(a, "kim"));
  for (int i = 0; i < 20; i++) {
    char name[8];
    snprintf(name, sizeof name, "u%d", i);
    REDIS(&server, "SCRIPT", "FLUSH");
    mock_presence_join(a, "/t", name, name, "");
    REDIS(&server, "SCRIPT", "FLUSH");
    mock_presence_leave(a, "/t", name);
    mock_loop_turn(loop, 5);
  }
  CALM();
  AWAIT(SEES(a, "kim") && mock_presence_view(a, "/t")->n_left == 20);
  assert_int_equal(a->n_lost, 0);
  assert_int_equal(mock_metric(a->h, "presence_errors"), 0);
  end_node(a);
}

static void two_reapers_share_the_work(void **state)
{
  (void)state;
  enum { N = 1200, USERS = 700 };
  static struct plug_member v[N];
  static char names[N][16];
  struct mock_presence *a = node("a", OPTIONS(SHORT)), *b = node("b", OPTIONS(SHORT)),
                       *c = node("c", OPTIONS(SHORT));
  mock_presence_watch(b, "/t");
  mock_presence_watch(c, "/t");
  CALM();
  for (size_t i = 0; i < N; i++) {
    snprintf(names[i], sizeof names[i], "u%zu", i);
    struct plug_str user = {names[i % USERS], strlen(names[i % USERS])};
    v[i] = (struct plug_member){{"/t", 2}, {names[i], strlen(names[i])}, user, {"", 0}};
  }
  struct plug_op op = {0};
  assert_int_equal(a->ext->join(a->h->self, v, N, &op), PLUG_PENDING);
  AWAIT(op.done && mock_presence_view(b, "/t")->n == USERS);
  crash(a);
  AWAIT(mock_presence_view(b, "/t")->n == 0 && mock_presence_view(c, "/t")->n == 0);
  AWAIT(N_LEASES() == 2);
  assert_int_equal(mock_presence_view(b, "/t")->n_left, USERS);
  assert_int_equal(mock_presence_view(c, "/t")->n_left, USERS);
  assert_int_equal(mock_metric(b->h, "presence_reaped") + mock_metric(c->h, "presence_reaped"), N);
  end_node(b);
  end_node(c);
}

static void two_nodes_of_one_name_do_not_meet(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(SHORT)), *b = node("a", OPTIONS(SHORT));
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "s", "kim", "");
  mock_presence_join(b, "/t", "s", "lee", "");
  AWAIT(SEES(b, "kim", "lee"));
  assert_int_equal(N_LEASES(), 2);
  mock_pause(loop, 1000);
  assert_int_equal(a->n_lost + b->n_lost, 0);
  crash(a);
  AWAIT(SEES(b, "lee"));
  end_node(b);
}

static int begin_with_users(void **state)
{
  begin(state);
  REDIS(&server, "ACL", "SETUSER", "messages", "on", ">x", "resetchannels", "&plugboard:*", "-@all",
        "+client|setname", "+publish", "+subscribe", "+unsubscribe", "+role");
  /* What docs/broker-redis.md says. */
  REDIS(&server, "ACL", "SETUSER", "presence", "on", ">x", "resetchannels", "&plugboard:*",
        "resetkeys", "~plugboard:*", "-@all", "+client|setname", "+publish", "+subscribe",
        "+unsubscribe", "+role", "+evalsha", "+eval", "+info", "+time", "+zadd", "+zrem", "+zscore",
        "+zrangebyscore", "+hset", "+hsetnx", "+hget", "+hmget", "+hgetall", "+hdel", "+hincrby",
        "+hlen", "+hrandfield", "+pexpire", "+persist");
  return 0;
}

static void a_user_without_rights_has_messages_and_no_presence(void **state)
{
  (void)state;
  char url[96];
  snprintf(url, sizeof url, "redis://messages:x@127.0.0.1:%d", server.port);
  struct mock_presence *a = node("a", OPTIONS("url", url, "presence-renew", "100ms"));
  struct plug_member m = {{"/t", 2}, {"s", 1}, {"u", 1}, {"", 0}};
  struct plug_op first = {0}, second = {0}, list = {0};
  assert_int_equal(a->ext->join(a->h->self, &m, 1, &first), PLUG_PENDING);
  MOCK_WAIT(loop, 10000, first.done);
  assert_int_equal(first.status, PLUG_EDENIED);
  assert_non_null(strstr(first.detail, "NOPERM"));
  assert_int_equal(a->ext->join(a->h->self, &m, 1, &second), PLUG_PENDING);
  assert_int_equal(second.status, PLUG_EDENIED);
  assert_int_equal(a->ext->list(a->h->self, m.topic, &list), PLUG_PENDING);
  MOCK_WAIT(loop, 10000, list.done);
  assert_int_equal(list.status, PLUG_EDENIED);
  assert_int_equal(mock_subscribe(a->h, 1, "/t"), PLUG_OK);
  assert_int_equal(mock_publish(a->h, "/t", NULL, "m", NULL), PLUG_OK);
  mock_pause(loop, 500);
  const char *line = strstr(a->h->log, "presence does not work, messages do");
  assert_non_null(line);
  assert_null(strstr(line + 1, "presence does not work"));
  assert_int_equal(a->h->n_down, 0);
  /* As soon as it may, it does. */
  mock_presence_join(a, "/t", "s", "kim", "");
  REDIS(&server, "ACL", "SETUSER", "messages", "+@all", "~*");
  mock_presence_watch(a, "/t");
  AWAIT(SEES(a, "kim"));
  assert_true(mock_logged(a->h, "presence works again"));
  end_node(a);
}

static void the_rights_in_the_manual_are_enough(void **state)
{
  (void)state;
  char url[96];
  snprintf(url, sizeof url, "redis://presence:x@127.0.0.1:%d", server.port);
  struct mock_presence *a = node("a", OPTIONS("url", url, "presence-renew", "100ms", "presence-ttl",
                                              "2s")),
                       *b = node("b", OPTIONS("url", url, "presence-renew", "100ms", "presence-ttl",
                                              "2s"));
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "info");
  mock_presence_join(a, "/t", "a2", "lee", "info");
  AWAIT(SEES(b, "kim", "lee"));
  mock_presence_leave(a, "/t", "a2");
  AWAIT(SEES(b, "kim"));
  REDIS(&server, "CLIENT", "KILL", "USER", "presence");
  AWAIT(a->n_restored == 1 && b->n_restored == 1);
  AWAIT(SEES(b, "kim"));
  crash(a);
  AWAIT(mock_presence_view(b, "/t")->n == 0 && N_LEASES() == 1);
  assert_int_equal(mock_metric(b->h, "presence_errors"), 0);
  end_node(b);
}

static void each_right_that_is_missing_is_found_out_at_once(void **state)
{
  static const char *const missing[] = {
      "-evalsha",       "-eval",       "-info",    "-time",    "-zadd",    "-zscore", "-zrem",
      "-zrangebyscore", "-hset",       "-hsetnx",  "-hget",    "-hmget",   "-hdel",   "-hincrby",
      "-hlen",          "-hrandfield", "-pexpire", "-persist", "resetkeys"};
  (void)state;
  char url[96];
  snprintf(url, sizeof url, "redis://presence:x@127.0.0.1:%d", server.port);
  REDIS(&server, "SCRIPT", "FLUSH");
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
    struct mock_presence *a = node("a", OPTIONS("url", url, "presence-renew", "50ms"));
    struct plug_member m = {{"/t", 2}, {"s", 1}, {"u", 1}, {"", 0}};
    struct plug_op op = {0};
    REDIS(&server, "SCRIPT", "FLUSH");
    assert_string_equal(REDIS(&server, "ACL", "SETUSER", "presence", missing[i]), "OK");
    assert_int_equal(a->ext->join(a->h->self, &m, 1, &op), PLUG_PENDING);
    MOCK_WAIT(loop, 10000, op.done);
    if (op.status != PLUG_EDENIED)
      fail_msg("%s: status %d, %s", missing[i], op.status, op.detail);
    assert_string_equal(REDIS(&server, "EXISTS", BASE "u:/t"), "0");
    mock_pause(loop, 200);
    const char *line = strstr(a->h->log, "presence does not work");
    assert_non_null(line);
    assert_string_equal(strchr(line, '\n'), "\n"); /* it is the last one */
    assert_int_equal(a->n_lost, 0);
    assert_int_equal(a->h->n_down, 0);
    char back[32];
    snprintf(back, sizeof back, "+%s", missing[i] + 1);
    REDIS(&server, "ACL", "SETUSER", "presence", missing[i][0] == '-' ? back : "~plugboard:*");
    end_node(a);
  }
}

static int begin_without_scripts(void **state)
{
  (void)state;
  loop = mock_loop_new();
  redis_server_start(&server, OPTIONS("--rename-command", "EVALSHA", ""));
  mock_presence_begin();
  return 0;
}

static void a_redis_without_scripts_has_messages_and_no_presence(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(LONG));
  struct plug_member m = {{"/t", 2}, {"s", 1}, {"u", 1}, {"", 0}};
  struct plug_op op = {0};
  assert_int_equal(a->ext->join(a->h->self, &m, 1, &op), PLUG_PENDING);
  MOCK_WAIT(loop, 10000, op.done);
  assert_int_equal(op.status, PLUG_EDENIED);
  assert_non_null(strstr(op.detail, "unknown command"));
  assert_true(mock_logged(a->h, "presence does not work, messages do"));
  assert_int_equal(mock_subscribe(a->h, 1, "/t"), PLUG_OK);
  assert_int_equal(mock_publish(a->h, "/t", NULL, "m", NULL), PLUG_OK);
  MOCK_WAIT(loop, 10000, mock_count(a->h, 1, "m") == 1);
  end_node(a);
}

static int begin_cluster(void **state)
{
  (void)state;
  loop = mock_loop_new();
  char port[16]; /* the usual one, 10000 above the other, may not exist */
  snprintf(port, sizeof port, "%d", redis_server_free_port());
  redis_server_start(&server, OPTIONS("--cluster-enabled", "yes", "--cluster-port", port));
  assert_string_equal(REDIS(&server, "CLUSTER", "ADDSLOTSRANGE", "0", "16383"), "OK");
  for (int i = 0; i < 1000 && strcmp(REDIS(&server, "SET", "k", "v"), "OK") != 0; i++)
    mock_pause(loop, 20);
  assert_string_equal(REDIS(&server, "DEL", "k"), "1");
  mock_presence_begin();
  return 0;
}

/* All keys are in one slot: whoever has it serves presence. */
static void in_a_redis_cluster_one_server_has_all(void **state)
{
  (void)state;
  char slot[16];
  snprintf(slot, sizeof slot, "%s", REDIS(&server, "CLUSTER", "KEYSLOT", BASE "leases"));
  struct mock_presence *a = node("a", OPTIONS(LONG)), *b = node("b", OPTIONS(LONG));
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "a1", "kim", "");
  mock_presence_join(b, "/t", "b1", "lee", "");
  AWAIT(SEES(b, "kim", "lee"));
  CALM();
  int n_keys = atoi(REDIS(&server, "CLUSTER", "COUNTKEYSINSLOT", slot));
  assert_int_equal(atoi(REDIS(&server, "DBSIZE")), n_keys);
  a->refused = false;
  REDIS(&server, "CONFIG", "SET", "cluster-require-full-coverage", "no");
  REDIS(&server, "CLUSTER", "DELSLOTS", slot);
  mock_presence_join(a, "/t", "a2", "new", "");
  AWAIT(a->refused);
  assert_non_null(strstr(a->last_detail, "CLUSTERDOWN"));
  AWAIT(mock_logged(b->h, "presence does not work, messages do"));
  assert_int_equal(a->h->n_down, 0);
  REDIS(&server, "CLUSTER", "ADDSLOTS", slot);
  AWAIT(mock_logged(b->h, "presence works again"));
  mock_presence_join(a, "/t", "a3", "late", "");
  AWAIT(mock_view_user(mock_presence_view(b, "/t"), "late") != NULL);
  end_node(a);
  end_node(b);
}

static void what_breaks_a_script_is_survived(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(LONG));
  mock_presence_watch(a, "/t");
  mock_presence_join(a, "/t", "s", "kim", "");
  AWAIT(SEES(a, "kim"));
  CALM();
  REDIS(&server, "SET", BASE "u:/x", "no hash");
  mock_presence_join(a, "/x", "s", "kim", "");
  AWAIT(a->n_lost >= 1);
  assert_true(mock_logged(a->h, "a script was broken off"));
  REDIS(&server, "DEL", BASE "u:/x");
  AWAIT(!a->lost);
  mock_presence_watch(a, "/x");
  AWAIT(mock_presence_view(a, "/x")->n == 1);
  AWAIT(SEES(a, "kim"));
  assert_int_equal(mock_presence_view(a, "/t")->n_left, 0);
  CALM();
  assert_int_equal(mock_presence_list(a, "/x"), PLUG_OK);
  assert_int_equal(mock_presence_view(a, "/x")->members, 1);
  end_node(a);
}

int main(int argc, char **argv)
{
  static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
      TEST(a_crashed_node_loses_its_members_and_no_others),
      TEST(a_node_that_was_declared_dead_joins_again),
      TEST(a_lease_that_ran_out_unnoticed_is_renewed),
      TEST(a_lease_that_ends_too_late_is_over),
      TEST(a_broken_connection_is_not_seen_by_others),
      TEST(several_losses_before_all_is_restored_leave_nothing_behind),
      TEST(who_leaves_while_redis_is_away_is_gone_when_it_is_back),
      TEST(a_redis_without_its_data_gets_all_of_it_again),
      TEST(a_redis_that_is_emptied_gets_all_of_it_again),
      TEST(an_evicted_position_begins_anew),
      TEST(a_redis_with_old_data_is_put_right),
      TEST(a_master_with_the_data_of_another_is_noticed),
      TEST(a_full_redis_refuses_joins_and_nothing_else),
      TEST(a_join_that_fails_half_way_is_taken_back),
      TEST(forgotten_scripts_are_sent_again),
      TEST(two_reapers_share_the_work),
      TEST(two_nodes_of_one_name_do_not_meet),
      TEST(what_breaks_a_script_is_survived),
      cmocka_unit_test_setup_teardown(a_user_without_rights_has_messages_and_no_presence,
                                      begin_with_users, end),
      cmocka_unit_test_setup_teardown(each_right_that_is_missing_is_found_out_at_once,
                                      begin_with_users, end),
      cmocka_unit_test_setup_teardown(a_redis_without_scripts_has_messages_and_no_presence,
                                      begin_without_scripts, end),
      cmocka_unit_test_setup_teardown(in_a_redis_cluster_one_server_has_all, begin_cluster, end),
      cmocka_unit_test_setup_teardown(the_rights_in_the_manual_are_enough, begin_with_users, end),
  };
  if (argc > 1)
    cmocka_set_test_filter(argv[1]);
  if (!redis_server_installed()) {
    puts("redis-server is not installed");
    return 1; /* a test that cannot run has proved nothing */
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
