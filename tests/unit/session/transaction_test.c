#include "session/transaction.h"

#include "../hub/fixture.h"

static void a_held_frame_is_a_copy(void **state)
{
  (void)state;
  char name[] = "destination", value[] = "/topic/a", body[] = "a\0b";
  struct stomp_header headers[] = {{str_of(name), str_of(value)}, {STR("x"), STR("")}};
  struct stomp_frame frame = {STOMP_SEND, headers, 2, str_from(body, 3), NULL};
  struct transaction *transaction = transaction_new(STR("t"));
  size_t bytes = transaction_frame_bytes(&frame);
  assert_true(bytes >= sizeof frame + sizeof headers + 11 + 8 + 1 + 3);
  assert_true(transaction_hold(transaction, &frame));
  memset(name, '#', sizeof name);
  memset(value, '#', sizeof value);
  memset(body, '#', sizeof body);
  memset(headers, 0, sizeof headers);
  struct held_frame *held = container_of(list_first(&transaction->held), struct held_frame, link);
  assert_int_equal(held->frame.command, STOMP_SEND);
  assert_int_equal(held->frame.n_headers, 2);
  expect_str(*stomp_frame_header(&held->frame, STR("destination")), STR("/topic/a"));
  expect_str(*stomp_frame_header(&held->frame, STR("x")), STR(""));
  expect_str(held->frame.body, STR("a\0b"));
  assert_int_equal(held->bytes, bytes);
  assert_int_equal(transaction->bytes, bytes);
  transaction_free(transaction);
}

static void frames_are_held_in_their_order_and_counted(void **state)
{
  (void)state;
  struct transaction *transaction = transaction_new(STR("t"));
  uint64_t bytes = 0;
  for (int i = 0; i < 10; i++) {
    char body = (char)('0' + i);
    struct stomp_frame frame = {STOMP_SEND, NULL, 0, str_from(&body, 1), NULL};
    assert_true(transaction_hold(transaction, &frame));
    bytes += transaction_frame_bytes(&frame);
  }
  assert_int_equal(transaction->bytes, bytes);
  int i = 0;
  for (struct list *node = transaction->held.next; node != &transaction->held; node = node->next)
    assert_int_equal(container_of(node, struct held_frame, link)->frame.body.ptr[0], '0' + i++);
  assert_int_equal(i, 10);
  transaction_free(transaction);
}

static void an_empty_frame_can_be_held(void **state)
{
  (void)state;
  struct transaction *transaction = transaction_new(str_from(NULL, 0));
  struct stomp_frame frame = {STOMP_ACK, NULL, 0, {NULL, 0}, NULL};
  assert_true(transaction_hold(transaction, &frame));
  transaction_free(transaction);
}

static void transactions_are_found_by_their_whole_id(void **state)
{
  (void)state;
  struct list all;
  list_init(&all);
  static const char *const ids[] = {"a", "ab", ""};
  struct transaction *made[3];
  for (int i = 0; i < 3; i++) {
    made[i] = transaction_new(str_of(ids[i]));
    list_append(&all, &made[i]->link);
  }
  for (int i = 0; i < 3; i++)
    assert_ptr_equal(transaction_find(&all, str_of(ids[i])), made[i]);
  assert_null(transaction_find(&all, STR("abc")));
  assert_null(transaction_find(&all, STR("b")));
  transaction_free(made[1]);
  assert_null(transaction_find(&all, STR("ab")));
  assert_ptr_equal(transaction_find(&all, STR("a")), made[0]);
  transaction_free(made[0]);
  transaction_free(made[2]);
  assert_true(list_empty(&all));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_held_frame_is_a_copy),
      cmocka_unit_test(frames_are_held_in_their_order_and_counted),
      cmocka_unit_test(an_empty_frame_can_be_held),
      cmocka_unit_test(transactions_are_found_by_their_whole_id),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
