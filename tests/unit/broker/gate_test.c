/* Two brokers that bring the same messages, and what of it comes to a worker. */
#include "../hub/fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "broker/gate.h"

enum { N = 20000, LEADER_ALONE = 500, OTHER_ALONE = 500 };

static struct post post;
static struct interest_table *table;
static struct gate *gate;

static void on_change(void *ctx)
{
  (void)ctx;
}

static int setup(void **state)
{
  (void)state;
  struct inbox *inbox = &post.inbox;
  post_init(&post);
  table = interest_table_new(1, &inbox, 10000000, on_change, NULL);
  interest_join(table, 0, STR("/sub/a"), false);
  answer_changes(table, PLUG_OK);
  post_clear(&post);
  gate = gate_new(table);
  return gate ? 0 : -1;
}

static int teardown(void **state)
{
  (void)state;
  post_clear(&post);
  gate_free(gate);
  interest_table_free(table);
  return 0;
}

static const struct plug_msg *numbered(uint64_t id, const char *origin)
{
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)id);
  const struct plug_msg_init init = {
      .size = sizeof init, .topic = STR("/sub/a"), .payload = str_of(text)};
  const struct plug_msg *msg = message_new_from(&init, str_of(origin), id);
  assert_non_null(msg);
  return msg;
}

static void bring(unsigned side, uint64_t interest, uint64_t id)
{
  const struct plug_msg *msg = numbered(id, "n1");
  assert_int_equal(gate_deliver(gate, side, interest, msg), PLUG_OK);
  message_unref(msg);
}

/* The payloads that have come, joined by blanks. */
static void expect(const char *wanted)
{
  char got[300] = "";
  size_t len = 0;
  struct inbox_item *item;
  while ((item = post_take(&post))) {
    len += (size_t)snprintf(got + len, sizeof got - len, "%s%.*s", len ? " " : "",
                            STR_ARG(item->msg->payload));
    inbox_item_free(item);
  }
  assert_string_equal(got, wanted);
}

static void the_leader_goes_first_and_then_whoever_is_first(void **state)
{
  (void)state;
  bring(0, 0, 1);
  bring(1, 0, 1); /* it is off */
  expect("1 1");
  gate_mark(gate, 0);
  bring(1, 0, 3);
  bring(1, 0, 4);
  bring(0, 0, 2);
  bring(0, 0, 3);
  expect("2 3");
  gate_merge(gate);
  expect("4"); /* which only the other one has brought */
  bring(0, 0, 4);
  bring(0, 0, 5);
  bring(1, 0, 5);
  bring(1, 0, 6);
  bring(0, 0, 6);
  expect("5 6");
  gate_tail(gate);
  bring(1, 0, 6);
  bring(1, 0, 7);
  expect("7");
  gate_off(gate);
  bring(1, 0, 7); /* forgotten */
  expect("7");
}

static void copies_for_other_interests_are_those_of_whoever_came_first(void **state)
{
  (void)state;
  gate_mark(gate, 1);
  bring(1, 2, 1); /* for the topic */
  bring(1, 4, 1); /* for another spelling of it */
  expect("1 1");
  gate_merge(gate);
  bring(1, 2, 1); /* the leader's own further copies pass, as they were begun */
  bring(0, 2, 1);
  expect("1");
  bring(0, 2, 2); /* goes to all at once */
  bring(0, 4, 2);
  bring(1, 2, 2);
  expect("2");
  gate_tail(gate);
  bring(0, 4, 2);
  bring(0, 2, 3);
  bring(0, 4, 3);
  expect("3 3");
}

static void messages_are_known_by_origin_and_id(void **state)
{
  (void)state;
  const struct plug_msg *other = numbered(7, "n2");
  gate_mark(gate, 0);
  gate_merge(gate);
  bring(0, 0, 7);
  gate_deliver(gate, 0, 0, other);
  gate_deliver(gate, 1, 0, other);
  bring(1, 0, 7 + 256);
  bring(1, 0, 7);
  expect("7 7 263");
  message_unref(other);
}

static void what_is_held_back_is_given_up_when_the_other_one_is(void **state)
{
  (void)state;
  gate_mark(gate, 0);
  bring(1, 0, 1);
  bring(0, 0, 1);
  gate_tail(gate);
  expect("1");
}

/* --- at once ------------------------------------------------------------------------------ */

static const struct plug_msg *all[N];
static _Atomic unsigned leader_at;

static void *lead(void *arg)
{
  (void)arg;
  for (unsigned i = 0; i < N - OTHER_ALONE; i++) {
    gate_deliver(gate, 0, 0, all[i]);
    atomic_store(&leader_at, i);
  }
  return NULL;
}

static void *follow(void *arg)
{
  (void)arg;
  for (unsigned i = LEADER_ALONE; i < N; i++) {
    /* Sometimes ahead, sometimes behind. */
    while (i >= N - OTHER_ALONE && atomic_load(&leader_at) + 1 < N - OTHER_ALONE)
      usleep(50);
    gate_deliver(gate, 1, 0, all[i]);
  }
  return NULL;
}

static void all_come_once_and_in_order_from_threads(void **state)
{
  (void)state;
  pthread_t threads[2];
  for (unsigned i = 0; i < N; i++)
    all[i] = numbered(i + 1, "n1");
  gate_mark(gate, 0);
  assert_int_equal(pthread_create(&threads[0], NULL, lead, NULL), 0);
  assert_int_equal(pthread_create(&threads[1], NULL, follow, NULL), 0);
  while (atomic_load(&leader_at) < LEADER_ALONE)
    usleep(50);
  gate_merge(gate);
  for (unsigned i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  gate_tail(gate);
  gate_off(gate);
  for (unsigned i = 0; i < N; i++) {
    struct inbox_item *item = post_take(&post);
    assert_non_null(item);
    assert_ptr_equal(item->msg, all[i]);
    inbox_item_free(item);
    message_unref(all[i]);
  }
  assert_null(post_take(&post));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_leader_goes_first_and_then_whoever_is_first, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(copies_for_other_interests_are_those_of_whoever_came_first,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(messages_are_known_by_origin_and_id, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_held_back_is_given_up_when_the_other_one_is, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(all_come_once_and_in_order_from_threads, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
