#include "mock_presence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum kind { JOIN, LEAVE, WATCH, LIST };

struct mock_presence_op {
  struct plug_op op; /* first: what comes for it finds the rest */
  struct mock_presence_op *next;
  struct mock_presence *mp;
  enum kind kind;
  bool old;     /* lost() has been called since */
  bool rejoins; /* all of them */
  struct mock_view *view;
  struct mock_user *users; /* LIST */
  size_t n_users, total, members, sum;
  unsigned n_totals;
  struct plug_position pos;
  struct plug_member *v;
  size_t n;
};

static struct mock_presence *all;

static struct plug_str str(const char *s)
{
  return (struct plug_str){s, strlen(s)};
}

static char *text_of(struct plug_str s)
{
  char *text = calloc(1, s.len + 1);
  assert_non_null(text);
  if (s.len > 0)
    memcpy(text, s.ptr, s.len);
  return text;
}

static struct mock_presence *of(const struct plug_host *host)
{
  for (struct mock_presence *mp = all; mp != NULL; mp = mp->next)
    if (&mp->h->host == host)
      return mp;
  return NULL;
}

static void free_users(struct mock_user *v, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    free(v[i].user);
    free(v[i].info);
  }
  free(v);
}

static void up_user(struct plug_op *op, struct plug_str user, struct plug_str info,
                    uint64_t members)
{
  struct mock_presence_op *list = (struct mock_presence_op *)op;
  assert_false(op->done);
  assert_int_equal(list->kind, LIST);
  assert_int_equal(list->n_totals, 0);
  assert_true(members > 0);
  if (list->n_users % 64 == 0) {
    list->users = realloc(list->users, (list->n_users + 64) * sizeof *list->users);
    assert_non_null(list->users);
  }
  list->users[list->n_users++] = (struct mock_user){text_of(user), text_of(info)};
  list->sum += members;
}

static void up_total(struct plug_op *op, uint64_t users, uint64_t members, struct plug_position pos)
{
  struct mock_presence_op *list = (struct mock_presence_op *)op;
  assert_false(op->done);
  assert_int_equal(list->n_totals++, 0);
  list->total = users;
  list->members = members;
  list->pos = pos;
}

struct mock_user *mock_view_user(struct mock_view *view, const char *user)
{
  for (size_t i = 0; i < view->n; i++)
    if (strcmp(view->v[i].user, user) == 0)
      return &view->v[i];
  return NULL;
}

static struct mock_view *find_view(struct mock_presence *mp, const char *topic)
{
  for (struct mock_view *view = mp->views; view != NULL; view = view->next)
    if (strcmp(view->topic, topic) == 0)
      return view;
  return NULL;
}

static void apply(struct mock_view *view, const struct plug_presence_change *c)
{
  char *user = text_of(c->user);
  struct mock_user *found = mock_view_user(view, user);
  if (c->kind == PLUG_PRESENCE_JOINED) {
    assert_null(found);
    view->v = realloc(view->v, (view->n + 1) * sizeof *view->v);
    assert_non_null(view->v);
    view->v[view->n++] = (struct mock_user){user, text_of(c->info)};
    user = NULL;
  } else {
    assert_non_null(found);
    char *info = text_of(c->info);
    assert_string_equal(info, found->info);
    free(info);
    free(found->user);
    free(found->info);
    *found = view->v[--view->n];
  }
  free(user);
  assert_int_equal(c->users, view->n);
  view->users = c->users;
  view->pos = c->pos;
}

static void up_changed(const struct plug_host *host, const struct plug_presence_change *c)
{
  struct mock_presence *mp = of(host);
  if (mp == NULL)
    return;
  char *topic = text_of(c->topic);
  struct mock_view *view = find_view(mp, topic);
  free(topic);
  assert_int_equal(c->size, sizeof *c);
  assert_true(c->user.len > 0);
  if (view == NULL)
    return;
  /* On a connection that holds there is no gap, and nothing comes twice. */
  if (view->heard.epoch == c->pos.epoch)
    assert_int_equal(c->pos.offset, view->heard.offset + 1);
  else if (view->heard.epoch != 0)
    assert_int_equal(c->pos.offset, 1);
  view->n_epochs += view->heard.epoch != c->pos.epoch;
  view->heard = c->pos;
  view->n_joined += c->kind == PLUG_PRESENCE_JOINED;
  view->n_left += c->kind == PLUG_PRESENCE_LEFT;
  if (!view->listed)
    return; /* the list under way is of later, or another follows */
  if (c->pos.epoch == view->pos.epoch && c->pos.offset <= view->pos.offset)
    return;
  bool first = view->pos.epoch == 0 && c->pos.offset == 1; /* nobody was ever there */
  if (first || (c->pos.epoch == view->pos.epoch && c->pos.offset == view->pos.offset + 1))
    apply(view, c);
  else
    view->listed = false;
}

static void up_lost(const struct plug_host *host)
{
  struct mock_presence *mp = of(host);
  if (mp == NULL)
    return;
  mp->n_lost++;
  mp->lost = true;
  for (struct mock_presence_op *op = mp->ops; op != NULL; op = op->next) {
    assert_true(op->op.done);
    op->old = true;
  }
  for (struct mock_view *view = mp->views; view != NULL; view = view->next) {
    view->watched = view->listed = false;
    view->heard = (struct plug_position){0};
  }
}

static const struct plug_broker_presence_up up_table = {.size = sizeof up_table,
                                                        .user = up_user,
                                                        .total = up_total,
                                                        .changed = up_changed,
                                                        .lost = up_lost};

void mock_presence_begin(void)
{
  mock_presence_up = &up_table;
}

void mock_presence_end(void)
{
  struct mock_presence *left = all;
  mock_presence_up = NULL;
  all = NULL; /* a test that failed shall not fail the next */
  assert_null(left);
}

struct mock_presence *mock_presence_new(struct mock_host *h)
{
  struct mock_presence *mp = calloc(1, sizeof *mp);
  assert_non_null(mp);
  assert_non_null(h->plugin->extension);
  mp->h = h;
  mp->ext = h->plugin->extension(h->self, PLUG_EXT_BROKER_PRESENCE);
  assert_non_null(mp->ext);
  assert_null(h->plugin->extension(h->self, "plug.broker.nothing/1"));
  mp->next = all;
  all = mp;
  return mp;
}

static void free_op(struct mock_presence_op *op)
{
  free_users(op->users, op->n_users);
  free(op->v);
  free(op);
}

void mock_presence_free(struct mock_presence *mp)
{
  struct mock_presence **link = &all;
  while (*link != mp)
    link = &(*link)->next;
  *link = mp->next;
  while (mp->ops != NULL) {
    struct mock_presence_op *op = mp->ops;
    mp->ops = op->next;
    if (!op->op.done)
      fail_msg("an operation was never completed");
    free_op(op);
  }
  while (mp->members != NULL) {
    struct mock_member *m = mp->members;
    mp->members = m->next;
    free(m->topic);
    free(m->member);
    free(m->user);
    free(m->info);
    free(m);
  }
  while (mp->views != NULL) {
    struct mock_view *view = mp->views;
    mp->views = view->next;
    free_users(view->v, view->n);
    free(view->topic);
    free(view);
  }
  free(mp);
}

static struct mock_presence_op *new_op(struct mock_presence *mp, enum kind kind, size_t n)
{
  struct mock_presence_op *op = calloc(1, sizeof *op);
  assert_non_null(op);
  op->v = calloc(n + 1, sizeof *op->v);
  assert_non_null(op->v);
  op->mp = mp;
  op->kind = kind;
  op->next = mp->ops;
  mp->ops = op;
  return op;
}

/* A status that is not PLUG_PENDING is as good as a completion. */
static void begun(struct mock_presence_op *op, plug_status status)
{
  if (status == PLUG_PENDING)
    return;
  assert_false(op->op.done);
  op->op.done = true;
  op->op.status = status;
}

static void send_members(struct mock_presence_op *op)
{
  struct mock_presence *mp = op->mp;
  begun(op,
        (op->kind == JOIN ? mp->ext->join : mp->ext->leave)(mp->h->self, op->v, op->n, &op->op));
}

static bool is_rejoining(const struct mock_presence *mp)
{
  for (const struct mock_presence_op *op = mp->ops; op != NULL; op = op->next)
    if (op->rejoins && !op->old)
      return true; /* perhaps done, and not looked at yet */
  return false;
}

static struct plug_member member_of(const struct mock_member *m)
{
  return (struct plug_member){str(m->topic), str(m->member), str(m->user), str(m->info)};
}

void mock_presence_join(struct mock_presence *mp, const char *topic, const char *member,
                        const char *user, const char *info)
{
  struct mock_member *m = calloc(1, sizeof *m);
  assert_non_null(m);
  *m = (struct mock_member){mp->members,  strdup(topic), strdup(member),
                            strdup(user), strdup(info),  true};
  mp->members = m;
  if (mp->lost && !is_rejoining(mp))
    return; /* it is joined with all others */
  struct mock_presence_op *op = new_op(mp, JOIN, 1);
  op->v[op->n++] = member_of(m);
  send_members(op);
}

void mock_presence_leave(struct mock_presence *mp, const char *topic, const char *member)
{
  struct mock_member *m = mp->members;
  while (m != NULL &&
         !(m->wanted && strcmp(m->topic, topic) == 0 && strcmp(m->member, member) == 0))
    m = m->next;
  assert_non_null(m);
  m->wanted = false;
  struct mock_presence_op *op = new_op(mp, LEAVE, 1);
  op->v[op->n++] = member_of(m);
  send_members(op);
}

static void send_watch(struct mock_presence *mp, struct mock_view *view)
{
  struct mock_presence_op *op = new_op(mp, WATCH, 0);
  op->view = view;
  begun(op, mp->ext->watch(mp->h->self, str(view->topic), &op->op));
}

static void relist(struct mock_presence *mp, struct mock_view *view)
{
  struct mock_presence_op *op = new_op(mp, LIST, 0);
  op->view = view;
  begun(op, mp->ext->list(mp->h->self, str(view->topic), &op->op));
}

struct mock_view *mock_presence_view(struct mock_presence *mp, const char *topic)
{
  struct mock_view *view = find_view(mp, topic);
  if (view != NULL)
    return view;
  view = calloc(1, sizeof *view);
  assert_non_null(view);
  view->topic = strdup(topic);
  view->next = mp->views;
  mp->views = view;
  return view;
}

void mock_presence_watch(struct mock_presence *mp, const char *topic)
{
  (void)mock_presence_view(mp, topic);
}

static bool has_op(const struct mock_presence *mp, enum kind kind, const struct mock_view *view)
{
  for (const struct mock_presence_op *op = mp->ops; op != NULL; op = op->next)
    if (op->kind == kind && op->view == view && !op->op.done)
      return true;
  return false;
}

static void take_list(struct mock_presence_op *op)
{
  struct mock_view *view = op->view;
  assert_int_equal(op->n_totals, 1);
  assert_int_equal(op->n_users, op->total);
  assert_int_equal(op->sum, op->members);
  free_users(view->v, view->n);
  view->v = op->users;
  view->n = op->n_users;
  view->users = op->total;
  view->members = op->members;
  view->pos = op->pos;
  view->n_lists++;
  /* What was heard while it was not listed may be of later. */
  view->listed = view->heard.epoch == 0 ||
                 (view->heard.epoch == view->pos.epoch && view->heard.offset <= view->pos.offset);
  op->users = NULL;
  op->n_users = 0;
}

static void take(struct mock_presence_op *op)
{
  struct mock_presence *mp = op->mp;
  plug_status status = op->op.status;
  mp->last_status = status;
  memcpy(mp->last_detail, op->op.detail, sizeof mp->last_detail);
  if (op->old && op->kind != LIST)
    return;
  if (op->kind == JOIN && status != PLUG_OK)
    mp->refused = true;
  if (op->kind == JOIN && op->rejoins && status == PLUG_OK) {
    mp->lost = false;
    mp->n_restored++;
    mp->ext->restored(mp->h->self);
  }
  if (op->kind == WATCH)
    op->view->watched = status == PLUG_OK;
  if (op->kind == LIST && status == PLUG_OK && !op->old)
    take_list(op);
}

static void join_all(struct mock_presence *mp)
{
  size_t n = 0;
  for (struct mock_member *m = mp->members; m != NULL; m = m->next)
    n += m->wanted;
  struct mock_presence_op *op = new_op(mp, JOIN, n);
  op->rejoins = true;
  for (struct mock_member *m = mp->members; m != NULL; m = m->next)
    if (m->wanted)
      op->v[op->n++] = member_of(m);
  send_members(op);
}

static bool pump_one(struct mock_presence *mp)
{
  for (struct mock_presence_op **link = &mp->ops; *link != NULL;) {
    struct mock_presence_op *op = *link;
    if (!op->op.done) {
      link = &op->next;
      continue;
    }
    *link = op->next;
    take(op);
    free_op(op);
    link = &mp->ops; /* it may have made others */
  }
  if (mp->h->state != PLUG_STATE_UP)
    return false;
  if (mp->lost && !mp->holds_back && !is_rejoining(mp))
    join_all(mp);
  bool calm = !mp->lost;
  for (struct mock_view *view = mp->views; view != NULL; view = view->next) {
    if (!view->watched && !has_op(mp, WATCH, view))
      send_watch(mp, view);
    else if (view->watched && !view->listed && !has_op(mp, LIST, view))
      relist(mp, view);
    calm = calm && view->watched && view->listed;
  }
  return calm && mp->ops == NULL;
}

bool mock_presence_pump(void)
{
  bool calm = true;
  for (struct mock_presence *mp = all; mp != NULL; mp = mp->next)
    calm = pump_one(mp) && calm;
  return calm;
}

plug_status mock_presence_list(struct mock_presence *mp, const char *topic)
{
  struct mock_view *view = mock_presence_view(mp, topic);
  MOCK_WAIT(mp->h->loop, 10000, (mock_presence_pump(), view->watched && !has_op(mp, LIST, view)));
  unsigned before = view->n_lists;
  relist(mp, view);
  MOCK_WAIT(mp->h->loop, 10000, (mock_presence_pump(), !has_op(mp, LIST, view)));
  return view->n_lists > before ? PLUG_OK : mp->last_status;
}
