/* SPDX-License-Identifier: MIT */
#include "check_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "check_pattern.h"

enum { ARRIVES_WITHIN_MS = 10000, QUIET_MS = 150 };

static bool is_up(void *arg)
{
  struct check_host *host = ((struct check_node *)arg)->host;
  struct plug_health health = {.size = sizeof health};
  if (host->mock->state >= 0)
    return host->mock->state == PLUG_STATE_UP;
  CHECK_CALL(host, "health", host->mock->plugin->broker->health(host->mock->self, &health));
  return health.state == PLUG_STATE_UP;
}

static void on_seen(void *arg, struct plug_op *op, enum mock_seen kind, const void *what)
{
  struct check_node *node = arg;
  (void)op;
  if (kind != MOCK_SEEN_STATE)
    return;
  const struct mock_state *state = what;
  if (state->state >= 0 && state->state < 3)
    node->n_states[state->state]++;
  if (state->flags & PLUG_INTERESTS_LOST) {
    node->n_lost++;
    /* What is subscribed from now on is not lost. */
    node->must_replay = node->n_wants > 0;
    node->n_to_replay = node->n_wants;
  }
}

struct check_node *check_node_make(struct check_run *run, const char *name,
                                   const struct check_making *making)
{
  struct plug_err err;
  struct check_making mine = *making;
  struct check_node *node = calloc(1, sizeof *node);
  if (!node)
    abort();
  node->run = run;
  mine.seen = on_seen;
  mine.seen_arg = node;
  node->host = check_make(run, name, &mine, &err);
  CHECK(run, node->host, "create fails with these options: %s", err.text);
  plug_status status = check_start_it(node->host);
  CHECK(run, status == PLUG_OK, "start ends with %d: %s", status, plug_mock_log(node->host->mock));
  node->wall_ms = clock_now_ms();
  CHECK(run, check_nodes_until(&node, 1, is_up, node, ARRIVES_WITHIN_MS),
        "it is not up 10 s after its start, as it needs to be here: %s",
        plug_mock_log(node->host->mock));
  return node;
}

struct check_node *check_node_start(struct check_run *run, const char *name,
                                    const char *const *overrides)
{
  return check_node_make(run, name, &(struct check_making){.overrides = overrides});
}

void check_node_free(struct check_node *node)
{
  for (size_t i = 0; i < node->n_wants; i++)
    free(node->wants[i].topic);
  free(node->wants);
  check_free(node->host);
  free(node);
}

void check_node_end(struct check_node *node, unsigned kinds)
{
  plug_status status = check_drain(node->host);
  CHECK(node->run, status == PLUG_OK, "drain ends with %d", status);
  status = check_stop(node->host);
  CHECK(node->run, status == PLUG_OK, "stop ends with %d", status);
  check_destroy(node->host);
  if (kinds)
    check_no_breach(node->host, kinds, "by its end");
  check_node_free(node);
}

void check_pair_start_two(struct check_run *run, struct check_pair *pair)
{
  const struct plug_broker *broker = check_broker(run);
  if (!(broker->caps & PLUG_CAP_CROSS_NODE))
    check_not(run, "it has no other nodes: PLUG_CAP_CROSS_NODE is not declared");
  *pair = (struct check_pair){.run = run, .n = 2};
  pair->from = pair->nodes[0] = check_node_start(run, "node-1", NULL);
  pair->to = pair->nodes[1] = check_node_start(run, "node-2", NULL);
}

void check_pair_start(struct check_run *run, struct check_pair *pair)
{
  const struct plug_broker *broker = check_broker(run);
  if (!(broker->caps & PLUG_CAP_ECHO)) {
    if (!(broker->caps & PLUG_CAP_CROSS_NODE))
      check_not(run, "nothing is ever delivered: neither PLUG_CAP_ECHO nor PLUG_CAP_CROSS_NODE");
    check_pair_start_two(run, pair);
    return;
  }
  *pair = (struct check_pair){.run = run, .n = 1};
  pair->from = pair->to = pair->nodes[0] = check_node_start(run, "node-1", NULL);
}

void check_pair_end(struct check_pair *pair)
{
  for (size_t i = 0; i < pair->n; i++)
    check_node_end(pair->nodes[i], 0);
}

/* ---- Interests ---- */

static plug_status subscribe(struct check_node *node, size_t first, size_t n)
{
  struct plug_interest *batch = calloc(n ? n : 1, sizeof *batch);
  size_t k = 0;
  if (!batch)
    abort();
  for (size_t i = first; i < first + n; i++)
    if (!node->wants[i].gone)
      batch[k++] = (struct plug_interest){node->wants[i].id, plug_mock_str(node->wants[i].topic),
                                          node->wants[i].flags};
  plug_status status = k ? check_subscribe(node->host, batch, k) : PLUG_OK;
  free(batch);
  node->wall_ms = clock_now_ms();
  return status;
}

static size_t add_wants(struct check_node *node, const char *const *topics, size_t n,
                        uint64_t flags)
{
  size_t first = node->n_wants;
  node->wants = realloc(node->wants, (first + n) * sizeof *node->wants);
  if (!node->wants)
    abort();
  for (size_t i = 0; i < n; i++) {
    struct check_want *want = &node->wants[node->n_wants++];
    *want = (struct check_want){.id = node->n_wants, .flags = flags, .topic = strdup(topics[i])};
    if (!want->topic)
      abort();
  }
  return first;
}

plug_status check_node_try_want(struct check_node *node, const char *const *topics, size_t n,
                                uint64_t flags)
{
  size_t first = add_wants(node, topics, n, flags);
  plug_status status = subscribe(node, first, n);
  for (size_t i = first; status != PLUG_OK && i < node->n_wants; i++)
    node->wants[i].gone = true;
  return status;
}

size_t check_node_want(struct check_node *node, const char *const *topics, size_t n, uint64_t flags)
{
  size_t first = node->n_wants;
  plug_status status = check_node_try_want(node, topics, n, flags);
  CHECK(node->run, status == PLUG_OK, "subscribe to %s and %zu more ends with %d", topics[0], n - 1,
        status);
  return first;
}

size_t check_node_want_one(struct check_node *node, const char *topic, uint64_t flags)
{
  return check_node_want(node, &topic, 1, flags);
}

void check_node_unwant(struct check_node *node, size_t first, size_t n)
{
  struct plug_interest *batch = calloc(n, sizeof *batch);
  if (!batch)
    abort();
  for (size_t i = 0; i < n; i++) {
    struct check_want *want = &node->wants[first + i];
    batch[i] = (struct plug_interest){want->id, plug_mock_str(want->topic), want->flags};
    want->gone = true;
  }
  plug_status status = check_unsubscribe(node->host, batch, n);
  node->wall_ms = clock_now_ms();
  CHECK(node->run, status == PLUG_OK, "unsubscribe of %s and %zu more ends with %d",
        node->wants[first].topic, n - 1, status);
  free(batch);
}

static void replay(struct check_node *node)
{
  enum { BATCH = 500 };
  size_t n = node->n_to_replay;
  node->must_replay = false;
  /* Whatever fails comes again: the backend has gone once more, and that is told. */
  for (size_t i = 0; i < n && !node->must_replay; i += BATCH)
    subscribe(node, i, n - i < BATCH ? n - i : BATCH);
}

plug_status check_node_publish(struct check_node *node, const char *topic, const char *payload)
{
  plug_status status = check_publish(node->host, topic, plug_mock_str(payload));
  node->wall_ms = clock_now_ms();
  return status;
}

/* ---- Loops ---- */

void check_nodes_turn(struct check_node *const *nodes, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct check_node *node = nodes[i];
    plug_mock_turn(node->host->mock, n > 1 ? 1 : 2);
    uint64_t now = clock_now_ms();
    plug_mock_advance(node->host->mock, now - node->wall_ms);
    node->wall_ms = now;
    if (node->must_replay && node->host->mock->state == PLUG_STATE_UP)
      replay(node);
  }
}

static bool all_idle(struct check_node *const *nodes, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (nodes[i]->must_replay || !nodes[i]->host->mock->kit->idle(nodes[i]->host->mock))
      return false;
  return true;
}

bool check_nodes_until(struct check_node *const *nodes, size_t n, bool (*done)(void *arg),
                       void *arg, unsigned limit_ms)
{
  uint64_t end = clock_now_ms() + limit_ms;
  unsigned virtual_ms = 0;
  while (!done(arg)) {
    if (all_idle(nodes, n)) {
      if (virtual_ms >= limit_ms)
        return false;
      for (size_t i = 0; i < n; i++)
        plug_mock_advance(nodes[i]->host->mock, 10);
      virtual_ms += 10;
    }
    if (clock_now_ms() >= end)
      return false;
    check_nodes_turn(nodes, n);
  }
  return true;
}

static bool never(void *arg)
{
  (void)arg;
  return false;
}

void check_nodes_settle(struct check_node *const *nodes, size_t n)
{
  check_nodes_until(nodes, n, never, NULL, QUIET_MS);
}

/* ---- What has come ---- */

static const struct check_want *find_want(const struct check_node *node, uint64_t id)
{
  return id >= 1 && id <= node->n_wants ? &node->wants[id - 1] : NULL;
}

static bool matches(const struct check_want *want, struct plug_str topic)
{
  struct plug_str text = plug_mock_str(want->topic);
  if (want->flags & PLUG_INTEREST_PATTERN)
    return check_pattern_matches(text, topic);
  return plug_mock_is(topic, want->topic);
}

bool check_node_is_for(const struct check_node *node, size_t want, size_t i)
{
  uint64_t interest;
  const struct plug_msg *msg = plug_mock_delivery(node->host->mock, i, &interest);
  if (interest && interest != node->wants[want].id)
    return false;
  /* What is caught beyond a pattern the server filters. */
  return matches(&node->wants[want], msg->topic);
}

size_t check_node_count(const struct check_node *node, size_t want, struct plug_str payload)
{
  size_t count = 0, n = plug_mock_deliveries(node->host->mock);
  for (size_t i = 0; i < n; i++) {
    struct plug_str got = plug_mock_delivery(node->host->mock, i, NULL)->payload;
    if (got.len == payload.len && (got.len == 0 || memcmp(got.ptr, payload.ptr, got.len) == 0) &&
        check_node_is_for(node, want, i))
      count++;
  }
  return count;
}

struct awaited {
  const struct check_node *node;
  size_t want;
  struct plug_str payload;
};

static bool has_come(void *arg)
{
  const struct awaited *awaited = arg;
  return check_node_count(awaited->node, awaited->want, awaited->payload) > 0;
}

size_t check_pair_await(struct check_pair *pair, size_t want, const char *payload)
{
  struct awaited awaited = {pair->to, want, plug_mock_str(payload)};
  check_nodes_until(pair->nodes, pair->n, has_come, &awaited, ARRIVES_WITHIN_MS);
  check_nodes_settle(pair->nodes, pair->n);
  return check_node_count(pair->to, want, awaited.payload);
}

void check_pair_await_all(struct check_pair *pair, size_t want, const char *prefix, size_t n)
{
  const char *topic = pair->to->wants[want].topic;
  char payload[64];
  struct awaited awaited = {pair->to, want, {NULL, 0}};
  for (size_t i = 0; i < n; i++) {
    snprintf(payload, sizeof payload, "%s %zu", prefix, i);
    awaited.payload = plug_mock_str(payload);
    CHECK(pair->run, check_nodes_until(pair->nodes, pair->n, has_come, &awaited, ARRIVES_WITHIN_MS),
          "message '%s' has not come within 10 s for %s", payload, topic);
  }
  check_nodes_settle(pair->nodes, pair->n);
  for (size_t i = 0; i < n; i++) {
    snprintf(payload, sizeof payload, "%s %zu", prefix, i);
    size_t count = check_node_count(pair->to, want, plug_mock_str(payload));
    CHECK(pair->run, count == 1, "message '%s' has come %zu times for %s", payload, count, topic);
  }
}

void check_node_judge(const struct check_node *node)
{
  size_t n = plug_mock_deliveries(node->host->mock);
  for (size_t i = 0; i < n; i++) {
    uint64_t interest;
    const struct plug_msg *msg = plug_mock_delivery(node->host->mock, i, &interest);
    if (!interest)
      continue;
    const struct check_want *want = find_want(node, interest);
    CHECK(node->run, want, "a message to %.*s is delivered under interest %llu, which there is not",
          (int)msg->topic.len, msg->topic.ptr, (unsigned long long)interest);
    CHECK(node->run, want->flags & PLUG_INTEREST_PATTERN || matches(want, msg->topic),
          "a message to %.*s is delivered under the interest of %s", (int)msg->topic.len,
          msg->topic.ptr, want->topic);
  }
}
