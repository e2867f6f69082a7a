/* SPDX-License-Identifier: MIT
 *
 * B13: a broker that keeps who is in which room, "plug.broker.presence/1". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <plugboard/ext/presence.h>

#include "base/clock.h"
#include "check_node.h"

enum { MAX_SEEN = 64 };

/* One node, with what its broker has told it. */
struct side {
  struct check_node *node;
  const struct plug_broker_presence *table;
  void *self;
  struct {
    uint32_t kind;
    char user[16];
    uint64_t users;
    struct plug_position pos;
  } changes[MAX_SEEN];
  size_t n_changes;
  struct {
    char user[16];
    uint64_t members;
  } listed[MAX_SEEN];
  size_t n_listed, n_totals, n_lost;
  uint64_t users, members;
  struct plug_position pos;
};

static struct side sides[2];
static char room[64];

static struct side *side_of(const struct plug_mock *mock)
{
  const struct check_host *host = mock->kit_data;
  return host->presence_arg;
}

static void put(char out[16], struct plug_str text)
{
  snprintf(out, 16, "%.*s", (int)text.len, text.ptr);
}

static void up_user(struct plug_op *op, struct plug_str user, struct plug_str info,
                    uint64_t members) PLUG_NOEXCEPT
{
  struct side *side = side_of(op->mock);
  (void)info;
  if (side->n_listed == MAX_SEEN)
    return;
  put(side->listed[side->n_listed].user, user);
  side->listed[side->n_listed++].members = members;
}

static void up_total(struct plug_op *op, uint64_t users, uint64_t members,
                     struct plug_position pos) PLUG_NOEXCEPT
{
  struct side *side = side_of(op->mock);
  side->n_totals++;
  side->users = users;
  side->members = members;
  side->pos = pos;
}

static void up_changed(const struct plug_host *host,
                       const struct plug_presence_change *change) PLUG_NOEXCEPT
{
  struct side *side = side_of(mock_of(host));
  if (side->n_changes == MAX_SEEN || !plug_mock_is(change->topic, room))
    return;
  /* Each at least once: one that comes again is not another. */
  for (size_t i = 0; i < side->n_changes; i++)
    if (side->changes[i].pos.epoch == change->pos.epoch &&
        side->changes[i].pos.offset == change->pos.offset)
      return;
  side->changes[side->n_changes].kind = change->kind;
  put(side->changes[side->n_changes].user, change->user);
  side->changes[side->n_changes].users = change->users;
  side->changes[side->n_changes++].pos = change->pos;
}

static void up_lost(const struct plug_host *host) PLUG_NOEXCEPT
{
  side_of(mock_of(host))->n_lost++;
}

static const struct plug_broker_presence_up up = {
    .size = sizeof up, .user = up_user, .total = up_total, .changed = up_changed, .lost = up_lost};

static void begin(struct check_run *run, struct side *side, const char *name)
{
  const struct plug_plugin *plugin = check_plugin(run);
  struct check_making making = {.presence_up = &up, .presence_arg = side};
  side->node = check_node_make(run, name, &making);
  side->self = side->node->host->mock->self;
  if (plugin->extension)
    side->table = plugin->extension(side->self, PLUG_EXT_BROKER_PRESENCE);
  if (!side->table)
    check_not(run, "it has no " PLUG_EXT_BROKER_PRESENCE);
  const struct plug_broker_presence *t = side->table;
  CHECK(run,
        t->size >= sizeof *t && t->join && t->leave && t->watch && t->unwatch && t->list &&
            t->restored,
        "the table of " PLUG_EXT_BROKER_PRESENCE " is not complete");
}

typedef plug_status (*move_fn)(void *self, const struct plug_member *v, size_t n,
                               struct plug_op *op) PLUG_NOEXCEPT;

/* "ann/1": the user and the session. */
static void move(struct side *side, const char *what, move_fn fn, const char *const *who, size_t n)
{
  struct check_host *host = side->node->host;
  struct plug_member batch[8];
  for (size_t i = 0; i < n; i++) {
    struct plug_str user = {who[i], strcspn(who[i], "/")};
    batch[i] = (struct plug_member){
        check_lend_str(host, plug_mock_str(room), "the topic of a member"),
        check_lend_str(host, plug_mock_str(who[i]), "the name of a member"),
        check_lend_str(host, user, "the user of a member"),
        check_lend_str(host, plug_mock_str("{\"name\":\"x\"}"), "the info of a member")};
  }
  const struct plug_member *lent = check_lend(host, batch, n * sizeof *batch, "members");
  struct plug_op *op = check_op(host, 10000);
  plug_status status;
  CHECK_CALL(host, what, status = fn(side->self, lent, n, op));
  status = check_wait(host, op, status);
  check_take_all_back(host);
  CHECK(side->node->run, status == PLUG_OK, "%s of %s and %zu more ends with %d", what, who[0],
        n - 1, status);
}

static void watch(struct side *side)
{
  struct check_host *host = side->node->host;
  struct plug_op *op = check_op(host, 10000);
  struct plug_str topic = check_lend_str(host, plug_mock_str(room), "the topic of a watch");
  plug_status status;
  CHECK_CALL(host, "watch", status = side->table->watch(side->self, topic, op));
  status = check_wait(host, op, status);
  check_take_all_back(host);
  CHECK(side->node->run, status == PLUG_OK, "watch ends with %d", status);
}

static void list(struct side *side, uint64_t users, uint64_t members)
{
  struct check_run *run = side->node->run;
  struct check_host *host = side->node->host;
  struct plug_op *op = check_op(host, 10000);
  struct plug_str topic = check_lend_str(host, plug_mock_str(room), "the topic of a list");
  plug_status status;
  uint64_t sum = 0;
  side->n_listed = side->n_totals = 0;
  CHECK_CALL(host, "list", status = side->table->list(side->self, topic, op));
  status = check_wait(host, op, status);
  check_take_all_back(host);
  CHECK(run, status == PLUG_OK, "list ends with %d", status);
  CHECK(run, side->n_totals == 1, "list calls total %zu times", side->n_totals);
  for (size_t i = 0; i < side->n_listed; i++)
    sum += side->listed[i].members;
  CHECK(run, side->users == users && side->n_listed == users,
        "list gives %zu users and a total of %llu where there are %llu", side->n_listed,
        (unsigned long long)side->users, (unsigned long long)users);
  CHECK(run, side->members == members && sum == members,
        "list gives users with %llu members and a total of %llu where there are %llu",
        (unsigned long long)sum, (unsigned long long)side->members, (unsigned long long)members);
}

struct expected {
  struct side *side;
  size_t n;
};

static bool have_come(void *arg)
{
  const struct expected *expected = arg;
  return expected->side->n_changes >= expected->n;
}

/* The nth change from now on, counted from 1. */
static void expect(struct side *side, size_t n, uint32_t kind, const char *user, uint64_t users,
                   unsigned within_ms)
{
  struct check_node *nodes[2] = {side->node, NULL};
  struct check_run *run = side->node->run;
  struct expected expected = {side, n};
  CHECK(run, check_nodes_until(nodes, 1, have_come, &expected, within_ms),
        "the change '%s %s' has not come within %u ms", user,
        kind == PLUG_PRESENCE_JOINED ? "joined" : "left", within_ms);
  CHECK(run, side->changes[n - 1].kind == kind && strcmp(side->changes[n - 1].user, user) == 0,
        "change %zu is '%s %s' where it should be '%s %s'", n, side->changes[n - 1].user,
        side->changes[n - 1].kind == PLUG_PRESENCE_JOINED ? "joined" : "left", user,
        kind == PLUG_PRESENCE_JOINED ? "joined" : "left");
  CHECK(run, side->changes[n - 1].users == users,
        "'%s %s' says that there are %llu users, not %llu", user,
        kind == PLUG_PRESENCE_JOINED ? "joined" : "left",
        (unsigned long long)side->changes[n - 1].users, (unsigned long long)users);
  if (n > 1)
    CHECK(run,
          side->changes[n - 1].pos.epoch == side->changes[n - 2].pos.epoch &&
              side->changes[n - 1].pos.offset == side->changes[n - 2].pos.offset + 1,
          "change %zu is not numbered as the one after change %zu: %llu after %llu", n, n - 1,
          (unsigned long long)side->changes[n - 1].pos.offset,
          (unsigned long long)side->changes[n - 2].pos.offset);
}

static void quiet(struct side *side, size_t n)
{
  check_nodes_settle(&side->node, 1);
  CHECK(side->node->run, side->n_changes == n,
        "'%s %s' is told, and nothing of the kind has happened", side->changes[n].user,
        side->changes[n].kind == PLUG_PRESENCE_JOINED ? "joined" : "left");
}

static void b13(struct check_run *run)
{
  static const char *const all[] = {"ann/1", "ann/2", "bob/3"}, *const cid[] = {"cid/4"};
  struct side *a = &sides[0], *b = &sides[1];
  bool cross = check_broker(run)->caps & PLUG_CAP_CROSS_NODE;
  snprintf(room, sizeof room, "/topic/check/room-%d-%llu", (int)getpid(),
           (unsigned long long)clock_now_us());
  begin(run, a, "node-1");
  watch(a);
  list(a, 0, 0);
  move(a, "join", a->table->join, all, 3);
  expect(a, 1, PLUG_PRESENCE_JOINED, "ann", 1, 10000);
  expect(a, 2, PLUG_PRESENCE_JOINED, "bob", 2, 10000);
  list(a, 2, 3);
  CHECK(run, a->pos.epoch == a->changes[1].pos.epoch && a->pos.offset == a->changes[1].pos.offset,
        "the position of a list is not that of the last change in it");
  move(a, "join", a->table->join, all, 2); /* they are there already */
  quiet(a, 2);
  list(a, 2, 3);
  move(a, "leave", a->table->leave, all, 1); /* ann is there by another session */
  quiet(a, 2);
  list(a, 2, 2);
  move(a, "leave", a->table->leave, all + 1, 1);
  expect(a, 3, PLUG_PRESENCE_LEFT, "ann", 1, 10000);
  move(a, "leave", a->table->leave, all, 2); /* they have gone already */
  quiet(a, 3);
  list(a, 1, 1);
  if (cross) {
    begin(run, b, "node-2");
    move(b, "join", b->table->join, cid, 1);
    expect(a, 4, PLUG_PRESENCE_JOINED, "cid", 2, 10000);
    list(b, 2, 2);
    /* From here nothing of node-2 runs any more, as if it had died. */
    expect(a, 5, PLUG_PRESENCE_LEFT, "cid", 1, 60000);
    list(a, 1, 1);
    b->node->wall_ms = clock_now_ms();
    check_node_end(b->node, 0);
  }
  move(a, "leave", a->table->leave, all + 2, 1);
  expect(a, cross ? 6 : 4, PLUG_PRESENCE_LEFT, "bob", 0, 10000);
  list(a, 0, 0);
  check_node_end(a->node, 0);
}

static const struct check checks[] = {
    {"B13", "presence is counted, numbered, and forgotten with its node",
     "For brokers with plug.broker.presence/1: members join, join twice, leave, leave twice. A "
     "user joins with the first member and leaves with the last; each change is told once, with "
     "the count after it, numbered without a gap; a list has the position of its last change. Of "
     "two nodes, one then does nothing any more: its members have to go within a minute (give the "
     "plugin a short time to live in --config).",
     120, b13},
};

const struct check_group check_group_presence = CHECK_GROUP("B", "brokers with presence", checks);
