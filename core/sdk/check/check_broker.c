/* SPDX-License-Identifier: MIT
 *
 * B, brokers: what is published arrives where it is wanted, once, in order and as it was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "check_node.h"
#include "check_pattern.h"

/* A failure of a publish that a backend's absence does not excuse. */
static void must_publish(struct check_run *run, struct check_node *node, const char *topic,
                         const char *payload)
{
  plug_status status = check_node_publish(node, topic, payload);
  CHECK(run, status == PLUG_OK || status == PLUG_EAGAIN, "publish of '%s' to %s ends with %d",
        payload, topic, status);
}

static void publish_all(struct check_run *run, struct check_node *node, const char *topic,
                        const char *prefix, size_t n)
{
  char payload[64];
  for (size_t i = 0; i < n; i++) {
    snprintf(payload, sizeof payload, "%s %zu", prefix, i);
    must_publish(run, node, topic, payload);
  }
}

/* ---- B1 ---- */

static const struct plug_kv some_headers[] = {
    {{"x-first", 7}, {"1", 1}},
    {{"x-second", 8}, {"two: \xC3\xA4, \\n", 11}},
    {{"x-first", 7}, {"", 0}},
};

static void check_same(struct check_run *run, const struct plug_msg *got,
                       const struct plug_msg *sent)
{
  CHECK(run,
        got->topic.len == sent->topic.len &&
            memcmp(got->topic.ptr, sent->topic.ptr, sent->topic.len) == 0,
        "the topic has become %.*s", (int)got->topic.len, got->topic.ptr);
  CHECK(run,
        got->content_type.len == sent->content_type.len &&
            memcmp(got->content_type.ptr, sent->content_type.ptr, sent->content_type.len) == 0,
        "the content type has become '%.*s'", (int)got->content_type.len, got->content_type.ptr);
  CHECK(run, got->n_headers == sent->n_headers, "of %zu headers %zu have arrived", sent->n_headers,
        got->n_headers);
  for (size_t i = 0; i < sent->n_headers; i++) {
    const struct plug_kv *a = &got->headers[i], *b = &sent->headers[i];
    CHECK(run,
          a->key.len == b->key.len && memcmp(a->key.ptr, b->key.ptr, b->key.len) == 0 &&
              a->value.len == b->value.len &&
              (b->value.len == 0 || memcmp(a->value.ptr, b->value.ptr, b->value.len) == 0),
          "header %.*s has become %.*s: %.*s", (int)b->key.len, b->key.ptr, (int)a->key.len,
          a->key.ptr, (int)a->value.len, a->value.ptr);
  }
  CHECK(run,
        got->id == sent->id && got->origin.len == sent->origin.len &&
            memcmp(got->origin.ptr, sent->origin.ptr, sent->origin.len) == 0,
        "id or origin have changed, by which the server knows a message again");
}

static void check_whole(struct check_run *run, struct check_pair *pair, size_t want,
                        const char *topic)
{
  struct check_host *from = pair->from->host;
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = plug_mock_str(topic),
                               .content_type = plug_mock_str("application/json;charset=UTF-8"),
                               .payload = plug_mock_str("{\"whole\":true}"),
                               .headers = some_headers,
                               .n_headers = sizeof some_headers / sizeof some_headers[0]};
  const struct plug_msg *msg = from->mock->host.msg_make(&from->mock->host, &init);
  /* Looked at after the plugin has given its references back. */
  struct plug_msg sent = *msg;
  sent.topic = init.topic;
  sent.content_type = init.content_type;
  sent.headers = some_headers;
  sent.origin = plug_mock_str(from->node);
  struct plug_op *op = check_op(from, 10000);
  plug_status status;
  CHECK_CALL(from, "publish",
             status = pair->from->host->mock->plugin->broker->publish(from->mock->self, msg, op));
  status = check_wait(from, op, status);
  check_unref(msg);
  CHECK(run, status >= PLUG_EAGAIN, "publish of a message with headers ends with %d", status);
  CHECK(run, check_pair_await(pair, want, "{\"whole\":true}") == 1,
        "a message with headers has not come exactly once");
  size_t n = plug_mock_deliveries(pair->to->host->mock);
  for (size_t i = 0; i < n; i++) {
    const struct plug_msg *got = plug_mock_delivery(pair->to->host->mock, i, NULL);
    if (plug_mock_is(got->payload, "{\"whole\":true}") && check_node_is_for(pair->to, want, i))
      check_same(run, got, &sent);
  }
}

static void b1(struct check_run *run)
{
  static const char *const topics[] = {"/topic/check/a", "/topic/check/b", "/topic/check/c/d"};
  struct check_pair pair;
  check_pair_start(run, &pair);
  size_t first = check_node_want(pair.to, topics, 3, 0);
  bool patterns = check_broker(run)->caps & PLUG_CAP_PATTERN;
  size_t pattern = 0;
  if (patterns)
    pattern = check_node_want_one(pair.to, "/topic/check/*", PLUG_INTEREST_PATTERN);
  for (size_t i = 0; i < 3; i++)
    publish_all(run, pair.from, topics[i], topics[i], 10);
  for (size_t i = 0; i < 3; i++)
    check_pair_await_all(&pair, first + i, topics[i], 10);
  for (size_t i = 0; patterns && i < 2; i++)
    check_pair_await_all(&pair, pattern, topics[i], 10);
  check_whole(run, &pair, first, topics[0]);
  check_node_judge(pair.to);
  check_pair_end(&pair);
}

/* ---- B2 ---- */

static void b2(struct check_run *run)
{
  static const char *const wanted[] = {"/topic/check/a", "/topic/check/st*r", "/topic/check/wh?t"};
  /* Near each of them, in ways that hashes, prefixes, globs and C strings get wrong. */
  static const char *const others[] = {
      "/topic/check/aa",   "/topic/check/a/b", "/topic/check",          "/topic/check/A",
      "/topic/check/b",    "topic/check/a",    "/topic/check/a ",       "/topic/check/star",
      "/topic/check/stir", "/topic/check/st*", "/topic/check/what",     "/topic/check/*",
      "/topic/**",         "/topic/check/[a]", "/topic/check/\\a",      "/topic/check/a.b",
      "/topic/check.a",    "/topic/check/>",   "/topic/check/a\xC3\xA4"};
  struct check_pair pair;
  check_pair_start(run, &pair);
  size_t first = check_node_want(pair.to, wanted, 3, 0);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    plug_status status = check_node_publish(pair.from, others[i], others[i]);
    CHECK(run, status == PLUG_OK || status == PLUG_EAGAIN || status == PLUG_EINVAL,
          "publish to %s ends with %d", others[i], status);
  }
  for (size_t i = 0; i < 3; i++)
    publish_all(run, pair.from, wanted[i], wanted[i], 1);
  for (size_t i = 0; i < 3; i++)
    check_pair_await_all(&pair, first + i, wanted[i], 1);
  check_node_judge(pair.to);
  check_pair_end(&pair);
}

/* ---- B3 ---- */

static void b3_one(struct check_run *run, struct check_pair *pair, size_t want, const char *what,
                   struct plug_str payload)
{
  size_t before = check_node_count(pair->to, want, payload);
  plug_status status = check_publish(pair->from->host, "/topic/check/bytes", payload);
  CHECK(run, status == PLUG_OK || status == PLUG_EAGAIN, "publish of %s ends with %d", what,
        status);
  uint64_t end = clock_now_ms() + 10000;
  while (check_node_count(pair->to, want, payload) == before && clock_now_ms() < end)
    check_nodes_turn(pair->nodes, pair->n);
  CHECK(run, check_node_count(pair->to, want, payload) == before + 1,
        "%s does not arrive as it was", what);
}

static void b3(struct check_run *run)
{
  struct check_pair pair;
  check_pair_start(run, &pair);
  size_t max = check_broker(run)->max_payload, big = max && max <= (1u << 20) ? max : 1u << 19;
  size_t want = check_node_want_one(pair.to, "/topic/check/bytes", 0);
  char *bytes = malloc(big + 1), all[256];
  if (!bytes)
    abort();
  for (size_t i = 0; i < sizeof all; i++)
    all[i] = (char)i;
  for (size_t i = 0; i <= big; i++)
    bytes[i] = (char)(i * 7 + i / 251);
  b3_one(run, &pair, want, "a payload of no bytes", (struct plug_str){bytes, 0});
  b3_one(run, &pair, want, "a payload of one byte", (struct plug_str){"x", 1});
  b3_one(run, &pair, want, "a payload of one NUL", (struct plug_str){"\0", 1});
  b3_one(run, &pair, want, "a payload with a NUL in it", (struct plug_str){"a\0b", 3});
  b3_one(run, &pair, want, "a payload of two lines", (struct plug_str){"a\r\nb\n", 5});
  b3_one(run, &pair, want, "a payload that is not UTF-8", (struct plug_str){"\xC3(\xFF", 3});
  if (!max || max >= sizeof all)
    b3_one(run, &pair, want, "a payload of all values of a byte",
           (struct plug_str){all, sizeof all});
  b3_one(run, &pair, want, max == big ? "a payload of max_payload bytes" : "a payload of 512 KiB",
         (struct plug_str){bytes, big});
  if (max == big) {
    plug_status status =
        check_publish(pair.from->host, "/topic/check/bytes", (struct plug_str){bytes, big + 1});
    CHECK(run, status == PLUG_ETOOBIG,
          "publish of one byte more than max_payload ends with %d, not PLUG_ETOOBIG", status);
    check_nodes_settle(pair.nodes, pair.n);
    CHECK(run, check_node_count(pair.to, want, (struct plug_str){bytes, big + 1}) == 0,
          "a payload of one byte more than max_payload is delivered");
  }
  check_node_judge(pair.to);
  free(bytes);
  check_pair_end(&pair);
}

/* ---- B4 ---- */

enum { ORDERED_TOPICS = 3, ORDERED_EACH = 100 };

static void b4(struct check_run *run)
{
  static const char *const topics[ORDERED_TOPICS] = {"/topic/check/1", "/topic/check/2",
                                                     "/topic/check/3"};
  if (!(check_broker(run)->caps & PLUG_CAP_ORDERED))
    check_not(run, "PLUG_CAP_ORDERED is not declared");
  struct check_pair pair;
  char payload[64];
  check_pair_start(run, &pair);
  size_t first = check_node_want(pair.to, topics, ORDERED_TOPICS, 0);
  struct plug_op *ops[ORDERED_TOPICS * ORDERED_EACH];
  plug_status status[ORDERED_TOPICS * ORDERED_EACH];
  for (size_t i = 0; i < ORDERED_TOPICS * ORDERED_EACH; i++) {
    snprintf(payload, sizeof payload, "%s %zu", topics[i % ORDERED_TOPICS], i / ORDERED_TOPICS);
    ops[i] = check_op(pair.from->host, 10000);
    status[i] = check_publish_op(pair.from->host, topics[i % ORDERED_TOPICS],
                                 plug_mock_str(payload), ops[i]);
  }
  for (size_t i = 0; i < ORDERED_TOPICS * ORDERED_EACH; i++) {
    status[i] = check_wait(pair.from->host, ops[i], status[i]);
    CHECK(run, status[i] == PLUG_OK || status[i] == PLUG_EAGAIN, "publish number %zu ends with %d",
          i, status[i]);
  }
  pair.from->wall_ms = clock_now_ms();
  for (size_t t = 0; t < ORDERED_TOPICS; t++)
    check_pair_await_all(&pair, first + t, topics[t], ORDERED_EACH);
  size_t next[ORDERED_TOPICS] = {0}, n = plug_mock_deliveries(pair.to->host->mock);
  for (size_t i = 0; i < n; i++)
    for (size_t t = 0; t < ORDERED_TOPICS; t++)
      if (check_node_is_for(pair.to, first + t, i)) {
        const struct plug_msg *msg = plug_mock_delivery(pair.to->host->mock, i, NULL);
        snprintf(payload, sizeof payload, "%s %zu", topics[t], next[t]++);
        CHECK(run, plug_mock_is(msg->payload, payload),
              "'%.*s' is delivered where '%s' was published", (int)msg->payload.len,
              msg->payload.ptr, payload);
      }
  check_pair_end(&pair);
}

/* ---- B5 ---- */

static void b5_direct(struct check_run *run, struct check_node *node)
{
  size_t before = plug_mock_deliveries(node->host->mock);
  uint64_t interest;
  plug_status status =
      check_publish_op(node->host, "/topic/check/direct", plug_mock_str("direct"), NULL);
  CHECK(run, status == PLUG_OK, "publish of a direct broker returns %d", status);
  CHECK(run, plug_mock_deliveries(node->host->mock) == before + 1,
        "PLUG_CAP_DIRECT is declared, and publish has called deliver %zu times before it returned",
        plug_mock_deliveries(node->host->mock) - before);
  plug_mock_delivery(node->host->mock, before, &interest);
  CHECK(run, interest == 0, "PLUG_CAP_DIRECT is declared, and deliver is given an interest");
}

static void b5(struct check_run *run)
{
  uint32_t caps = check_broker(run)->caps;
  struct check_node *node = check_node_start(run, "node-1", NULL);
  size_t want = check_node_want_one(node, "/topic/check/echo", 0);
  publish_all(run, node, "/topic/check/echo", "echo", 5);
  if (caps & PLUG_CAP_ECHO) {
    struct check_pair pair = {.run = run, .nodes = {node}, .n = 1, .from = node, .to = node};
    check_pair_await_all(&pair, want, "echo", 5);
  } else {
    check_nodes_settle(&node, 1);
    CHECK(run, check_node_count(node, want, plug_mock_str("echo 0")) == 0,
          "the node's own message is delivered, and PLUG_CAP_ECHO is not declared: sessions would "
          "get it twice");
  }
  if (caps & PLUG_CAP_DIRECT)
    b5_direct(run, node);
  check_node_end(node, 0);
}

/* ---- B6 ---- */

static void b6(struct check_run *run)
{
  static const char *const topics[] = {"/topic/check/a", "/topic/check/a/b"};
  struct check_pair pair;
  check_pair_start(run, &pair);
  size_t first = check_node_want(pair.to, topics, 2, 0);
  bool patterns = check_broker(run)->caps & PLUG_CAP_PATTERN;
  size_t pattern = 0;
  if (patterns)
    pattern = check_node_want_one(pair.to, "/topic/check/**", PLUG_INTEREST_PATTERN);
  publish_all(run, pair.from, topics[0], "before", 1);
  check_pair_await_all(&pair, first, "before", 1);
  check_node_unwant(pair.to, first, 1);
  publish_all(run, pair.from, topics[0], "between", 3);
  publish_all(run, pair.from, topics[1], "other", 1);
  check_pair_await_all(&pair, first + 1, "other", 1);
  if (patterns)
    check_pair_await_all(&pair, pattern, "between", 3);
  size_t n = plug_mock_deliveries(pair.to->host->mock);
  for (size_t i = 0; i < n; i++) {
    uint64_t interest;
    const struct plug_msg *msg = plug_mock_delivery(pair.to->host->mock, i, &interest);
    CHECK(run,
          interest != pair.to->wants[first].id || msg->payload.ptr[1] != 'e' ||
              plug_mock_is(msg->payload, "before 0"),
          "what was published after the unsubscribe had completed is delivered under its interest");
  }
  size_t again = check_node_want_one(pair.to, topics[0], 0);
  publish_all(run, pair.from, topics[0], "after", 3);
  check_pair_await_all(&pair, again, "after", 3);
  check_node_judge(pair.to);
  check_pair_end(&pair);
}

/* ---- B7 ---- */

enum { STORM = 100000, STORM_BATCH = 1000, STORM_SAMPLE = 499 };

static void b7(struct check_run *run)
{
  struct check_pair pair;
  const char *topics[STORM_BATCH];
  char payload[64];
  check_pair_start(run, &pair);
  pair.to->host->lend_guarded = false;
  for (size_t i = 0; i < STORM; i += STORM_BATCH) {
    for (size_t k = 0; k < STORM_BATCH; k++) {
      char *topic = malloc(48);
      if (!topic)
        abort();
      snprintf(topic, 48, "/topic/check/storm/%zu", i + k);
      topics[k] = topic;
    }
    check_node_want(pair.to, topics, STORM_BATCH, 0);
    for (size_t k = 0; k < STORM_BATCH; k++)
      free((void *)(uintptr_t)topics[k]);
  }
  for (size_t i = 0; i < STORM; i += STORM_SAMPLE) {
    snprintf(payload, sizeof payload, "storm %zu", i / STORM_SAMPLE);
    must_publish(run, pair.from, pair.to->wants[i].topic, payload);
  }
  for (size_t i = 0; i < STORM; i += STORM_SAMPLE) {
    snprintf(payload, sizeof payload, "storm %zu", i / STORM_SAMPLE);
    uint64_t end = clock_now_ms() + 10000;
    while (!check_node_count(pair.to, i, plug_mock_str(payload)) && clock_now_ms() < end)
      check_nodes_turn(pair.nodes, pair.n);
    size_t count = check_node_count(pair.to, i, plug_mock_str(payload));
    CHECK(run, count == 1, "with %d interests, a message to number %zu has come %zu times", STORM,
          i, count);
  }
  for (size_t i = STORM; i > 0; i -= STORM_BATCH)
    check_node_unwant(pair.to, i - STORM_BATCH, STORM_BATCH);
  size_t want = check_node_want_one(pair.to, "/topic/check/storm/0", 0);
  must_publish(run, pair.from, "/topic/check/storm/0", "calm");
  CHECK(run, check_pair_await(&pair, want, "calm") == 1,
        "when all have gone, a new interest does not get its message exactly once");
  check_node_judge(pair.to);
  check_pair_end(&pair);
}

/* ---- B9 ---- */

static void b9(struct check_run *run)
{
  struct check_pair pair;
  check_pair_start(run, &pair);
  const struct plug_broker *broker = check_broker(run);
  size_t want = check_node_want_one(pair.to, "/topic/check/flow", 0);
  plug_mock_deliver_status(pair.to->host->mock, PLUG_EAGAIN);
  publish_all(run, pair.from, "/topic/check/flow", "congested", 20);
  check_pair_await_all(&pair, want, "congested", 20);
  plug_mock_deliver_status(pair.to->host->mock, PLUG_EUNAVAIL);
  publish_all(run, pair.from, "/topic/check/flow", "dropped", 5);
  check_pair_await_all(&pair, want, "dropped", 5);
  plug_mock_deliver_status(pair.to->host->mock, PLUG_OK);
  publish_all(run, pair.from, "/topic/check/flow", "relieved", 5);
  check_pair_await_all(&pair, want, "relieved", 5);
  if (broker->flow) {
    struct check_host *host = pair.to->host;
    CHECK_CALL(host, "flow", broker->flow(host->mock->self, 1));
    publish_all(run, pair.from, "/topic/check/flow", "paused", 5);
    check_nodes_settle(pair.nodes, pair.n);
    CHECK_CALL(host, "flow", broker->flow(host->mock->self, 0));
    publish_all(run, pair.from, "/topic/check/flow", "resumed", 5);
    check_pair_await_all(&pair, want, "resumed", 5);
    if (broker->caps & PLUG_CAP_NO_GAPS)
      check_pair_await_all(&pair, want, "paused", 5);
  }
  check_pair_end(&pair);
}

/* ---- B10 ---- */

static void judge_health(struct check_run *run, struct check_host *host, uint64_t *fastest_us)
{
  struct plug_health *health =
      check_lend(host, &(struct plug_health){0}, sizeof *health, "the structure that health fills");
  memset(health, 0, sizeof *health);
  health->size = sizeof *health;
  uint64_t begin = clock_now_us();
  CHECK_CALL(host, "health", check_broker(run)->health(host->mock->self, health));
  uint64_t took = clock_now_us() - begin;
  if (took < *fastest_us)
    *fastest_us = took;
  CHECK(run, memchr(health->text, '\0', sizeof health->text), "the text of health does not end");
  CHECK(run, health->state >= PLUG_STATE_UP && health->state <= PLUG_STATE_STARTING,
        "health gives state %d, which there is not", health->state);
  CHECK(run, health->size == sizeof *health, "health changes the size of what it fills");
  CHECK(run, health->since_ms <= host->mock->now_ms,
        "health says that its state began in the future: %llu, and it is %llu",
        (unsigned long long)health->since_ms, (unsigned long long)host->mock->now_ms);
  check_take_back(host, health);
}

static void b10(struct check_run *run)
{
  struct check_pair pair;
  uint64_t fastest_us = UINT64_MAX;
  pair.run = run;
  pair.n = 1;
  check_broker(run);
  pair.from = pair.to = pair.nodes[0] = check_node_start(run, "node-1", NULL);
  check_node_want_one(pair.to, "/topic/check/health", 0);
  for (size_t i = 0; i < 5; i++) {
    publish_all(run, pair.from, "/topic/check/health", "health", 3);
    judge_health(run, pair.to->host, &fastest_us);
    check_nodes_turn(pair.nodes, 1);
  }
  /* Of five, so that a busy machine is not taken for a plugin that waits. */
  CHECK(run, fastest_us < 20000, "the fastest of five calls of health has taken %llu ms",
        (unsigned long long)fastest_us / 1000);
  check_pair_end(&pair);
}

/* ---- B11 ---- */

static void b11(struct check_run *run)
{
  static const char *const patterns[] = {
      "/topic/*/a", "/topic/**",      "/topic/**/a",     "/topic/x/**", "/**/end",
      "/topic/?",   "/topic/x?z",     "/topic/{name}/b", "/topic/x*",   "/topic/*z/a",
      "/*/x",       "/topic/**/m/**", "/topic/x/*/*",    "/topic/a.b",  "/topic/[xy]/a"};
  static const char *const topics[] = {
      "/topic/x/a", "/topic",        "/topic/a",         "/topic/x",       "/topic/xyz",
      "/topic/xz",  "/topic/x/b",    "/topic/x/y/a",     "/topic/x/y/z/a", "/topic/xyz/a",
      "/topic/end", "/end",          "/queue/x",         "/topic/m",       "/topic/a/m/b",
      "/topic/m/m", "/topic/x/1/2",  "/topic/aXb",       "/topic/a.b",     "/topic/y/a",
      "/topicx/a",  "/topic/[xy]/a", "/topic/\xC3\xA4/a"};
  enum {
    PATTERNS = sizeof patterns / sizeof patterns[0],
    TOPICS = sizeof topics / sizeof topics[0]
  };
  if (!(check_broker(run)->caps & PLUG_CAP_PATTERN))
    check_not(run, "PLUG_CAP_PATTERN is not declared");
  struct check_pair pair;
  check_pair_start(run, &pair);
  /* One by one: a broker may refuse a pattern, but then says so. */
  bool taken[PATTERNS];
  size_t n_taken = 0;
  for (size_t i = 0; i < PATTERNS; i++) {
    taken[i] = check_node_try_want(pair.to, &patterns[i], 1, PLUG_INTEREST_PATTERN) == PLUG_OK;
    n_taken += taken[i];
  }
  CHECK(run, n_taken > PATTERNS / 2, "of %d patterns %zu are taken", PATTERNS, n_taken);
  for (size_t t = 0; t < TOPICS; t++)
    must_publish(run, pair.from, topics[t], topics[t]);
  size_t last = check_node_want_one(pair.to, "/topic/check/last", 0);
  must_publish(run, pair.from, "/topic/check/last", "last");
  CHECK(run, check_pair_await(&pair, last, "last") == 1, "the last message has not come");
  for (size_t i = 0; i < PATTERNS; i++)
    for (size_t t = 0; taken[i] && t < TOPICS; t++) {
      size_t expected =
          (size_t)check_pattern_matches(plug_mock_str(patterns[i]), plug_mock_str(topics[t]));
      size_t count = check_node_count(pair.to, i, plug_mock_str(topics[t]));
      CHECK(run, count == expected, "a message to %s has come %zu times for %s, which %s",
            topics[t], count, patterns[i], expected ? "matches it" : "does not match it");
    }
  check_pair_end(&pair);
}

#define PARAGRAPH_B1                                                                              \
  "Subscribes to topics in one batch, and to a pattern where patterns are declared, publishes "   \
  "ten messages to each, and expects each of them exactly once for every interest that matches, " \
  "with topic, content type, headers, id and origin as they were. The memory of the batch is "    \
  "taken back when subscribe has completed: a crash there means that the plugin still looks at "  \
  "it and has to copy what it needs. A broker that does not give a node its own messages is "     \
  "checked with a second node."

static const struct check checks[] = {
    {"B1", "what is published reaches every matching interest once, unchanged", PARAGRAPH_B1, 60,
     b1},
    {"B2", "what nobody wants is not delivered under another's interest",
     "Subscribes to three topics, of which two have characters in them that elsewhere are "
     "wildcards, and publishes to twenty others that are near: longer, shorter, of another case, "
     "in need of escaping. A delivery with interest 0 leaves it to the server to find who wants "
     "it; one with an interest must be of that very topic.",
     60, b2},
    {"B3", "payloads of any bytes and up to the declared size arrive as they were",
     "No bytes, one, a NUL, line ends, all values of a byte, what is not UTF-8, and as many bytes "
     "as max_payload says, or 512 KiB where that is more than 1 MiB or no limit. One byte more "
     "than "
     "max_payload has to be refused with PLUG_ETOOBIG. Length and bytes of the payload are to be "
     "passed on as msg_encode gives them; nothing in it ends it.",
     60, b3},
    {"B4", "per topic, messages arrive in the order of their publishing",
     "For brokers with PLUG_CAP_ORDERED: three hundred messages to three topics in turn, none "
     "waiting for the one before it. The server relies on the order where it does not wait "
     "either.",
     60, b4},
    {"B5", "the node's own messages come back if and only if it is declared",
     "With PLUG_CAP_ECHO the server never delivers by itself, so that a message that does not come "
     "back is lost to the node's sessions; without it they get one that does come back twice. With "
     "PLUG_CAP_DIRECT, publish is one call of deliver with interest 0 before it returns.",
     60, b5},
    {"B6", "an unsubscribe ends its interest and no other",
     "What is published after unsubscribe has completed must not be delivered under its interest. "
     "A topic below it and a pattern that matches it go on, and the same topic can be subscribed "
     "to again, under another id.",
     60, b6},
    {"B7", "a hundred thousand interests are taken in batches",
     "As after a reconnect of a busy node: a hundred batches of a thousand topics, then a message "
     "to every 499th, then all are unsubscribed. Nothing may be lost for lack of room without "
     "subscribe saying so.",
     240, b7},
    {"B9", "congestion, and flow, neither lose nor double a message",
     "deliver answers PLUG_EAGAIN, which means delivered, and PLUG_EUNAVAIL, which is not to be "
     "tried again. To the publisher both are a success, or PLUG_EAGAIN. Then flow, where there is "
     "one, pauses and lets go on: what is published after it must arrive, and with "
     "PLUG_CAP_NO_GAPS what was published meanwhile, too.",
     60, b9},
    {"B10", "health answers at once and fills what it is given",
     "The state is one of the three, the text ends, since_ms is not in the future, size stays as "
     "it was. health is called on the home thread: a broker keeps what it knows of its backend, "
     "and never asks it there.",
     60, b10},
    {"B11", "patterns match as the server's do",
     "For brokers with PLUG_CAP_PATTERN: fifteen patterns against more than twenty topics, each "
     "delivery compared with a matcher of the kit's own. '?' is one character, '*' any in a "
     "segment, '**' any number of segments and none, '{name}' the same as '*'. What matches has to "
     "come once under the pattern's interest. More may come: the server filters it.",
     60, b11},
};

const struct check_group check_group_broker = CHECK_GROUP("B", "brokers", checks);
