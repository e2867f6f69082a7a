#include "fixture.h"

#include "base/counter.h"

#define ALL_CAPS (PLUG_CAP_ECHO | PLUG_CAP_CROSS_NODE | PLUG_CAP_PATTERN)

static void join(unsigned worker, const char *name)
{
  assert_int_equal(interest_join(w.interests, worker, str_of(name), false), PLUG_PENDING);
}

static void leave(unsigned worker, const char *name)
{
  interest_leave(w.interests, worker, str_of(name), false);
}

struct joins {
  const char *const *names;
  size_t n;
};

/* On the control thread, so that it sees all of them at once. */
static void join_on_home(void *arg)
{
  const struct joins *joins = arg;
  for (size_t i = 0; i < joins->n; i++)
    interest_join(w.interests, 0, str_of(joins->names[i]), false);
}

#define JOIN_TOGETHER(...)                                                                 \
  do {                                                                                     \
    static const char *const names[] = {__VA_ARGS__};                                      \
    loop_call(w.loop, join_on_home, &(struct joins){names, sizeof names / sizeof *names}); \
  } while (0)

static void topics_are_asked_for_in_batches(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  JOIN_TOGETHER("/sub/1", "/sub/2", "/sub/3");
  struct call call = expect_call(0, CALL_SUBSCRIBE, "/sub/1 /sub/2 /sub/3");
  assert_int_equal(call.n, 3);
  assert_true(call.on_home);
  assert_int_equal(wait_interest(0, "/sub/1"), PLUG_OK);
  assert_int_equal(wait_interest(0, "/sub/2"), PLUG_OK);
  assert_int_equal(wait_interest(0, "/sub/3"), PLUG_OK);
  assert_int_equal(interest_join(w.interests, 1, STR("/sub/2"), false), PLUG_OK);
  expect_no_call_after(1);
}

static void join_thousands(void *arg)
{
  (void)arg;
  for (int i = 0; i < 2500; i++) {
    char name[32];
    snprintf(name, sizeof name, "/sub/%d", i);
    interest_join(w.interests, 0, str_of(name), false);
  }
}

static void a_batch_has_at_most_a_thousand(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  loop_call(w.loop, join_thousands, NULL);
  assert_int_equal(wait_call(0).n, 1000);
  assert_int_equal(wait_call(1).n, 1000);
  assert_int_equal(wait_call(2).n, 500);
}

static void an_answer_that_comes_later_is_waited_for(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  script_answer(CALL_SUBSCRIBE, HELD);
  join(0, "/sub/a");
  struct call call = expect_call(0, CALL_SUBSCRIBE, "/sub/a");
  barrier();
  assert_true(broker_ready(w.broker)); /* nothing of before is missing */
  assert_null(post_take(&w.posts[0]));
  complete(call.op, PLUG_OK);
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
}

static void a_refused_batch_is_asked_again_one_by_one(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  script_answer(CALL_SUBSCRIBE, PLUG_EDENIED); /* the batch */
  script_answer(CALL_SUBSCRIBE, PLUG_OK);      /* /sub/1 */
  script_answer(CALL_SUBSCRIBE, PLUG_EDENIED); /* /sub/2 */
  JOIN_TOGETHER("/sub/1", "/sub/2", "/sub/3");
  expect_call(0, CALL_SUBSCRIBE, "/sub/1 /sub/2 /sub/3");
  expect_call(1, CALL_SUBSCRIBE, "/sub/1");
  expect_call(2, CALL_SUBSCRIBE, "/sub/2");
  expect_call(3, CALL_SUBSCRIBE, "/sub/3");
  assert_int_equal(wait_interest(0, "/sub/1"), PLUG_OK);
  assert_int_equal(wait_interest(0, "/sub/2"), PLUG_EDENIED);
  assert_int_equal(wait_interest(0, "/sub/3"), PLUG_OK);
  leave(0, "/sub/2");
  expect_no_call_after(4); /* the backend never had it */
  join(1, "/sub/2");       /* later it may well work */
  expect_call(4, CALL_SUBSCRIBE, "/sub/2");
  assert_int_equal(wait_interest(1, "/sub/2"), PLUG_OK);
}

static void a_batch_that_is_refused_later_is_taken_apart_as_well(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  script_answer(CALL_SUBSCRIBE, HELD);
  JOIN_TOGETHER("/sub/1", "/sub/2");
  complete(wait_call(0).op, PLUG_EINVAL);
  expect_call(1, CALL_SUBSCRIBE, "/sub/1");
  expect_call(2, CALL_SUBSCRIBE, "/sub/2");
  assert_int_equal(wait_interest(0, "/sub/1"), PLUG_OK);
  assert_int_equal(wait_interest(0, "/sub/2"), PLUG_OK);
}

static void failures_that_pass_are_retried_and_told_to_nobody(void **state)
{
  (void)state;
  static const plug_status passing[] = {PLUG_EUNAVAIL, PLUG_ETIMEDOUT};
  start_broker(ALL_CAPS, &plain_settings);
  script_answer(CALL_SUBSCRIBE, passing[0]); /* at once */
  script_answer(CALL_SUBSCRIBE, HELD);
  uint64_t start = clock_now_ms();
  join(0, "/sub/a");
  struct call second = (expect_call(0, CALL_SUBSCRIBE, "/sub/a"), wait_call(1));
  assert_true(clock_now_ms() - start >= 500); /* not in a tight loop */
  assert_string_equal(second.text, "/sub/a");
  complete(second.op, passing[1]); /* and later */
  expect_call(2, CALL_SUBSCRIBE, "/sub/a");
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
  assert_null(post_take(&w.posts[0]));
  wait_until_ready(true);
}

static void nothing_is_asked_while_the_backend_is_down(void **state)
{
  (void)state;
  script.health = PLUG_STATE_STARTING;
  start_broker(ALL_CAPS, &plain_settings);
  join(0, "/sub/a");
  expect_no_call_after(0);
  assert_false(broker_ready(w.broker));
  report(PLUG_STATE_UP, 0);
  expect_call(0, CALL_SUBSCRIBE, "/sub/a");
  wait_until_ready(true);
}

static void lost_interests_are_asked_for_again_newest_first(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  static const char *const names[] = {"/sub/1", "/sub/2", "/sub/3"};
  for (unsigned i = 0; i < 3; i++) {
    join(0, names[i]);
    assert_int_equal(wait_interest(0, names[i]), PLUG_OK);
  }
  report(PLUG_STATE_DOWN, 0);
  wait_until_ready(false);
  join(0, "/sub/4");
  expect_no_call_after(3);
  script_answer(CALL_SUBSCRIBE, HELD);
  report(PLUG_STATE_UP, PLUG_INTERESTS_LOST);
  /* /sub/4 has waited already. */
  struct call call = expect_call(3, CALL_SUBSCRIBE, "/sub/4 /sub/3 /sub/2 /sub/1");
  barrier();
  assert_false(broker_ready(w.broker));
  assert_int_equal(interest_join(w.interests, 1, STR("/sub/1"), false), PLUG_PENDING);
  complete(call.op, PLUG_OK);
  for (int i = 0; i < 4; i++)
    inbox_item_free(wait_item(0));
  assert_int_equal(wait_interest(1, "/sub/1"), PLUG_OK);
  wait_until_ready(true);
  report(PLUG_STATE_DOWN, 0); /* a short break in which nothing was lost */
  report(PLUG_STATE_UP, 0);
  expect_no_call_after(4);
}

static void an_unwanted_topic_is_kept_for_the_grace_period(void **state)
{
  (void)state;
  struct broker_settings settings = plain_settings;
  settings.unsubscribe_grace_ms = 1000;
  start_broker(ALL_CAPS, &settings);
  join(0, "/sub/a");
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
  uint64_t start = clock_now_ms();
  leave(0, "/sub/a");
  expect_no_call_after(1);
  struct call call = expect_call(1, CALL_UNSUBSCRIBE, "/sub/a");
  assert_true(clock_now_ms() - start >= 999);
  assert_true(call.on_home);
  assert_int_equal(interest_join(w.interests, 0, STR("/sub/a"), false), PLUG_PENDING);
  expect_call(2, CALL_SUBSCRIBE, "/sub/a");
}

#define MANY 10050

static void join_many(void *arg)
{
  (void)arg;
  for (int i = 0; i < MANY; i++) {
    char name[32];
    snprintf(name, sizeof name, "/sub/%d", i);
    interest_join(w.interests, 0, str_of(name), false);
  }
}

static void leave_many(void *arg)
{
  (void)arg;
  for (int i = 0; i < MANY; i++) {
    char name[32];
    snprintf(name, sizeof name, "/sub/%d", i);
    leave(0, name);
  }
}

static void of_too_many_unwanted_topics_the_oldest_go_at_once(void **state)
{
  (void)state;
  struct broker_settings settings = plain_settings;
  settings.unsubscribe_grace_ms = 60000;
  start_broker(ALL_CAPS, &settings);
  loop_call(w.loop, join_many, NULL);
  for (int i = 0; i < MANY; i++)
    inbox_item_free(wait_item(0));
  unsigned subscribes = n_calls();
  loop_call(w.loop, leave_many, NULL);
  struct call call = wait_call(subscribes);
  assert_int_equal(call.kind, CALL_UNSUBSCRIBE);
  assert_int_equal(call.n, MANY - 10000);
  assert_true(str_has_prefix(str_of(call.text), STR("/sub/0 /sub/1 ")));
  expect_no_call_after(subscribes + 1);
  /* What was kept is there at once. */
  assert_int_equal(interest_join(w.interests, 0, STR("/sub/5000"), false), PLUG_OK);
}

static const char *topic(char name[32], unsigned i)
{
  snprintf(name, 32, "/sub/%u", i);
  return name;
}

static void what_is_in_flight_keeps_no_other_topic_from_going(void **state)
{
  (void)state;
  struct broker_settings settings = plain_settings;
  settings.unsubscribe_grace_ms = 60000;
  settings.max_unused_topics = 1;
  start_broker(ALL_CAPS, &settings);
  script_answer(CALL_SUBSCRIBE, HELD);
  join(0, "/sub/held");
  struct plug_op *op = wait_call(0).op;
  leave(0, "/sub/held");
  barrier();
  interest_join(w.interests, 0, STR("/sub/1"), false); /* refused: as many wait as may */
  assert_int_equal(wait_interest(0, "/sub/1"), PLUG_EUNAVAIL);
  complete(op, PLUG_OK);
  barrier();
  for (unsigned i = 2; i < 4; i++) {
    char name[32];
    join(0, topic(name, i));
    assert_int_equal(wait_interest(0, name), PLUG_OK);
  }
  script_answer(CALL_SUBSCRIBE, HELD);
  join(0, "/sub/again");
  op = wait_call(3).op;
  leave(0, "/sub/again");
  barrier();
  leave(0, "/sub/2");
  expect_call(4, CALL_UNSUBSCRIBE, "/sub/held");
  leave(0, "/sub/3");
  expect_call(5, CALL_UNSUBSCRIBE, "/sub/2");
  expect_no_call_after(6);
  complete(op, PLUG_OK);
  expect_call(6, CALL_UNSUBSCRIBE, "/sub/3");
  expect_no_call_after(7);
}

enum { UNANSWERED = 10 };

/* As many as may be in flight without anybody who wants them. */
static void leave_unanswered(struct plug_op *ops[UNANSWERED], const struct broker_settings *plain,
                             plug_status told)
{
  struct broker_settings settings = *plain;
  char name[32];
  settings.max_unused_topics = UNANSWERED;
  start_broker(ALL_CAPS, &settings);
  for (unsigned i = 0; i < UNANSWERED; i++) {
    script_answer(CALL_SUBSCRIBE, HELD);
    join(0, topic(name, i));
    ops[i] = wait_call(i).op;
    if (told != PLUG_OK)
      assert_int_equal(wait_interest(0, name), told);
    leave(0, name);
    barrier();
  }
}

static void a_silent_backend_bounds_what_nobody_wants(void **state)
{
  (void)state;
  struct plug_op *ops[UNANSWERED];
  leave_unanswered(ops, &plain_settings, PLUG_OK);
  int64_t refused = counter_read(COUNTER_refused_unused);
  join(0, "/sub/more");
  assert_int_equal(wait_interest(0, "/sub/more"), PLUG_EUNAVAIL);
  expect_no_call_after(UNANSWERED);
  assert_int_equal(counter_read(COUNTER_refused_unused) - refused, 1);
  /* Whoever wants one of those waits for its answer, and makes room. */
  join(1, "/sub/0");
  barrier();
  leave(0, "/sub/more");
  join(0, "/sub/more");
  assert_int_equal(wait_interest(0, "/sub/more"), PLUG_OK);
  for (unsigned i = 0; i < UNANSWERED; i++)
    complete(ops[i], PLUG_OK);
  assert_int_equal(wait_interest(1, "/sub/0"), PLUG_OK);
  unsigned given_back = 0;
  for (unsigned i = UNANSWERED + 1; given_back < UNANSWERED - 1; i++) {
    struct call call = wait_call(i);
    assert_int_equal(call.kind, CALL_UNSUBSCRIBE);
    given_back += (unsigned)call.n;
  }
  assert_int_equal(given_back, UNANSWERED - 1);
  join(0, "/sub/1");
  assert_int_equal(wait_interest(0, "/sub/1"), PLUG_OK);
  assert_int_equal(counter_read(COUNTER_refused_unused) - refused, 1);
}

static void what_was_given_up_counts_until_the_backend_answers(void **state)
{
  (void)state;
  struct broker_settings hasty = plain_settings;
  struct plug_op *ops[UNANSWERED];
  hasty.operation_timeout_ms = 50;
  leave_unanswered(ops, &hasty, PLUG_ETIMEDOUT);
  join(0, "/sub/0"); /* a new one: the old one is nobody's */
  assert_int_equal(wait_interest(0, "/sub/0"), PLUG_EUNAVAIL);
  expect_no_call_after(UNANSWERED);
  complete(ops[0], PLUG_EDENIED);
  barrier();
  join(0, "/sub/more");
  expect_call(UNANSWERED, CALL_SUBSCRIBE, "/sub/more");
  assert_int_equal(wait_interest(0, "/sub/more"), PLUG_OK);
  for (unsigned i = 1; i < UNANSWERED; i++) {
    char name[32];
    complete(ops[i], PLUG_OK);
    expect_call(UNANSWERED + i, CALL_UNSUBSCRIBE, topic(name, i));
  }
}

static void what_nobody_wants_is_not_asked_for_again(void **state)
{
  (void)state;
  struct plug_op *ops[UNANSWERED];
  leave_unanswered(ops, &plain_settings, PLUG_OK);
  for (unsigned i = 0; i < UNANSWERED; i++)
    complete(ops[i], PLUG_EUNAVAIL);
  usleep(1500000); /* beyond the time after which others are */
  expect_no_call_after(UNANSWERED);
  join(0, "/sub/0");
  expect_call(UNANSWERED, CALL_SUBSCRIBE, "/sub/0");
  assert_int_equal(wait_interest(0, "/sub/0"), PLUG_OK);
}

static void what_expires_while_the_backend_is_away_is_not_asked_of_it(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  loop_call(w.loop, join_many, NULL);
  for (int i = 0; i < MANY; i++)
    inbox_item_free(wait_item(0));
  unsigned subscribes = n_calls();
  report(PLUG_STATE_DOWN, 0);
  loop_call(w.loop, leave_many, NULL);
  usleep(300000); /* beyond the grace period */
  expect_no_call_after(subscribes);
  report(PLUG_STATE_UP, 0);
  join(0, "/sub/5000"); /* gone from the node */
  expect_call(subscribes, CALL_SUBSCRIBE, "/sub/5000");
}

static void a_topic_that_is_wanted_again_in_time_stays(void **state)
{
  (void)state;
  struct broker_settings settings = plain_settings;
  settings.unsubscribe_grace_ms = 1000;
  start_broker(ALL_CAPS, &settings);
  join(0, "/sub/a");
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
  leave(0, "/sub/a");
  barrier();
  assert_int_equal(interest_join(w.interests, 1, STR("/sub/a"), false), PLUG_OK);
  usleep(1500000);
  expect_no_call_after(1);
}

static void a_topic_left_while_asked_is_unsubscribed_after_the_answer(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  script_answer(CALL_SUBSCRIBE, HELD);
  join(0, "/sub/a");
  struct call call = wait_call(0);
  leave(0, "/sub/a");
  usleep(100000); /* beyond the grace period */
  expect_no_call_after(1);
  complete(call.op, PLUG_OK);
  expect_call(1, CALL_UNSUBSCRIBE, "/sub/a");
  assert_null(post_take(&w.posts[0]));
}

static void topics_left_together_are_unsubscribed_together(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  JOIN_TOGETHER("/sub/1", "/sub/2");
  wait_call(0);
  leave(0, "/sub/1");
  leave(0, "/sub/2");
  unsigned got = 0;
  for (unsigned i = 1; got < 2; i++) {
    struct call call = wait_call(i);
    assert_int_equal(call.kind, CALL_UNSUBSCRIBE);
    got += (unsigned)call.n;
  }
  assert_int_equal(got, 2);
}

static void unsubscribes_under_way_do_not_hold_up_subscribes(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  enum { N = 8 };
  struct plug_op *ops[N];
  char name[32];
  for (unsigned i = 0; i < N; i++) {
    script_answer(CALL_UNSUBSCRIBE, HELD);
    snprintf(name, sizeof name, "/sub/%u", i);
    join(0, name);
    assert_int_equal(wait_interest(0, name), PLUG_OK);
  }
  for (unsigned i = 0; i < N; i++) {
    snprintf(name, sizeof name, "/sub/%u", i);
    leave(0, name);
    ops[i] = wait_call(N + i).op;
  }
  join(0, "/sub/x");
  assert_int_equal(wait_interest(0, "/sub/x"), PLUG_OK);
  for (unsigned i = 0; i < N; i++)
    complete(ops[i], i % 2 ? PLUG_OK : PLUG_ETIMEDOUT);
  expect_no_call_after(2 * N + 1);
}

static void single_subscriptions_do_not_wait_for_each_other(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  enum { N = 20 };
  struct plug_op *ops[N];
  char name[32];
  for (unsigned i = 0; i < N; i++) {
    script_answer(CALL_SUBSCRIBE, HELD);
    snprintf(name, sizeof name, "/sub/%u", i);
    join(0, name);
    ops[i] = wait_call(i).op;
  }
  complete(ops[N - 1], PLUG_OK);
  assert_int_equal(wait_interest(0, "/sub/19"), PLUG_OK);
  for (unsigned i = 0; i < N - 1; i++)
    complete(ops[i], PLUG_OK);
}

static void fresh_subscriptions_do_not_wait_for_a_long_replay(void **state)
{
  (void)state;
  enum { REPLAYED = 6000, ASKED = 4 }; /* batches of the replay that are asked for at once */
  static char names[REPLAYED][16];
  static const char *list[REPLAYED];
  for (int i = 0; i < REPLAYED; i++) {
    snprintf(names[i], sizeof names[i], "/sub/%d", i);
    list[i] = names[i];
  }
  start_broker(ALL_CAPS, &plain_settings);
  loop_call(w.loop, join_on_home, &(struct joins){list, REPLAYED});
  for (unsigned i = 0; i < REPLAYED / 1000; i++)
    wait_call(i);
  post_clear(&w.posts[0]);
  report(PLUG_STATE_DOWN, 0);
  for (unsigned i = 0; i < ASKED; i++)
    script_answer(CALL_SUBSCRIBE, HELD);
  report(PLUG_STATE_UP, PLUG_INTERESTS_LOST);
  struct plug_op *ops[ASKED];
  for (unsigned i = 0; i < ASKED; i++)
    ops[i] = wait_call(REPLAYED / 1000 + i).op;
  expect_no_call_after(REPLAYED / 1000 + ASKED);
  join(1, "/sub/fresh");
  expect_call(REPLAYED / 1000 + ASKED, CALL_SUBSCRIBE, "/sub/fresh");
  assert_int_equal(wait_interest(1, "/sub/fresh"), PLUG_OK);
  for (unsigned i = 0; i < ASKED; i++)
    complete(ops[i], PLUG_OK);
  wait_until_ready(true);
}

static void a_topic_lost_within_its_grace_period_is_asked_for_again(void **state)
{
  (void)state;
  struct broker_settings settings = plain_settings;
  settings.unsubscribe_grace_ms = 60000;
  start_broker(ALL_CAPS, &settings);
  join(0, "/sub/a");
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
  leave(0, "/sub/a");
  barrier();
  report(PLUG_STATE_UP, PLUG_INTERESTS_LOST);
  expect_no_call_after(1);
  join(0, "/sub/a");
  expect_call(1, CALL_SUBSCRIBE, "/sub/a");
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
}

static void patterns_are_refused_where_the_backend_has_none(void **state)
{
  (void)state;
  start_broker(PLUG_CAP_CROSS_NODE | PLUG_CAP_ECHO, &plain_settings);
  assert_int_equal(interest_join(w.interests, 0, STR("/sub/*"), true), PLUG_PENDING);
  assert_int_equal(wait_interest(0, "/sub/*"), PLUG_ENOTSUP);
  expect_no_call_after(0);
  wait_until_ready(true);
}

static void patterns_go_to_a_backend_that_knows_them(void **state)
{
  (void)state;
  start_broker(ALL_CAPS, &plain_settings);
  assert_int_equal(interest_join(w.interests, 0, STR("/sub/*"), true), PLUG_PENDING);
  expect_call(0, CALL_SUBSCRIBE, "/sub/*");
  assert_int_equal(wait_interest(0, "/sub/*"), PLUG_OK);
}

static void a_node_by_itself_matches_its_patterns_alone(void **state)
{
  (void)state;
  start_broker(PLUG_CAP_ECHO, &plain_settings);
  assert_int_equal(interest_join(w.interests, 0, STR("/sub/*"), true), PLUG_OK);
  expect_no_call_after(0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(topics_are_asked_for_in_batches),
      TEST(a_batch_has_at_most_a_thousand),
      TEST(an_answer_that_comes_later_is_waited_for),
      TEST(a_refused_batch_is_asked_again_one_by_one),
      TEST(a_batch_that_is_refused_later_is_taken_apart_as_well),
      TEST(failures_that_pass_are_retried_and_told_to_nobody),
      TEST(nothing_is_asked_while_the_backend_is_down),
      TEST(lost_interests_are_asked_for_again_newest_first),
      TEST(an_unwanted_topic_is_kept_for_the_grace_period),
      TEST(of_too_many_unwanted_topics_the_oldest_go_at_once),
      TEST(what_is_in_flight_keeps_no_other_topic_from_going),
      TEST(a_silent_backend_bounds_what_nobody_wants),
      TEST(what_was_given_up_counts_until_the_backend_answers),
      TEST(what_nobody_wants_is_not_asked_for_again),
      TEST(what_expires_while_the_backend_is_away_is_not_asked_of_it),
      TEST(a_topic_that_is_wanted_again_in_time_stays),
      TEST(a_topic_left_while_asked_is_unsubscribed_after_the_answer),
      TEST(topics_left_together_are_unsubscribed_together),
      TEST(unsubscribes_under_way_do_not_hold_up_subscribes),
      TEST(single_subscriptions_do_not_wait_for_each_other),
      TEST(fresh_subscriptions_do_not_wait_for_a_long_replay),
      TEST(a_topic_lost_within_its_grace_period_is_asked_for_again),
      TEST(patterns_are_refused_where_the_backend_has_none),
      TEST(patterns_go_to_a_backend_that_knows_them),
      TEST(a_node_by_itself_matches_its_patterns_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
