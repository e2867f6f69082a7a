/* Group S: an instance is replaced by another of the same file while it is used, as the server
 * does it: the new one is started beside the old one, is given the interests, then the work; the
 * old one is drained, stopped and destroyed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "check_ask.h"
#include "check_claim.h"
#include "check_node.h"

enum { TOPICS = 3, MAX_MESSAGES = 512 };

static const char *const topics[TOPICS] = {"/topic/check/1", "/topic/check/2", "/topic/check/3"};

/* A broker under load, on the way from one instance to the next. */
struct load {
  struct check_run *run;
  struct check_node *nodes[3]; /* the first, the second, and who hears it where there is no echo */
  size_t n_nodes;
  struct check_node *current;
  struct plug_op *ops[MAX_MESSAGES];
  plug_status returned[MAX_MESSAGES];
  size_t n;
};

static void name_of(size_t i, char out[32])
{
  snprintf(out, 32, "swap %zu", i);
}

/* Nobody waits for one before the next is published. */
static void publish_some(struct load *load, size_t n, bool turns)
{
  char payload[32];
  for (; n > 0 && load->n < MAX_MESSAGES; n--, load->n++) {
    struct check_host *host = load->current->host;
    name_of(load->n, payload);
    load->ops[load->n] = check_op(host, 10000);
    load->returned[load->n] =
        check_publish_op(host, topics[load->n % TOPICS], str_of(payload), load->ops[load->n]);
    if (load->returned[load->n] != PLUG_PENDING)
      check_op_returned(load->ops[load->n], load->returned[load->n]);
    if (turns && load->n % 4 == 0)
      check_nodes_turn(load->nodes, load->n_nodes);
  }
}

static void await_published(struct load *load)
{
  for (size_t i = 0; i < load->n; i++) {
    plug_status status = load->returned[i];
    if (status == PLUG_PENDING)
      status = check_wait(load->ops[i]->mock->kit_data, load->ops[i], status);
    CHECK(load->run, status == PLUG_OK || status == PLUG_EAGAIN,
          "message %zu was published while an instance was being replaced, and ends with %d", i,
          status);
  }
  for (size_t i = 0; i < load->n_nodes; i++)
    load->nodes[i]->wall_ms = clock_now_ms();
}

static size_t count_at(const struct check_node *node, size_t message)
{
  char payload[32];
  name_of(message, payload);
  /* The interests are the first that each of them was given. */
  return node->n_wants ? check_node_count(node, message % TOPICS, str_of(payload)) : 0;
}

static size_t lost_of(const struct load *load)
{
  for (size_t i = 0; i < load->n; i++) {
    size_t count = 0;
    for (size_t k = 0; k < load->n_nodes; k++)
      count += count_at(load->nodes[k], i);
    if (!count)
      return i;
  }
  return load->n;
}

static bool none_is_lost(void *arg)
{
  const struct load *load = arg;
  return lost_of(load) == load->n;
}

static void retire(struct load *load, struct check_node *node)
{
  struct check_run *run = load->run;
  plug_status status = check_drain(node->host);
  CHECK(run, status == PLUG_OK, "drain of the old instance ends with %d", status);
  publish_some(load, 10, true);
  status = check_stop(node->host);
  CHECK(run, status == PLUG_OK, "stop of the old instance ends with %d", status);
  publish_some(load, 10, true);
  check_destroy(node->host);
  check_no_breach(node->host,
                  CHECK_BREACH(MOCK_LEFT) | CHECK_BREACH(MOCK_STOPPED) | CHECK_BREACH(MOCK_OP),
                  "the old instance, replaced under load");
}

static void swap_under_load(struct check_run *run, struct load *load)
{
  bool echo = check_broker(run)->caps & PLUG_CAP_ECHO;
  if (!echo && !(check_broker(run)->caps & PLUG_CAP_CROSS_NODE))
    check_not(run, "nothing is ever delivered: neither PLUG_CAP_ECHO nor PLUG_CAP_CROSS_NODE");
  *load = (struct load){.run = run};
  struct check_node *old = check_node_start(run, "node-1", NULL);
  load->nodes[load->n_nodes++] = load->current = old;
  if (!echo)
    load->nodes[load->n_nodes++] = check_node_start(run, "node-2", NULL);
  for (size_t i = 0; i < load->n_nodes; i++)
    check_node_want(load->nodes[i], topics, TOPICS, 0);
  publish_some(load, 60, true);
  struct check_node *new = check_node_start(run, "node-1", NULL);
  load->nodes[load->n_nodes++] = new;
  publish_some(load, 20, true);
  check_node_want(new, topics, TOPICS, 0);
  publish_some(load, 20, true);  /* the overlap: both have the interests */
  publish_some(load, 10, false); /* on the way while it is drained */
  size_t by_old = load->n;
  load->current = new;
  publish_some(load, 5, false);
  retire(load, old);
  size_t last = load->n;
  publish_some(load, 60, true);
  await_published(load);
  /* The old one stays where it can be counted, and does nothing any more. */
  struct check_node *living[2] = {new, NULL};
  size_t n_living = 1;
  if (!echo)
    living[n_living++] = load->nodes[1];
  check_nodes_until(living, n_living, none_is_lost, load, 10000);
  check_nodes_settle(living, n_living);
  size_t lost = lost_of(load);
  CHECK(run, lost == load->n, "message %zu of %zu, published %s, has been lost", lost, load->n,
        lost < by_old ? "by the old instance"
        : lost < last ? "by the new one while the old one was going"
                      : "by the new one when the old one had gone");
  for (size_t i = 0; i < load->n; i++)
    for (size_t k = 0; k < load->n_nodes; k++)
      CHECK(run, count_at(load->nodes[k], i) <= 1, "message %zu has come %zu times at one instance",
            i, count_at(load->nodes[k], i));
}

/* ---- S1 ---- */

/* An auth plugin: who was let in by the old one stays in, and is told to it when he goes. */
static void swap_auth(struct check_run *run)
{
  struct ask_credentials right;
  struct ask_outcome early, late;
  struct plug_decision decision;
  struct check_host *old = ask_start(run, false);
  if (!ask_right(run, &right))
    check_not(run, "needs somebody who is let in: login and passcode, or header, in [check]");
  ask_authenticate(old, 1, &right, NULL, &early);
  CHECK(run, early.verdict.status == PLUG_ALLOW, "nobody is let in: %d", early.verdict.status);
  plug_status before = ask_authorize(old, &early, PLUG_SUBSCRIBE, "/topic/check", &decision);
  struct check_host *new = ask_start(run, false);
  ask_authenticate(new, 2, &right, NULL, &late);
  CHECK(run, late.verdict.status == PLUG_ALLOW,
        "an instance that is started beside another lets nobody in: %d", late.verdict.status);
  plug_status after = ask_authorize(old, &early, PLUG_SUBSCRIBE, "/topic/check", &decision);
  CHECK(run, before == after, "beside a new instance the old one decides %d, and did %d", after,
        before);
  ask_end(old, &early);
  check_drain(old);
  check_stop(old);
  check_destroy(old);
  check_free(old);
  after = ask_authorize(new, &late, PLUG_SUBSCRIBE, "/topic/check", &decision);
  CHECK(run, before == after, "when the old instance has gone the new one decides %d, and not %d",
        after, before);
  ask_end(new, &late);
  check_end(new);
}

/* An application: each answers what it was asked, the new one as the old one did. */
static void swap_app(struct check_run *run)
{
  struct check_host *old = claim_start(run, false, NULL);
  struct claim_request request;
  struct claim_outcome outcomes[2];
  char expected[512], got[512];
  for (size_t i = 0; claim_next(old, &i, &request);) {
    plug_status returned;
    claim_request(old, &request, &outcomes[0]);
    claim_describe(&outcomes[0], expected, sizeof expected);
    /* Open while the new one comes. */
    struct plug_op *op = claim_begin(old, &request, &outcomes[0], &returned);
    struct check_host *new = claim_start(run, false, NULL);
    claim_request(new, &request, &outcomes[1]);
    claim_describe(&outcomes[1], got, sizeof got);
    CHECK(run, strcmp(got, expected) == 0, "the old instance answers with %s; the new one with %s",
          expected, got);
    claim_finish(old, op, returned, &outcomes[0]);
    check_end(old);
    claim_request(new, &request, &outcomes[1]);
    claim_describe(&outcomes[1], got, sizeof got);
    CHECK(run, strcmp(got, expected) == 0,
          "the old instance answered with %s; the new one, when it is alone, with %s", expected,
          got);
    old = new;
  }
  check_end(old);
}

static void s1(struct check_run *run)
{
  static struct load load;
  const struct plug_plugin *plugin = check_plugin(run);
  if (plugin->auth)
    swap_auth(run);
  if (plugin->app && plugin->app->request)
    swap_app(run);
  if (!plugin->broker)
    return;
  swap_under_load(run, &load);
  check_say(run, "%zu messages, none lost", load.n);
}

/* ---- S2 ---- */

enum { MAX_REFUSED = 60 };

static void still_works(struct check_run *run, struct check_node *node, size_t want, unsigned k,
                        const char *how)
{
  char payload[32];
  snprintf(payload, sizeof payload, "after %u", k);
  plug_status status = check_node_publish(node, topics[0], payload);
  CHECK(run, status == PLUG_OK || status == PLUG_EAGAIN,
        "when a new instance has failed in %s, publish of the old one ends with %d", how, status);
  struct check_pair pair = {.run = run, .nodes = {node}, .n = 1, .from = node, .to = node};
  if (check_broker(run)->caps & PLUG_CAP_ECHO)
    CHECK(run, check_pair_await(&pair, want, payload) == 1,
          "when a new instance has failed in %s, the old one does not deliver a message once", how);
}

/* The nth allocation of the host fails for the new one. True: it did not need so many. */
static bool refuse_one(struct check_run *run, unsigned k, const char **how)
{
  struct plug_err err;
  struct check_host *new = check_try_create(run, NULL, NULL, k, &err);
  *how = "create";
  if (!new)
    return false;
  *how = "start";
  check_start_it(new);
  bool enough = new->n_allocs < k;
  check_stop(new);
  check_destroy(new);
  check_free(new);
  return enough;
}

static void s2(struct check_run *run)
{
  const struct plug_plugin *plugin = check_plugin(run);
  const char *how;
  unsigned k = 1;
  if (plugin->broker) {
    struct check_node *old = check_node_start(run, "node-1", NULL);
    size_t want = check_node_want(old, topics, TOPICS, 0);
    for (bool enough = false; !enough && k <= MAX_REFUSED; k++) {
      enough = refuse_one(run, k, &how);
      old->wall_ms = clock_now_ms();
      still_works(run, old, want, k, how);
    }
    check_node_end(old, CHECK_BREACH(MOCK_LEFT) | CHECK_BREACH(MOCK_OP));
  } else if (plugin->auth) {
    struct ask_credentials right;
    struct ask_outcome before, after;
    struct check_host *old = ask_start(run, false);
    if (!ask_right(run, &right))
      check_not(run, "needs somebody who is let in: login and passcode, or header, in [check]");
    ask_authenticate(old, 1, &right, NULL, &before);
    for (bool enough = false; !enough && k <= MAX_REFUSED; k++) {
      enough = refuse_one(run, k, &how);
      ask_authenticate(old, 1 + k, &right, NULL, &after);
      CHECK(run, after.verdict.status == before.verdict.status,
            "when a new instance has failed in %s, the old one answers %d, and not %d", how,
            after.verdict.status, before.verdict.status);
      if (after.verdict.status == PLUG_ALLOW)
        ask_end(old, &after);
    }
    if (before.verdict.status == PLUG_ALLOW)
      ask_end(old, &before);
    check_end(old);
  } else {
    struct check_host *old = claim_start(run, false, NULL);
    struct claim_request request;
    struct claim_outcome outcome;
    char before[512], after[512];
    size_t i = 0;
    if (!claim_next(old, &i, &request))
      check_not(run, "with these options it claims nothing, or only what has expressions");
    claim_request(old, &request, &outcome);
    claim_describe(&outcome, before, sizeof before);
    for (bool enough = false; !enough && k <= MAX_REFUSED; k++) {
      enough = refuse_one(run, k, &how);
      claim_request(old, &request, &outcome);
      claim_describe(&outcome, after, sizeof after);
      CHECK(run, strcmp(before, after) == 0,
            "when a new instance has failed in %s, the old one answers with %s, and not with %s",
            how, after, before);
    }
    check_end(old);
  }
  check_say(run, "%u new instances have failed", k - 2);
}

/* ---- S3 ---- */

static void s3(struct check_run *run)
{
  static struct load load;
  if (!(check_broker(run)->caps & PLUG_CAP_ECHO))
    check_not(run, "without PLUG_CAP_ECHO no message comes to two instances of one node");
  swap_under_load(run, &load);
  const struct plug_mock *old = load.nodes[0]->host->mock, *new = load.nodes[1]->host->mock;
  size_t n_old = plug_mock_deliveries(old), n_new = plug_mock_deliveries(new), n_both = 0;
  for (size_t i = 0; i < n_old; i++) {
    const struct plug_msg *a = plug_mock_delivery(old, i, NULL);
    for (size_t k = 0; k < n_new; k++) {
      const struct plug_msg *b = plug_mock_delivery(new, k, NULL);
      if (!str_eq(a->payload, b->payload))
        continue;
      n_both++;
      CHECK(run, a->id == b->id && str_eq(a->origin, b->origin),
            "'%.*s' has come to both instances, with the ids %llu and %llu and the origins %.*s "
            "and %.*s: it cannot be seen that it is one message",
            (int)a->payload.len, a->payload.ptr, (unsigned long long)a->id,
            (unsigned long long)b->id, (int)a->origin.len, a->origin.ptr, (int)b->origin.len,
            b->origin.ptr);
    }
  }
  if (!n_both)
    check_not(run, "each message comes to one of the two instances");
  check_say(run, "%zu messages have come to both instances, and can be told", n_both);
}

/* ---- S4 ---- */

enum { SWAPS_BEFORE = 20, SWAPS_HALF = 40 };

static struct check_host *swap_on(struct check_run *run, struct check_host *old, int times)
{
  for (int i = 0; i < times; i++) {
    struct check_host *new = check_create(run, NULL);
    plug_status status = check_start_it(new);
    CHECK(run, status == PLUG_OK, "start number %d beside another instance ends with %d", i + 1,
          status);
    check_exercise(old);
    check_exercise(new);
    check_end(old);
    check_exercise(new);
    old = new;
  }
  return old;
}

static size_t settled_threads(size_t wanted)
{
  size_t n;
  for (int i = 0; (n = check_count_threads()) > wanted && i < 100; i++)
    usleep(10000);
  return n;
}

static void s4(struct check_run *run)
{
  struct check_host *host = check_create(run, NULL);
  size_t bytes[3];
  CHECK(run, check_start_it(host) == PLUG_OK, "start fails");
  host = swap_on(run, host, SWAPS_BEFORE);
  usleep(50000);
  size_t threads = check_count_threads(), fds = check_count_fds();
  bytes[0] = check_count_bytes();
  for (int i = 1; i < 3; i++) {
    host = swap_on(run, host, SWAPS_HALF);
    settled_threads(threads);
    bytes[i] = check_count_bytes();
  }
  size_t now = settled_threads(threads);
  CHECK(run, now <= threads, "%zu threads more after %d swaps", now - threads, 2 * SWAPS_HALF);
  CHECK(run, check_count_fds() <= fds + 2, "%zu descriptors more after %d swaps",
        check_count_fds() - fds, 2 * SWAPS_HALF);
  size_t least = SWAPS_HALF * 16;
  CHECK(run, bytes[1] < bytes[0] + least || bytes[2] < bytes[1] + least,
        "%zu bytes more after %d swaps, and %zu after %d more", bytes[1] - bytes[0], SWAPS_HALF,
        bytes[2] - bytes[1], SWAPS_HALF);
  check_end(host);
  check_say(run, "%d swaps, %zu bytes more, no descriptor, no thread",
            SWAPS_BEFORE + 2 * SWAPS_HALF, bytes[2] > bytes[0] ? bytes[2] - bytes[0] : 0);
}

static const struct check checks[] = {
    {"S1", "an instance is replaced while it is used, and nothing is lost",
     "A second instance is started beside the first, of the same node and with the same options. A "
     "broker is given the interests again, the messages go on by the new one, the old one is "
     "drained, stopped and destroyed while they do: each message arrives, at the old one or the "
     "new one, and at neither twice. Sessions that the old instance of an auth plugin has let in "
     "are judged by it until they end; an application answers what it was asked, and the new one "
     "answers the same. What instances share, a variable of the file or a name at the backend, "
     "breaks here.",
     120, s1},
    {"S2", "a new instance that fails leaves the old one as it was",
     "Beside an instance that is used others are created and started for which one allocation of "
     "the host fails, each time the next one; they are stopped, destroyed, and the old one must go "
     "on as if they had never been.",
     120, s2},
    {"S3", "what comes to both instances in the overlap can be told to be one",
     "As S1; the messages that have come to the old and to the new instance have the same origin "
     "and id at both, by which the server drops the second. Does not apply where each comes to one "
     "alone.",
     120, s3},
    {"S4", "a hundred swaps leave nothing behind",
     "A hundred times an instance is started beside another and used with it before that one is "
     "stopped. Afterwards there are no more threads and descriptors than after the first twenty "
     "times, and memory has not grown swap for swap.",
     240, s4},
};

const struct check_group check_group_swap = CHECK_GROUP("S", "replaced while it is used", checks);
