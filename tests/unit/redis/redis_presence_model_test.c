/* Three nodes and a Redis under thousands of random joins, leaves, crashes, broken connections and
 * restarts: whatever the order, in the end all nodes see exactly who is there, in lists and by
 * changes, and mock_presence.c sees no gap. SEED chooses another run; it is told when a run fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mock_presence.h"
#include "redis_server.h"

enum { N_NODES = 3, N_TOPICS = 4, N_USERS = 9, N_SESSIONS = 120, N_STEPS = 4000, ROUND = 200 };

static const struct plug_plugin *const plugin = &plug_plugin_entry_redis;
static const char *const topics[N_TOPICS] = {"/sub/a", "/sub/b", "/sub/{c}", "d"};

/* The model: a session is in one topic, at one node, or nowhere. */
struct session {
  bool there;
  size_t node, topic, user;
  char name[16];
};

struct world {
  struct redis_server server;
  struct mock_loop *loop;
  struct mock_presence *nodes[N_NODES];
  struct session sessions[N_SESSIONS];
  uint64_t random, seed;
  unsigned n_names, n_crashes, n_restarts, n_breaks;
};

static size_t pick(struct world *w, size_t n)
{
  w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (size_t)(w->random >> 33) % n;
}

static void start_node(struct world *w, size_t i)
{
  static const char *const names[N_NODES] = {"a", "b", "c"};
  static char url[N_NODES][64];
  static const char *options[N_NODES][16];
  const char *const fixed[] = {"url",
                               url[i],
                               "reconnect-min",
                               "10ms",
                               "reconnect-max",
                               "50ms",
                               "presence-ttl",
                               "2s",
                               "presence-renew",
                               "100ms",
                               "probe-timeout",
                               "20s",
                               "connect-timeout",
                               "20s",
                               NULL};
  snprintf(url[i], sizeof url[i], "%s", w->server.url);
  memcpy(options[i], fixed, sizeof fixed);
  w->nodes[i] = mock_presence_new(mock_host_up(w->loop, plugin, names[i], options[i]));
  for (size_t t = 0; t < N_TOPICS; t++)
    mock_presence_watch(w->nodes[i], topics[t]);
}

static void end_node(struct world *w, size_t i)
{
  mock_host_free(w->nodes[i]->h);
  mock_presence_free(w->nodes[i]);
  w->nodes[i] = NULL;
}

static void crash_node(struct world *w, size_t i)
{
  end_node(w, i);
  for (size_t s = 0; s < N_SESSIONS; s++)
    if (w->sessions[s].node == i)
      w->sessions[s].there = false;
  w->n_crashes++;
  start_node(w, i);
}

static void restart_redis(struct world *w)
{
  bool saved = pick(w, 2) == 0 && strcmp(REDIS(&w->server, "SAVE"), "OK") == 0;
  char dump[96];
  for (size_t n = pick(w, 20); saved && n > 0; n--)
    mock_loop_turn(w->loop, 1);
  redis_server_kill(&w->server);
  snprintf(dump, sizeof dump, "%s/dump.rdb", w->server.dir);
  if (!saved)
    remove(dump);
  for (size_t i = 0; i < N_NODES; i++)
    MOCK_WAIT(w->loop, 60000, w->nodes[i]->h->state == PLUG_STATE_DOWN);
  redis_server_start(&w->server, NULL);
  w->n_restarts++;
}

static void change_session(struct world *w)
{
  struct session *s = &w->sessions[pick(w, N_SESSIONS)];
  if (s->there) {
    s->there = false;
    mock_presence_leave(w->nodes[s->node], topics[s->topic], s->name);
    return;
  }
  char user[8];
  s->there = true;
  s->node = pick(w, N_NODES);
  s->topic = pick(w, N_TOPICS);
  s->user = pick(w, N_USERS);
  snprintf(user, sizeof user, "u%zu", s->user);
  /* Some come again under the same name, as a client that subscribes anew does. */
  if (s->name[0] == '\0' || pick(w, 3) != 0)
    snprintf(s->name, sizeof s->name, "s%u", w->n_names++);
  mock_presence_join(w->nodes[s->node], topics[s->topic], s->name, user,
                     pick(w, 2) == 0 ? "" : user);
}

static bool is_as_the_model(struct world *w, size_t node, size_t topic)
{
  struct mock_view *view = mock_presence_view(w->nodes[node], topics[topic]);
  size_t sessions[N_USERS] = {0}, users = 0;
  for (size_t s = 0; s < N_SESSIONS; s++)
    if (w->sessions[s].there && w->sessions[s].topic == topic)
      sessions[w->sessions[s].user]++;
  for (size_t u = 0; u < N_USERS; u++) {
    char user[8];
    snprintf(user, sizeof user, "u%zu", u);
    if ((mock_view_user(view, user) != NULL) != (sessions[u] > 0))
      return false;
    users += sessions[u] > 0;
  }
  return view->listed && view->n == users && view->users == users;
}

static bool all_as_the_model(struct world *w)
{
  for (size_t i = 0; i < N_NODES; i++)
    for (size_t t = 0; t < N_TOPICS; t++)
      if (!is_as_the_model(w, i, t))
        return false;
  return true;
}

/* By changes first, then by new lists. */
static void compare(struct world *w)
{
  uint64_t end_ms = mock_now_ms() + 90000;
  while (!(mock_presence_pump() && all_as_the_model(w))) {
    if (mock_now_ms() > end_ms)
      fail_msg("not as the model within the time, SEED=%llu", (unsigned long long)w->seed);
    mock_loop_turn(w->loop, 5);
  }
  for (size_t t = 0; t < N_TOPICS; t++) {
    struct mock_view *view = mock_presence_view(w->nodes[0], topics[t]);
    uint64_t sessions = 0;
    for (size_t s = 0; s < N_SESSIONS; s++)
      sessions += w->sessions[s].there && w->sessions[s].topic == t;
    plug_status status;
    do {
      if (mock_now_ms() > end_ms)
        fail_msg("the members of %s are not as the model's within the time, SEED=%llu", topics[t],
                 (unsigned long long)w->seed);
      status = mock_presence_list(w->nodes[0], topics[t]);
      assert_true(status == PLUG_OK || status == PLUG_EUNAVAIL);
    } while (status != PLUG_OK || view->members != sessions);
    assert_true(is_as_the_model(w, 0, t));
  }
}

static void step(struct world *w)
{
  size_t what = pick(w, 1000);
  if (what < 4)
    crash_node(w, pick(w, N_NODES));
  else if (what < 6)
    restart_redis(w);
  else if (what < 10)
    w->n_breaks +=
        atoi(REDIS(&w->server, "CLIENT", "KILL", "TYPE", what % 2 ? "pubsub" : "normal")) > 0;
  else if (what < 12)
    REDIS(&w->server, "SCRIPT", "FLUSH");
  else
    change_session(w);
  if (pick(w, 4) == 0) {
    mock_loop_turn(w->loop, 1);
    mock_presence_pump();
  }
}

static void all_nodes_see_who_is_there(void **state)
{
  struct world *w = *state;
  for (size_t i = 0; i < N_NODES; i++)
    start_node(w, i);
  for (size_t i = 1; i <= N_STEPS; i++) {
    step(w);
    if (i % ROUND == 0)
      compare(w);
  }
  assert_true(w->n_crashes > 0 && w->n_restarts > 0 && w->n_breaks > 0);
  for (size_t i = 0; i < N_NODES; i++)
    end_node(w, i);
}

static int begin(void **state)
{
  struct world *w = calloc(1, sizeof *w);
  const char *seed = getenv("SEED");
  assert_non_null(w);
  w->seed = w->random = seed != NULL ? strtoull(seed, NULL, 10) : 20261128;
  w->loop = mock_loop_new();
  redis_server_start(&w->server, NULL);
  mock_presence_begin();
  *state = w;
  return 0;
}

static int end(void **state)
{
  struct world *w = *state;
  mock_presence_end();
  redis_server_cleanup(&w->server);
  mock_loop_free(w->loop);
  free(w);
  return 0;
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(all_nodes_see_who_is_there, begin, end),
  };
  if (!redis_server_installed()) {
    puts("redis-server is not installed");
    return 1; /* a test that cannot run has proved nothing */
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
