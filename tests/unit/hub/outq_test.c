#include "fixture.h"

/* What the fake carrier does when it is asked to flush. */
enum carrier {
  CARRIER_NEVER,
  CARRIER_TAKES_ALL,
  CARRIER_TAKES_ONE,
  CARRIER_BLOCKS,
  CARRIER_CLOSES
};

static enum carrier carrier;
static unsigned flushes;

static void flush(struct outq *q)
{
  flushes++;
  switch (carrier) {
  case CARRIER_NEVER:
    fail_msg("flushed although the socket is full");
    break;
  case CARRIER_TAKES_ALL:
    outq_drop_front(q, q->count);
    break;
  case CARRIER_TAKES_ONE:
    outq_drop_front(q, 1);
    q->blocked = true;
    break;
  case CARRIER_BLOCKS:
    q->blocked = true;
    break;
  case CARRIER_CLOSES:
    q->closed = true;
    break;
  }
}

static struct outq_set set_of(enum outq_policy policy, uint64_t max_frames, uint64_t max_bytes,
                              enum carrier does)
{
  carrier = does;
  flushes = 0;
  return (struct outq_set){
      .max_frames = max_frames, .max_bytes = max_bytes, .policy = policy, .flush = flush};
}

/* A frame of ten bytes, its number in the last. */
static bool push(struct outq_set *set, struct outq *q, int number, bool droppable)
{
  char text[8] = "frame  ";
  text[7] = (char)number;
  struct plug_str part = str_from(text, 8);
  struct frame *frame = frame_new(FRAME_WS_TEXT, droppable, &part, 1);
  bool queued = outq_push(set, q, frame);
  frame_unref(frame);
  return queued;
}

static int number_at(const struct outq *q, uint32_t i)
{
  const struct frame *frame = outq_at(q, i);
  return frame->bytes[frame->len - 1];
}

static void expect_numbers(const struct outq *q, const char *numbers)
{
  assert_int_equal(q->count, strlen(numbers));
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < q->count; i++) {
    assert_int_equal(number_at(q, i), numbers[i]);
    bytes += outq_at(q, i)->len;
  }
  assert_int_equal(q->bytes, bytes);
}

static void begin(struct outq_set *set, struct outq *q)
{
  list_init(&set->dirty);
  outq_init(q);
}

static void frames_leave_in_the_order_in_which_they_came(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_CLOSE, 1000, 100000, CARRIER_NEVER);
  struct outq q;
  begin(&set, &q);
  int in = 0, out = 0;
  /* The ring wraps at every size that it grows through. */
  for (int round = 0; round < 200; round++) {
    for (int i = 0; i < 3 + round % 5; i++)
      assert_true(push(&set, &q, in++ % 100, true));
    while ((int)q.count > round % 70) {
      assert_int_equal(number_at(&q, 0), out++ % 100);
      outq_drop_front(&q, 1);
    }
  }
  assert_int_equal(in - out, q.count);
  while (q.count) {
    assert_int_equal(number_at(&q, 0), out++ % 100);
    outq_drop_front(&q, 1);
  }
  assert_int_equal(q.bytes, 0);
  outq_fini(&q);
}

static void growing_keeps_the_order_of_a_ring_that_has_wrapped(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_CLOSE, 1000, 100000, CARRIER_NEVER);
  struct outq q;
  begin(&set, &q);
  push(&set, &q, 'a', true);
  push(&set, &q, 'b', true);
  outq_drop_front(&q, 1);
  push(&set, &q, 'c', true); /* wrapped */
  assert_ptr_equal(q.ring, q.inline_slots);
  push(&set, &q, 'd', true); /* grown */
  assert_ptr_not_equal(q.ring, q.inline_slots);
  expect_numbers(&q, "bcd");
  for (int i = 0; i < 13; i++)
    push(&set, &q, 'e' + i, true);
  outq_drop_front(&q, 5);
  for (int i = 0; i < 20; i++)
    push(&set, &q, 'A' + i, true);
  expect_numbers(&q, "ghijklmnopqABCDEFGHIJKLMNOPQRST");
  outq_fini(&q);
}

static void a_quiet_queue_holds_no_memory(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_CLOSE, 1000, 100000, CARRIER_NEVER);
  struct outq q;
  begin(&set, &q);
  push(&set, &q, '1', true);
  push(&set, &q, '2', true);
  assert_ptr_equal(q.ring, q.inline_slots);
  push(&set, &q, '3', true);
  outq_trim(&q); /* not while something is in it */
  expect_numbers(&q, "123");
  outq_drop_front(&q, 3);
  assert_ptr_not_equal(q.ring, q.inline_slots); /* a small ring stays for the next burst */
  outq_trim(&q);
  assert_ptr_equal(q.ring, q.inline_slots);
  for (int i = 0; i < 40; i++)
    push(&set, &q, 'x', true);
  outq_drop_front(&q, 40);
  assert_ptr_equal(q.ring, q.inline_slots); /* a large one goes at once */
  push(&set, &q, '4', true);
  expect_numbers(&q, "4");
  outq_fini(&q);
}

static void a_queue_with_frames_stands_in_the_dirty_list_once(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_CLOSE, 1000, 100000, CARRIER_NEVER);
  struct outq q, other;
  begin(&set, &q);
  outq_init(&other);
  push(&set, &q, '1', true);
  push(&set, &other, '1', true);
  push(&set, &q, '2', true);
  assert_ptr_equal(set.dirty.next, &q.dirty);
  assert_ptr_equal(q.dirty.next, &other.dirty);
  assert_ptr_equal(other.dirty.next, &set.dirty);
  list_remove(&q.dirty);
  q.blocked = true;
  push(&set, &q, '3', true);
  assert_true(list_empty(&q.dirty)); /* the carrier flushes it when the socket is free */
  outq_fini(&q);
  outq_fini(&other);
  assert_true(list_empty(&set.dirty));
}

static void a_burst_is_flushed_before_any_policy_applies(void **state)
{
  (void)state;
  static const enum outq_policy policies[] = {OUTQ_CLOSE, OUTQ_DROP_OLDEST, OUTQ_DROP_NEWEST};
  for (size_t i = 0; i < 3; i++) {
    struct outq_set set = set_of(policies[i], 2, 100000, CARRIER_TAKES_ALL);
    struct outq q;
    begin(&set, &q);
    assert_true(push(&set, &q, '1', true));
    assert_true(push(&set, &q, '2', true));
    assert_int_equal(flushes, 0);
    assert_true(push(&set, &q, '3', true));
    assert_int_equal(flushes, 1);
    expect_numbers(&q, "3");
    assert_false(q.overflow);
    outq_fini(&q);
  }
}

static void a_blocked_queue_is_not_flushed(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_DROP_NEWEST, 2, 100000, CARRIER_NEVER);
  struct outq q;
  begin(&set, &q);
  q.blocked = true;
  assert_true(push(&set, &q, '1', true));
  assert_true(push(&set, &q, '2', true));
  assert_false(push(&set, &q, '3', true));
  assert_int_equal(flushes, 0);
  expect_numbers(&q, "12");
  outq_fini(&q);
}

static void what_the_flush_makes_room_for_is_queued(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_CLOSE, 2, 100000, CARRIER_TAKES_ONE);
  struct outq q;
  begin(&set, &q);
  push(&set, &q, '1', true);
  push(&set, &q, '2', true);
  assert_true(push(&set, &q, '3', true));
  expect_numbers(&q, "23");
  assert_false(push(&set, &q, '4', true)); /* blocked now */
  assert_true(q.overflow);
  assert_int_equal(flushes, 1);
  outq_fini(&q);
}

static void a_flush_that_ends_the_connection_drops_the_frame(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_DROP_OLDEST, 1, 100000, CARRIER_CLOSES);
  struct outq q;
  begin(&set, &q);
  push(&set, &q, '1', true);
  assert_false(push(&set, &q, '2', true));
  expect_numbers(&q, "1");
  assert_false(push(&set, &q, '3', true));
  assert_int_equal(flushes, 1);
  outq_fini(&q);
}

static void close_marks_the_queue_and_takes_nothing_more(void **state)
{
  (void)state;
  int64_t dropped = counter_read(COUNTER_dropped_queue);
  struct outq_set set = set_of(OUTQ_CLOSE, 2, 100000, CARRIER_BLOCKS);
  struct outq q;
  begin(&set, &q);
  push(&set, &q, '1', true);
  push(&set, &q, '2', true);
  list_remove(&q.dirty);
  assert_false(push(&set, &q, '3', true));
  assert_true(q.overflow);
  assert_false(list_empty(&q.dirty)); /* so that the carrier sees it */
  outq_drop_front(&q, 1);
  assert_false(push(&set, &q, '4', true));
  expect_numbers(&q, "2");
  assert_int_equal(counter_read(COUNTER_dropped_queue), dropped);
  outq_fini(&q);
}

static void drop_oldest_makes_room_for_the_newest(void **state)
{
  (void)state;
  int64_t dropped = counter_read(COUNTER_dropped_queue);
  struct outq_set set = set_of(OUTQ_DROP_OLDEST, 3, 100000, CARRIER_BLOCKS);
  struct outq q;
  begin(&set, &q);
  for (int i = '1'; i <= '6'; i++)
    assert_true(push(&set, &q, i, true));
  expect_numbers(&q, "456");
  assert_int_equal(counter_read(COUNTER_dropped_queue) - dropped, 3);
  assert_false(q.overflow);
  outq_fini(&q);
}

static void drop_oldest_spares_answers(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_DROP_OLDEST, 4, 100000, CARRIER_BLOCKS);
  struct outq q;
  begin(&set, &q);
  push(&set, &q, 'R', false);
  push(&set, &q, '1', true);
  push(&set, &q, 'S', false);
  push(&set, &q, '2', true);
  assert_true(push(&set, &q, '3', true));
  expect_numbers(&q, "RS23");
  assert_true(push(&set, &q, 'T', false)); /* an answer takes the place of a message, too */
  expect_numbers(&q, "RS3T");
  assert_true(push(&set, &q, 'U', false));
  expect_numbers(&q, "RSTU");
  assert_false(push(&set, &q, '4', true)); /* nothing may go: the newcomer does */
  assert_false(q.overflow);
  expect_numbers(&q, "RSTU");
  assert_false(push(&set, &q, 'V', false)); /* an answer that does not fit ends the session */
  assert_true(q.overflow);
  expect_numbers(&q, "RSTU");
  outq_fini(&q);
}

static void drop_oldest_drops_as_many_as_the_bytes_need(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_DROP_OLDEST, 100, 40, CARRIER_BLOCKS);
  struct outq q;
  begin(&set, &q);
  for (int i = '1'; i <= '4'; i++)
    assert_true(push(&set, &q, i, true));
  assert_int_equal(q.bytes, 40);
  char text[23] = {0};
  struct plug_str part = str_from(text, sizeof text);
  struct frame *large = frame_new(FRAME_WS_TEXT, true, &part, 1);
  assert_int_equal(large->len, 25);
  assert_true(outq_push(&set, &q, large));
  frame_unref(large);
  assert_int_equal(q.count, 2);
  assert_int_equal(number_at(&q, 0), '4');
  outq_fini(&q);
}

static void drop_newest_keeps_what_is_queued(void **state)
{
  (void)state;
  int64_t dropped = counter_read(COUNTER_dropped_queue);
  struct outq_set set = set_of(OUTQ_DROP_NEWEST, 2, 100000, CARRIER_BLOCKS);
  struct outq q;
  begin(&set, &q);
  push(&set, &q, '1', true);
  push(&set, &q, '2', true);
  assert_false(push(&set, &q, '3', true));
  expect_numbers(&q, "12");
  assert_int_equal(counter_read(COUNTER_dropped_queue) - dropped, 1);
  assert_false(q.overflow);
  outq_fini(&q);
}

static void drop_newest_makes_room_for_answers(void **state)
{
  (void)state;
  int64_t dropped = counter_read(COUNTER_dropped_queue);
  struct outq_set set = set_of(OUTQ_DROP_NEWEST, 4, 100000, CARRIER_BLOCKS);
  struct outq q;
  begin(&set, &q);
  for (const char *c = "123"; *c; c++)
    push(&set, &q, *c, true);
  assert_true(push(&set, &q, 'R', false));
  assert_true(push(&set, &q, 'S', false));
  expect_numbers(&q, "12RS");
  assert_false(push(&set, &q, '4', true));
  assert_true(push(&set, &q, 'T', false));
  assert_true(push(&set, &q, 'U', false));
  expect_numbers(&q, "RSTU");
  assert_int_equal(q.n_answers, 4);
  assert_int_equal(counter_read(COUNTER_dropped_queue) - dropped, 4);
  assert_false(q.overflow);
  assert_false(push(&set, &q, 'V', false)); /* it must not vanish in silence */
  assert_true(q.overflow);
  outq_fini(&q);
}

static void one_frame_always_fits(void **state)
{
  (void)state;
  static const enum outq_policy policies[] = {OUTQ_CLOSE, OUTQ_DROP_OLDEST, OUTQ_DROP_NEWEST};
  for (size_t i = 0; i < 3; i++) {
    struct outq_set set = set_of(policies[i], 0, 5, CARRIER_BLOCKS);
    struct outq q;
    begin(&set, &q);
    assert_true(push(&set, &q, '1', true));
    assert_int_equal(flushes, 0);
    expect_numbers(&q, "1");
    bool second = push(&set, &q, '2', true);
    assert_int_equal(second, policies[i] == OUTQ_DROP_OLDEST);
    expect_numbers(&q, second ? "2" : "1");
    outq_fini(&q);
  }
}

static void bytes_held_by_the_carrier_count(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_DROP_NEWEST, 100, 30, CARRIER_NEVER);
  struct outq q;
  begin(&set, &q);
  q.blocked = true;
  q.held = 15;
  assert_true(push(&set, &q, '1', true));
  assert_false(push(&set, &q, '2', true)); /* 15 + 10 + 10 */
  q.held = 10;
  assert_true(push(&set, &q, '3', true));
  outq_fini(&q);
}

static void a_finished_queue_lets_go_of_everything(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_CLOSE, 1000, 100000, CARRIER_NEVER);
  struct outq q;
  begin(&set, &q);
  struct plug_str part = STR("shared");
  struct frame *frame = frame_new(FRAME_WS_TEXT, true, &part, 1);
  for (int i = 0; i < 50; i++)
    assert_true(outq_push(&set, &q, frame));
  assert_int_equal(frame->refs, 51);
  outq_fini(&q);
  assert_int_equal(frame->refs, 1);
  assert_true(list_empty(&set.dirty));
  assert_false(outq_push(&set, &q, frame));
  assert_int_equal(frame->refs, 1);
  frame_unref(frame);
}

/* --- bursts ------------------------------------------------------------------------------- */

/* A burst of one-letter messages. */
static struct frame *burst_of(const char *letters)
{
  size_t n = strlen(letters);
  struct frame *burst = frame_alloc(3 * n, (uint16_t)n, true);
  assert_non_null(burst);
  for (size_t i = 0; i < n; i++) {
    frame_put_ws_header(burst->bytes + 3 * i, FRAME_WS_TEXT, 1);
    burst->bytes[3 * i + 2] = letters[i];
  }
  burst->ws_header = 2;
  return burst;
}

static uint32_t push_burst(struct outq_set *set, struct outq *q, const char *letters)
{
  struct frame *burst = burst_of(letters);
  uint32_t queued = outq_push_burst(set, q, burst);
  frame_unref(burst);
  return queued;
}

static void a_burst_takes_one_place_until_it_is_split(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_CLOSE, 1000, 100000, CARRIER_NEVER);
  struct outq q;
  begin(&set, &q);
  push(&set, &q, 'a', false);
  push(&set, &q, 'b', true);
  outq_drop_front(&q, 1);
  assert_int_equal(push_burst(&set, &q, "cdefghijklmnopqrstuvwxyz"), 24); /* the ring has wrapped */
  push(&set, &q, '1', false);
  assert_int_equal(push_burst(&set, &q, "23"), 2);
  assert_int_equal(q.count, 4);
  assert_int_equal(q.messages, 28);
  uint64_t bytes = q.bytes;
  assert_true(outq_split(&q));
  assert_int_equal(q.bytes, bytes);
  assert_int_equal(q.n_answers, 1);
  expect_numbers(&q, "bcdefghijklmnopqrstuvwxyz123");
  assert_true(outq_split(&q));
  assert_int_equal(q.count, 28);
  outq_drop_front(&q, 28);
  assert_int_equal(q.messages, 0);
  outq_fini(&q);
}

static void a_burst_over_the_limit_is_judged_message_by_message(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_DROP_NEWEST, 5, 100000, CARRIER_BLOCKS);
  struct outq q;
  begin(&set, &q);
  assert_int_equal(push_burst(&set, &q, "abc"), 3);
  assert_int_equal(q.count, 1);
  /* "d" and "e" fit; "f" asks the carrier, which is blocked from then on. */
  assert_int_equal(push_burst(&set, &q, "defg"), 2);
  assert_int_equal(flushes, 1);
  assert_true(outq_split(&q));
  expect_numbers(&q, "abcde");
  set.policy = OUTQ_DROP_OLDEST;
  assert_int_equal(push_burst(&set, &q, "hi"), 2);
  expect_numbers(&q, "cdehi");
  set.policy = OUTQ_CLOSE;
  assert_int_equal(push_burst(&set, &q, "j"), 0);
  assert_true(q.overflow);
  outq_fini(&q);
}

static void dropping_the_oldest_splits_bursts(void **state)
{
  (void)state;
  struct outq_set set = set_of(OUTQ_DROP_OLDEST, 4, 100000, CARRIER_BLOCKS);
  struct outq q;
  begin(&set, &q);
  assert_int_equal(push_burst(&set, &q, "abcd"), 4);
  assert_true(push(&set, &q, 'e', true));
  expect_numbers(&q, "bcde");
  outq_fini(&q);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames_leave_in_the_order_in_which_they_came),
      cmocka_unit_test(growing_keeps_the_order_of_a_ring_that_has_wrapped),
      cmocka_unit_test(a_quiet_queue_holds_no_memory),
      cmocka_unit_test(a_queue_with_frames_stands_in_the_dirty_list_once),
      cmocka_unit_test(a_burst_is_flushed_before_any_policy_applies),
      cmocka_unit_test(a_blocked_queue_is_not_flushed),
      cmocka_unit_test(what_the_flush_makes_room_for_is_queued),
      cmocka_unit_test(a_flush_that_ends_the_connection_drops_the_frame),
      cmocka_unit_test(close_marks_the_queue_and_takes_nothing_more),
      cmocka_unit_test(drop_oldest_makes_room_for_the_newest),
      cmocka_unit_test(drop_oldest_spares_answers),
      cmocka_unit_test(drop_oldest_drops_as_many_as_the_bytes_need),
      cmocka_unit_test(drop_newest_keeps_what_is_queued),
      cmocka_unit_test(drop_newest_makes_room_for_answers),
      cmocka_unit_test(one_frame_always_fits),
      cmocka_unit_test(bytes_held_by_the_carrier_count),
      cmocka_unit_test(a_finished_queue_lets_go_of_everything),
      cmocka_unit_test(a_burst_takes_one_place_until_it_is_split),
      cmocka_unit_test(a_burst_over_the_limit_is_judged_message_by_message),
      cmocka_unit_test(dropping_the_oldest_splits_bursts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
