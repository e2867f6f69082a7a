/* broker-memory's table of members against a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "presence_table.h"

#define TOPICS   3
#define SESSIONS 20
#define USERS    7

struct world {
  struct presence_table table;
  bool there[TOPICS][SESSIONS];
  uint64_t last_users[TOPICS], n_changes;
  struct plug_position last[TOPICS];
};

static uint64_t seed;

static uint32_t roll(uint32_t below)
{
  seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(seed >> 33) % below;
}

static void on_changed(void *ctx, const struct plug_presence_change *change)
{
  struct world *w = ctx;
  size_t t = (size_t)(change->topic.ptr[0] - 'a');
  assert_int_equal(change->pos.epoch, w->last[t].epoch);
  assert_int_equal(change->pos.offset, w->last[t].offset + 1);
  uint64_t expected = w->last_users[t] + (change->kind == PLUG_PRESENCE_JOINED ? 1 : (uint64_t)-1);
  assert_int_equal(change->users, expected);
  w->last_users[t] = change->users;
  w->last[t] = change->pos;
  w->n_changes++;
}

static void on_user(void *ctx, struct plug_str user, struct plug_str info, uint64_t members)
{
  uint64_t *n = ctx;
  assert_int_equal(user.len, 1);
  assert_int_equal(info.len, 4);
  assert_true(members > 0);
  n[0]++;
  n[1] += members;
}

static struct plug_member member_of(size_t topic, size_t session, char text[4])
{
  text[0] = (char)('a' + topic);
  text[1] = (char)('A' + session);
  text[2] = (char)('0' + session % USERS);
  return (struct plug_member){
      .topic = {text, 1}, .member = {text + 1, 1}, .user = {text + 2, 1}, .info = {"info", 4}};
}

static void check(struct world *w, size_t t)
{
  bool users[USERS] = {false};
  uint64_t n_users = 0, n_members = 0, seen[2] = {0, 0};
  char name = (char)('a' + t);
  for (size_t s = 0; s < SESSIONS; s++) {
    n_members += w->there[t][s];
    users[s % USERS] |= w->there[t][s];
  }
  for (size_t u = 0; u < USERS; u++)
    n_users += users[u];
  struct presence_total total =
      presence_table_list(&w->table, (struct plug_str){&name, 1}, on_user, seen);
  assert_int_equal(total.users, n_users);
  assert_int_equal(total.members, n_members);
  assert_int_equal(seen[0], n_users);
  assert_int_equal(seen[1], n_members);
  assert_int_equal(w->last_users[t], n_users);
  assert_int_equal(total.pos.offset, w->last[t].offset);
}

static void random_schedules_fit_the_model(void **state)
{
  (void)state;
  for (seed = 1; seed < 10; seed++) {
    uint64_t own = seed;
    struct world w = {.n_changes = 0};
    presence_table_init(&w.table, on_changed, &w);
    for (size_t t = 0; t < TOPICS; t++) {
      char name = (char)('a' + t);
      assert_int_equal(presence_table_watch(&w.table, (struct plug_str){&name, 1}), PLUG_OK);
      w.last[t] = presence_table_list(&w.table, (struct plug_str){&name, 1}, on_user, NULL).pos;
    }
    for (int i = 0; i < 5000; i++) {
      struct plug_member v[5];
      char text[5][4];
      size_t n = roll(6), t = roll(TOPICS);
      bool joins = roll(2);
      for (size_t k = 0; k < n; k++) {
        size_t topic = roll(TOPICS), session = roll(SESSIONS);
        v[k] = member_of(topic, session, text[k]);
        w.there[topic][session] = joins;
      }
      if (joins)
        assert_int_equal(presence_table_join(&w.table, v, n), PLUG_OK);
      else
        presence_table_leave(&w.table, v, n);
      check(&w, t);
    }
    assert_true(w.n_changes > 1000);
    presence_table_fini(&w.table);
    seed = own;
  }
}

static void a_room_that_comes_again_has_another_epoch(void **state)
{
  struct world w = {.n_changes = 0};
  struct plug_str name = {"a", 1};
  char text[4];
  struct plug_member member = member_of(0, 0, text);
  uint64_t seen[2] = {0, 0};
  (void)state;
  presence_table_init(&w.table, on_changed, &w);
  assert_int_equal(presence_table_list(&w.table, name, on_user, seen).pos.epoch, 0);
  assert_int_equal(presence_table_join(&w.table, &member, 1), PLUG_OK);
  struct plug_position first = presence_table_list(&w.table, name, on_user, seen).pos;
  assert_true(first.epoch > 0);
  assert_int_equal(first.offset, 1);
  assert_int_equal(presence_table_join(&w.table, &member, 1), PLUG_OK); /* there already */
  assert_int_equal(presence_table_list(&w.table, name, on_user, seen).pos.offset, 1);
  presence_table_leave(&w.table, &member, 1);
  presence_table_leave(&w.table, &member, 1);
  assert_int_equal(w.table.topics.n, 0);
  assert_int_equal(presence_table_watch(&w.table, name), PLUG_OK);
  assert_true(presence_table_list(&w.table, name, on_user, seen).pos.epoch > first.epoch);
  presence_table_unwatch(&w.table, name);
  presence_table_unwatch(&w.table, name);
  assert_int_equal(w.table.topics.n, 0);
  assert_int_equal(w.n_changes, 0); /* nobody has watched */
  presence_table_fini(&w.table);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_schedules_fit_the_model),
      cmocka_unit_test(a_room_that_comes_again_has_another_epoch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
