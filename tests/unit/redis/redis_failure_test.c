/* The plugin against a Redis that goes away, comes back, refuses or falls silent. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mock_host.h"
#include "redis_server.h"

static struct redis_server server;
static struct mock_loop *loop;

static const struct plug_plugin *const plugin = &plug_plugin_entry_redis;

/* Short times, so that the tests are fast. */
#define QUICK                                                                                      \
  "url", server.url, "reconnect-min", "10ms", "reconnect-max", "100ms", "probe-interval", "100ms", \
      "probe-timeout", "1000ms", "connect-timeout", "1500ms"
#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static int start_plain(void **state)
{
  (void)state;
  loop = mock_loop_new();
  redis_server_start(&server, NULL);
  return 0;
}

static int start_with_users(void **state)
{
  (void)state;
  loop = mock_loop_new();
  redis_server_start(&server, NULL);
  REDIS(&server, "ACL", "SETUSER", "plug", "on", ">s3cret%/@", "resetchannels", "&plugboard:*",
        "-@all", "+client|setname", "+publish", "+subscribe", "+psubscribe", "+unsubscribe",
        "+punsubscribe");
  REDIS(&server, "ACL", "SETUSER", "mute", "on", ">mute", "-@all", "+auth");
  REDIS(&server, "CONFIG", "SET", "requirepass", "adm:n");
  server.password = "adm:n";
  return 0;
}

static int end(void **state)
{
  (void)state;
  redis_server_cleanup(&server);
  server = (struct redis_server){0};
  mock_loop_free(loop);
  return 0;
}

static void resubscribe(struct mock_host *h, uint64_t id, const char *topic)
{
  assert_int_equal(h->state_flags, PLUG_INTERESTS_LOST);
  assert_int_equal(mock_subscribe(h, id, topic), PLUG_OK);
}

static void killed_redis_is_down_at_once_and_up_again_when_it_returns(void **state)
{
  (void)state;
  struct mock_host *a = mock_host_up(loop, plugin, "a", OPTIONS(QUICK));
  struct plug_op pub = {0}, sub = {0};
  struct plug_interest other = {2, {"/sub/y", 6}, 0};
  assert_int_equal(mock_subscribe(a, 1, "/sub/x"), PLUG_OK);
  redis_server_signal(&server, SIGSTOP);
  assert_int_equal(mock_publish_op(a, "/sub/x", "m", &pub), PLUG_PENDING);
  assert_int_equal(mock_subscribe_many(a, &other, 1, &sub), PLUG_PENDING);
  mock_loop_turn(loop, 10);
  redis_server_kill(&server);
  MOCK_WAIT(loop, 5000, a->state == PLUG_STATE_DOWN);
  assert_true(pub.done && sub.done);
  assert_int_equal(pub.status, PLUG_EUNAVAIL);
  assert_int_equal(sub.status, PLUG_EUNAVAIL);
  assert_int_equal(mock_publish(a, "/sub/x", NULL, "m", NULL), PLUG_EUNAVAIL);
  assert_int_equal(mock_subscribe(a, 3, "/sub/z"), PLUG_EUNAVAIL);
  assert_int_equal(mock_unsubscribe(a, 1, "/sub/x", false), PLUG_OK);
  assert_int_equal(mock_metric(a, "connected"), 0);
  assert_int_equal(mock_metric(a, "topics"), 0);
  mock_pause(loop, 300);
  redis_server_start(&server, NULL);
  MOCK_WAIT(loop, 8000, a->state == PLUG_STATE_UP);
  assert_non_null(strstr(a->why, "again after "));
  resubscribe(a, 4, "/sub/x");
  assert_int_equal(mock_publish(a, "/sub/x", NULL, "back", NULL), PLUG_OK);
  MOCK_WAIT(loop, 2000, mock_count(a, 4, "back") == 1);
  assert_int_equal(a->n_up, 2);
  assert_int_equal(a->n_down, 1);
  assert_int_equal(mock_metric(a, "reconnects"), 1);
  mock_host_free(a);
}

/* So that all nodes are back soon after Redis is. */
static void while_nobody_listens_the_delay_grows_to_half_a_second_only(void **state)
{
  (void)state;
  char unix_url[128], sentinel[32];
  snprintf(unix_url, sizeof unix_url, "unix:%s", server.socket);
  snprintf(sentinel, sizeof sentinel, "127.0.0.1:%d", redis_server_free_port());
#define SLOWLY                                                                                   \
  "reconnect-min", "10ms", "reconnect-max", "60s", "connect-timeout", "400ms", "probe-interval", \
      "50ms"
  struct mock_host *hosts[] = {
      mock_host_up(loop, plugin, "a", OPTIONS("url", server.url, SLOWLY)),
      mock_host_up(loop, plugin, "b", OPTIONS("url", unix_url, SLOWLY)),
      mock_host_new(loop, plugin, "c", OPTIONS("sentinels", sentinel, "master", "m", SLOWLY), NULL),
      mock_host_up(loop, plugin, "d",
                   OPTIONS("url", server.url, "reconnect-min", "2s", "reconnect-max", "60s",
                           "probe-interval", "50ms")),
  };
  mock_host_start(hosts[2]);
  redis_server_kill(&server);
  for (size_t i = 0; i < 4; i++) {
    MOCK_WAIT(loop, 5000, hosts[i]->state == PLUG_STATE_DOWN);
    hosts[i]->longest_timer_ms = 0;
  }
  mock_pause(loop, 4000);
  assert_in_range(hosts[0]->longest_timer_ms, 200, 500);
  assert_in_range(hosts[1]->longest_timer_ms, 200, 500);
  assert_in_range(hosts[2]->longest_timer_ms, 200, 1000); /* when to watch again */
  assert_true(hosts[3]->longest_timer_ms >= 1000);        /* as was asked for */
  for (size_t i = 0; i < 4; i++)
    mock_host_free(hosts[i]);
}

static void a_killed_subscriber_connection_reconnects(void **state)
{
  (void)state;
  struct mock_host *a = mock_host_up(loop, plugin, "a", OPTIONS(QUICK));
  for (int i = 1; i <= 5; i++) {
    assert_int_equal(atoi(REDIS(&server, "CLIENT", "KILL", "TYPE", i % 2 ? "pubsub" : "normal")),
                     1);
    MOCK_WAIT(loop, 5000, a->n_down == i);
    MOCK_WAIT(loop, 2000, a->n_up == i + 1);
    resubscribe(a, (uint64_t)i, "/sub/x");
    assert_int_equal(mock_publish(a, "/sub/x", NULL, "m", NULL), PLUG_OK);
    MOCK_WAIT(loop, 2000, mock_count(a, (uint64_t)i, "m") == 1);
  }
  mock_host_free(a);
}

static void a_redis_that_cuts_slow_readers_is_survived(void **state)
{
  (void)state;
  struct mock_host *a = mock_host_up(loop, plugin, "a", OPTIONS(QUICK));
  char payload[4096];
  memset(payload, 'x', sizeof payload - 1);
  payload[sizeof payload - 1] = '\0';
  REDIS(&server, "CONFIG", "SET", "client-output-buffer-limit", "pubsub 16kb 0 0");
  a->count_only = true;
  assert_int_equal(mock_subscribe(a, 1, "/sub/x"), PLUG_OK);
  for (int i = 0; i < 8000; i++)
    (void)mock_publish_op(a, "/sub/x", payload, NULL);
  MOCK_WAIT(loop, 5000, a->n_down >= 1);
  MOCK_WAIT(loop, 5000, a->state == PLUG_STATE_UP);
  mock_host_free(a);
}

static const char *health_text(struct mock_host *h)
{
  static struct plug_health health;
  health.size = sizeof health;
  plugin->broker->health(h->self, &health);
  return health.text;
}

static void a_silent_redis_is_found_by_the_probe(void **state)
{
  (void)state;
  struct mock_host *a = mock_host_up(loop, plugin, "a", OPTIONS(QUICK));
  redis_server_signal(&server, SIGSTOP);
  MOCK_WAIT(loop, 5000, a->state == PLUG_STATE_DOWN);
  assert_non_null(strstr(a->why, "does not answer"));
  assert_int_equal(mock_metric(a, "probe_timeouts"), 1);
  /* It still accepts connections, but says nothing. */
  MOCK_WAIT(loop, 5000, strstr(health_text(a), "no connection in time") != NULL);
  assert_int_equal(a->state, PLUG_STATE_DOWN);
  redis_server_signal(&server, SIGCONT);
  MOCK_WAIT(loop, 8000, a->state == PLUG_STATE_UP);
  mock_host_free(a);
}

static void a_stalled_node_does_not_blame_redis(void **state)
{
  (void)state;
  struct mock_host *a =
      mock_host_up(loop, plugin, "a",
                   OPTIONS("url", server.url, "probe-interval", "50ms", "probe-timeout", "1500ms"));
  for (int i = 0; i < 3; i++) {
    /* The moment after a probe was written: its answer comes while nobody looks, and when the node
     * wakes up again its time is over. */
    int64_t written = mock_metric(a, "bytes_out");
    MOCK_WAIT(loop, 5000, mock_metric(a, "bytes_out") > written);
    usleep(1700000);
  }
  mock_pause(loop, 200);
  assert_int_equal(a->n_down, 0);
  mock_host_free(a);
}

static void two_nodes_of_one_name_are_told(void **state)
{
  (void)state;
  struct mock_host *a = mock_host_up(loop, plugin, "twin", OPTIONS(QUICK));
  struct mock_host *other = mock_host_up(loop, plugin, "single", OPTIONS(QUICK));
  struct mock_host *b = mock_host_up(loop, plugin, "twin", OPTIONS(QUICK));
  struct mock_host *twins[] = {a, b};
  mock_pause(loop, 500);
  for (size_t i = 0; i < 2; i++) /* of one process: the one takes over from the other */
    assert_int_equal(mock_metric(twins[i], "namesake_probes"), 0);
  for (int i = 0; i < 4; i++) {
    char probe[32];
    snprintf(probe, sizeof probe, "0123456789abcdef:%d", i);
    assert_string_equal(REDIS(&server, "PUBLISH", "plugboard:probe:twin", probe), "2");
  }
  for (size_t i = 0; i < 2; i++) {
    MOCK_WAIT(loop, 5000, mock_metric(twins[i], "namesake_probes") > 2);
    assert_true(mock_logged(twins[i], "is called 'twin', too: give each node a name of its own"));
    const char *first = strstr(twins[i]->log, "is called 'twin'");
    assert_null(strstr(first + 1, "is called 'twin'")); /* not with every probe */
    assert_string_equal(health_text(twins[i]), "another node is called 'twin', too");
    assert_int_equal(twins[i]->n_down, 0);
  }
  assert_false(mock_logged(other, "is called"));
  assert_int_equal(mock_metric(other, "namesake_probes"), 0);
  mock_host_free(b);
  mock_host_free(a);
  mock_host_free(other);
}

static void a_node_starts_without_redis_and_finds_it_later(void **state)
{
  (void)state;
  redis_server_kill(&server);
  struct mock_host *a = mock_host_new(loop, plugin, "a", OPTIONS(QUICK), NULL);
  mock_host_start(a);
  assert_int_equal(a->state, PLUG_STATE_DOWN);
  assert_non_null(strstr(a->why, "refused"));
  mock_pause(loop, 500);
  /* The same reason is not told again and again. */
  assert_true(mock_logged(a, "cannot reach Redis at"));
  assert_ptr_equal(strchr(a->log, '\n'), a->log + a->log_len - 1);
  redis_server_start(&server, NULL);
  MOCK_WAIT(loop, 8000, a->state == PLUG_STATE_UP);
  mock_host_free(a);
}

static void a_silent_redis_does_not_keep_the_server_from_starting(void **state)
{
  (void)state;
  redis_server_signal(&server, SIGSTOP);
  struct mock_host *a =
      mock_host_new(loop, plugin, "a", OPTIONS("url", server.url, "connect-timeout", "60s"), NULL);
  mock_host_start(a); /* within ten seconds */
  assert_int_equal(a->state, PLUG_STATE_DOWN);
  assert_non_null(strstr(a->why, "starting without it"));
  redis_server_signal(&server, SIGCONT);
  MOCK_WAIT(loop, 8000, a->state == PLUG_STATE_UP);
  mock_host_free(a);
}

static void a_name_that_does_not_resolve_is_reported(void **state)
{
  (void)state;
  struct mock_host *a =
      mock_host_new(loop, plugin, "a",
                    OPTIONS("url", "redis://no-such-host.invalid", "connect-timeout", "5s"), NULL);
  mock_host_start(a);
  assert_int_equal(a->state, PLUG_STATE_DOWN);
  assert_non_null(strstr(a->why, "no-such-host.invalid"));
  mock_host_free(a);
}

static void stop_waits_for_a_lookup_under_way(void **state)
{
  (void)state;
  struct mock_host *a =
      mock_host_new(loop, plugin, "a", OPTIONS("url", "redis://no-such-host.invalid"), NULL);
  struct plug_op op = {0};
  assert_int_equal(plugin->start(a->self, &op), PLUG_PENDING);
  mock_loop_turn(loop, 5); /* the lookup runs now */
  mock_host_free(a);
  assert_true(op.done);
}

static void a_server_that_is_no_redis_is_reported(void **state)
{
  (void)state;
  char url[64];
  struct redis_server sentinel = {0};
  redis_sentinel_start(&sentinel, "m", server.port, 1);
  snprintf(url, sizeof url, "redis://127.0.0.1:%d", sentinel.port);
  struct mock_host *a = mock_host_new(loop, plugin, "a", OPTIONS("url", url), NULL);
  mock_host_start(a);
  assert_int_equal(a->state, PLUG_STATE_DOWN); /* a Sentinel delivers no messages of ours */
  mock_host_free(a);
  redis_server_cleanup(&sentinel);
}

static void a_full_redis_says_so(void **state)
{
  (void)state;
  REDIS(&server, "CONFIG", "SET", "maxclients", "1");
  struct mock_host *a = mock_host_new(loop, plugin, "a", OPTIONS(QUICK), NULL);
  mock_host_start(a);
  assert_int_equal(a->state, PLUG_STATE_DOWN);
  assert_non_null(strstr(a->why, "raise maxclients"));
  mock_host_free(a);
}

static void missing_and_wrong_passwords_are_named_and_never_shown(void **state)
{
  (void)state;
  char url[160];
  struct mock_host *a = mock_host_new(loop, plugin, "a", OPTIONS(QUICK), NULL);
  mock_host_start(a);
  assert_non_null(strstr(a->why, "NOAUTH"));
  assert_non_null(strstr(a->why, "set username and password"));
  mock_host_free(a);

  snprintf(url, sizeof url, "redis://plug:hunter2@127.0.0.1:%d", server.port);
  a = mock_host_new(loop, plugin, "a", OPTIONS("url", url), NULL);
  mock_host_start(a);
  assert_non_null(strstr(a->why, "WRONGPASS"));
  assert_null(strstr(a->why, "hunter2"));
  assert_false(mock_logged(a, "hunter2"));
  mock_host_free(a);
}

static void an_acl_user_from_the_url_or_the_options_may_work(void **state)
{
  (void)state;
  char url[160];
  snprintf(url, sizeof url, "redis://plug:s3cret%%25%%2F%%40@127.0.0.1:%d", server.port);
  struct mock_host *a = mock_host_up(loop, plugin, "a", OPTIONS("url", url));
  struct mock_host *b = mock_host_up(
      loop, plugin, "b", OPTIONS("url", server.url, "username", "plug", "password", "s3cret%/@"));
  assert_int_equal(mock_subscribe(b, 1, "/sub/x"), PLUG_OK);
  /* Redis allows a glob only where it stands in the ACL, or where all channels do. */
  assert_int_equal(mock_subscribe_pattern(b, 2, "/sub/*"), PLUG_EDENIED);
  REDIS(&server, "ACL", "SETUSER", "plug", "allchannels");
  assert_int_equal(mock_subscribe_pattern(b, 3, "/sub/**"), PLUG_OK);
  assert_int_equal(mock_unsubscribe(b, 3, "/sub/**", true), PLUG_OK);
  assert_int_equal(mock_publish(a, "/sub/x", NULL, "m", NULL), PLUG_OK);
  MOCK_WAIT(loop, 2000, b->n_deliveries == 1);
  mock_host_free(a);
  mock_host_free(b);
  struct mock_host *c =
      mock_host_up(loop, plugin, "c", OPTIONS("url", server.url, "password", "adm:n"));
  mock_host_free(c);
}

static void a_user_without_permissions_is_named(void **state)
{
  (void)state;
  struct mock_host *a = mock_host_new(
      loop, plugin, "a", OPTIONS("url", server.url, "username", "mute", "password", "mute"), NULL);
  mock_host_start(a);
  assert_int_equal(a->state, PLUG_STATE_DOWN);
  assert_non_null(strstr(a->why, "NOPERM"));
  assert_non_null(strstr(a->why, "+subscribe"));
  mock_host_free(a);
}

static void permissions_lost_later_fail_the_operation_but_not_the_connection(void **state)
{
  (void)state;
  char detail[256];
  struct mock_host *a = mock_host_up(
      loop, plugin, "a", OPTIONS("url", server.url, "username", "plug", "password", "s3cret%/@"));
  assert_int_equal(mock_subscribe(a, 1, "/sub/ok"), PLUG_OK);
  assert_string_equal(REDIS(&server, "ACL", "SETUSER", "plug", "resetchannels",
                            "&plugboard:probe:*", "&plugboard:t:/sub/ok"),
                      "OK");
  /* Redis closes connections whose subscriptions the user may not have any more; these may stay. */
  mock_pause(loop, 50);
  MOCK_WAIT(loop, 8000, a->state == PLUG_STATE_UP);
  if (a->n_up > 1)
    assert_int_equal(mock_subscribe(a, 2, "/sub/ok"), PLUG_OK);
  assert_int_equal(mock_publish(a, "/sub/bad", NULL, "m", detail), PLUG_EDENIED);
  assert_non_null(strstr(detail, "NOPERM"));
  assert_true(mock_logged(a, "Redis refused a PUBLISH"));
  assert_int_equal(mock_metric(a, "publish_failed"), 1);
  assert_int_equal(mock_metric(a, "publish_in_flight"), 0);
  assert_int_equal(mock_subscribe(a, 3, "/sub/bad"), PLUG_EDENIED);

  struct plug_interest mixed[300];
  char topics[300][24];
  struct plug_op op = {0};
  for (size_t i = 0; i < 300; i++) {
    snprintf(topics[i], sizeof topics[i], i == 0 ? "/sub/ok" : "/sub/bad/%zu", i);
    mixed[i] = (struct plug_interest){10 + i, {topics[i], strlen(topics[i])}, 0};
  }
  assert_int_equal(mock_subscribe_many(a, mixed, 300, &op), PLUG_PENDING);
  MOCK_WAIT(loop, 2000, op.done);
  assert_int_equal(op.status, PLUG_EDENIED);
  mock_pause(loop, 50);
  assert_int_equal(mock_metric(a, "topics"), 1);

  /* None of the batch counts; what was there before still does. */
  mock_forget(a);
  assert_int_equal(mock_publish(a, "/sub/ok", NULL, "m", NULL), PLUG_OK);
  MOCK_WAIT(loop, 2000, a->n_deliveries >= 1);
  mock_pause(loop, 50);
  assert_int_equal(a->n_deliveries, 1);
  assert_int_equal(mock_count(a, 10, "m"), 0);
  mock_host_free(a);
}

static void bad_options_are_refused_without_secrets(void **state)
{
  (void)state;
  static const char *const bad[][4] = {
      {"url", "rediss://hunter2@h", "without a password", NULL},
      {"tls-certificate", "/none.pem", "needs the option tls-key", NULL},
      {"tls-key", "/none.key", "needs the option tls-key", NULL},
      {"url", "http://hunter2@h", "redis://", NULL},
      {"url", "redis://u:hunter2@h:99999", "port", NULL},
      {"url", "redis://hunter2@h", "without a password", NULL},
      {"url", "redis://u:hunter2%zz@h", "%25", NULL},
      {"url", "redis://u:hunter2@h/abc", "database", NULL},
      {"url", "unix:relative", "absolute", NULL},
      {"sentinels", "h:1", "option master", NULL},
      {"sentinels", "h:0", "port", NULL},
      {"master", "m", "option sentinels", NULL},
      {"username", "u", "option password", NULL},
      {"reconnect-max", "1ms", "reconnect-min", NULL},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct plug_err err = {0};
    const char *const options[] = {bad[i][0], bad[i][1], NULL};
    assert_null(mock_host_new(loop, plugin, "a", options, &err));
    if (strstr(err.text, bad[i][2]) == NULL)
      fail_msg("%s=%s: %s", bad[i][0], bad[i][1], err.text);
    assert_null(strstr(err.text, "hunter2"));
    assert_int_not_equal(err.code, PLUG_OK);
  }
}

static void options_without_effect_are_told(void **state)
{
  (void)state;
  static const struct {
    const char *key, *value, *layout, *line; /* line NULL: nothing is said */
  } cases[] = {
      {"channel", "events", "topics", "the option channel has no effect"},
      {"channel", "events", "single", NULL},
      {"sentinel-password", "hunter2", "topics", "have no effect without sentinels"},
      {"prefix", "p:", "topics", NULL},
      {"tls-ca-file", "/none.pem", "topics", "the options tls-... have no effect"},
      {"tls-verify", "off", "topics", "the options tls-... have no effect"},
      {"url", "rediss://h", "topics", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *const options[] = {cases[i].key, cases[i].value, "layout", cases[i].layout, NULL};
    struct mock_host *a = mock_host_new(loop, plugin, "a", options, NULL);
    if (cases[i].line != NULL)
      assert_true(mock_logged(a, cases[i].line));
    else
      assert_int_equal(a->log_len, 0);
    assert_false(mock_logged(a, "hunter2"));
    mock_host_free(a);
  }
}

#define PLAIN(test) cmocka_unit_test_setup_teardown(test, start_plain, end)
#define USERS(test) cmocka_unit_test_setup_teardown(test, start_with_users, end)

int main(void)
{
  const struct CMUnitTest tests[] = {
      PLAIN(killed_redis_is_down_at_once_and_up_again_when_it_returns),
      PLAIN(while_nobody_listens_the_delay_grows_to_half_a_second_only),
      PLAIN(a_killed_subscriber_connection_reconnects),
      PLAIN(a_redis_that_cuts_slow_readers_is_survived),
      PLAIN(a_silent_redis_is_found_by_the_probe),
      PLAIN(a_stalled_node_does_not_blame_redis),
      PLAIN(two_nodes_of_one_name_are_told),
      PLAIN(a_node_starts_without_redis_and_finds_it_later),
      PLAIN(a_silent_redis_does_not_keep_the_server_from_starting),
      PLAIN(a_name_that_does_not_resolve_is_reported),
      PLAIN(stop_waits_for_a_lookup_under_way),
      PLAIN(a_server_that_is_no_redis_is_reported),
      PLAIN(a_full_redis_says_so),
      USERS(missing_and_wrong_passwords_are_named_and_never_shown),
      USERS(an_acl_user_from_the_url_or_the_options_may_work),
      USERS(a_user_without_permissions_is_named),
      USERS(permissions_lost_later_fail_the_operation_but_not_the_connection),
      PLAIN(bad_options_are_refused_without_secrets),
      PLAIN(options_without_effect_are_told),
  };
  if (!redis_server_installed()) {
    puts("redis-server is not installed");
    return 1; /* a test that cannot run has proved nothing */
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
