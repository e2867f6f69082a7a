#include "fixture.h"

#include <pthread.h>
#include <stdio.h>

#include "base/hash.h"

#define WORKERS 3
#define LIMIT   100

struct world {
  struct interest_table *table;
  struct post posts[WORKERS];
  int changes; /* times that the control thread was called */
};

static void on_change(void *ctx)
{
  ((struct world *)ctx)->changes++;
}

static int setup(void **state)
{
  struct world *w = aligned_alloc(64, sizeof *w);
  struct inbox *inboxes[WORKERS];
  if (!w)
    return -1;
  memset(w, 0, sizeof *w);
  for (unsigned i = 0; i < WORKERS; i++) {
    post_init(&w->posts[i]);
    inboxes[i] = &w->posts[i].inbox;
  }
  w->table = interest_table_new(WORKERS, inboxes, LIMIT, on_change, w);
  *state = w;
  return w->table ? 0 : -1;
}

static int teardown(void **state)
{
  struct world *w = *state;
  interest_bind_worker(-1);
  interest_table_free(w->table);
  for (unsigned i = 0; i < WORKERS; i++)
    post_clear(&w->posts[i]);
  free(w);
  return 0;
}

#define TOPIC STR("/sub/a")

static plug_status join(struct world *w, unsigned worker)
{
  return interest_join(w->table, worker, TOPIC, false);
}

static void leave(struct world *w, unsigned worker)
{
  interest_leave(w->table, worker, TOPIC, false);
}

/* The only entry that changed. */
static struct interest *only_change(struct world *w)
{
  struct interest *interest = interest_take_changes(w->table);
  assert_non_null(interest);
  assert_null(interest_next_change(interest));
  return interest;
}

static void no_change(struct world *w)
{
  assert_null(interest_take_changes(w->table));
}

static struct interest *judged(struct world *w, enum interest_change wanted)
{
  struct interest *interest = only_change(w);
  assert_int_equal(interest_judge(w->table, interest), wanted);
  return interest;
}

static struct interest *confirmed(struct world *w, unsigned worker)
{
  assert_int_equal(join(w, worker), PLUG_PENDING);
  struct interest *interest = judged(w, INTEREST_CHANGE_SUBSCRIBE);
  interest_answer(w->table, interest, PLUG_OK);
  post_clear(&w->posts[worker]);
  w->changes = 0;
  return interest;
}

static void expect_answer(struct world *w, unsigned worker, plug_status status)
{
  struct inbox_item *item = post_take(&w->posts[worker]);
  assert_non_null(item);
  assert_int_equal(item->kind, INBOX_INTEREST);
  assert_int_equal(item->status, status);
  assert_int_equal(item->interest, 0);
  expect_str(str_from(item->text, item->text_len), TOPIC);
  inbox_item_free(item);
  assert_null(post_take(&w->posts[worker]));
}

/* --- the life of an entry ----------------------------------------------------------------- */

static void the_first_join_asks_the_broker_and_the_answer_comes_by_mail(void **state)
{
  struct world *w = *state;
  assert_int_equal(join(w, 1), PLUG_PENDING);
  assert_int_equal(w->changes, 1);
  struct interest *interest = judged(w, INTEREST_CHANGE_SUBSCRIBE);
  expect_str(interest_name(interest), TOPIC);
  assert_false(interest->is_pattern);
  assert_int_equal(interest->id & 1, 0);
  assert_int_not_equal(interest->id, 0);
  assert_int_equal(atomic_load(&w->posts[1].wakes), 0);
  interest_answer(w->table, interest, PLUG_OK);
  assert_int_equal(atomic_load(&w->posts[1].wakes), 1);
  expect_answer(w, 1, PLUG_OK);
  assert_null(post_take(&w->posts[0]));
  no_change(w);
}

static void later_joins_of_a_confirmed_topic_are_ready_at_once(void **state)
{
  struct world *w = *state;
  confirmed(w, 0);
  assert_int_equal(join(w, 1), PLUG_OK);
  assert_null(post_take(&w->posts[1]));
}

static void all_workers_that_joined_meanwhile_get_the_answer(void **state)
{
  struct world *w = *state;
  assert_int_equal(join(w, 0), PLUG_PENDING);
  assert_int_equal(join(w, 1), PLUG_PENDING); /* while NEW */
  assert_int_equal(w->changes, 1);
  struct interest *interest = judged(w, INTEREST_CHANGE_SUBSCRIBE);
  assert_int_equal(join(w, 2), PLUG_PENDING); /* while ASKED */
  no_change(w);
  leave(w, 1);
  interest_answer(w->table, interest, PLUG_OK);
  expect_answer(w, 0, PLUG_OK);
  expect_answer(w, 2, PLUG_OK);
  assert_null(post_take(&w->posts[1]));
}

static void a_topic_that_was_left_before_it_was_asked_for_is_gone(void **state)
{
  struct world *w = *state;
  join(w, 0);
  leave(w, 0);
  assert_int_equal(w->changes, 1);
  interest_free(judged(w, INTEREST_CHANGE_GONE));
  assert_int_equal(join(w, 0), PLUG_PENDING); /* a new entry */
  judged(w, INTEREST_CHANGE_SUBSCRIBE);
}

static void a_topic_that_was_left_while_asked_waits_for_the_grace_period(void **state)
{
  struct world *w = *state;
  join(w, 0);
  struct interest *interest = judged(w, INTEREST_CHANGE_SUBSCRIBE);
  leave(w, 0);
  assert_ptr_equal(judged(w, INTEREST_CHANGE_UNUSED), interest);
  interest_answer(w->table, interest, PLUG_OK);
  assert_null(post_take(&w->posts[0]));
  judged(w, INTEREST_CHANGE_UNUSED);
  assert_true(interest_retire(w->table, interest));
  interest_free(interest);
}

static void a_refused_topic_that_nobody_waits_for_is_gone(void **state)
{
  struct world *w = *state;
  join(w, 0);
  struct interest *interest = judged(w, INTEREST_CHANGE_SUBSCRIBE);
  leave(w, 0);
  judged(w, INTEREST_CHANGE_UNUSED);
  int before = w->changes;
  interest_answer(w->table, interest, PLUG_EDENIED);
  assert_int_equal(w->changes, before + 1);
  interest_free(judged(w, INTEREST_CHANGE_GONE));
}

static void only_the_last_worker_that_leaves_makes_a_change(void **state)
{
  struct world *w = *state;
  struct interest *interest = confirmed(w, 0);
  assert_int_equal(join(w, 1), PLUG_OK);
  judged(w, INTEREST_CHANGE_WANTED);
  w->changes = 0;
  leave(w, 0);
  assert_int_equal(w->changes, 0);
  leave(w, 1);
  assert_int_equal(w->changes, 1);
  judged(w, INTEREST_CHANGE_UNUSED);
  assert_true(interest_retire(w->table, interest));
  interest_free(interest);
  assert_int_equal(join(w, 0), PLUG_PENDING);
}

static void a_join_within_the_grace_period_needs_no_broker(void **state)
{
  struct world *w = *state;
  struct interest *interest = confirmed(w, 0);
  leave(w, 0);
  judged(w, INTEREST_CHANGE_UNUSED);
  assert_int_equal(join(w, 2), PLUG_OK);
  assert_false(interest_retire(w->table, interest));
  assert_ptr_equal(judged(w, INTEREST_CHANGE_WANTED), interest);
  assert_false(interest_retire(w->table, interest));
}

static void a_join_before_the_answer_is_told_to_who_counts_the_unwanted(void **state)
{
  struct world *w = *state;
  assert_int_equal(join(w, 0), PLUG_PENDING);
  struct interest *interest = judged(w, INTEREST_CHANGE_SUBSCRIBE);
  leave(w, 0);
  judged(w, INTEREST_CHANGE_UNUSED);
  w->changes = 0;
  assert_int_equal(join(w, 1), PLUG_PENDING);
  assert_int_equal(w->changes, 1);
  assert_ptr_equal(judged(w, INTEREST_CHANGE_WANTED), interest);
  assert_int_equal(join(w, 2), PLUG_PENDING);
  assert_int_equal(w->changes, 1);
}

static void an_entry_with_an_unjudged_change_is_not_retired(void **state)
{
  struct world *w = *state;
  struct interest *interest = confirmed(w, 0);
  leave(w, 0);
  judged(w, INTEREST_CHANGE_UNUSED);
  join(w, 0);
  leave(w, 0);
  assert_false(interest_retire(w->table, interest));
  judged(w, INTEREST_CHANGE_UNUSED);
  assert_true(interest_retire(w->table, interest));
  interest_free(interest);
}

static void leaving_and_joining_between_two_judgements_is_no_change_at_all(void **state)
{
  struct world *w = *state;
  confirmed(w, 0);
  leave(w, 0);
  assert_int_equal(join(w, 0), PLUG_OK);
  assert_int_equal(w->changes, 1);
  judged(w, INTEREST_CHANGE_WANTED);
}

static void a_refusal_is_told_and_the_next_join_asks_again(void **state)
{
  struct world *w = *state;
  join(w, 0);
  join(w, 1);
  struct interest *interest = judged(w, INTEREST_CHANGE_SUBSCRIBE);
  interest_answer(w->table, interest, PLUG_EDENIED);
  expect_answer(w, 0, PLUG_EDENIED);
  expect_answer(w, 1, PLUG_EDENIED);
  leave(w, 0);
  assert_int_equal(join(w, 0), PLUG_PENDING); /* worker 1 has not read its mail yet */
  assert_ptr_equal(judged(w, INTEREST_CHANGE_SUBSCRIBE), interest);
  interest_answer(w->table, interest, PLUG_OK);
  expect_answer(w, 0, PLUG_OK);
}

static void a_refused_topic_is_gone_when_its_workers_have_left(void **state)
{
  struct world *w = *state;
  join(w, 0);
  struct interest *interest = judged(w, INTEREST_CHANGE_SUBSCRIBE);
  interest_answer(w->table, interest, PLUG_EDENIED);
  no_change(w);
  leave(w, 0);
  assert_ptr_equal(judged(w, INTEREST_CHANGE_GONE), interest);
  interest_free(interest);
}

static void a_replay_asks_for_what_is_still_wanted(void **state)
{
  struct world *w = *state;
  struct interest *interest = confirmed(w, 0);
  assert_true(interest_ask_again(w->table, interest));
  expect_answer(w, 0, PLUG_PENDING); /* no longer confirmed */
  assert_int_equal(join(w, 1), PLUG_PENDING);
  interest_answer(w->table, interest, PLUG_OK);
  expect_answer(w, 0, PLUG_OK);
  expect_answer(w, 1, PLUG_OK);
  leave(w, 0);
  leave(w, 1);
  assert_false(interest_ask_again(w->table, interest));
}

static void changes_come_as_a_chain_in_their_order(void **state)
{
  struct world *w = *state;
  interest_join(w->table, 0, STR("/sub/1"), false);
  interest_join(w->table, 0, STR("/sub/2"), false);
  interest_join(w->table, 0, STR("/sub/*"), true);
  assert_int_equal(w->changes, 1); /* one call for all that is not taken yet */
  struct interest *a = interest_take_changes(w->table);
  struct interest *b = interest_next_change(a);
  struct interest *c = interest_next_change(b);
  assert_null(interest_next_change(c));
  expect_str(interest_name(a), STR("/sub/1"));
  expect_str(interest_name(b), STR("/sub/2"));
  expect_str(interest_name(c), STR("/sub/*"));
  assert_true(c->is_pattern);
  assert_int_equal(c->id & 1, 1);
  no_change(w);
}

/* --- patterns ----------------------------------------------------------------------------- */

#define PATTERN STR("/sub/*")

static void local_patterns_need_no_broker(void **state)
{
  struct world *w = *state;
  interest_set_local_patterns(w->table, true);
  assert_int_equal(interest_join(w->table, 0, PATTERN, true), PLUG_OK);
  no_change(w);
  interest_leave(w->table, 0, PATTERN, true);
  interest_free(judged(w, INTEREST_CHANGE_GONE));
  interest_join(w->table, 0, PATTERN, true);
  interest_leave(w->table, 0, PATTERN, true);
  assert_int_equal(interest_join(w->table, 1, PATTERN, true), PLUG_OK);
  judged(w, INTEREST_CHANGE_WANTED);
}

static void a_pattern_and_a_topic_of_the_same_name_are_two_things(void **state)
{
  struct world *w = *state;
  interest_join(w->table, 0, PATTERN, true);
  interest_join(w->table, 0, PATTERN, false);
  struct interest *a = interest_take_changes(w->table), *b = interest_next_change(a);
  assert_ptr_not_equal(a, b);
  assert_true(a->is_pattern);
  assert_false(b->is_pattern);
}

static void patterns_through_the_broker_are_asked_for_and_answered(void **state)
{
  struct world *w = *state;
  assert_int_equal(interest_join(w->table, 2, PATTERN, true), PLUG_PENDING);
  struct interest *pattern = judged(w, INTEREST_CHANGE_SUBSCRIBE);
  interest_answer(w->table, pattern, PLUG_OK);
  struct inbox_item *item = post_take(&w->posts[2]);
  assert_int_equal(item->kind, INBOX_INTEREST);
  assert_int_equal(item->interest, 1);
  expect_str(str_from(item->text, item->text_len), PATTERN);
  inbox_item_free(item);
  interest_leave(w->table, 2, PATTERN, true);
  judged(w, INTEREST_CHANGE_UNUSED);
  assert_true(interest_retire(w->table, pattern));
  uint64_t id = pattern->id;
  interest_free(pattern);
  const struct plug_msg *msg = msg_of("/sub/a", STR("late"));
  assert_int_equal(interest_deliver(w->table, id, msg), PLUG_OK); /* dropped: nobody knows the id */
  message_unref(msg);
  assert_null(post_take(&w->posts[2]));
}

/* --- deliveries --------------------------------------------------------------------------- */

static void expect_delivery(struct world *w, unsigned worker, enum inbox_kind kind,
                            const struct plug_msg *msg, struct plug_str text)
{
  struct inbox_item *item = post_take(&w->posts[worker]);
  assert_non_null(item);
  assert_int_equal(item->kind, kind);
  assert_ptr_equal(item->msg, msg);
  expect_str(str_from(item->text, item->text_len), text);
  inbox_item_free(item);
  assert_null(post_take(&w->posts[worker]));
}

static void messages_go_to_the_workers_that_want_them(void **state)
{
  struct world *w = *state;
  join(w, 0); /* before any answer of the broker, too */
  join(w, 2);
  interest_join(w->table, 1, STR("/sub/b"), false);
  int64_t counted = counter_read(COUNTER_delivered_node);
  const struct plug_msg *msg = msg_of("/sub/a", STR("x"));
  assert_int_equal(interest_deliver(w->table, 0, msg), PLUG_OK);
  assert_int_equal(counter_read(COUNTER_delivered_node) - counted, 1);
  assert_int_equal(atomic_load(&w->posts[0].wakes), 1);
  assert_int_equal(atomic_load(&w->posts[1].wakes), 0);
  assert_int_equal(atomic_load(&w->posts[2].wakes), 1);
  expect_delivery(w, 0, INBOX_DELIVER, msg, STR(""));
  expect_delivery(w, 2, INBOX_DELIVER, msg, STR(""));
  assert_null(post_take(&w->posts[1]));
  leave(w, 0);
  interest_deliver(w->table, 0, msg);
  assert_null(post_take(&w->posts[0]));
  expect_delivery(w, 2, INBOX_DELIVER, msg, STR(""));
  message_unref(msg);
}

/* What a worker's thread remembers of a topic does not outlive a change. */
static void who_wants_a_topic_alone_is_remembered_until_that_changes(void **state)
{
  struct world *w = *state;
  const struct plug_msg *msg = msg_of("/sub/a", STR("x"));
  interest_bind_worker(1);
  join(w, 2);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(interest_deliver(w->table, 0, msg), PLUG_OK);
    expect_delivery(w, 2, INBOX_DELIVER, msg, STR(""));
  }
  join(w, 0);
  interest_deliver(w->table, 0, msg);
  expect_delivery(w, 0, INBOX_DELIVER, msg, STR(""));
  expect_delivery(w, 2, INBOX_DELIVER, msg, STR(""));
  leave(w, 2);
  for (int i = 0; i < 2; i++) {
    interest_deliver(w->table, 0, msg);
    expect_delivery(w, 0, INBOX_DELIVER, msg, STR(""));
  }
  interest_set_local_patterns(w->table, true);
  interest_join(w->table, 2, STR("/sub/*"), true);
  interest_deliver(w->table, 0, msg);
  expect_delivery(w, 0, INBOX_DELIVER, msg, STR(""));
  expect_delivery(w, 2, INBOX_DELIVER, msg, STR(""));
  interest_leave(w->table, 2, STR("/sub/*"), true);
  leave(w, 0);
  interest_deliver(w->table, 0, msg);
  for (unsigned i = 0; i < 3; i++)
    assert_null(post_take(&w->posts[i]));
  interest_bind_worker(-1);
  message_unref(msg);
}

static bool is_heard(struct world *w)
{
  const struct plug_msg *msg = msg_of("/sub/a", STR("x"));
  bool heard = interest_is_heard(w->table, message_topic_hash(msg));
  message_unref(msg);
  return heard;
}

static void what_nobody_wants_is_known_to_be_unheard(void **state)
{
  struct world *w = *state;
  interest_join(w->table, 1, STR("/sub/b"), false);
  only_change(w);
  assert_false(is_heard(w));
  join(w, 0);
  join(w, 2);
  assert_true(is_heard(w));
  leave(w, 0);
  leave(w, 2);
  assert_true(is_heard(w)); /* its entry is there until it was judged */
  interest_free(judged(w, INTEREST_CHANGE_GONE));
  assert_false(is_heard(w));
  interest_join(w->table, 1, PATTERN, true); /* might match anything */
  assert_true(is_heard(w));
  interest_leave(w->table, 1, PATTERN, true);
  assert_false(is_heard(w));
}

static void many_topics_are_heard_and_unheard(void **state)
{
  struct world *w = *state;
  char name[32];
  int heard = 0;
  for (int i = 0; i < 2000; i++) {
    int n = snprintf(name, sizeof name, "/sub/%d", i);
    uint64_t hash = hash_bytes(name, (size_t)n);
    if (i < 1000) {
      interest_join(w->table, 0, str_from(name, (size_t)n), false);
      assert_true(interest_is_heard(w->table, hash));
    } else {
      heard += interest_is_heard(w->table, hash);
    }
  }
  assert_in_range(heard, 0, 400); /* 1,000 topics in 4,096 cells: 217 to be expected */
}

static void the_interest_says_whose_delivery_it_is(void **state)
{
  struct world *w = *state;
  struct interest *topic = confirmed(w, 0);
  interest_join(w->table, 1, PATTERN, true);
  struct interest *pattern = judged(w, INTEREST_CHANGE_SUBSCRIBE);
  const struct plug_msg *msg = msg_of("/sub/a", STR("x"));

  interest_deliver(w->table, 0, msg); /* all that match: whoever has patterns looks them up */
  expect_delivery(w, 0, INBOX_DELIVER, msg, STR(""));
  expect_delivery(w, 1, INBOX_DELIVER, msg, STR(""));

  interest_deliver(w->table, topic->id, msg);
  expect_delivery(w, 0, INBOX_DELIVER_TOPIC, msg, STR(""));
  assert_null(post_take(&w->posts[1]));

  interest_deliver(w->table, pattern->id, msg);
  assert_null(post_take(&w->posts[0]));
  expect_delivery(w, 1, INBOX_DELIVER_PATTERN, msg, PATTERN);

  interest_leave(w->table, 1, PATTERN, true);
  interest_deliver(w->table, 0, msg);
  expect_delivery(w, 0, INBOX_DELIVER, msg, STR(""));
  assert_null(post_take(&w->posts[1]));
  message_unref(msg);
}

static void a_full_inbox_slows_publishers_and_then_loses_messages(void **state)
{
  struct world *w = *state;
  join(w, 0);
  join(w, 1);
  int64_t dropped = counter_read(COUNTER_dropped_congested);
  const struct plug_msg *msg = msg_of("/sub/a", STR("x"));
  int n = 0;
  while (interest_deliver(w->table, 0, msg) == PLUG_OK)
    n++;
  assert_int_equal(n, LIMIT / 2 + 1);
  assert_true(interest_congested(w->table));
  for (n++; n < LIMIT; n++)
    assert_int_equal(interest_deliver(w->table, 0, msg), PLUG_EAGAIN);
  assert_int_equal(counter_read(COUNTER_dropped_congested), dropped);
  post_clear(&w->posts[1]);
  assert_int_equal(interest_deliver(w->table, 0, msg), PLUG_ETOOBIG);
  assert_int_equal(counter_read(COUNTER_dropped_congested) - dropped, 1);
  assert_int_equal(post_clear(&w->posts[0]), LIMIT);
  assert_int_equal(post_clear(&w->posts[1]), 1); /* the other worker has got it */
  assert_false(interest_congested(w->table));
  assert_int_equal(interest_deliver(w->table, 0, msg), PLUG_OK);
  message_unref(msg);
}

static void large_messages_slow_publishers_before_they_are_many(void **state)
{
  struct world *w = *state;
  join(w, 0);
  const size_t large = 1 << 20;
  char *bytes = calloc(1, large);
  assert_non_null(bytes);
  struct plug_kv header = {STR("k"), str_from(bytes, large)};
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = STR("/sub/a"),
                               .headers = &header,
                               .n_headers = 1,
                               .payload = str_from(bytes, large)};
  const struct plug_msg *msg = message_new(&init);
  interest_set_inbox_bytes(w->table, 64 << 20);
  int64_t dropped = counter_read(COUNTER_dropped_congested);
  int n = 0;
  while (interest_deliver(w->table, 0, msg) == PLUG_OK)
    n++;
  assert_int_equal(n, 16); /* a half, headers counted */
  assert_true(interest_congested(w->table));
  for (n++; interest_deliver(w->table, 0, msg) == PLUG_EAGAIN;) /* slowed, not lost */
    n++;
  assert_int_equal(n, 32);
  assert_int_equal(interest_deliver(w->table, 0, msg), PLUG_ETOOBIG);
  assert_int_equal(counter_read(COUNTER_dropped_congested) - dropped, 2);
  assert_int_equal(post_clear(&w->posts[0]), n);
  assert_int_equal(atomic_load(&w->posts[0].inbox.load), 0);
  assert_false(interest_congested(w->table));
  message_unref(msg);
  free(bytes);
}

static void a_worker_does_not_wake_itself(void **state)
{
  struct world *w = *state;
  join(w, 0);
  join(w, 1);
  const struct plug_msg *msg = msg_of("/sub/a", STR("x"));
  interest_bind_worker(1);
  interest_deliver(w->table, 0, msg);
  assert_int_equal(atomic_load(&w->posts[0].wakes), 1);
  assert_int_equal(atomic_load(&w->posts[1].wakes), 0);
  assert_int_equal(post_clear(&w->posts[1]), 1);
  interest_bind_worker(-1);
  interest_deliver(w->table, 0, msg);
  assert_int_equal(atomic_load(&w->posts[0].wakes), 1); /* was not empty */
  assert_int_equal(atomic_load(&w->posts[1].wakes), 1);
  message_unref(msg);
}

#define PUBLISHERS 2
#define EACH       3000

static void *publish_many(void *arg)
{
  struct interest_table *table = arg;
  for (int i = 0; i < EACH; i++) {
    const struct plug_msg *msg = msg_of("/sub/a", STR("x"));
    interest_deliver(table, 0, msg);
    message_unref(msg);
  }
  return NULL;
}

static void all_workers_see_one_order_whoever_publishes(void **state)
{
  (void)state;
  static struct post posts[WORKERS];
  struct inbox *inboxes[WORKERS];
  for (unsigned i = 0; i < WORKERS; i++) {
    post_init(&posts[i]);
    inboxes[i] = &posts[i].inbox;
  }
  static struct world other; /* AddressSanitizer's stack does not align to cache lines */
  struct interest_table *table = interest_table_new(WORKERS, inboxes, 1 << 20, on_change, &other);
  for (unsigned i = 0; i < WORKERS; i++)
    interest_join(table, i, TOPIC, false);
  pthread_t threads[PUBLISHERS];
  for (int i = 0; i < PUBLISHERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, publish_many, table), 0);
  /* Taking while they publish is what a worker does. */
  for (size_t n = 0; n < (size_t)PUBLISHERS * EACH;) {
    struct inbox_item *items[WORKERS];
    items[0] = post_take(&posts[0]);
    if (!items[0])
      continue;
    for (unsigned i = 1; i < WORKERS; i++) {
      while (!(items[i] = post_take(&posts[i])))
        ;
      assert_int_equal(items[i]->msg->id, items[0]->msg->id);
    }
    for (unsigned i = 0; i < WORKERS; i++)
      inbox_item_free(items[i]);
    n++;
  }
  for (int i = 0; i < PUBLISHERS; i++)
    pthread_join(threads[i], NULL);
  interest_table_free(table);
}

static _Atomic int changed_over;

/* Somebody listens all the time, now by the topic, now by a pattern. */
static void *change_over(void *arg)
{
  struct interest_table *table = arg;
  for (int i = 0; i < 200000; i++) {
    interest_join(table, 0, PATTERN, true);
    interest_leave(table, 0, TOPIC, false);
    struct interest *next, *interest = interest_take_changes(table);
    for (; interest; interest = next) { /* without grace: the entry is gone at once */
      next = interest_next_change(interest);
      if (interest_judge(table, interest) == INTEREST_CHANGE_GONE)
        interest_free(interest);
    }
    interest_join(table, 0, TOPIC, false);
    interest_leave(table, 0, PATTERN, true);
  }
  atomic_store(&changed_over, 1);
  return NULL;
}

static void who_changes_between_topic_and_pattern_is_heard_all_the_time(void **state)
{
  struct world *w = *state;
  const struct plug_msg *msg = msg_of("/sub/a", STR("x"));
  pthread_t thread;
  atomic_store(&changed_over, 0);
  interest_set_local_patterns(w->table, true);
  interest_join(w->table, 0, TOPIC, false);
  assert_int_equal(pthread_create(&thread, NULL, change_over, w->table), 0);
  interest_bind_worker(1);   /* who remembers what he has found out */
  int unheard = 0, lost = 0; /* judged when the thread has ended */
  while (!atomic_load(&changed_over)) {
    for (int i = 0; i < 20; i++)
      unheard += !interest_is_heard(w->table, message_topic_hash(msg));
    interest_deliver(w->table, 0, msg);
    lost += post_clear(&w->posts[0]) != 1;
  }
  pthread_join(thread, NULL);
  interest_bind_worker(-1);
  assert_int_equal(unheard, 0);
  assert_int_equal(lost, 0);
  message_unref(msg);
}

static _Atomic int churning;

static void *churn(void *arg)
{
  struct interest_table *table = arg;
  for (int i = 0; i < 2000; i++) {
    char name[32];
    snprintf(name, sizeof name, "/sub/%d", i % 50);
    interest_join(table, 1, str_of(name), i % 3 == 0);
    interest_leave(table, 1, str_of(name), i % 3 == 0);
  }
  atomic_fetch_sub(&churning, 1);
  return NULL;
}

static void quiet_change(void *ctx)
{
  (void)ctx;
}

/* The control thread judges while workers come and go: every entry is freed once in the end. */
static void joining_leaving_and_judging_at_once_loses_nothing(void **state)
{
  (void)state;
  static struct post posts[2];
  struct inbox *inboxes[2];
  for (unsigned i = 0; i < 2; i++) {
    post_init(&posts[i]);
    inboxes[i] = &posts[i].inbox;
  }
  struct interest_table *table = interest_table_new(2, inboxes, 1 << 20, quiet_change, NULL);
  pthread_t thread;
  atomic_store(&churning, 1);
  assert_int_equal(pthread_create(&thread, NULL, churn, table), 0);
  struct list unused;
  list_init(&unused);
  bool last = false;
  for (;;) {
    bool over = atomic_load(&churning) == 0;
    struct interest *next, *interest = interest_take_changes(table);
    for (; interest; interest = next) {
      next = interest_next_change(interest);
      list_remove(&interest->holds[0].grace);
      switch (interest_judge(table, interest)) {
      case INTEREST_CHANGE_SUBSCRIBE:
        interest_answer(table, interest, interest->id % 4 < 2 ? PLUG_OK : PLUG_EDENIED);
        break;
      case INTEREST_CHANGE_UNUSED:
        list_append(&unused, &interest->holds[0].grace);
        break;
      case INTEREST_CHANGE_GONE:
        interest_free(interest);
        break;
      default:
        break;
      }
    }
    struct list *node, *after;
    for (node = unused.next; node != &unused; node = after) {
      after = node->next;
      struct interest *old = container_of(node, struct interest, holds[0].grace);
      if (interest_retire(table, old))
        interest_free(old);
    }
    if (last)
      break;
    last = over;
  }
  pthread_join(thread, NULL);
  assert_null(interest_take_changes(table));
  for (int i = 0; i < 50; i++) {
    char name[32];
    int n = snprintf(name, sizeof name, "/sub/%d", i);
    assert_false(interest_is_heard(table, hash_bytes(name, (size_t)n)));
  }
  post_clear(&posts[1]);
  interest_table_free(table);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(the_first_join_asks_the_broker_and_the_answer_comes_by_mail),
      TEST(later_joins_of_a_confirmed_topic_are_ready_at_once),
      TEST(all_workers_that_joined_meanwhile_get_the_answer),
      TEST(a_topic_that_was_left_before_it_was_asked_for_is_gone),
      TEST(a_topic_that_was_left_while_asked_waits_for_the_grace_period),
      TEST(a_refused_topic_that_nobody_waits_for_is_gone),
      TEST(only_the_last_worker_that_leaves_makes_a_change),
      TEST(a_join_within_the_grace_period_needs_no_broker),
      TEST(a_join_before_the_answer_is_told_to_who_counts_the_unwanted),
      TEST(an_entry_with_an_unjudged_change_is_not_retired),
      TEST(leaving_and_joining_between_two_judgements_is_no_change_at_all),
      TEST(a_refusal_is_told_and_the_next_join_asks_again),
      TEST(a_refused_topic_is_gone_when_its_workers_have_left),
      TEST(a_replay_asks_for_what_is_still_wanted),
      TEST(changes_come_as_a_chain_in_their_order),
      TEST(local_patterns_need_no_broker),
      TEST(a_pattern_and_a_topic_of_the_same_name_are_two_things),
      TEST(patterns_through_the_broker_are_asked_for_and_answered),
      TEST(messages_go_to_the_workers_that_want_them),
      TEST(who_wants_a_topic_alone_is_remembered_until_that_changes),
      TEST(what_nobody_wants_is_known_to_be_unheard),
      TEST(many_topics_are_heard_and_unheard),
      TEST(who_changes_between_topic_and_pattern_is_heard_all_the_time),
      TEST(the_interest_says_whose_delivery_it_is),
      TEST(a_full_inbox_slows_publishers_and_then_loses_messages),
      TEST(large_messages_slow_publishers_before_they_are_many),
      TEST(a_worker_does_not_wake_itself),
      cmocka_unit_test(all_workers_see_one_order_whoever_publishes),
      cmocka_unit_test(joining_leaving_and_judging_at_once_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
