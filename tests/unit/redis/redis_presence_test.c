/* Presence on a Redis that works: who is where, changes, positions, lists, batches, both layouts.
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

static struct redis_server server;
static struct mock_loop *loop;

static const struct plug_plugin *const plugin = &plug_plugin_entry_redis;

#define QUICK        "url", server.url, "reconnect-min", "10ms", "reconnect-max", "100ms"
#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define CALM()       MOCK_WAIT(loop, 20000, mock_presence_pump())

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

static void end_node(struct mock_presence *mp)
{
  mock_host_free(mp->h);
  mock_presence_free(mp);
}

static void users_are_seen_on_all_nodes_and_counted_once(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(QUICK)), *b = node("b", OPTIONS(QUICK));
  mock_presence_watch(b, "/sub/room");
  CALM();
  struct mock_view *view = mock_presence_view(b, "/sub/room");
  assert_int_equal(view->n, 0);
  mock_presence_join(a, "/sub/room", "s1", "kim", "{\"name\":\"Kim\"}");
  CALM();
  mock_presence_join(a, "/sub/room", "s2", "kim", "other");
  mock_presence_join(b, "/sub/room", "s3", "kim", "");
  mock_presence_join(b, "/sub/room", "s4", "lee", "");
  CALM();
  MOCK_WAIT(loop, 5000, (mock_presence_pump(), view->n == 2));
  assert_string_equal(mock_view_user(view, "kim")->info, "{\"name\":\"Kim\"}");
  assert_string_equal(mock_view_user(view, "lee")->info, "");
  assert_int_equal(view->n_joined, 2);
  assert_int_equal(mock_presence_list(a, "/sub/room"), PLUG_OK);
  assert_int_equal(mock_presence_view(a, "/sub/room")->members, 4);
  assert_int_equal(mock_presence_view(a, "/sub/room")->users, 2);
  assert_true(mock_presence_view(a, "/sub/room")->pos.epoch > 1000000);
  assert_int_equal(mock_presence_view(a, "/sub/room")->pos.offset, 2);
  mock_presence_leave(a, "/sub/room", "s1");
  mock_presence_leave(a, "/sub/room", "s2");
  CALM();
  assert_int_equal(view->n_left, 0);
  mock_presence_leave(b, "/sub/room", "s3");
  MOCK_WAIT(loop, 5000, (mock_presence_pump(), view->n == 1));
  mock_presence_leave(b, "/sub/room", "s4");
  MOCK_WAIT(loop, 5000, (mock_presence_pump(), view->n == 0));
  CALM();
  assert_int_equal(view->n_left, 2);
  assert_int_equal(view->pos.offset, 4);
  assert_int_equal(mock_metric(a->h, "presence_joined"), 2);
  assert_int_equal(mock_metric(a->h, "presence_left"), 2);
  /* Nothing of the room is left but its epoch, and that not for ever. */
  assert_string_equal(REDIS(&server, "EXISTS", "plugboard:{presence}:u:/sub/room"), "0");
  assert_string_equal(REDIS(&server, "EXISTS", "plugboard:{presence}:i:/sub/room"), "0");
  assert_true(atoi(REDIS(&server, "TTL", "plugboard:{presence}:t:/sub/room")) > 3000);
  /* It goes on where it was, and stays now. */
  mock_presence_join(a, "/sub/room", "s5", "kim", "");
  MOCK_WAIT(loop, 5000, (mock_presence_pump(), view->n == 1));
  CALM();
  assert_int_equal(view->pos.offset, 5);
  assert_string_equal(REDIS(&server, "TTL", "plugboard:{presence}:t:/sub/room"), "-1");
  end_node(a);
  end_node(b);
}

static void joins_and_leaves_twice_change_nothing(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(QUICK));
  mock_presence_watch(a, "/t");
  CALM();
  struct mock_view *view = mock_presence_view(a, "/t");
  mock_presence_join(a, "/t", "s", "kim", "1");
  mock_presence_join(a, "/t", "s", "kim", "2");
  mock_presence_join(a, "/t", "s", "lee", "3");
  CALM();
  MOCK_WAIT(loop, 5000, (mock_presence_pump(), view->n == 1));
  assert_string_equal(view->v[0].user, "kim");
  mock_presence_leave(a, "/t", "s");
  mock_presence_leave(a, "/t", "s");
  mock_presence_leave(a, "/t", "s");
  CALM();
  MOCK_WAIT(loop, 5000, (mock_presence_pump(), view->n == 0));
  assert_int_equal(view->n_joined, 1);
  assert_int_equal(view->n_left, 1);
  end_node(a);
}

static void names_may_be_any_bytes(void **state)
{
  (void)state;
  struct mock_presence *a = node("a",
                                 OPTIONS(QUICK, "presence-ttl", "2s", "presence-renew", "200ms")),
                       *b = node("b",
                                 OPTIONS(QUICK, "presence-ttl", "2s", "presence-renew", "200ms"));
  static const char *const topics[] = {"/a b",          "/{x}:1:", "7:/a b",
                                       "/\xff\xfe\n\r", "/%d*?[",  "\xed\x95\x9c"};
  for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
    mock_presence_watch(b, topics[i]);
    mock_presence_join(a, topics[i], "s 1\n:", "u:\xff\n 7", "\x01\xfe info\r\n");
    mock_presence_join(a, topics[i], "s2", "J 1 2 3", "");
  }
  CALM();
  for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
    struct mock_view *view = mock_presence_view(b, topics[i]);
    MOCK_WAIT(loop, 5000, (mock_presence_pump(), view->n == 2));
    assert_string_equal(mock_view_user(view, "u:\xff\n 7")->info, "\x01\xfe info\r\n");
  }
  /* And are taken away again when the node is dead. */
  end_node(a);
  for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
    MOCK_WAIT(loop, 20000, (mock_presence_pump(), mock_presence_view(b, topics[i])->n == 0));
  assert_int_equal(mock_metric(b->h, "presence_reaped"), 12);
  end_node(b);
}

static void large_batches_are_one_operation(void **state)
{
  (void)state;
  enum { N = 10000 };
  struct mock_presence *a = node("a", OPTIONS(QUICK)), *b = node("b", OPTIONS(QUICK));
  static char names[N][16];
  static struct plug_member v[N];
  struct plug_op join = {0}, leave = {0};
  mock_presence_watch(b, "/big");
  CALM();
  struct mock_view *view = mock_presence_view(b, "/big");
  for (size_t i = 0; i < N; i++) {
    snprintf(names[i], sizeof names[i], "u%zu", i);
    v[i] = (struct plug_member){
        {"/big", 4}, {names[i], strlen(names[i])}, {names[i], strlen(names[i])}, {"i", 1}};
  }
  assert_int_equal(a->ext->join(a->h->self, v, N, &join), PLUG_PENDING);
  MOCK_WAIT(loop, 30000, (mock_presence_pump(), join.done && view->n == N));
  assert_int_equal(join.status, PLUG_OK);
  assert_int_equal(view->n_lists, 1); /* all by changes */
  assert_int_equal(mock_presence_list(b, "/big"), PLUG_OK);
  assert_int_equal(view->members, N);
  assert_int_equal(view->pos.offset, N);
  assert_int_equal(a->ext->leave(a->h->self, v, N, &leave), PLUG_PENDING);
  MOCK_WAIT(loop, 30000, (mock_presence_pump(), leave.done && view->n == 0));
  assert_int_equal(leave.status, PLUG_OK);
  end_node(a);
  end_node(b);
}

static void operations_that_make_no_sense_are_refused(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(QUICK));
  struct plug_op op = {0};
  static char large[(64 << 10) + 1];
  memset(large, 'x', sizeof large);
  struct plug_member m = {{"/t", 2}, {"s", 1}, {"", 0}, {"", 0}};
  assert_int_equal(a->ext->join(a->h->self, &m, 1, &op), PLUG_EINVAL);
  m.user = (struct plug_str){large, sizeof large};
  assert_int_equal(a->ext->join(a->h->self, &m, 1, &op), PLUG_ETOOBIG);
  assert_int_equal(a->ext->join(a->h->self, &m, 0, &op), PLUG_OK);
  assert_false(op.done);
  m.user.len--;
  m.info = m.user;
  mock_presence_watch(a, "/t");
  CALM();
  assert_int_equal(a->ext->join(a->h->self, &m, 1, &op), PLUG_PENDING);
  MOCK_WAIT(loop, 5000, (mock_presence_pump(), op.done && mock_presence_view(a, "/t")->n == 1));
  assert_int_equal(op.status, PLUG_OK);
  end_node(a);
}

static void without_presence_nothing_is_sent(void **state)
{
  (void)state;
  struct mock_presence *a =
      node("a", OPTIONS(QUICK, "presence-ttl", "1s", "presence-renew", "50ms"));
  mock_pause(loop, 300);
  assert_string_equal(REDIS(&server, "DBSIZE"), "0");
  mock_presence_watch(a, "/t");
  CALM();
  MOCK_WAIT(loop, 5000, atoi(REDIS(&server, "ZCARD", "plugboard:{presence}:leases")) == 1);
  end_node(a);
  mock_presence_up = NULL; /* a host without presence */
  struct mock_host *h = mock_host_up(loop, plugin, "b", OPTIONS(QUICK));
  assert_null(plugin->extension(h->self, PLUG_EXT_BROKER_PRESENCE));
  mock_host_free(h);
}

static void a_drained_node_leaves_nothing_behind(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(QUICK)), *b = node("b", OPTIONS(QUICK));
  struct plug_op op = {0};
  mock_presence_watch(b, "/t");
  mock_presence_join(a, "/t", "s", "kim", "");
  mock_presence_join(a, "/t", "s2", "lee", "");
  CALM();
  assert_int_equal(plugin->drain(a->h->self, &op), PLUG_PENDING);
  MOCK_WAIT(loop, 10000, (mock_presence_pump(), op.done));
  assert_int_equal(op.status, PLUG_OK);
  MOCK_WAIT(loop, 10000, (mock_presence_pump(), mock_presence_view(b, "/t")->n == 0));
  assert_string_equal(REDIS(&server, "ZCARD", "plugboard:{presence}:leases"), "1");
  struct plug_member m = {{"/t", 2}, {"s", 1}, {"kim", 3}, {"", 0}};
  struct plug_op late = {0};
  assert_int_equal(a->ext->join(a->h->self, &m, 1, &late), PLUG_EUNAVAIL);
  end_node(a);
  end_node(b);
}

static void layout_single_has_presence_beside_its_channel(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(QUICK, "layout", "single", "prefix", "x:")),
                       *b = node("b", OPTIONS(QUICK, "layout", "single", "prefix", "x:"));
  mock_presence_watch(b, "/t");
  CALM();
  mock_presence_join(a, "/t", "s", "kim", "");
  MOCK_WAIT(loop, 10000, (mock_presence_pump(), mock_presence_view(b, "/t")->n == 1));
  assert_int_equal(mock_publish(a->h, "/t", "text/plain", "hello", NULL), PLUG_OK);
  MOCK_WAIT(loop, 5000, a->h->n_deliveries == 1 && b->h->n_deliveries == 1);
  assert_string_equal(b->h->deliveries[0].payload, "hello");
  assert_int_equal(mock_metric(b->h, "dropped_bad_json"), 0);
  assert_string_equal(REDIS(&server, "EXISTS", "x:{presence}:u:/t"), "1");
  end_node(a);
  end_node(b);
}

static void what_others_publish_there_is_dropped_with_a_word(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(QUICK));
  mock_presence_watch(a, "/t");
  CALM();
  REDIS(&server, "PUBLISH", "plugboard:p:/t", "garbage");
  REDIS(&server, "PUBLISH", "plugboard:p:/t", "");
  REDIS(&server, "PUBLISH", "plugboard:p:/t", "1 5 5 1\nJ 1 9 0\nkim");
  MOCK_WAIT(loop, 5000, mock_metric(a->h, "presence_bad_changes") == 3);
  assert_true(mock_logged(a->h, "it says nothing about presence"));
  assert_int_equal(mock_presence_view(a, "/t")->n_joined, 0);
  end_node(a);
}

static void unwatched_topics_are_heard_no_more(void **state)
{
  (void)state;
  struct mock_presence *a = node("a", OPTIONS(QUICK));
  mock_presence_watch(a, "/t");
  CALM();
  a->ext->unwatch(a->h->self, (struct plug_str){"/t", 2});
  MOCK_WAIT(loop, 5000, strcmp(REDIS(&server, "PUBLISH", "plugboard:p:/t", "x"), "0") == 0);
  mock_presence_view(a, "/t")->watched = false;
  CALM();
  mock_presence_join(a, "/t", "s", "kim", "");
  MOCK_WAIT(loop, 10000, (mock_presence_pump(), mock_presence_view(a, "/t")->n == 1));
  end_node(a);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(users_are_seen_on_all_nodes_and_counted_once, begin, end),
      cmocka_unit_test_setup_teardown(joins_and_leaves_twice_change_nothing, begin, end),
      cmocka_unit_test_setup_teardown(names_may_be_any_bytes, begin, end),
      cmocka_unit_test_setup_teardown(large_batches_are_one_operation, begin, end),
      cmocka_unit_test_setup_teardown(operations_that_make_no_sense_are_refused, begin, end),
      cmocka_unit_test_setup_teardown(without_presence_nothing_is_sent, begin, end),
      cmocka_unit_test_setup_teardown(a_drained_node_leaves_nothing_behind, begin, end),
      cmocka_unit_test_setup_teardown(layout_single_has_presence_beside_its_channel, begin, end),
      cmocka_unit_test_setup_teardown(what_others_publish_there_is_dropped_with_a_word, begin, end),
      cmocka_unit_test_setup_teardown(unwatched_topics_are_heard_no_more, begin, end),
  };
  if (!redis_server_installed()) {
    puts("redis-server is not installed");
    return 1; /* a test that cannot run has proved nothing */
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
