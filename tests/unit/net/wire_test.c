#include "net/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/block.h"
#include "base/str.h"

static struct frame *frame_of(struct plug_str text)
{
  return frame_new(FRAME_WS_TEXT, true, &text, 1);
}

static void expect_bytes(struct plug_str got, struct plug_str expected)
{
  assert_int_equal(got.len, expected.len);
  assert_memory_equal(got.ptr, expected.ptr, expected.len);
}

static void each_wire_has_its_bytes(void **state)
{
  (void)state;
  static const struct {
    unsigned wire;
    const char *expected;
  } rows[] = {
      {WIRE_WEBSOCKET, "\x81\x03"
                       "a\n\""},
      {WIRE_PLAIN, "a\n\""},
      {WIRE_SOCKJS_WEBSOCKET, "\x81\x0a"
                              "a[\"a\\n\\\"\"]"},
      {WIRE_SOCKJS_XHR, "b\r\na[\"a\\n\\\"\"]\n\r\n"},
      {WIRE_SOCKJS_XHR_OLD, "a[\"a\\n\\\"\"]\n"},
      {WIRE_SOCKJS_EVENTSOURCE, "14\r\ndata: a[\"a\\n\\\"\"]\r\n\r\n\r\n"},
      {WIRE_SOCKJS_EVENTSOURCE_OLD, "data: a[\"a\\n\\\"\"]\r\n\r\n"},
      {WIRE_JSON, "\"a\\n\\\"\""},
  };
  struct frame *frame = frame_of(STR("a\n\""));
  for (unsigned round = 0; round < 2; round++)
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
      expect_bytes(wire_bytes(frame, rows[i].wire), str_of(rows[i].expected));
  /* Encoded once: the same memory each time. */
  assert_ptr_equal(wire_bytes(frame, WIRE_SOCKJS_XHR).ptr, wire_bytes(frame, WIRE_SOCKJS_XHR).ptr);
  assert_int_equal(wire_payload_len(frame, WIRE_SOCKJS_XHR), 11);
  assert_int_equal(wire_payload_len(frame, WIRE_SOCKJS_XHR_OLD), 11);
  frame_unref(frame);
}

static void what_is_no_message_goes_out_as_it_is(void **state)
{
  (void)state;
  struct plug_str payload = STR("x");
  struct frame *pong = frame_new(0x8a, false, &payload, 1);
  expect_bytes(wire_bytes(pong, WIRE_SOCKJS_WEBSOCKET), STR("\x8a\x01x"));
  frame_unref(pong);
  struct frame *raw = frame_alloc(3, 1, false);
  memcpy(raw->bytes, "abc", 3);
  raw->form = WIRE_RAW;
  for (unsigned wire = 0; wire < WIRES; wire++)
    expect_bytes(wire_bytes(raw, wire), STR("abc"));
  frame_unref(raw);
  struct frame *beat = wire_sockjs_frame(WIRE_SOCKJS_HTMLFILE_OLD, STR("h"));
  expect_bytes(wire_bytes(beat, WIRE_SOCKJS_HTMLFILE_OLD),
               STR("<script>\np(\"h\");\n</script>\r\n"));
  frame_unref(beat);
}

static int tear_down(void **state)
{
  (void)state;
  wire_drop_scratch();
  block_drop_cache();
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_wire_has_its_bytes),
      cmocka_unit_test(what_is_no_message_goes_out_as_it_is),
  };
  return cmocka_run_group_tests(tests, NULL, tear_down);
}
