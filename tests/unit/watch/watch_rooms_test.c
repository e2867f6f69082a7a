/* Seats in rooms against a presence service that refuses, at once and later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "watch_rooms.h"
#include "watch_seat.h"

#define LIT(text) {text, sizeof(text) - 1}

struct call {
  plug_presence_done_fn done;
  plug_presence_user_fn user;
  void *arg;
};

/* What the presence service is to answer, and what it is asked for. */
static struct {
  plug_status watch_status, join_status;
  struct call watch, join, list;
  int n_joins, n_leaves, n_unwatches;
} presence;

static char logged[2048], sent[4096];
static int64_t metrics[8];
static size_t n_metrics;

static plug_status call(struct call *call, plug_status status, plug_presence_user_fn user,
                        plug_presence_done_fn done, void *arg)
{
  assert_null(call->done);
  if (status == PLUG_PENDING)
    *call = (struct call){done, user, arg};
  return status;
}

static void answer(struct call *call, plug_status status)
{
  struct call one = *call;
  *call = (struct call){0};
  assert_non_null(one.done);
  one.done(one.arg, status, 1, 1);
}

static plug_status on_join(const struct plug_host *host, const struct plug_member *member,
                           plug_presence_done_fn done, void *arg) PLUG_NOEXCEPT
{
  (void)host, (void)member;
  presence.n_joins++;
  return call(&presence.join, presence.join_status, NULL, done, arg);
}

static plug_status on_leave(const struct plug_host *host, const struct plug_member *member,
                            plug_presence_done_fn done, void *arg) PLUG_NOEXCEPT
{
  (void)host, (void)member, (void)done, (void)arg;
  presence.n_leaves++;
  return PLUG_OK;
}

static plug_status on_watch(const struct plug_host *host, struct plug_str topic,
                            plug_presence_done_fn done, void *arg) PLUG_NOEXCEPT
{
  (void)host, (void)topic;
  return call(&presence.watch, presence.watch_status, NULL, done, arg);
}

static void on_unwatch(const struct plug_host *host, struct plug_str topic) PLUG_NOEXCEPT
{
  (void)host, (void)topic;
  presence.n_unwatches++;
}

static plug_status on_list(const struct plug_host *host, struct plug_str topic,
                           plug_presence_user_fn user, plug_presence_done_fn done,
                           void *arg) PLUG_NOEXCEPT
{
  (void)host, (void)topic;
  return call(&presence.list, PLUG_PENDING, user, done, arg);
}

static struct plug_metric *metric(const struct plug_host *host, const char *name,
                                  const char *help) PLUG_NOEXCEPT
{
  (void)host, (void)name, (void)help;
  assert_true(n_metrics < sizeof metrics / sizeof *metrics);
  return (struct plug_metric *)(void *)&metrics[n_metrics++];
}

static void metric_add(struct plug_metric *one, int64_t by) PLUG_NOEXCEPT
{
  *(int64_t *)(void *)one += by;
}

static int64_t value(const struct plug_metric *one)
{
  return *(const int64_t *)(const void *)one;
}

static const void *extension(const struct plug_host *host, const char *id) PLUG_NOEXCEPT
{
  static const struct plug_presence service = {.size = sizeof service,
                                               .join = on_join,
                                               .leave = on_leave,
                                               .watch = on_watch,
                                               .unwatch = on_unwatch,
                                               .list = on_list};
  static const struct plug_metrics meters = {
      .size = sizeof meters, .counter = metric, .gauge = metric, .add = metric_add};
  (void)host;
  return strcmp(id, PLUG_EXT_PRESENCE) == 0  ? (const void *)&service
         : strcmp(id, PLUG_EXT_METRICS) == 0 ? (const void *)&meters
                                             : NULL;
}

static int32_t log_on(const struct plug_host *host, int32_t level) PLUG_NOEXCEPT
{
  (void)host, (void)level;
  return 1;
}

static void write_log(const struct plug_host *host, int32_t level,
                      struct plug_str line) PLUG_NOEXCEPT
{
  size_t len = strlen(logged);
  (void)host, (void)level;
  snprintf(logged + len, sizeof logged - len, "%.*s\n", (int)line.len, line.ptr);
}

static uint64_t now_ms(const struct plug_host *host) PLUG_NOEXCEPT
{
  (void)host;
  return 1000;
}

static struct plug_timer *timer_new(const struct plug_host *host, plug_fn fn,
                                    void *arg) PLUG_NOEXCEPT
{
  static char timer;
  (void)host, (void)fn, (void)arg;
  return (struct plug_timer *)(void *)&timer;
}

static void timer_set(struct plug_timer *timer, uint64_t after_ms) PLUG_NOEXCEPT
{
  (void)timer, (void)after_ms;
}

static void timer_free(struct plug_timer *timer) PLUG_NOEXCEPT
{
  (void)timer;
}

static plug_status publish_local(const struct plug_host *host, const struct plug_app_message *m,
                                 uint64_t session, struct plug_str subscription) PLUG_NOEXCEPT
{
  (void)host, (void)session, (void)subscription;
  snprintf(sent, sizeof sent, "%.*s", (int)m->body.len, m->body.ptr);
  return PLUG_OK;
}

static const struct plug_app_up app = {.size = sizeof app, .publish_local = publish_local};
static const struct plug_host host = {.size = sizeof host,
                                      .log_on = log_on,
                                      .log = write_log,
                                      .now_ms = now_ms,
                                      .timer_new = timer_new,
                                      .timer_set = timer_set,
                                      .timer_free = timer_free,
                                      .extension = extension,
                                      .app = &app};

static struct watch_section section;
static struct watch_rooms rooms;

static void set(const char *key, const char *text)
{
  struct plug_err err = {0};
  struct plug_kv entry = {route_str(key), route_str(text)};
  if (watch_section_set(&section, entry, &err) != PLUG_OK)
    fail_msg("%s", err.text);
}

static int begin(void **state)
{
  struct plug_err err = {0};
  (void)state;
  memset(&presence, 0, sizeof presence);
  presence.watch_status = presence.join_status = PLUG_PENDING;
  memset(metrics, 0, sizeof metrics);
  n_metrics = 0;
  logged[0] = sent[0] = '\0';
  assert_int_equal(
      watch_section_begin(&section, route_str("s"), route_str("/topic/room/{room}"), &err),
      PLUG_OK);
  set("linger", "0");
  return 0;
}

static void start(void)
{
  struct plug_err err = {0};
  assert_int_equal(watch_section_complete(&section, &err), PLUG_OK);
  assert_true(watch_rooms_init(&rooms, &host, &section, 1));
  assert_true(watch_rooms_start(&rooms));
}

/* All that was taken has been given back. */
static int end(void **state)
{
  (void)state;
  watch_rooms_stop(&rooms);
  watch_rooms_fini(&rooms);
  watch_section_fini(&section);
  assert_int_equal(value(rooms.env.n_seats), 0);
  assert_int_equal(value(rooms.env.n_rooms), 0);
  return 0;
}

static void tell(uint32_t kind, uint64_t session, const char *name)
{
  struct plug_identity who = {.size = sizeof who, .user = route_str(name)};
  struct plug_kv variables[] = {{LIT("room"), LIT("1")}};
  struct plug_app_event event = {.size = sizeof event,
                                 .kind = kind,
                                 .session = session,
                                 .session_id = route_str(name),
                                 .who = &who,
                                 .subscription = LIT("0"),
                                 .destination = LIT("/topic/room/1"),
                                 .variables = variables,
                                 .n_variables = 1};
  watch_rooms_event(&rooms, &event);
}

static void a_refusal_is_counted_and_said_when_it_comes_late(void **state)
{
  (void)state;
  start();
  tell(PLUG_APP_SUBSCRIBED, 1, "kim");
  answer(&presence.watch, PLUG_OK);
  answer(&presence.join, PLUG_EDENIED);
  assert_int_equal(value(rooms.env.n_ignored), 1);
  assert_string_equal(logged, "[s] a session is not counted: it is refused\n");
  tell(PLUG_APP_SUBSCRIBED, 2, "lee");
  answer(&presence.join, PLUG_ETOOBIG);
  assert_int_equal(value(rooms.env.n_ignored), 2);
  assert_non_null(strstr(logged, "not counted: a limit of [presence] is reached\n"));
  presence.join_status = PLUG_ETOOBIG;
  tell(PLUG_APP_SUBSCRIBED, 3, "max");
  assert_int_equal(value(rooms.env.n_ignored), 3);
  /* The server still has the two, and would join them again after a loss; of the third it has
   * nothing. */
  tell(PLUG_APP_UNSUBSCRIBED, 1, "kim");
  tell(PLUG_APP_UNSUBSCRIBED, 3, "max");
  tell(PLUG_APP_UNSUBSCRIBED, 2, "lee");
  assert_int_equal(presence.n_joins, 3);
  assert_int_equal(presence.n_leaves, 2);
  assert_int_equal(presence.n_unwatches, 1);
}

static void what_passes_is_no_refusal(void **state)
{
  static const plug_status passing[] = {PLUG_OK,        PLUG_EUNAVAIL, PLUG_ECANCELED,
                                        PLUG_ETIMEDOUT, PLUG_ESTATE,   PLUG_ENOMEM};
  (void)state;
  start();
  for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
    tell(PLUG_APP_SUBSCRIBED, 1, "kim");
    answer(&presence.watch, PLUG_OK);
    answer(&presence.join, passing[i]);
    tell(PLUG_APP_UNSUBSCRIBED, 1, "kim");
    assert_int_equal(presence.n_leaves, i + 1);
  }
  assert_int_equal(value(rooms.env.n_ignored), 0);
  assert_string_equal(logged, "");
}

/* Its room is gone by then, too. */
static void who_has_left_is_not_refused(void **state)
{
  (void)state;
  start();
  tell(PLUG_APP_SUBSCRIBED, 1, "kim");
  answer(&presence.watch, PLUG_OK);
  tell(PLUG_APP_UNSUBSCRIBED, 1, "kim");
  assert_int_equal(value(rooms.env.n_rooms), 0);
  answer(&presence.join, PLUG_EDENIED);
  assert_int_equal(value(rooms.env.n_ignored), 0);
  assert_string_equal(logged, "");
}

/* Whether it is counted or not, a subscriber is told who is there. */
static void a_list_follows_a_refusal(void **state)
{
  (void)state;
  set("snapshot", "list");
  set("max-list", "2");
  start();
  tell(PLUG_APP_SUBSCRIBED, 1, "kim");
  answer(&presence.watch, PLUG_OK);
  answer(&presence.join, PLUG_EDENIED);
  static const char *const names[] = {"a", "b", "c"};
  for (size_t i = 0; i < 3; i++)
    presence.list.user(presence.list.arg, route_str(names[i]), route_str(i ? "{\"n\":1.50}" : ""),
                       1);
  answer(&presence.list, PLUG_OK);
  assert_string_equal(sent, "{\"type\":\"MEMBERS\",\"count\":1,\"members\":[{\"user\":\"a\","
                            "\"info\":null},{\"user\":\"b\",\"info\":{\"n\":1.5}}]}");
}

/* However long the making takes; and what a member's template refuses, refuses the list. */
static void a_list_is_of_one_moment(void **state)
{
  (void)state;
  set("snapshot", "list");
  set("member", "{\"at\":\"{now.ms}\",\"n\":\"{info.n}\",\"in\":\"{room}\"}");
  set("list", "{\"at\":\"{now.ms}\",\"v\":\"{members}\"}");
  start();
  tell(PLUG_APP_SUBSCRIBED, 1, "kim");
  answer(&presence.watch, PLUG_OK);
  answer(&presence.join, PLUG_OK);
  for (size_t i = 0; i < 2; i++) {
    presence.list.user(presence.list.arg, route_str("a"),
                       route_str(i ? "{\"n\":[0.1]}" : "{\"n\":2}"), 1);
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  }
  answer(&presence.list, PLUG_OK);
  char expected[256];
  long long at = atoll(sent + strlen("{\"at\":"));
  assert_true(at > 0);
  snprintf(expected, sizeof expected,
           "{\"at\":%lld,\"v\":[{\"at\":%lld,\"n\":2,\"in\":\"1\"},"
           "{\"at\":%lld,\"n\":[0.1],\"in\":\"1\"}]}",
           at, at, at);
  assert_string_equal(sent, expected);
  sent[0] = '\0';
  tell(PLUG_APP_SUBSCRIBED, 2, "lee");
  answer(&presence.join, PLUG_OK);
  presence.list.user(presence.list.arg, route_str("a"), route_str("{}"), 1);
  presence.list.user(presence.list.arg, route_str("b"), route_str("{\"n\":2}"), 1);
  answer(&presence.list, PLUG_OK);
  assert_string_equal(sent, "");
  assert_string_equal(logged, "[s] no snapshot: the template cannot be filled\n");
}

static void a_room_that_is_not_watched_has_no_seats(void **state)
{
  (void)state;
  start();
  presence.watch_status = PLUG_ETOOBIG;
  tell(PLUG_APP_SUBSCRIBED, 1, "kim");
  assert_string_equal(logged, "[s] a room is not watched: a limit of [presence] is reached\n");
  assert_int_equal(value(rooms.env.n_ignored), 1);
  assert_int_equal(value(rooms.env.n_seats), 0);
  assert_int_equal(value(rooms.env.n_rooms), 0);
  tell(PLUG_APP_UNSUBSCRIBED, 1, "kim");
  assert_int_equal(presence.n_joins + presence.n_leaves + presence.n_unwatches, 0);
  presence.watch_status = PLUG_PENDING;
  tell(PLUG_APP_SUBSCRIBED, 1, "kim");
  assert_int_equal(value(rooms.env.n_seats), 1);
  answer(&presence.watch, PLUG_OK);
  answer(&presence.join, PLUG_OK);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
      TEST(a_refusal_is_counted_and_said_when_it_comes_late),
      TEST(what_passes_is_no_refusal),
      TEST(who_has_left_is_not_refused),
      TEST(a_list_follows_a_refusal),
      TEST(a_list_is_of_one_moment),
      TEST(a_room_that_is_not_watched_has_no_seats),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
