#include "fixture.h"

static struct frame *frame_of_len(size_t len, char **text)
{
  *text = malloc(len + 1);
  assert_non_null(*text);
  for (size_t i = 0; i < len; i++)
    (*text)[i] = (char)('a' + i % 26);
  struct plug_str part = str_from(*text, len);
  return frame_new(FRAME_WS_TEXT, false, &part, 1);
}

/* The length as RFC 6455 5.2 says: 7 bits, 16 bits after 126, 64 bits after 127. */
static void websocket_header_has_the_shortest_form(void **state)
{
  (void)state;
  static const struct {
    size_t len, header_len;
    uint8_t header[FRAME_WS_HEADER_MAX];
  } rows[] = {
      {0, 2, {0x81, 0}},
      {1, 2, {0x81, 1}},
      {125, 2, {0x81, 125}},
      {126, 4, {0x81, 126, 0, 126}},
      {255, 4, {0x81, 126, 0, 255}},
      {256, 4, {0x81, 126, 1, 0}},
      {65535, 4, {0x81, 126, 255, 255}},
      {65536, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
      {70000, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *text;
    struct frame *frame = frame_of_len(rows[i].len, &text);
    assert_non_null(frame);
    assert_int_equal(frame->ws_header, rows[i].header_len);
    assert_int_equal(frame->len, rows[i].header_len + rows[i].len);
    assert_memory_equal(frame->bytes, rows[i].header, rows[i].header_len);
    expect_str(frame_text(frame), str_from(text, rows[i].len));
    frame_unref(frame);
    free(text);
  }
}

static void parts_are_joined_in_order(void **state)
{
  (void)state;
  const struct plug_str parts[] = {STR("one,"), {NULL, 0}, STR("two\0,"), STR("three")};
  struct frame *frame = frame_new(FRAME_WS_BINARY, true, parts, 4);
  assert_int_equal((uint8_t)frame->bytes[0], 0x82);
  assert_true(frame->droppable);
  expect_str(frame_text(frame), STR("one,two\0,three"));
  frame_unref(frame);
  frame = frame_new(FRAME_WS_TEXT, false, NULL, 0);
  assert_false(frame->droppable);
  assert_int_equal(frame->len, 2);
  frame_unref(frame);
}

static void a_burst_splits_into_its_messages(void **state)
{
  (void)state;
  static const size_t lengths[] = {0, 1, 125, 126, 65535, 65536, 70000, 7};
  enum { N = sizeof lengths / sizeof *lengths };
  struct frame *wanted[N], *burst;
  size_t len = 0, at = 0;
  for (size_t i = 0; i < N; i++) {
    char *text;
    wanted[i] = frame_of_len(lengths[i], &text);
    free(text);
    assert_int_equal(frame_ws_header_len(lengths[i]), wanted[i]->ws_header);
    len += wanted[i]->len;
  }
  assert_non_null(burst = frame_alloc(len, N, true));
  for (size_t i = 0; i < N; at += wanted[i++]->len)
    memcpy(burst->bytes + at, wanted[i]->bytes, wanted[i]->len);
  struct frame *const *parts = frame_split(burst);
  assert_ptr_equal(parts, frame_split(burst)); /* only once */
  for (size_t i = 0; i < N; i++) {
    assert_int_equal(parts[i]->len, wanted[i]->len);
    assert_int_equal(parts[i]->ws_header, wanted[i]->ws_header);
    assert_int_equal(parts[i]->n_messages, 1);
    assert_true(parts[i]->droppable);
    assert_memory_equal(parts[i]->bytes, wanted[i]->bytes, wanted[i]->len);
    frame_unref(wanted[i]);
  }
  frame_ref(parts[3]);
  struct frame *kept = parts[3];
  frame_unref(burst);
  assert_int_equal(kept->refs, 1); /* the burst has let go of it */
  frame_unref(kept);
}

static void a_frame_lives_until_its_last_reference_goes(void **state)
{
  (void)state;
  struct plug_str part = STR("x");
  struct frame *frame = frame_new(FRAME_WS_TEXT, false, &part, 1);
  assert_int_equal(frame->refs, 1);
  frame_ref(frame);
  frame_unref(frame);
  assert_int_equal(frame->refs, 1);
  expect_str(frame_text(frame), STR("x"));
  frame_unref(frame); /* the leak checker tells if it stays */
}

static void what_does_not_fit_a_length_field_is_refused(void **state)
{
  (void)state;
  const struct plug_str parts[] = {{"x", 1}, {"y", UINT32_MAX - FRAME_WS_HEADER_MAX}};
  assert_null(frame_new(FRAME_WS_TEXT, false, parts, 2));
}

static void other_encodings_live_with_their_frame(void **state)
{
  (void)state;
  const struct plug_str part = STR("x");
  struct frame *frame = frame_new(FRAME_WS_TEXT, true, &part, 1);
  assert_null(frame_find_form(frame, 3));
  struct frame *three = frame_alloc(5, 1, true), *four = frame_alloc(6, 1, true);
  frame_add_form(frame, three, 3);
  frame_add_form(frame, four, 4);
  assert_ptr_equal(frame_find_form(frame, 3), three);
  assert_ptr_equal(frame_find_form(frame, 4), four);
  assert_null(frame_find_form(frame, 5));
  frame_ref(three); /* it is on its way when the message is done with */
  frame_unref(frame);
  assert_int_equal(three->refs, 1);
  assert_int_equal(three->len, 5);
  frame_unref(three);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(websocket_header_has_the_shortest_form),
      cmocka_unit_test(parts_are_joined_in_order),
      cmocka_unit_test(other_encodings_live_with_their_frame),
      cmocka_unit_test(a_burst_splits_into_its_messages),
      cmocka_unit_test(a_frame_lives_until_its_last_reference_goes),
      cmocka_unit_test(what_does_not_fit_a_length_field_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
