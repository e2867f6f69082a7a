/* The server's settings: defaults, both ends of every range, contradictions, the sample, docs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "config/settings.h"
#include "config/settings_page.h"
#include "config/settings_tables.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static struct config *config_of(const char *text)
{
  struct plug_err err = {0};
  struct config *config = config_new();
  if (config_read_text(config, "x.ini", str_of(text), &err))
    fail_msg("%s", err.text);
  return config;
}

static void load_good(const char *text, struct settings *s)
{
  struct plug_err err = {0};
  struct config *config = config_of(text);
  if (settings_load(s, config, &err))
    fail_msg("%s", err.text);
  config_free(config); /* the settings own what they say */
}

static void expect_bad(const char *text, const char *message)
{
  struct plug_err err = {0};
  struct settings s;
  struct config *config = config_of(text);
  plug_status status = settings_load(&s, config, &err);
  assert_string_equal(err.text, message);
  assert_int_equal(status, PLUG_EINVAL);
  config_free(config);
}

static void expect_list(const struct settings_list *list, const char *joined)
{
  char text[256] = "";
  for (size_t i = 0; i < list->n; i++) {
    strcat(text, i ? " " : "");
    strcat(text, list->items[i].ptr);
    assert_int_equal(strlen(list->items[i].ptr), list->items[i].len);
  }
  assert_string_equal(text, joined);
}

static void expect_defaults(const struct settings *s)
{
  assert_in_range(s->workers, 1, 64);
  assert_int_equal(s->log_level, LOG_INFO);
  assert_false(s->log_json);
  assert_int_equal(s->drain_ms, 10000);
  assert_int_equal(s->stats_interval_ms, 0);
  assert_false(s->stats_spring);
  assert_int_equal(s->live_limit_ms, 10000);
  assert_int_equal(s->n_metrics_listen, 0);
  assert_true(s->io_uring);
  assert_int_equal(s->n_http_listen, 1);
  assert_string_equal(s->http_listen[0].host, "127.0.0.1");
  assert_int_equal(s->http_listen[0].port, 8080);
  assert_int_equal(s->keep_alive_ms, 75000);
  assert_int_equal(s->http_trusted_proxies.n, 0);
  assert_int_equal(s->allowed_hosts.n, 0);
  assert_true(s->try_page);
  assert_false(s->page.sign_in);
  assert_null(s->page.secret);
  assert_string_equal(s->page.room_send, "");
  assert_string_equal(s->page.room_messages, "");
  assert_string_equal(s->page.room_watch, "");
  assert_string_equal(s->page.room_members, "");
  assert_int_equal(s->n_tcp_listen, 0);
  assert_int_equal(s->n_endpoints, 1);
  assert_string_equal(s->endpoints[0].path, "/ws");
  assert_int_equal(s->endpoints[0].origins.n, 0);
  assert_int_equal(s->terms.heartbeat_send_ms, 10000);
  assert_int_equal(s->terms.heartbeat_receive_ms, 10000);
  assert_int_equal(s->heartbeat_tolerance, 300);
  assert_false(s->terms.spring_profile);
  expect_list(&s->broker_prefixes, "/topic /queue /sub");
  expect_list(&s->app_prefixes, "");
  expect_list(&s->terms.client_send, "/topic");
  assert_false(s->terms.patterns);
  assert_false(s->terms.ignore_unknown);
  assert_null(s->profile_notes);
  assert_int_equal(s->max_connections, 0);
  assert_int_equal(s->terms.max_frame_size, 65536);
  assert_int_equal(s->max_headers, 64);
  assert_int_equal(s->max_header_size, 8192);
  assert_int_equal(s->max_subscriptions, 1000);
  assert_int_equal(s->max_destination_length, 1024);
  assert_int_equal(s->max_unused_topics, 10000);
  assert_int_equal(s->max_unacked, 10000);
  assert_int_equal(s->max_transactions, 16);
  assert_int_equal(s->max_transaction_bytes, 1 << 20);
  assert_int_equal(s->max_pattern_steps, 100000);
  assert_int_equal(s->max_session_memory, (4 << 20) + 1024000);
  assert_int_equal(s->route_cache_bytes, 16 << 20);
  assert_int_equal(s->terms.queue_bytes, 512 << 10);
  assert_int_equal(s->queue_messages, 20000);
  assert_int_equal(s->queue_policy, QUEUE_CLOSE);
  assert_int_equal(s->send_timeout_ms, 10000);
  assert_int_equal(s->tcp_keepalive_ms, 60000);
  assert_int_equal(s->websocket_ping_ms, 30000);
  assert_int_equal(s->connect_timeout_ms, 30000);
  assert_int_equal(s->max_request_line, 16 << 10);
  assert_int_equal(s->max_request_head, 32 << 10);
  assert_int_equal(s->max_request_headers, 100);
  assert_int_equal(s->worker_queue, 100000);
  assert_int_equal(s->worker_queue_bytes, 128 << 20);
  assert_string_equal(s->broker_plugin, "memory");
  assert_int_equal(s->when_down, WHEN_DOWN_REJECT);
  assert_int_equal(s->down_queue_messages, 10000);
  assert_int_equal(s->down_queue_bytes, 64 << 20);
  assert_int_equal(s->down_queue_ms, 5000);
  assert_int_equal(s->down_queue_delay_ms, 1000);
  assert_int_equal(s->unsubscribe_grace_ms, 5000);
  assert_int_equal(s->operation_timeout_ms, 10000);
  assert_int_equal(s->probe_interval_ms, 5000);
  assert_int_equal(s->pool_threads, 2);
  assert_int_equal(s->pool_queue, 10000);
  assert_int_equal(s->auth_plugins.n, 0);
  assert_false(s->auth_anonymous);
  assert_true(s->auth_close_denied);
  assert_int_equal(s->auth_timeout_ms, 10000);
  assert_int_equal(s->auth_warning_ms, 60000);
  assert_int_equal(s->auth_former, 8);
}

static void an_empty_configuration_gives_the_defaults(void **state)
{
  (void)state;
  struct settings s;
  load_good("", &s);
  expect_defaults(&s);
  assert_string_equal(s.broker_file, "default");
  assert_int_equal(s.broker_line, 0);
  settings_fini(&s);
}

/* A file of the source tree, by its path from the root. */
static char *tree_path(const char *path)
{
  static char out[4096];
  snprintf(out, sizeof(out), "%s/%s", TREE, path);
  return out;
}

static void the_sample_shows_the_defaults(void **state)
{
  (void)state;
  struct plug_err err = {0};
  struct settings s;
  struct config *config = config_new();
  if (config_read_file(config, tree_path("etc/plugboard.ini"), &err) ||
      settings_load(&s, config, &err))
    fail_msg("%s", err.text);
  expect_defaults(&s);
  assert_true(s.broker_line > 0);
  for (size_t i = 0; i < SECTION_COUNT; i++) {
    const char *name = i == SECTION_ENDPOINT ? "endpoint /ws" : settings_sections[i].name;
    /* Without rules, a secret, files they are mistakes. */
    if (i != SECTION_ACCESS && i != SECTION_API_KEY && i != SECTION_TLS && i != SECTION_TLS_NAME)
      assert_non_null(config_find(config, name));
  }
  settings_fini(&s);
  config_free(config);
}

static void the_tables_follow_their_own_rules(void **state)
{
  (void)state;
  for (size_t i = 0; i < SECTION_COUNT; i++) {
    struct plug_err err = {0};
    option_table_check(&settings_sections[i].table, true, &err);
    assert_string_equal(err.text, "");
  }
}

/* Every number: section, key, where it lands, both ends of its range, what lies beyond. */
static const struct {
  const char *section, *key;
  size_t offset;
  const char *low, *high;
  uint64_t low_value, high_value;
  const char *below, *above, *range;
} numbers[] = {
#define AT(member) offsetof(struct settings, member)
    {"server", "stop-delay", AT(stop_delay_ms), "0", "10m", 0, 600000, NULL, "11m", "0..10m"},
    {"server", "drain-time", AT(drain_ms), "0", "10m", 0, 600000, NULL, "11m", "0..10m"},
    {"server", "drain-rate", AT(drain_rate), "1", "1000000", 1, 1000000, "0", "1000001",
     "1..1000000"},
    {"server", "drain-overlap", AT(drain_overlap_ms), "0", "10m", 0, 600000, NULL, "11m", "0..10m"},
    {"server", "drain-reconnect", AT(drain_reconnect_ms), "0", "10m", 0, 600000, NULL, "11m",
     "0..10m"},
    {"server", "stats-interval", AT(stats_interval_ms), "0", "24h", 0, 86400000, NULL, "25h",
     "0..24h"},
    {"server", "live-limit", AT(live_limit_ms), "1s", "10m", 1000, 600000, "999ms", "11m",
     "1s..10m"},
    {"server", "pool-threads", AT(pool_threads), "1", "8", 1, 8, "0", "9", "1..8"},
    {"server", "pool-queue", AT(pool_queue), "1", "1000000", 1, 1000000, "0", "1000001",
     "1..1000000"},
    {"api", "max-body", AT(api_max_body), "1k", "64m", 1024, 64 << 20, "1023", "65m", "1k..64m"},
    {"api", "max-batch", AT(api_max_batch), "1", "100000", 1, 100000, "0", "100001", "1..100000"},
    {"api", "max-in-flight", AT(api_max_in_flight), "1", "10000000", 1, 10000000, "0", "10000001",
     "1..10000000"},
    {"api", "max-failures", AT(api_max_failures), "1", "1000000", 1, 1000000, "0", "1000001",
     "1..1000000"},
    {"api", "idempotency-keys", AT(api_idempotency_keys), "0", "10000000", 0, 10000000, NULL,
     "10000001", "0..10000000"},
    {"api", "idempotency-time", AT(api_idempotency_ms), "1s", "24h", 1000, 86400000, "999ms", "25h",
     "1s..24h"},
    {"admin", "max-failures", AT(admin_max_failures), "1", "1000000", 1, 1000000, "0", "1000001",
     "1..1000000"},
    {"admin", "max-tails", AT(admin_max_tails), "0", "1000", 0, 1000, NULL, "1001", "0..1000"},
    {"admin", "beat-interval", AT(admin_beat_ms), "1s", "5m", 1000, 300000, "999ms", "6m",
     "1s..5m"},
    {"api", "max-listed", AT(api_max_listed), "0", "1000000", 0, 1000000, NULL, "1000001",
     "0..1000000"},
    {"api", "max-refused-users", AT(api_max_refused_users), "1", "10000000", 1, 10000000, "0",
     "10000001", "1..10000000"},
    {"auth", "timeout", AT(auth_timeout_ms), "100ms", "5m", 100, 300000, "99ms", "6m", "100ms..5m"},
    {"auth", "expiry-warning", AT(auth_warning_ms), "0", "24h", 0, 86400000, NULL, "25h", "0..24h"},
    {"auth", "former-generations", AT(auth_former), "1", "1000", 1, 1000, "0", "1001", "1..1000"},
    {"http", "keep-alive-timeout", AT(keep_alive_ms), "1s", "1h", 1000, 3600000, "999ms", "61m",
     "1s..1h"},
    {"stomp", "heart-beat-send", AT(terms.heartbeat_send_ms), "0", "1h", 0, 3600000, NULL, "2h",
     "0..1h"},
    {"stomp", "heart-beat-receive", AT(terms.heartbeat_receive_ms), "0", "1h", 0, 3600000, NULL,
     "3600001ms", "0..1h"},
    {"limits", "max-connections", AT(max_connections), "0", "10000000", 0, 10000000, "-1",
     "10000001", "0..10000000"},
    {"limits", "max-headers", AT(max_headers), "1", "1024", 1, 1024, "0", "1025", "1..1024"},
    {"limits", "max-header-size", AT(max_header_size), "64", "64k", 64, 65536, "63", "2m",
     "64..1m"},
    {"limits", "max-subscriptions", AT(max_subscriptions), "1", "1000000", 1, 1000000, "0",
     "1000001", "1..1000000"},
    {"limits", "max-unused-topics", AT(max_unused_topics), "100", "10000000", 100, 10000000, "99",
     "10000001", "100..10000000"},
    {"limits", "max-destination-length", AT(max_destination_length), "16", "65535", 16, 65535, "15",
     "65536", "16..65535"},
    {"limits", "max-unacked", AT(max_unacked), "1", "1000000", 1, 1000000, "0", "1000001",
     "1..1000000"},
    {"limits", "max-transactions", AT(max_transactions), "1", "1000", 1, 1000, "0", "1001",
     "1..1000"},
    {"limits", "max-transaction-size", AT(max_transaction_bytes), "1k", "1g", 1024, 1 << 30, "1023",
     "1025m", "1k..1g"},
    {"limits", "max-pattern-steps", AT(max_pattern_steps), "1000", "100000000", 1000, 100000000,
     "999", "100000001", "1000..100000000"},
    {"limits", "max-session-memory", AT(max_session_memory), "1", "1g", 1, 1 << 30, NULL, "1025m",
     "0..1g"},
    {"limits", "route-cache-size", AT(route_cache_bytes), "64k", "4g", 65536, UINT64_C(4) << 30,
     "65535", "5g", "64k..4g"},
    {"limits", "queue-size", AT(terms.queue_bytes), "65k", "1g", 66560, 1 << 30, "4095", "2g",
     "4k..1g"},
    {"limits", "queue-messages", AT(queue_messages), "1", "10000000", 1, 10000000, "0", "10000001",
     "1..10000000"},
    {"limits", "send-timeout", AT(send_timeout_ms), "1s", "1h", 1000, 3600000, "999ms", "61m",
     "1s..1h"},
    {"limits", "tcp-keepalive", AT(tcp_keepalive_ms), "0", "2h", 0, 7200000, NULL, "3h", "0..2h"},
    {"http", "websocket-ping", AT(websocket_ping_ms), "0", "1h", 0, 3600000, NULL, "2h", "0..1h"},
    {"limits", "connect-timeout", AT(connect_timeout_ms), "1s", "10m", 1000, 600000, "0", "11m",
     "1s..10m"},
    {"limits", "max-request-line", AT(max_request_line), "256", "32k", 256, 32768, "255", "33k",
     "256..32k"},
    {"limits", "max-request-head", AT(max_request_head), "16k", "48k", 16384, 49152, "1023", "49k",
     "1k..48k"},
    {"limits", "max-request-headers", AT(max_request_headers), "8", "256", 8, 256, "7", "257",
     "8..256"},
    {"limits", "worker-queue", AT(worker_queue), "100", "100000000", 100, 100000000, "99",
     "100000001", "100..100000000"},
    {"limits", "worker-queue-size", AT(worker_queue_bytes), "1m", "64g", 1 << 20,
     (uint64_t)64 << 30, "1023k", "65g", "1m..64g"},
    {"broker", "down-queue-messages", AT(down_queue_messages), "1", "10000000", 1, 10000000, "0",
     "10000001", "1..10000000"},
    {"broker", "down-queue-size", AT(down_queue_bytes), "64k", "4g", 65536, 1LL << 32, "1k", "5g",
     "64k..4g"},
    {"broker", "down-queue-time", AT(down_queue_ms), "10ms", "10m", 10, 600000, "9ms", "601s",
     "10ms..10m"},
    {"broker", "down-queue-delay", AT(down_queue_delay_ms), "0", "1m", 0, 60000, NULL, "61s",
     "0..1m"},
    {"broker", "unsubscribe-grace", AT(unsubscribe_grace_ms), "0", "10m", 0, 600000, NULL, "1h",
     "0..10m"},
    {"broker", "operation-timeout", AT(operation_timeout_ms), "100ms", "10m", 100, 600000, "99ms",
     "1h", "100ms..10m"},
    {"broker", "probe-interval", AT(probe_interval_ms), "0", "5m", 0, 300000, NULL, "6m", "0..5m"},
#undef AT
};

static void expect_number(size_t i, const char *text, uint64_t value)
{
  char ini[128];
  struct settings s;
  snprintf(ini, sizeof(ini), "[%s]\n%s = %s\n", numbers[i].section, numbers[i].key, text);
  load_good(ini, &s);
  uint64_t read;
  memcpy(&read, (const char *)&s + numbers[i].offset, sizeof(read));
  assert_int_equal(read, value);
  settings_fini(&s);
}

static void expect_out_of_range(const char *section, const char *key, const char *text,
                                const char *range)
{
  char ini[128], message[256];
  snprintf(ini, sizeof(ini), "[%s]\n\n%s = %s\n", section, key, text);
  snprintf(message, sizeof(message), "x.ini:3: [%s] %s: %s is out of range %s", section, key, text,
           range);
  expect_bad(ini, message);
}

static void every_number_has_both_its_ends(void **state)
{
  (void)state;
  for (size_t i = 0; i < N(numbers); i++) {
    expect_number(i, numbers[i].low, numbers[i].low_value);
    expect_number(i, numbers[i].high, numbers[i].high_value);
    if (numbers[i].below)
      expect_out_of_range(numbers[i].section, numbers[i].key, numbers[i].below, numbers[i].range);
    expect_out_of_range(numbers[i].section, numbers[i].key, numbers[i].above, numbers[i].range);
  }
  struct settings s;
  load_good("[server]\nworkers = 1\n[stomp]\nheart-beat-tolerance = 100\n", &s);
  assert_int_equal(s.workers, 1);
  assert_int_equal(s.heartbeat_tolerance, 100);
  settings_fini(&s);
  load_good("[server]\nworkers = 64\n[stomp]\nheart-beat-tolerance = 1000\n", &s);
  assert_int_equal(s.workers, 64);
  assert_int_equal(s.heartbeat_tolerance, 1000);
  settings_fini(&s);
  expect_out_of_range("server", "workers", "65", "0..64");
  expect_out_of_range("stomp", "heart-beat-tolerance", "99", "100..1000");
  expect_out_of_range("stomp", "heart-beat-tolerance", "1001", "100..1000");
  expect_out_of_range("limits", "max-frame-size", "1023", "1k..64m");
  expect_out_of_range("limits", "max-frame-size", "65m", "1k..64m");

  load_good("[limits]\nmax-frame-size = 1k\nmax-header-size = 1k\nqueue-size = 4k\n", &s);
  assert_int_equal(s.terms.max_frame_size, 1024);
  assert_int_equal(s.terms.queue_bytes, 4096);
  settings_fini(&s);
  load_good("[limits]\nmax-request-line = 1k\nmax-request-head = 1k\n", &s);
  assert_int_equal(s.max_request_line, 1024);
  assert_int_equal(s.max_request_head, 1024);
  settings_fini(&s);
  load_good("[limits]\nmax-frame-size = 64m\nmax-header-size = 1m\nqueue-size = 65m\n", &s);
  assert_int_equal(s.terms.max_frame_size, 64 << 20);
  assert_int_equal(s.max_header_size, 1 << 20);
  settings_fini(&s);
}

static void every_choice_is_understood(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    enum log_level level;
    bool json, spring;
    enum queue_policy policy;
    enum when_down down;
  } cases[] = {
      {"[server]\nlog-level=debug\nlog-format=json\n[stomp]\nprofile=spring\n[limits]\n"
       "queue-policy=drop-oldest\n[broker]\nwhen-down=queue",
       LOG_DEBUG, true, true, QUEUE_DROP_OLDEST, WHEN_DOWN_QUEUE},
      {"[server]\nlog-level=info\nlog-format=text\n[stomp]\nprofile=standard\n[limits]\n"
       "queue-policy=drop-newest\n[broker]\nwhen-down=reject",
       LOG_INFO, false, false, QUEUE_DROP_NEWEST, WHEN_DOWN_REJECT},
      {"[server]\nlog-level=warn\n[limits]\nqueue-policy=close", LOG_WARN, false, false,
       QUEUE_CLOSE, WHEN_DOWN_REJECT},
      {"[server]\nlog-level=error", LOG_ERROR, false, false, QUEUE_CLOSE, WHEN_DOWN_REJECT},
  };
  for (size_t i = 0; i < N(cases); i++) {
    struct settings s;
    load_good(cases[i].text, &s);
    assert_int_equal(s.log_level, cases[i].level);
    assert_int_equal(s.log_json, cases[i].json);
    assert_int_equal(s.terms.spring_profile, cases[i].spring);
    assert_int_equal(s.queue_policy, cases[i].policy);
    assert_int_equal(s.when_down, cases[i].down);
    settings_fini(&s);
  }
  static const char *const formats[] = {"counters", "spring"};
  for (size_t i = 0; i < N(formats); i++) {
    struct settings s;
    char text[64];
    snprintf(text, sizeof text, "[server]\nstats-format = %s\n", formats[i]);
    load_good(text, &s);
    assert_int_equal(s.stats_spring, i);
    settings_fini(&s);
  }
}

static void texts_and_lists_are_read(void **state)
{
  (void)state;
  struct settings s;
  load_good("[server]\nnode = n_1.a-B\nplugin-dir = /p\n"
            "[http]\nlisten = 0.0.0.0:80, [::1]:8080,[::]:0, a.example:1\ntry-page = off\n"
            "web-dir = w\n"
            "trusted-proxies = 10.0.0.0/8, ::1,2001:db8::/32 , 192.0.2.7\n"
            "allowed-hosts = a.example, *.b.example,*\n"
            "[tcp]\nlisten = 127.0.0.1:61613\n"
            "[endpoint /ws]\n"
            "[endpoint\t/a/b_c.d~e]\n"
            "allowed-origins = https://a.com, https://*.a.com:[8080,8081], http://[::1]:[*], *\n"
            "[destinations]\nbroker = /topic/, /q/x\napp = /app\n"
            "client-send = /topic/in, /q/x\npatterns = on\n"
            "[broker]\nplugin = redis\n[broker.redis]\nanything = goes\n[broker.A/b]\n",
            &s);
  assert_string_equal(s.node, "n_1.a-B");
  assert_string_equal(s.plugin_dir, "/p");
  assert_int_equal(s.n_http_listen, 4);
  assert_string_equal(s.http_listen[1].host, "::1");
  assert_int_equal(s.http_listen[1].port, 8080);
  assert_int_equal(s.http_listen[2].port, 0);
  assert_string_equal(s.http_listen[3].host, "a.example");
  assert_false(s.try_page);
  assert_string_equal(s.web_dir, "w");
  static const uint8_t within_10[16] = {[10] = 0xff, 0xff, 10, 1, 2, 3};
  static const uint8_t loopback[16] = {[15] = 1}, other[16] = {[15] = 2};
  assert_int_equal(s.http_trusted_proxies.n, 4);
  assert_true(cidr_list_has(&s.http_trusted_proxies, within_10));
  assert_true(cidr_list_has(&s.http_trusted_proxies, loopback));
  assert_false(cidr_list_has(&s.http_trusted_proxies, other));
  expect_list(&s.allowed_hosts, "a.example *.b.example *");
  assert_int_equal(s.n_tcp_listen, 1);
  assert_int_equal(s.tcp_listen[0].port, 61613);
  assert_int_equal(s.n_endpoints, 2);
  assert_string_equal(s.endpoints[1].path, "/a/b_c.d~e");
  expect_list(&s.endpoints[1].origins,
              "https://a.com https://*.a.com:[8080,8081] http://[::1]:[*] *");
  expect_list(&s.broker_prefixes, "/topic /q/x");
  expect_list(&s.app_prefixes, "/app");
  expect_list(&s.terms.client_send, "/topic/in /q/x");
  assert_true(s.terms.patterns);
  assert_string_equal(s.broker_plugin, "redis");
  assert_string_equal(s.broker_file, "x.ini");
  assert_int_equal(s.broker_line, 21);
  settings_fini(&s);
}

static void nodes_are_named_apart_by_default(void **state)
{
  (void)state;
  struct settings a, b;
  load_good("", &a);
  load_good("", &b);
  assert_string_not_equal(a.node, b.node);
  size_t len = strlen(a.node);
  assert_in_range(len, 10, 64);
  assert_int_equal(strspn(a.node, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "._-"),
                   len);
  assert_int_equal(a.node[len - 9], '-');
  assert_int_equal(strspn(a.node + len - 8, "0123456789abcdef"), 8);
  settings_fini(&a);
  settings_fini(&b);
}

static void directories_default_to_the_executables_surroundings(void **state)
{
  (void)state;
  char exe[4096], expected[4200];
  ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
  assert_true(n > 0);
  exe[n] = '\0';
  *strrchr(exe, '/') = '\0';
  *strrchr(exe, '/') = '\0';
  struct settings s;
  load_good("", &s);
  snprintf(expected, sizeof(expected), "%s/lib/plugboard", exe);
  assert_string_equal(s.plugin_dir, expected);
  snprintf(expected, sizeof(expected), "%s/share/plugboard/web", exe);
  assert_string_equal(s.web_dir, expected);
  settings_fini(&s);
}

static void the_default_of_client_send_follows_the_broker_prefixes(void **state)
{
  (void)state;
  struct settings s;
  load_good("[destinations]\nbroker = /sub\n", &s);
  expect_list(&s.terms.client_send, "");
  settings_fini(&s);
}

static void set_wins_over_the_file(void **state)
{
  (void)state;
  struct plug_err err = {0};
  struct settings s;
  struct config *config = config_of("[limits]\nmax-headers = 10\n[broker]\nplugin = redis\n");
  assert_int_equal(config_set(config, "limits.max-headers=20", &err), PLUG_OK);
  assert_int_equal(config_set(config, "broker.plugin=/x/y.so", &err), PLUG_OK);
  assert_int_equal(config_set(config, "endpoint /live.allowed-origins=*", &err), PLUG_OK);
  assert_int_equal(settings_load(&s, config, &err), PLUG_OK);
  assert_int_equal(s.max_headers, 20);
  assert_string_equal(s.broker_plugin, "/x/y.so");
  assert_string_equal(s.broker_file, "--set");
  assert_int_equal(s.n_endpoints, 1);
  assert_string_equal(s.endpoints[0].path, "/live");
  settings_fini(&s);

  assert_int_equal(config_set(config, "limits.max-headers=0", &err), PLUG_OK);
  assert_int_equal(settings_load(&s, config, &err), PLUG_EINVAL);
  assert_string_equal(err.text, "--set: [limits] max-headers: 0 is out of range 1..1024");
  assert_int_equal(config_set(config, "limts.x=0", &err), PLUG_OK);
  assert_int_equal(config_set(config, "limits.max-headers=1", &err), PLUG_OK);
  assert_int_equal(settings_load(&s, config, &err), PLUG_EINVAL);
  assert_string_equal(err.text, "--set: unknown section [limts]; did you mean [limits]?");
  config_free(config);
}

static void mistakes_are_named_with_their_place(void **state)
{
  (void)state;
  static const char *const cases[][2] = {
      {"\n[limts]\n", "x.ini:2: unknown section [limts]; did you mean [limits]?"},
      {"[Server]\n", "x.ini:1: unknown section [Server]; did you mean [server]?"},
      {"[endpont /ws]", "x.ini:1: unknown section [endpont /ws]; did you mean [endpoint /ws]?"},
      {"[brokr.redis]", "x.ini:1: unknown section [brokr.redis]; did you mean [broker.redis]?"},
      {"[broker.]", "x.ini:1: unknown section [broker.]"},
      {"[gadgets]", "x.ini:1: unknown section [gadgets]"},
      {"[http2]", "x.ini:1: unknown section [http2]; did you mean [http]?"},
      {"[limits]\nmax-conections = 1",
       "x.ini:2: unknown key 'max-conections' in [limits]; did you mean 'max-connections'?"},
      {"[endpoint /ws]\nallowed-origin = *",
       "x.ini:2: unknown key 'allowed-origin' in [endpoint /ws]; did you mean 'allowed-origins'?"},
      {"[limits]\nmax-frame-size = 12q",
       "x.ini:2: [limits] max-frame-size: '12q' is not a size (examples: 512, 64k, 16m)"},
      {"[server]\nnode =",
       "x.ini:2: [server] node: '' is not a node's name: 1 to 64 of A-Z a-z 0-9 . _ -"},
      {"[server]\nnode = a b",
       "x.ini:2: [server] node: 'a b' is not a node's name: 1 to 64 of A-Z a-z 0-9 . _ -"},
      {"[server]\nlog-level = loud",
       "x.ini:2: [server] log-level: 'loud' is not one of debug|info|warn|error"},
      {"[http]\nlisten = 8080", "x.ini:2: [http] listen: '8080' is not an address (examples: "
                                "127.0.0.1:8080, [::1]:8080)"},
      {"[http]\nlisten =", "x.ini:2: no listener: 'listen' is empty in both [http] and [tcp]"},
      {"[tcp]\nlisten = h:1, h:2, h:1", "x.ini:2: [tcp] listen: 'h:1' is listened on twice"},
      {"[tcp]\nlisten = 127.0.0.1:8080",
       "x.ini:2: [tcp] listen: '127.0.0.1:8080' is listened on twice"},
      {"[http]\nlisten = [::1]:1\n[tcp]\nlisten = [::1]:1",
       "x.ini:4: [tcp] listen: '[::1]:1' is listened on twice"},
      {"[http]\n\ntrusted-proxies = 10.0.0.0/8, nginx",
       "x.ini:3: [http] trusted-proxies: 'nginx' is no IP address and no range of them, as in "
       "10.0.0.0/8"},
      {"[http]\ntrusted-proxies = 10.0.0.1/8",
       "x.ini:2: [http] trusted-proxies: '10.0.0.1/8' is no range: the address has bits set behind "
       "its length"},
      {"[http]\ntrusted-proxies = 10.0.0.0/33",
       "x.ini:2: [http] trusted-proxies: '10.0.0.0/33' has no length from 0 to 32 behind its '/'"},
      {"[http]\ntrusted-proxies = ::/129",
       "x.ini:2: [http] trusted-proxies: '::/129' has no length from 0 to 128 behind its '/'"},
      {"[http]\ntrusted-proxies = ::1,",
       "x.ini:2: [http] trusted-proxies: '::1,' has an empty item between its commas"},
      {"[http]\ntrusted-proxies = 127.0.0.1:80",
       "x.ini:2: [http] trusted-proxies: '127.0.0.1:80' is no IP address and no range of them, as "
       "in 10.0.0.0/8"},
      {"[http]\n\nallowed-hosts = a.example, https://b.example",
       "x.ini:3: [http] allowed-hosts: 'https://b.example' is not a host's name: it has no scheme, "
       "no port and no path"},
      {"[http]\nallowed-hosts = a.example:8080",
       "x.ini:2: [http] allowed-hosts: 'a.example:8080' is not a host's name: it has no scheme, no "
       "port and no path"},
      {"[http]\nallowed-hosts = a/b", "x.ini:2: [http] allowed-hosts: 'a/b' is not a host's name: "
                                      "it has no scheme, no port and no path"},
      {"[http]\nallowed-hosts = a b", "x.ini:2: [http] allowed-hosts: 'a b' is not a host's name: "
                                      "that is plain ASCII without blanks"},
      {"[http]\nallowed-hosts = caf\xC3\xA9",
       "x.ini:2: [http] allowed-hosts: 'caf\xC3\xA9' is not a host's name: that is plain ASCII "
       "without blanks"},
      {"[http]\nallowed-hosts = a,,b",
       "x.ini:2: [http] allowed-hosts: 'a,,b' has an empty item between its commas"},
      {"[http]\nallowed-host = a",
       "x.ini:2: unknown key 'allowed-host' in [http]; did you mean 'allowed-hosts'?"},
      {"[http]\nmax-request-line = 1k", "x.ini:2: unknown key 'max-request-line' in [http]"},
      {"[limits]\nmax-request-line = long",
       "x.ini:2: [limits] max-request-line: 'long' is not a size (examples: 512, 64k, 16m)"},
      {"[limits]\nmax-request-headers = 1k",
       "x.ini:2: [limits] max-request-headers: '1k' is not a whole number"},
      {"[limits]\n\nmax-request-line = 32k\nmax-request-head = 31k",
       "x.ini:3: [limits] max-request-line (32k) must be at most max-request-head (31k)"},
      {"[limits]\n\nmax-request-head = 8k",
       "x.ini:3: [limits] max-request-line (16k) must be at most max-request-head (8k)"},
      {"[endpoint]", "x.ini:1: [endpoint]: a path is missing, as in [endpoint /ws]"},
      {"[endpoint ws]", "x.ini:1: [endpoint ws]: the path must start with '/'"},
      {"[endpoint /ws/]", "x.ini:1: [endpoint /ws/]: the path must not end with '/'"},
      {"[endpoint /]", "x.ini:1: [endpoint /]: the path must not end with '/'"},
      {"[endpoint /a?b]", "x.ini:1: [endpoint /a?b]: the path has a character that a URL's path "
                          "cannot have as it is"},
      {"[endpoint /a b]", "x.ini:1: [endpoint /a b]: the path has a character that a URL's path "
                          "cannot have as it is"},
      {"[endpoint /a#b]", "x.ini:1: [endpoint /a#b]: the path has a character that a URL's path "
                          "cannot have as it is"},
      {"[endpoint /a//b]", "x.ini:1: [endpoint /a//b]: the path has an empty segment, '.' or '..'"},
      {"[endpoint /a/..]", "x.ini:1: [endpoint /a/..]: the path has an empty segment, '.' or '..'"},
      {"[endpoint /a]\n[endpoint  /a]", "x.ini:2: [endpoint  /a]: this endpoint is given twice"},
      {"[destinations]\nbroker = topic",
       "x.ini:2: [destinations] broker: 'topic' is not a prefix: it must start with '/'"},
      {"[destinations]\napp = /",
       "x.ini:2: [destinations] app: '/' is not a prefix: a name must follow the '/'"},
      {"[destinations]\nbroker = /topic/*",
       "x.ini:2: [destinations] broker: '/topic/*' is not a prefix: it is a pattern"},
      {"[destinations]\nbroker = /a /b",
       "x.ini:2: [destinations] broker: '/a /b' is not a prefix: it has a blank"},
      {"[destinations]\nbroker = /a//",
       "x.ini:2: [destinations] broker: '/a/' is not a prefix: it has an empty segment"},
      {"[destinations]\nbroker = /a//b",
       "x.ini:2: [destinations] broker: '/a//b' is not a prefix: it has an empty segment"},
      {"[destinations]\napp = /a, /queue",
       "x.ini:2: [destinations] app: '/queue' is a broker prefix, too"},
      {"[destinations]\nclient-send = /topic/a, /topics",
       "x.ini:2: [destinations] client-send: '/topics' lies outside every broker prefix"},
      {"[destinations]\nbroker = /sub\nclient-send = /topic",
       "x.ini:3: [destinations] client-send: '/topic' lies outside every broker prefix"},
      {"[limits]\nmax-header-size = 65k",
       "x.ini:2: [limits] max-header-size (65k) must be at most max-frame-size (64k)"},
      {"[limits]\nmax-frame-size = 4k",
       "x.ini:2: [limits] max-header-size (8k) must be at most max-frame-size (4k)"},
      {"[limits]\nqueue-size = 64k",
       "x.ini:2: [limits] queue-size (64k) must be at least 1k more than max-frame-size (64k)"},
      {"[limits]\nmax-frame-size = 1m",
       "x.ini:2: [limits] queue-size (512k) must be at least 1k more than max-frame-size (1m)"},
      {"[broker]\nplugin =",
       "x.ini:2: [broker] plugin: '' is neither a plugin's name nor an absolute path"},
      {"[broker]\nplugin = ./x.so",
       "x.ini:2: [broker] plugin: './x.so' is neither a plugin's name nor an absolute path"},
  };
  for (size_t i = 0; i < N(cases); i++)
    expect_bad(cases[i][0], cases[i][1]);
}

static void origin_patterns_are_checked(void **state)
{
  (void)state;
  static const char *const good[] = {
      "*",
      "null",
      "https://a.com",
      "https://a.com/",
      "http://*",
      "*://a.com:[*]",
      "*.a.com",
      "https://*.a.com:8080",
      "https://*.a.com:[8080]",
      "https://*.a.com:[1,65535]",
      "http://[::1]",
      "http://[::1]:3000",
      "file://",
      "app://",
      "app://*",
      "capacitor://localhost",
      "ws://a.com",
      "wss://a.com:8443",
  };
  static const char *const bad[][2] = {
      {"a.com", "it can never match: an origin starts with a scheme, as in 'https://'"},
      {"https://a b", "an origin is plain ASCII without blanks"},
      {"https://caf\xC3\xA9", "an origin is plain ASCII without blanks"},
      {"https://", "a host is missing after '://'"},
      {"https:///", "a host is missing after '://'"},
      {"http://", "a host is missing after '://'"},
      {"ws://", "a host is missing after '://'"},
      {"wss://", "a host is missing after '://'"},
      {"file:", "it can never match: an origin starts with a scheme, as in 'https://'"},
      {"file:///a", "an origin has no path"},
      {"app://a/b", "an origin has no path"},
      {"app://:80", "a host is missing after '://'"},
      {"://", "a scheme is missing before '://'"},
      {"https://:80", "a host is missing after '://'"},
      {"://a.com", "a scheme is missing before '://'"},
      {"https://a.com/x", "an origin has no path"},
      {"https://a.com:[8080", "a port list ':[' must end the pattern with ']'"},
      {"https://a.com:[8080]x", "a port list ':[' must end the pattern with ']'"},
      {"https://a.com:[]", "a port list is ':[*]' or ports between commas, as in ':[8080,8081]'"},
      {"https://a.com:[80,]",
       "a port list is ':[*]' or ports between commas, as in ':[8080,8081]'"},
      {"https://a.com:[0]", "a port list is ':[*]' or ports between commas, as in ':[8080,8081]'"},
      {"https://a.com:[65536]",
       "a port list is ':[*]' or ports between commas, as in ':[8080,8081]'"},
      {"https://a[b.com", "'[' may only start a port list, as in ':[8080,8081]'"},
      {"https://ab].com", "']' without a '['"},
      {"http://[::1]:[3000,*]",
       "a port list is ':[*]' or ports between commas, as in ':[8080,8081]'"},
      {"http://[::1", "'[' without a closing ']'"},
      {"http://[::1]x", "only a port may follow ']'"},
      {"*[a", "'[' may only start a port list, as in ':[8080,8081]'"},
  };
  char ini[256], message[512];
  for (size_t i = 0; i < N(good); i++) {
    struct settings s;
    snprintf(ini, sizeof(ini), "[endpoint /ws]\nallowed-origins = %s, https://z.com", good[i]);
    load_good(ini, &s);
    assert_int_equal(s.endpoints[0].origins.n, 2);
    assert_string_equal(s.endpoints[0].origins.items[0].ptr, good[i]);
    settings_fini(&s);
  }
  for (size_t i = 0; i < N(bad); i++) {
    snprintf(ini, sizeof(ini), "[endpoint /ws]\nallowed-origins = https://z.com, %s", bad[i][0]);
    snprintf(message, sizeof(message), "x.ini:2: [endpoint /ws] allowed-origins: '%s': %s",
             bad[i][0], bad[i][1]);
    expect_bad(ini, message);
  }
}

static void a_profile_is_a_set_of_defaults(void **state)
{
  (void)state;
  struct settings s;
  load_good("[stomp]\nprofile=spring\n[destinations]\nbroker=/sub,/topic\n", &s);
  assert_int_equal(s.terms.heartbeat_send_ms, 0);
  assert_int_equal(s.terms.heartbeat_receive_ms, 0);
  assert_true(s.terms.patterns);
  assert_true(s.terms.ignore_unknown);
  expect_list(&s.terms.client_send, "/topic /sub");
  assert_null(s.profile_notes);
  settings_fini(&s);
  load_good("[stomp]\nprofile=spring\nheart-beat-send=5s\nheart-beat-receive=0\n[destinations]\n"
            "patterns=off\nunknown-destination=error\nclient-send=/sub/a\n",
            &s);
  assert_int_equal(s.terms.heartbeat_send_ms, 5000);
  assert_int_equal(s.terms.heartbeat_receive_ms, 0);
  assert_false(s.terms.patterns);
  assert_false(s.terms.ignore_unknown);
  expect_list(&s.terms.client_send, "/sub/a");
  assert_string_equal(
      s.profile_notes,
      "x.ini:3: [stomp] heart-beat-send = 5s wins over profile = spring, where it is 0\n"
      "x.ini:6: [destinations] patterns = off wins over profile = spring, where it is on\n"
      "x.ini:7: [destinations] unknown-destination = error wins over profile = spring, where it is "
      "ignore\n"
      "x.ini:8: [destinations] client-send = /sub/a wins over profile = spring, where it is all of "
      "broker\n");
  settings_fini(&s);
  load_good(
      "[stomp]\nprofile=spring\n[destinations]\nclient-send=/topic,/queue,/sub\npatterns=on\n", &s);
  assert_null(s.profile_notes);
  settings_fini(&s);
}

#define ROOMS "[destinations]\napp = /pub\n[try-page]\n"

static void the_page_has_a_room_and_a_sign_in(void **state)
{
  (void)state;
  struct settings s;
  load_good(ROOMS "sign-in = on\nroom-send = /pub/rooms/{room}/chat\n"
                  "room-messages = /topic/{room}\nroom-watch = /sub/a/{room}/watch\n"
                  "room-members = /pub/{room}\n",
            &s);
  assert_true(s.page.sign_in);
  assert_int_equal(strlen(s.page.secret), 64);
  assert_string_equal(s.page.room_send, "/pub/rooms/{room}/chat");
  assert_string_equal(s.page.room_messages, "/topic/{room}");
  assert_string_equal(s.page.room_watch, "/sub/a/{room}/watch");
  assert_string_equal(s.page.room_members, "/pub/{room}");
  expect_list(&s.auth_plugins, "jwt");
  struct config *config = config_new();
  struct plug_err err = {0};
  assert_int_equal(settings_page_sign_in(&s, config, &err), PLUG_OK);
  const struct config_section *jwt = config_find(config, "auth.jwt");
  assert_non_null(jwt);
  assert_string_equal(config_section_find(jwt, "secret")->value, s.page.secret);
  assert_string_equal(config_section_find(jwt, "algorithms")->value, "HS256");
  assert_string_equal(config_section_find(jwt, "audience")->value, PAGE_ISSUER);
  config_free(config);
  settings_fini(&s);
  /* Two starts, two secrets; one that is given stays. */
  char first[65];
  load_good("[try-page]\nsign-in = on\n", &s);
  strcpy(first, s.page.secret);
  settings_fini(&s);
  load_good("[try-page]\nsign-in = on\n", &s);
  assert_string_not_equal(first, s.page.secret);
  settings_fini(&s);
  load_good("[try-page]\nsign-in = on\nsign-in-secret = 0123456789abcdef-_+/=.ABCDEFGHIJKL\n", &s);
  assert_string_equal(s.page.secret, "0123456789abcdef-_+/=.ABCDEFGHIJKL");
  settings_fini(&s);
  /* Off with the page, and then nothing of it is left. */
  load_good("[http]\ntry-page = off\n[try-page]\nsign-in = on\n", &s);
  assert_false(s.page.sign_in);
  assert_int_equal(s.auth_plugins.n, 0);
  config = config_new();
  assert_int_equal(settings_page_sign_in(&s, config, &err), PLUG_OK);
  assert_null(config_find(config, "auth.jwt"));
  config_free(config);
  settings_fini(&s);
}

static void the_pages_mistakes_are_named(void **state)
{
  (void)state;
  expect_bad("[auth]\nplugins = file\n[try-page]\nsign-in = on\n",
             "x.ini:4: [try-page] sign-in lets everybody in by any name: it does not go together "
             "with [auth] plugins; take one of them out");
  expect_bad("[auth.jwt]\nsecret = x\n[try-page]\nsign-in = on\n",
             "x.ini:1: [try-page] sign-in writes [auth.jwt] itself; take the section out, or the "
             "sign-in");
  expect_bad("[try-page]\nsign-in = on\nsign-in-secret = too-short\n",
             "x.ini:3: [try-page] sign-in-secret: it takes 32 to 256 of A-Z a-z 0-9 - _ + / = .");
  expect_bad("[try-page]\nsign-in = on\nsign-in-secret = 0123456789abcdef0123456789abcdef 012\n",
             "x.ini:3: [try-page] sign-in-secret: it takes 32 to 256 of A-Z a-z 0-9 - _ + / = .");
  expect_bad(ROOMS "room-send = /pub/{room}\n",
             "x.ini:3: [try-page]: a room needs room-messages, too");
  expect_bad(ROOMS "room-watch = /sub/{room}\n",
             "x.ini:3: [try-page]: a room needs room-send, too");
  expect_bad(ROOMS "room-send = /topic/{room}\n",
             "x.ini:4: [try-page] room-send: '/topic/{room}' is not below a prefix of "
             "[destinations] app");
  expect_bad(ROOMS "room-send = /pub/{room}\nroom-messages = /pub/{room}\n",
             "x.ini:5: [try-page] room-messages: '/pub/{room}' is not below a prefix of "
             "[destinations] broker");
  static const char *const no_segment[] = {"/pub/rooms", "{room}", "/pub/a{room}", "/pub/{room}a",
                                           "/pub/{rooms}"};
  for (size_t i = 0; i < N(no_segment); i++) {
    char text[200], message[200];
    snprintf(text, sizeof text, ROOMS "room-send = %s\n", no_segment[i]);
    snprintf(message, sizeof message, "x.ini:4: [try-page] room-send: '%s' has no segment {room}",
             no_segment[i]);
    expect_bad(text, message);
  }
  static const char *const more[] = {"/pub/{room}/{room}", "/pub/{a}/{room}", "/pub/*/{room}",
                                     "/pub/{room}/**", "/pub/{room}/a b"};
  for (size_t i = 0; i < N(more); i++) {
    char text[200], message[200];
    snprintf(text, sizeof text, ROOMS "room-send = %s\n", more[i]);
    snprintf(message, sizeof message,
             "x.ini:4: [try-page] room-send: '%s' has more than one {room}, a pattern or a blank",
             more[i]);
    expect_bad(text, message);
  }
}

static void the_documentation_is_the_generated_one(void **state)
{
  (void)state;
  struct buf generated = {0};
  settings_put_reference(&generated);
  assert_false(generated.failed);
  FILE *file = fopen(tree_path("docs/configuration.md"), "rb");
  assert_non_null(file);
  char *written = malloc(generated.len + 1);
  assert_non_null(written);
  size_t n = fread(written, 1, generated.len + 1, file);
  fclose(file);
  if (n != generated.len || memcmp(written, generated.data, n) != 0)
    fail_msg("docs/configuration.md differs from what plugboard --config-reference prints");
  free(written);
  buf_free(&generated);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_configuration_gives_the_defaults),
      cmocka_unit_test(the_sample_shows_the_defaults),
      cmocka_unit_test(the_tables_follow_their_own_rules),
      cmocka_unit_test(every_number_has_both_its_ends),
      cmocka_unit_test(every_choice_is_understood),
      cmocka_unit_test(texts_and_lists_are_read),
      cmocka_unit_test(nodes_are_named_apart_by_default),
      cmocka_unit_test(directories_default_to_the_executables_surroundings),
      cmocka_unit_test(the_default_of_client_send_follows_the_broker_prefixes),
      cmocka_unit_test(set_wins_over_the_file),
      cmocka_unit_test(mistakes_are_named_with_their_place),
      cmocka_unit_test(origin_patterns_are_checked),
      cmocka_unit_test(a_profile_is_a_set_of_defaults),
      cmocka_unit_test(the_page_has_a_room_and_a_sign_in),
      cmocka_unit_test(the_pages_mistakes_are_named),
      cmocka_unit_test(the_documentation_is_the_generated_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
