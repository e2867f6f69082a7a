/* Turns that many threads take and end in any order. */
#include "../hub/fixture.h"

#include <pthread.h>

#include "broker/order.h"

enum { THREADS = 4, PER_THREAD = 5000, SLOTS = 32, TOPICS = 3 };

struct item {
  struct order_turn turn; /* first */
  bool skip;
};

static struct order *order;
static struct item items[THREADS][PER_THREAD];
static _Atomic(struct item *) slots[SLOTS]; /* under way */
static _Atomic int n_over;

static void on_over(struct order_turn *turn)
{
  message_unref(turn->msg);
  turn->msg = NULL; /* a second time would crash */
  atomic_fetch_add(&n_over, 1);
}

static plug_status let_in(void *ctx, const struct plug_msg *msg)
{
  return interest_deliver(ctx, 0, msg);
}

static void on_change(void *ctx)
{
  (void)ctx;
}

static void *take_turns(void *arg)
{
  unsigned me = *(unsigned *)arg, random = me * 7919 + 1;
  static const char *const topics[TOPICS] = {"/sub/a", "/sub/b", "/sub/c"};
  for (unsigned i = 0; i < PER_THREAD; i++) {
    unsigned payload[2] = {me, i};
    random = random * 1103515245 + 12345;
    struct item *item = &items[me][i];
    item->skip = i % 7 == 3;
    order_enter(order, &item->turn,
                msg_of(topics[i % TOPICS], str_from((const char *)payload, sizeof payload)));
    item = atomic_exchange(&slots[(random >> 16) % SLOTS], item);
    if (item)
      order_end(order, &item->turn, !item->skip);
  }
  return NULL;
}

static void every_topic_keeps_its_order_whoever_ends_the_turns(void **state)
{
  (void)state;
  static struct post post;
  struct inbox *inbox = &post.inbox;
  post_init(&post);
  struct interest_table *table = interest_table_new(1, &inbox, 1000000, on_change, NULL);
  interest_join(table, 0, STR("/sub/a"), false);
  interest_join(table, 0, STR("/sub/b"), false);
  interest_join(table, 0, STR("/sub/c"), false);
  order = order_new(let_in, on_over, table);
  pthread_t threads[THREADS];
  unsigned numbers[THREADS];
  for (unsigned i = 0; i < THREADS; i++) {
    numbers[i] = i;
    assert_int_equal(pthread_create(&threads[i], NULL, take_turns, &numbers[i]), 0);
  }
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  for (unsigned i = 0; i < SLOTS; i++) {
    struct item *item = atomic_load(&slots[i]);
    if (item)
      order_end(order, &item->turn, !item->skip);
  }
  assert_int_equal(atomic_load(&n_over), THREADS * PER_THREAD);

  unsigned next[THREADS][TOPICS];
  for (unsigned i = 0; i < THREADS; i++)
    for (unsigned t = 0; t < TOPICS; t++)
      next[i][t] = t;
  for (struct inbox_item *item; (item = post_take(&post)); inbox_item_free(item)) {
    unsigned payload[2];
    if (item->kind != INBOX_DELIVER)
      continue;
    memcpy(payload, item->msg->payload.ptr, sizeof payload);
    unsigned t = payload[1] % TOPICS, *due = &next[payload[0]][t];
    if (*due % 7 == 3)
      *due += TOPICS;
    assert_int_equal(payload[1], *due);
    *due += TOPICS;
  }
  for (unsigned i = 0; i < THREADS; i++)
    for (unsigned t = 0; t < TOPICS; t++)
      assert_true(next[i][t] + TOPICS >= PER_THREAD);
  order_free(order);
  interest_leave(table, 0, STR("/sub/a"), false);
  interest_leave(table, 0, STR("/sub/b"), false);
  interest_leave(table, 0, STR("/sub/c"), false);
  interest_table_free(table);
  post_clear(&post);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_topic_keeps_its_order_whoever_ends_the_turns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
