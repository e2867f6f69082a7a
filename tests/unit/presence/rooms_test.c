/* The mirror of rooms against a model, in random schedules: a backend whose changes come late,
 * twice or not at all, whose lists fail, and that forgets. What is told, added up, is at any time
 * a state that fits, and in the end the state of the model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "presence/rooms.h"

#define TOPICS   3
#define USERS    16
#define QUEUE    4096
#define OP_STEPS 8000
#define SETTLE   500

struct topic {
  bool there[USERS]; /* at the backend */
  bool told[USERS];  /* what its watcher knows */
  bool told_known;   /* the baseline is there */
  bool is_watched;   /* at the backend */
  uint64_t offset, epoch;
  struct plug_presence_change queue[QUEUE]; /* on its way */
  size_t first, last;
  struct room *room, *pending;
  bool pending_list, pending_answered;
};

struct world {
  struct presence_backend backend;
  struct rooms rooms;
  uint64_t now_ms, seed, last_epoch;
  struct topic topics[TOPICS];
  bool calm, is_down;
  size_t n_told, n_lists;
};

static const char *const topic_names[TOPICS] = {"a", "b", "c"};
static const char user_names[USERS + 1] = "ABCDEFGHIJKLMNOP";

static uint32_t roll(struct world *w, uint32_t below)
{
  w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(w->seed >> 33) % below;
}

static struct topic *topic_of(struct world *w, struct plug_str name)
{
  return &w->topics[name.ptr[0] - 'a'];
}

static uint64_t users_in(const bool *there)
{
  uint64_t n = 0;
  for (size_t u = 0; u < USERS; u++)
    n += there[u];
  return n;
}

/* --- the backend -------------------------------------------------------------------------- */

static void change(struct world *w, size_t t, size_t user)
{
  struct topic *topic = &w->topics[t];
  topic->there[user] = !topic->there[user];
  if (!topic->epoch)
    topic->epoch = ++w->last_epoch;
  topic->offset++;
  if (!topic->is_watched || topic->last - topic->first == QUEUE)
    return;
  topic->queue[topic->last++ % QUEUE] = (struct plug_presence_change){
      .size = sizeof(struct plug_presence_change),
      .kind = topic->there[user] ? PLUG_PRESENCE_JOINED : PLUG_PRESENCE_LEFT,
      .topic = str_of(topic_names[t]),
      .user = {user_names + user, 1},
      .info = STR("info"),
      .users = users_in(topic->there),
      .pos = {topic->offset, topic->epoch}};
}

static void deliver(struct world *w, struct topic *topic)
{
  if (topic->first == topic->last)
    return;
  const struct plug_presence_change *one = &topic->queue[topic->first % QUEUE];
  rooms_changed(&w->rooms, one, w->now_ms);
  if (!w->calm && roll(w, 5) == 0)
    rooms_changed(&w->rooms, one, w->now_ms); /* at least once */
  topic->first++;
}

static void give_list(struct world *w, struct topic *topic)
{
  struct room *room = topic->pending;
  for (size_t u = 0; u < USERS; u++)
    if (topic->there[u])
      rooms_user(room, str_from(user_names + u, 1), STR("info"));
  w->n_lists++;
  rooms_total(room, users_in(topic->there), (struct plug_position){topic->offset, topic->epoch});
}

static void finish(struct world *w, struct topic *topic, plug_status status)
{
  struct room *room = topic->pending;
  topic->pending = NULL;
  if (status == PLUG_OK && topic->pending_list) {
    topic->pending = room;
    give_list(w, topic);
    topic->pending = NULL;
  }
  if (status == PLUG_OK && !topic->pending_list)
    topic->is_watched = true;
  if (!topic->pending_answered)
    rooms_answered(room, status);
  rooms_released(room, status, w->now_ms);
  if (status == PLUG_OK && topic->room && topic->room->known && !topic->told_known) {
    topic->told_known = true; /* whoever watches asks for the counts now */
    for (size_t u = 0; u < USERS; u++)
      topic->told[u] = map_find(&room->users, str_from(user_names + u, 1)) != NULL;
  }
}

static plug_status ask(struct world *w, struct room *room, bool list)
{
  struct topic *topic = topic_of(w, room_topic(room));
  assert_null(topic->pending);
  if (w->is_down)
    return PLUG_EUNAVAIL;
  topic->pending = room;
  topic->pending_list = list;
  topic->pending_answered = false;
  return PLUG_PENDING;
}

static plug_status on_watch(void *ctx, struct room *room)
{
  return ask(ctx, room, false);
}

static plug_status on_list(void *ctx, struct room *room)
{
  return ask(ctx, room, true);
}

static void on_unwatch(void *ctx, struct room *room)
{
  struct topic *topic = topic_of(ctx, room_topic(room));
  topic->is_watched = false;
}

static void on_tell(void *ctx, struct room *room, const struct plug_presence_change *told)
{
  struct world *w = ctx;
  struct topic *topic = topic_of(w, room_topic(room));
  size_t user = (size_t)(told->user.ptr[0] - 'A');
  bool joins = told->kind == PLUG_PRESENCE_JOINED;
  if (!topic->room)
    return; /* its last watcher has gone */
  assert_true(topic->told_known);
  assert_int_equal(topic->told[user], !joins); /* nobody joins or leaves twice */
  topic->told[user] = joins;
  assert_int_equal(told->users, users_in(topic->told));
  assert_true(str_eq(told->info, STR("info")));
  w->n_told++;
}

/* --- schedules ---------------------------------------------------------------------------- */

static void forget(struct world *w)
{
  for (size_t t = 0; t < TOPICS; t++) {
    struct topic *topic = &w->topics[t];
    if (topic->pending)
      finish(w, topic, PLUG_EUNAVAIL);
    topic->is_watched = false;
    topic->first = topic->last;
    if (roll(w, 2)) { /* with its data, or without */
      topic->epoch = ++w->last_epoch;
      topic->offset = roll(w, 3);
      memset(topic->there, 0, sizeof topic->there);
    }
  }
  rooms_lost(&w->rooms, w->now_ms);
}

static void watch(struct world *w, size_t t)
{
  plug_status status;
  struct topic *topic = &w->topics[t];
  if (topic->room)
    return;
  topic->room = rooms_watch(&w->rooms, str_of(topic_names[t]), &status);
  assert_non_null(topic->room);
  topic->told_known = topic->room->known;
  for (size_t u = 0; u < USERS; u++)
    topic->told[u] = map_find(&topic->room->users, str_from(user_names + u, 1)) != NULL;
}

static void step(struct world *w)
{
  size_t t = roll(w, TOPICS);
  struct topic *topic = &w->topics[t];
  switch (roll(w, 16)) {
  case 0:
  case 1:
  case 2:
  case 3:
  case 4:
    change(w, t, roll(w, USERS));
    break;
  case 5:
  case 6:
  case 7:
  case 8:
    deliver(w, topic);
    break;
  case 9: /* one is lost */
    if (roll(w, 6) == 0 && topic->first != topic->last)
      topic->first++;
    break;
  case 10:
    if (topic->pending)
      finish(w, topic, roll(w, 8) ? PLUG_OK : roll(w, 2) ? PLUG_EUNAVAIL : PLUG_EDENIED);
    break;
  case 11:
    if (topic->pending && !topic->pending_answered && roll(w, 4) == 0) {
      rooms_answered(topic->pending, PLUG_ETIMEDOUT);
      topic->pending_answered = true;
    }
    break;
  case 12:
    if (roll(w, 100) == 0)
      forget(w);
    else if (roll(w, 60) == 0)
      w->is_down = !w->is_down;
    break;
  case 13:
    if (roll(w, 20) == 0 && topic->room) {
      rooms_unwatch(topic->room);
      topic->room = NULL;
    } else {
      watch(w, t);
    }
    break;
  default:
    w->now_ms += roll(w, 100);
    rooms_pump(&w->rooms, w->now_ms);
    break;
  }
}

static bool is_settled(const struct world *w)
{
  for (size_t t = 0; t < TOPICS; t++) {
    const struct topic *topic = &w->topics[t];
    if (topic->pending || topic->first != topic->last)
      return false;
    if (topic->room && memcmp(topic->told, topic->there, sizeof topic->there) != 0)
      return false;
  }
  return true;
}

/* With a backend that works, and a last change in each topic, for without one nobody can know that
 * the one before was lost. */
static void settle(struct world *w)
{
  uint64_t begin_ms = w->now_ms;
  w->calm = true;
  w->is_down = false;
  for (size_t t = 0; t < TOPICS; t++)
    watch(w, t);
  for (int i = 0; i < 400; i++) {
    for (size_t t = 0; t < TOPICS; t++) {
      struct topic *topic = &w->topics[t];
      if (topic->pending)
        finish(w, topic, PLUG_OK);
      while (topic->first != topic->last)
        deliver(w, topic);
      if (i == 30)
        change(w, t, 0);
    }
    w->now_ms += 25;
    rooms_pump(&w->rooms, w->now_ms);
  }
  assert_true(is_settled(w));
  assert_true(w->now_ms - begin_ms <= 10000);
  w->calm = false;
}

static void begin(struct world *w, uint64_t seed)
{
  memset(w, 0, sizeof *w);
  w->seed = seed;
  w->now_ms = 1000;
  w->backend = (struct presence_backend){
      .watch = on_watch, .unwatch = on_unwatch, .list = on_list, .tell = on_tell, .ctx = w};
  rooms_init(&w->rooms, &w->backend, 100, SETTLE);
}

static void end(struct world *w)
{
  for (size_t t = 0; t < TOPICS; t++)
    if (w->topics[t].pending)
      finish(w, &w->topics[t], PLUG_ECANCELED);
  rooms_fini(&w->rooms);
  free(w);
}

/* Nothing is left of rooms that nobody watches, whatever is under way. */
static void leave_all(struct world *w)
{
  for (int i = 0; i < 200; i++)
    step(w);
  for (size_t t = 0; t < TOPICS; t++) {
    if (w->topics[t].room)
      rooms_unwatch(w->topics[t].room);
    w->topics[t].room = NULL;
  }
  for (int i = 0; i < 100; i++) {
    w->now_ms += 200;
    rooms_pump(&w->rooms, w->now_ms);
    for (size_t t = 0; t < TOPICS; t++)
      if (w->topics[t].pending)
        finish(w, &w->topics[t], PLUG_OK);
  }
  assert_int_equal(w->rooms.map.count, 0);
  assert_int_equal(w->rooms.n_users, 0);
  assert_int_equal(w->rooms.n_under_way, 0);
  for (size_t t = 0; t < TOPICS; t++)
    assert_false(w->topics[t].is_watched);
}

static void random_schedules_end_in_the_model(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 12; seed++) {
    struct world *w = malloc(sizeof *w);
    begin(w, seed);
    for (int i = 0; i < OP_STEPS; i++) {
      step(w);
      if (i % 2000 == 1999)
        settle(w);
    }
    assert_true(w->n_told > 100 && w->n_lists > 10);
    leave_all(w);
    end(w);
  }
}

/* --- one thing at a time ------------------------------------------------------------------- */

/* A room that is known, watched since the start. */
static struct topic *known(struct world *w)
{
  watch(w, 0);
  rooms_pump(&w->rooms, w->now_ms);
  finish(w, &w->topics[0], PLUG_OK);
  rooms_pump(&w->rooms, w->now_ms);
  finish(w, &w->topics[0], PLUG_OK);
  assert_true(w->topics[0].room->known);
  return &w->topics[0];
}

static void the_first_of_all_is_no_gap(void **state)
{
  struct world *w = malloc(sizeof *w);
  (void)state;
  begin(w, 1);
  struct topic *topic = known(w);
  change(w, 0, 3);
  deliver(w, topic);
  assert_true(topic->told[3]);
  assert_int_equal(w->n_lists, 1);
  change(w, 0, 4);
  deliver(w, topic);
  assert_int_equal(w->n_told, 2);
  end(w);
}

static void a_gap_is_listed_at_once_and_a_new_epoch_later(void **state)
{
  struct world *w = malloc(sizeof *w);
  (void)state;
  begin(w, 1);
  struct topic *topic = known(w);
  change(w, 0, 3);
  deliver(w, topic);
  change(w, 0, 4);
  topic->first++;
  change(w, 0, 5);
  deliver(w, topic);
  rooms_pump(&w->rooms, w->now_ms);
  assert_non_null(topic->pending);
  change(w, 0, 6); /* while it is listed: comes twice, is told once */
  deliver(w, topic);
  finish(w, topic, PLUG_OK);
  assert_int_equal(w->n_told, 4);
  assert_int_equal(users_in(topic->told), 4);
  topic->epoch = ++w->last_epoch; /* the backend begins anew; others have not joined again yet */
  topic->offset = 0;
  memset(topic->there, 0, sizeof topic->there);
  change(w, 0, 3);
  deliver(w, topic);
  rooms_pump(&w->rooms, w->now_ms);
  assert_null(topic->pending);
  assert_int_equal(rooms_next_ms(&w->rooms), w->now_ms + SETTLE);
  for (size_t u = 4; u < 7; u++)
    change(w, 0, u);
  while (topic->first != topic->last)
    deliver(w, topic);
  w->now_ms += SETTLE;
  rooms_pump(&w->rooms, w->now_ms);
  finish(w, topic, PLUG_OK);
  assert_int_equal(w->n_told, 4); /* nobody has been away */
  end(w);
}

static void a_list_that_is_none_is_asked_for_again(void **state)
{
  struct world *w = malloc(sizeof *w);
  (void)state;
  begin(w, 1);
  watch(w, 0);
  struct topic *topic = &w->topics[0];
  rooms_pump(&w->rooms, w->now_ms);
  finish(w, topic, PLUG_OK);
  rooms_pump(&w->rooms, w->now_ms);
  struct room *room = topic->pending;
  topic->pending = NULL;
  rooms_user(room, STR("A"), STR("")); /* and no total */
  rooms_released(room, PLUG_OK, w->now_ms);
  assert_false(room->known);
  w->now_ms = rooms_next_ms(&w->rooms);
  rooms_pump(&w->rooms, w->now_ms);
  assert_non_null(topic->pending);
  finish(w, topic, PLUG_OK);
  assert_true(room->known);
  assert_int_equal(room->users.count, 0);
  end(w);
}

static void there_are_no_more_rooms_than_allowed(void **state)
{
  struct world *w = malloc(sizeof *w);
  plug_status status;
  (void)state;
  begin(w, 1);
  w->rooms.max = 1;
  struct room *room = rooms_watch(&w->rooms, STR("x"), &status);
  assert_non_null(room);
  assert_ptr_equal(rooms_watch(&w->rooms, STR("x"), &status), room);
  assert_null(rooms_watch(&w->rooms, STR("y"), &status));
  assert_int_equal(status, PLUG_ETOOBIG);
  rooms_unwatch(room);
  rooms_unwatch(room);
  assert_null(rooms_find(&w->rooms, STR("x")));
  rooms_pump(&w->rooms, w->now_ms);
  assert_int_equal(w->rooms.map.count, 0);
  end(w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_schedules_end_in_the_model),
      cmocka_unit_test(the_first_of_all_is_no_gap),
      cmocka_unit_test(a_gap_is_listed_at_once_and_a_new_epoch_later),
      cmocka_unit_test(a_list_that_is_none_is_asked_for_again),
      cmocka_unit_test(there_are_no_more_rooms_than_allowed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
