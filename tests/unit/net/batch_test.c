#include "net/batch.h"

#include <stdio.h>

#include "../hub/fixture.h"

#define NO_LIMIT (1u << 20)

static struct outq_set set;

static void never_full(struct outq *q)
{
  (void)q;
  fail_msg("no queue is full here");
}

static int setup(void **state)
{
  (void)state;
  set = (struct outq_set){.max_bytes = 1 << 24, .max_frames = 1 << 16, .flush = never_full};
  list_init(&set.dirty);
  return 0;
}

static struct frame *frame_of(const char *text)
{
  struct plug_str part = str_of(text);
  struct frame *frame = frame_new(FRAME_WS_TEXT, true, &part, 1);
  assert_non_null(frame);
  return frame;
}

/* Queues the frame and keeps the caller's reference. */
static void put(struct outq *q, struct frame *frame)
{
  assert_true(outq_push(&set, q, frame));
}

static void put_text(struct outq *q, const char *text)
{
  struct frame *frame = frame_of(text);
  put(q, frame);
  frame_unref(frame);
}

static struct plug_str gather(struct batch_set *batches, const struct outq *q, enum wire wire,
                              size_t max_bytes, uint32_t *n)
{
  struct plug_str bytes;
  assert_true(batch_set_get(batches, q, wire, max_bytes, &bytes, n));
  return bytes;
}

static void frames_are_joined_with_their_headers_for_websocket(void **state)
{
  (void)state;
  struct batch_set batches = {0};
  struct outq q;
  uint32_t n = 0;
  outq_init(&q);
  put_text(&q, "one");
  put_text(&q, "two");
  expect_str(gather(&batches, &q, false, NO_LIMIT, &n), STR("\x81\x03one\x81\x03two"));
  assert_int_equal(n, 2);
  assert_int_equal(q.count, 2); /* the carrier drops them once they are sent */
  batch_set_fini(&batches);
  outq_fini(&q);
}

static void frames_are_joined_without_headers_for_tcp(void **state)
{
  (void)state;
  struct batch_set batches = {0};
  struct outq q;
  uint32_t n = 0;
  char large[200];
  memset(large, 'x', sizeof large - 1);
  large[sizeof large - 1] = '\0';
  outq_init(&q);
  put_text(&q, "one");
  put_text(&q, large);
  put_text(&q, "two");
  struct plug_str got = gather(&batches, &q, true, NO_LIMIT, &n);
  assert_int_equal(n, 3);
  assert_int_equal(got.len, 3 + 199 + 3);
  expect_str(str_from(got.ptr, 5), STR("onexx"));
  expect_str(str_from(got.ptr + 200, 5), STR("xxtwo"));
  batch_set_fini(&batches);
  outq_fini(&q);
}

static void frames_get_a_line_feed_where_it_is_wanted(void **state)
{
  (void)state;
  struct batch_set batches = {0};
  struct outq q;
  uint32_t n = 0;
  struct plug_str parts[] = {STR("A\n\n\0"), STR("\n"), STR("B\n\n\0")};
  outq_init(&q);
  for (size_t i = 0; i < 3; i++) {
    struct frame *frame = frame_new(FRAME_WS_TEXT, true, &parts[i], 1);
    assert_non_null(frame);
    put(&q, frame);
    frame_unref(frame);
  }
  expect_str(wire_bytes(outq_at(&q, 0), WIRE_PLAIN_LF), STR("A\n\n\0\n"));
  expect_str(gather(&batches, &q, WIRE_PLAIN_LF, NO_LIMIT, &n),
             STR("A\n\n\0\n\nB\n\n\0\n")); /* a heart-beat is one already */
  assert_int_equal(n, 3);
  batch_set_reset(&batches);
  expect_str(gather(&batches, &q, WIRE_PLAIN_LF, 9, &n), STR("A\n\n\0\n\n"));
  assert_int_equal(n, 2); /* the line feeds count */
  batch_set_fini(&batches);
  outq_fini(&q);
}

static void sessions_with_the_same_frames_get_the_same_copy(void **state)
{
  (void)state;
  struct batch_set batches = {0};
  struct outq a, b;
  uint32_t n = 0;
  outq_init(&a);
  outq_init(&b);
  struct frame *one = frame_of("one"), *two = frame_of("two");
  put(&a, one);
  put(&a, two);
  put(&b, one);
  put(&b, two);
  const char *first = gather(&batches, &a, false, NO_LIMIT, &n).ptr;
  outq_drop_front(&a, n);
  uint32_t refs = one->refs;
  struct plug_str again = gather(&batches, &b, false, NO_LIMIT, &n);
  assert_ptr_equal(again.ptr, first);
  assert_int_equal(one->refs, refs); /* nothing was built anew */
  assert_int_equal(n, 2);
  expect_str(again, STR("\x81\x03one\x81\x03two"));
  batch_set_fini(&batches);
  outq_fini(&a);
  outq_fini(&b);
  assert_int_equal(one->refs, 1);
  frame_unref(one);
  frame_unref(two);
}

static void other_frames_are_joined_anew(void **state)
{
  (void)state;
  struct batch_set batches = {0};
  struct outq a, b, c, d;
  uint32_t n = 0;
  outq_init(&a);
  outq_init(&b);
  outq_init(&c);
  outq_init(&d);
  struct frame *one = frame_of("one"), *two = frame_of("two"), *three = frame_of("three");
  put(&a, one);
  put(&a, two);
  put(&b, one);
  put(&b, three); /* differs at its end */
  put(&c, one);
  put(&c, three);
  put(&c, two); /* goes on */
  put(&d, one);
  put(&d, three); /* stops earlier */
  expect_str(gather(&batches, &a, true, NO_LIMIT, &n), STR("onetwo"));
  expect_str(gather(&batches, &b, true, NO_LIMIT, &n), STR("onethree"));
  expect_str(gather(&batches, &c, true, NO_LIMIT, &n), STR("onethreetwo"));
  assert_int_equal(n, 3);
  expect_str(gather(&batches, &d, true, NO_LIMIT, &n), STR("onethree"));
  assert_int_equal(n, 2);
  batch_set_fini(&batches);
  outq_fini(&a);
  outq_fini(&b);
  outq_fini(&c);
  outq_fini(&d);
  assert_int_equal(one->refs + two->refs + three->refs, 3);
  frame_unref(one);
  frame_unref(two);
  frame_unref(three);
}

static void a_batch_keeps_its_limits(void **state)
{
  (void)state;
  struct batch_set batches = {0};
  struct outq q;
  uint32_t n = 0;
  outq_init(&q);
  for (int i = 0; i < 300; i++)
    put_text(&q, "12345678"); /* ten bytes with their header */
  assert_int_equal(gather(&batches, &q, false, 35, &n).len, 30);
  assert_int_equal(n, 3);
  batch_set_reset(&batches);
  assert_int_equal(gather(&batches, &q, false, 40, &n).len, 40);
  assert_int_equal(n, 4);
  batch_set_reset(&batches);
  assert_int_equal(gather(&batches, &q, false, 1, &n).len, 10); /* one at the least */
  assert_int_equal(n, 1);
  batch_set_reset(&batches);
  assert_int_equal(gather(&batches, &q, false, NO_LIMIT, &n).len, 2560);
  assert_int_equal(n, BATCH_FRAMES_MAX);
  batch_set_fini(&batches);
  outq_fini(&q);
}

static void a_batch_that_is_full_is_shared_as_well(void **state)
{
  (void)state;
  struct batch_set batches = {0};
  struct outq a, b, c;
  uint32_t n = 0;
  outq_init(&a);
  outq_init(&b);
  outq_init(&c);
  for (int i = 0; i < 10; i++) {
    struct frame *frame = frame_of("12345678");
    put(&a, frame);
    put(&b, frame);
    if (i < 3)
      put(&c, frame);
    frame_unref(frame);
  }
  const char *first = gather(&batches, &a, false, 45, &n).ptr;
  assert_int_equal(n, 4);
  uint32_t refs = outq_at(&b, 0)->refs;
  assert_ptr_equal(gather(&batches, &b, false, 45, &n).ptr, first);
  assert_int_equal(outq_at(&b, 0)->refs, refs);
  assert_int_equal(n, 4);
  assert_ptr_not_equal(gather(&batches, &c, false, 45, &n).ptr, first); /* has fewer */
  assert_int_equal(n, 3);
  assert_ptr_not_equal(gather(&batches, &a, false, 55, &n).ptr, first); /* may take more */
  assert_int_equal(n, 5);
  batch_set_fini(&batches);
  outq_fini(&a);
  outq_fini(&b);
  outq_fini(&c);
}

/* What was gathered for one session must not move or change while others are gathered for. */
static void batches_stay_as_they_are_until_the_round_is_over(void **state)
{
  (void)state;
  struct batch_set batches = {0};
  struct outq queues[BATCH_SLOTS + 1];
  struct plug_str got[BATCH_SLOTS + 1];
  uint32_t n = 0;
  for (int round = 0; round < 2; round++) {
    for (unsigned i = 0; i <= BATCH_SLOTS; i++) {
      char text[8];
      outq_init(&queues[i]);
      snprintf(text, sizeof text, "%d-%u,", round, i);
      put_text(&queues[i], text);
      put_text(&queues[i], "end");
    }
    for (unsigned i = 0; i < BATCH_SLOTS; i++)
      got[i] = gather(&batches, &queues[i], true, NO_LIMIT, &n);
    assert_false(
        batch_set_get(&batches, &queues[BATCH_SLOTS], true, NO_LIMIT, &got[BATCH_SLOTS], &n));
    for (unsigned i = 0; i < BATCH_SLOTS; i++) {
      char text[12];
      snprintf(text, sizeof text, "%d-%u,end", round, i);
      expect_str(got[i], str_of(text));
    }
    batch_set_reset(&batches);
    got[BATCH_SLOTS] = gather(&batches, &queues[BATCH_SLOTS], true, NO_LIMIT, &n);
    expect_str(got[BATCH_SLOTS], str_of(round ? "1-8,end" : "0-8,end"));
    batch_set_reset(&batches);
    for (unsigned i = 0; i <= BATCH_SLOTS; i++)
      outq_fini(&queues[i]);
  }
  batch_set_fini(&batches);
}

/* The address of a freed frame may come back as another frame's. */
static void the_frames_of_a_batch_stay_until_it_is_reset(void **state)
{
  (void)state;
  struct batch_set batches = {0};
  struct outq q;
  uint32_t n = 0;
  outq_init(&q);
  struct frame *one = frame_of("one");
  put(&q, one);
  put_text(&q, "two");
  gather(&batches, &q, true, NO_LIMIT, &n);
  outq_drop_front(&q, 2);
  assert_int_equal(one->refs, 2);
  batch_set_reset(&batches);
  assert_int_equal(one->refs, 1);
  frame_unref(one);
  put_text(&q, "six");
  put_text(&q, "ten");
  expect_str(gather(&batches, &q, true, NO_LIMIT, &n), STR("sixten"));
  batch_set_fini(&batches);
  outq_fini(&q);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
  const struct CMUnitTest tests[] = {
      TEST(frames_are_joined_with_their_headers_for_websocket),
      TEST(frames_are_joined_without_headers_for_tcp),
      TEST(frames_get_a_line_feed_where_it_is_wanted),
      TEST(sessions_with_the_same_frames_get_the_same_copy),
      TEST(other_frames_are_joined_anew),
      TEST(a_batch_keeps_its_limits),
      TEST(a_batch_that_is_full_is_shared_as_well),
      TEST(batches_stay_as_they_are_until_the_round_is_over),
      TEST(the_frames_of_a_batch_stay_until_it_is_reset),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
