/* SPDX-License-Identifier: MIT
 *
 * B, brokers with a backend: other nodes, and what happens when the backend stalls, goes and comes
 * back. A relay of the kit's own stands between the plugin and the backend that --config names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plugboard/ext/proof.h>

#include "base/clock.h"
#include "check_node.h"
#include "check_relay.h"

/* ---- The relay, and the option that leads to it ---- */

struct detour {
  struct check_relay *relay;
  const char *overrides[3]; /* name, value, NULL */
  char value[1024];
};

static bool names_backend(const struct plug_option *option, const char *value)
{
  size_t at[4];
  bool could = option->type == PLUG_OPT_HOSTPORT ||
               ((option->type == PLUG_OPT_STRING || option->type == PLUG_OPT_SECRET ||
                 option->type == PLUG_OPT_LIST) &&
                strstr(value, "://"));
  return could && !strchr(value, ',') && check_relay_find(value, &at[0], &at[1], &at[2], &at[3]);
}

/* The first option that was written whose value is the address of one backend. */
static void take_detour(struct check_run *run, struct detour *detour)
{
  const struct plug_plugin *plugin = check_plugin(run);
  const struct config *config = check_order(run)->config;
  const struct config_section *section =
      config ? config_find(config, check_order(run)->section) : NULL;
  const struct config_entry *entry = NULL;
  for (size_t i = 0; section && !entry && i < plugin->n_options; i++) {
    entry = config_section_find(section, plugin->options[i].name);
    if (entry && !names_backend(&plugin->options[i], entry->value))
      entry = NULL;
  }
  if (!entry)
    check_not(run, "no option in --config names one backend, as scheme://host:port or host:port");
  size_t host, host_len, port, port_len;
  char name[256], number[8], why[256];
  check_relay_find(entry->value, &host, &host_len, &port, &port_len);
  snprintf(name, sizeof name, "%.*s", (int)host_len, entry->value + host);
  snprintf(number, sizeof number, "%.*s", (int)port_len, entry->value + port);
  detour->relay = check_relay_new(name, number, why, sizeof why);
  CHECK(run, detour->relay, "option %s: %s", entry->key, why);
  size_t begin = host > 0 && entry->value[host - 1] == '[' ? host - 1 : host;
  snprintf(detour->value, sizeof detour->value, "%.*s127.0.0.1:%u%s", (int)begin, entry->value,
           check_relay_port(detour->relay), entry->value + port + port_len);
  detour->overrides[0] = entry->key;
  detour->overrides[1] = detour->value;
  detour->overrides[2] = NULL;
}

/* ---- B8 ---- */

static int32_t state_of(struct check_node *node)
{
  struct plug_health health = {.size = sizeof health};
  CHECK_CALL(node->host, "health",
             node->host->mock->plugin->broker->health(node->host->mock->self, &health));
  return health.state;
}

static bool is_up(void *arg)
{
  struct check_node *node = arg;
  return state_of(node) == PLUG_STATE_UP && node->host->mock->state != PLUG_STATE_DOWN &&
         !node->must_replay;
}

static bool is_not_up(void *arg)
{
  return state_of(arg) != PLUG_STATE_UP;
}

static bool has_reported_down(void *arg)
{
  return ((struct check_node *)arg)->host->mock->state == PLUG_STATE_DOWN;
}

/* What was published may have been lost where there is no ack, but never comes twice. */
static void at_most_once(struct check_node *node, size_t want, const char *prefix, size_t n)
{
  char payload[64];
  for (size_t i = 0; i < n; i++) {
    snprintf(payload, sizeof payload, "%s %zu", prefix, i);
    size_t count = check_node_count(node, want, plug_mock_str(payload));
    CHECK(node->run, count <= 1, "message '%s' has come %zu times", payload, count);
  }
}

static void publish_n(struct check_pair *pair, const char *topic, const char *prefix, size_t n,
                      bool must)
{
  char payload[64];
  for (size_t i = 0; i < n; i++) {
    snprintf(payload, sizeof payload, "%s %zu", prefix, i);
    plug_status status = check_node_publish(pair->from, topic, payload);
    CHECK(pair->run, !must || status == PLUG_OK || status == PLUG_EAGAIN,
          "publish of '%s' ends with %d", payload, status);
  }
}

/* Fails while the backend is away: waits for the outcome, which must come by the deadline. */
static void publish_in_vain(struct check_pair *pair, const char *prefix, size_t n)
{
  publish_n(pair, "/topic/check/a", prefix, n, false);
  check_no_breach(pair->from->host, CHECK_BREACH(MOCK_LATE),
                  "with the backend away, publish has to end with PLUG_EUNAVAIL");
}

static void b8(struct check_run *run)
{
  static const char *const topics[] = {"/topic/check/a", "/topic/check/b"};
  struct detour detour;
  check_broker(run);
  take_detour(run, &detour);
  struct check_node *node = check_node_start(run, "node-1", detour.overrides);
  struct check_pair pair = {.run = run, .nodes = {node}, .n = 1, .from = node, .to = node};
  if (!(check_broker(run)->caps & PLUG_CAP_ECHO)) {
    pair.to = pair.nodes[1] = check_node_start(run, "node-2", detour.overrides);
    pair.n = 2;
  }
  size_t first = check_node_want(pair.to, topics, 2, 0);
  publish_n(&pair, topics[0], "at first", 10, true);
  check_pair_await_all(&pair, first, "at first", 10);

  for (unsigned round = 0; round < 2; round++) {
    char prefix[32];
    size_t n_lost = pair.to->n_lost;
    check_relay_set(detour.relay, CHECK_RELAY_CUT);
    CHECK(run, check_nodes_until(pair.nodes, pair.n, has_reported_down, pair.to, 15000),
          "15 s after its connections were closed it has not reported PLUG_STATE_DOWN");
    CHECK(run, is_not_up(pair.to),
          "it has reported PLUG_STATE_DOWN, and health says that it is up");
    snprintf(prefix, sizeof prefix, "away %u", round);
    publish_in_vain(&pair, prefix, 3);
    for (unsigned i = 0; i < 5; i++)
      check_nodes_settle(pair.nodes, pair.n); /* time for tries that fail */
    /* Whoever wants something meanwhile gets it when the backend is back. */
    check_relay_set(detour.relay, round ? CHECK_RELAY_SPLIT : CHECK_RELAY_PASS);
    for (size_t i = 0; i < pair.n; i++)
      CHECK(run, check_nodes_until(pair.nodes, pair.n, is_up, pair.nodes[i], 30000),
            "30 s after the backend has come back it is not up: %s",
            plug_mock_log(pair.nodes[i]->host->mock));
    CHECK(run, pair.to->n_lost > n_lost,
          "it has lost its connection, and not reported PLUG_INTERESTS_LOST");
    snprintf(prefix, sizeof prefix, "back %u", round);
    publish_n(&pair, topics[0], prefix, 10, true);
    publish_n(&pair, topics[1], prefix, 10, true);
    check_pair_await_all(&pair, first, prefix, 10);
    check_pair_await_all(&pair, first + 1, prefix, 10);
    at_most_once(pair.to, first, "at first", 10);
    snprintf(prefix, sizeof prefix, "away %u", round);
    at_most_once(pair.to, first, prefix, 3);
  }
  check_node_judge(pair.to);
  check_relay_set(detour.relay, CHECK_RELAY_PASS);
  check_pair_end(&pair);
  check_relay_free(detour.relay);
}

/* ---- B17 ---- */

static void b17(struct check_run *run)
{
  struct detour detour;
  check_broker(run);
  take_detour(run, &detour);
  struct check_node *node = check_node_start(run, "node-1", detour.overrides);
  struct check_pair pair = {.run = run, .nodes = {node}, .n = 1, .from = node, .to = node};
  const struct plug_plugin *plugin = check_plugin(run);
  bool proves =
      plugin->extension && plugin->extension(node->host->mock->self, PLUG_EXT_BROKER_PROOF);
  bool echo = check_broker(run)->caps & PLUG_CAP_ECHO;
  size_t want = check_node_want_one(node, "/topic/check/a", 0);
  publish_n(&pair, "/topic/check/a", "at first", 3, true);
  if (echo)
    check_pair_await_all(&pair, want, "at first", 3);

  check_relay_set(detour.relay, CHECK_RELAY_STALL);
  publish_in_vain(&pair, "stalled", 2);
  uint64_t begin = clock_now_us();
  state_of(node);
  CHECK(run, clock_now_us() - begin < 500000, "health has waited for the backend: %llu ms",
        (unsigned long long)(clock_now_us() - begin) / 1000);
  if (proves)
    CHECK(run, check_nodes_until(&node, 1, is_not_up, node, 30000),
          "30 s after its backend has fallen silent it says that it is up, although it "
          "has " PLUG_EXT_BROKER_PROOF);
  check_relay_set(detour.relay, CHECK_RELAY_PASS);
  CHECK(run, check_nodes_until(&node, 1, is_up, node, 30000),
        "30 s after the backend answers again it is not up: %s", plug_mock_log(node->host->mock));
  publish_n(&pair, "/topic/check/a", "again", 3, true);
  if (echo) {
    check_pair_await_all(&pair, want, "again", 3);
    at_most_once(node, want, "stalled", 2);
  }

  /* And it stops, too, while nothing answers: without a breach, whatever it returns. */
  check_relay_set(detour.relay, CHECK_RELAY_STALL);
  check_drain(node->host);
  check_stop(node->host);
  check_no_breach(node->host,
                  CHECK_BREACH(MOCK_LATE) | CHECK_BREACH(MOCK_LEFT) | CHECK_BREACH(MOCK_STOPPED),
                  "it is stopped while its backend is silent");
  check_destroy(node->host);
  check_node_free(node);
  check_relay_free(detour.relay);
}

/* ---- B14 ---- */

static void b14(struct check_run *run)
{
  struct check_pair pair;
  check_pair_start_two(run, &pair);
  struct check_node *a = pair.nodes[0], *b = pair.nodes[1];
  bool echo = check_broker(run)->caps & PLUG_CAP_ECHO;
  size_t want_a = check_node_want_one(a, "/topic/check/both", 0);
  size_t want_b = check_node_want_one(b, "/topic/check/both", 0);
  size_t only_b = check_node_want_one(b, "/topic/check/only", 0);
  publish_n(&pair, "/topic/check/both", "from a", 20, true);
  publish_n(&pair, "/topic/check/only", "only b", 5, true);
  check_pair_await_all(&pair, want_b, "from a", 20);
  check_pair_await_all(&pair, only_b, "only b", 5);
  pair.from = b;
  pair.to = a;
  publish_n(&pair, "/topic/check/both", "from b", 20, true);
  check_pair_await_all(&pair, want_a, "from b", 20);
  CHECK(run, check_node_count(b, want_b, plug_mock_str("from b 0")) == (size_t)echo,
        echo ? "a node's own message has not come back, with another node there"
             : "a node's own message has come back, and PLUG_CAP_ECHO is not declared");
  size_t n = plug_mock_deliveries(a->host->mock);
  for (size_t i = 0; i < n; i++) {
    const struct plug_msg *msg = plug_mock_delivery(a->host->mock, i, NULL);
    const char *origin = msg->payload.len > 5 && msg->payload.ptr[5] == 'b' ? "node-2" : "node-1";
    CHECK(run, plug_mock_is(msg->origin, origin),
          "a message of %s has the origin %.*s: use msg_encode and msg_decode", origin,
          (int)msg->origin.len, msg->origin.ptr);
  }
  check_node_judge(a);
  check_node_judge(b);
  check_pair_end(&pair);
}

/* ---- B15 ---- */

static struct plug_str newer_encode(const struct plug_msg *msg)
{
  static const char newer[] = "\xFE\x02\0\0 a wire format that this node does not know";
  (void)msg;
  return (struct plug_str){newer, sizeof newer - 1};
}

static struct plug_str cut_encode(const struct plug_msg *msg)
{
  (void)msg;
  return (struct plug_str){"M", 1};
}

static void b15(struct check_run *run)
{
  struct check_pair pair;
  check_pair_start_two(run, &pair);
  size_t want = check_node_want_one(pair.to, "/topic/check/newer", 0);
  struct plug_host *host = &pair.from->host->mock->host;
  struct plug_str (*encode)(const struct plug_msg *) = host->msg_encode;
  publish_n(&pair, "/topic/check/newer", "known", 3, true);
  host->msg_encode = newer_encode;
  publish_n(&pair, "/topic/check/newer", "newer", 3, false);
  host->msg_encode = cut_encode;
  publish_n(&pair, "/topic/check/newer", "cut", 3, false);
  host->msg_encode = encode;
  publish_n(&pair, "/topic/check/newer", "known again", 3, true);
  check_pair_await_all(&pair, want, "known", 3);
  check_pair_await_all(&pair, want, "known again", 3);
  CHECK(run, state_of(pair.to) == PLUG_STATE_UP,
        "a message that cannot be read has taken the broker down");
  CHECK(run, pair.to->n_states[PLUG_STATE_DOWN] == 0,
        "a message that cannot be read has cost the connection");
  check_node_judge(pair.to);
  check_pair_end(&pair);
}

/* ---- B16 ---- */

struct proof {
  struct check_node *node;
  const struct plug_broker_proof *table;
  uint64_t after;
};

static bool is_proven(void *arg)
{
  const struct proof *proof = arg;
  return proof->table->proven_ms(proof->node->host->mock->self) > proof->after;
}

static void b16(struct check_run *run)
{
  check_broker(run);
  const struct plug_plugin *plugin = check_plugin(run);
  struct check_node *node = check_node_start(run, "node-1", NULL);
  struct proof proof = {node, NULL, 0};
  if (plugin->extension)
    proof.table = plugin->extension(node->host->mock->self, PLUG_EXT_BROKER_PROOF);
  if (!proof.table)
    check_not(run, "it has no " PLUG_EXT_BROKER_PROOF);
  CHECK(run, proof.table->size >= sizeof *proof.table && proof.table->proven_ms,
        PLUG_EXT_BROKER_PROOF " is a table of %u bytes without proven_ms", proof.table->size);
  for (unsigned i = 0; i < 3; i++) {
    CHECK(run, check_nodes_until(&node, 1, is_proven, &proof, 15000),
          "for 15 s proven_ms stays at %llu while the state is %d", (unsigned long long)proof.after,
          state_of(node));
    proof.after = proof.table->proven_ms(node->host->mock->self);
    CHECK(run, proof.after <= node->host->mock->now_ms,
          "proven_ms is in the future: is it on the clock of now_ms?");
  }
  check_node_end(node, 0);
}

static const struct check checks[] = {
    {"B8", "after the backend has gone and come back nothing is lost or doubled",
     "A relay stands before the backend, which is the first option of --config whose value is one "
     "address. It closes all connections and takes no new ones: the broker has to report "
     "PLUG_STATE_DOWN, health has to say the same, and publishes have to end by their deadline. "
     "Then it takes them again, the second time passing every byte by itself: the broker has to "
     "come back and to report PLUG_STATE_UP with PLUG_INTERESTS_LOST; the kit subscribes "
     "everything again, as the "
     "server does, and each message published after that has to arrive exactly once. What was "
     "published before or meanwhile may not come twice.",
     240, b8},
    {"B14", "two nodes get each other's messages, once, with their origin",
     "For brokers with PLUG_CAP_CROSS_NODE: two instances as node-1 and node-2. What each "
     "publishes reaches the other exactly once, and the node itself once more if and only if "
     "PLUG_CAP_ECHO is declared. Origin and id are those of the node that has published, by which "
     "the server finds doubles.",
     60, b14},
    {"B15", "what cannot be decoded is dropped, and nothing else",
     "As while a cluster is being upgraded, one node publishes in a wire format that msg_decode of "
     "the other refuses with NULL. The broker drops it, keeps its connection, and goes on with the "
     "next.",
     60, b15},
    {"B16", "the proof that it delivers is given, and renewed",
     "For brokers with plug.broker.proof/1: proven_ms is never in the future and rises, three "
     "times within 15 s each, as messages of the broker's own come back.",
     60, b16},
    {"B17", "a backend that is silent holds nobody up",
     "The relay keeps the connections and passes nothing. Publishes have to end by their deadline, "
     "health has to answer; a broker with plug.broker.proof/1 has to find out within 30 s. When it "
     "passes again, all goes on. Then it falls silent once more and the instance is stopped: drain "
     "and stop have to complete, with nothing left.",
     240, b17},
};

const struct check_group check_group_backend = CHECK_GROUP("B", "brokers with a backend", checks);
