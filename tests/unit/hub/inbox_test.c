#include "fixture.h"

#include <pthread.h>

#define PRODUCERS 4
#define EACH      5000

static void an_item_copies_its_text_and_starts_clean(void **state)
{
  (void)state;
  char text[] = "/sub/a";
  struct inbox_item *item = inbox_item_new(INBOX_INTEREST, str_of(text));
  memset(text, 'x', sizeof text - 1);
  assert_int_equal(item->kind, INBOX_INTEREST);
  assert_int_equal(item->status, PLUG_OK);
  assert_null(item->msg);
  assert_null(item->waiter);
  assert_int_equal(item->interest, 0);
  expect_str(str_from(item->text, item->text_len), STR("/sub/a"));
  inbox_item_free(item);
  item = inbox_item_new(INBOX_PUBLISHED, str_from(NULL, 0));
  assert_int_equal(item->text_len, 0);
  inbox_item_free(item);
}

static void freeing_an_item_releases_its_message(void **state)
{
  (void)state;
  int64_t before = message_count_alive();
  struct inbox_item *item = inbox_item_new(INBOX_DELIVER, str_from(NULL, 0));
  item->msg = msg_of("/sub/a", STR("x"));
  inbox_item_free(item);
  assert_int_equal(message_count_alive(), before);
}

static void only_the_first_item_asks_for_a_wake_up(void **state)
{
  (void)state;
  static struct post post; /* AddressSanitizer's stack does not align to cache lines */
  post_init(&post);
  assert_true(inbox_put(&post.inbox, inbox_item_new(INBOX_INTEREST, STR("a"))));
  assert_false(inbox_put(&post.inbox, inbox_item_new(INBOX_INTEREST, STR("b"))));
  assert_int_equal(inbox_load_items(atomic_load(&post.inbox.load)), 2);
  struct inbox_item *a = post_take(&post), *b = post_take(&post);
  assert_int_equal(a->text[0], 'a');
  assert_int_equal(b->text[0], 'b');
  inbox_item_free(a);
  inbox_item_free(b);
  assert_null(post_take(&post));
  assert_int_equal(inbox_load_items(atomic_load(&post.inbox.load)), 0);
  assert_true(inbox_put(&post.inbox, inbox_item_new(INBOX_INTEREST, STR("c"))));
  assert_int_equal(post_clear(&post), 1);
}

struct producer {
  pthread_t thread;
  struct post *post;
  unsigned number;
};

static void *produce(void *arg)
{
  struct producer *producer = arg;
  for (unsigned i = 0; i < EACH; i++) {
    struct inbox_item *item = inbox_item_new(INBOX_INTEREST, str_from(NULL, 0));
    item->interest = (uint64_t)producer->number << 32 | i;
    if (inbox_put(&producer->post->inbox, item))
      producer->post->inbox.wake(&producer->post->inbox);
  }
  return NULL;
}

static void items_of_many_threads_arrive_once_and_in_each_threads_order(void **state)
{
  (void)state;
  static struct post post;
  post_init(&post);
  struct producer producers[PRODUCERS];
  unsigned next[PRODUCERS] = {0};
  for (unsigned i = 0; i < PRODUCERS; i++) {
    producers[i] = (struct producer){.post = &post, .number = i};
    assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
  }
  for (size_t got = 0; got < (size_t)PRODUCERS * EACH;) {
    struct inbox_item *item = post_take(&post);
    if (!item)
      continue;
    unsigned from = (unsigned)(item->interest >> 32);
    assert_int_equal((uint32_t)item->interest, next[from]);
    next[from]++;
    got++;
    inbox_item_free(item);
  }
  for (unsigned i = 0; i < PRODUCERS; i++)
    pthread_join(producers[i].thread, NULL);
  assert_null(post_take(&post));
  assert_int_equal(inbox_load_items(atomic_load(&post.inbox.load)), 0);
  assert_true(atomic_load(&post.wakes) >= 1);
}

static void the_load_holds_more_than_the_limits_allow(void **state)
{
  (void)state;
  /* The upper ends of worker-queue and worker-queue-size, and a large message more. */
  const uint64_t items = 100000000, bytes = (UINT64_C(64) << 30) + (UINT64_C(4) << 30);
  struct inbox_item empty = {.msg = NULL};
  uint64_t load = items * inbox_item_load(&empty) + bytes;
  assert_true(inbox_load_items(load) == items);
  assert_true(inbox_load_bytes(load) == bytes);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_load_holds_more_than_the_limits_allow),
      cmocka_unit_test(an_item_copies_its_text_and_starts_clean),
      cmocka_unit_test(freeing_an_item_releases_its_message),
      cmocka_unit_test(only_the_first_item_asks_for_a_wake_up),
      cmocka_unit_test(items_of_many_threads_arrive_once_and_in_each_threads_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
