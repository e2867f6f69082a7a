/* The frames between the server and a plugin's process, and the table of what was asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "isolate/requests.h"
#include "isolate/said.h"
#include "message/envelope.h"
#include "message/message.h"

#define MAX 4096

static void expect_str(struct plug_str s, const char *text)
{
  assert_true(str_eq(s, str_of(text)));
}

static void put_done(struct buf *out, uint64_t id, plug_status status, const char *text)
{
  size_t begin = wire_begin(out, WIRE_DONE);
  wire_put_u64(out, id);
  wire_put_u32(out, (uint32_t)status);
  wire_put_str(out, str_of(text));
  assert_true(wire_end(out, begin, MAX));
}

static struct wire_frame only_frame(const struct buf *out)
{
  struct plug_str rest = {out->data, out->len};
  struct wire_frame frame;
  assert_int_equal(wire_next(&rest, &frame, MAX), WIRE_NEXT);
  assert_int_equal(rest.len, 0);
  return frame;
}

static void frames_come_in_any_pieces(void **state)
{
  struct buf out = {0};
  (void)state;
  put_done(&out, 7, PLUG_EUNAVAIL, "away");
  size_t first = out.len;
  put_done(&out, 8, PLUG_OK, "");
  for (size_t len = 0; len <= out.len; len++) {
    struct plug_str rest = {out.data, len};
    struct wire_frame frame;
    unsigned n = 0;
    while (wire_next(&rest, &frame, MAX) == WIRE_NEXT) {
      struct said said;
      assert_null(said_read(&frame, &said));
      assert_int_equal(said.id, 7 + n);
      assert_int_equal(said.status, n ? PLUG_OK : PLUG_EUNAVAIL);
      expect_str(said.text, n ? "" : "away");
      n++;
    }
    assert_int_equal(n, (len >= first) + (len == out.len));
  }
  buf_free(&out);
}

static void a_frame_too_long_is_not_written_and_not_read(void **state)
{
  struct buf out = {0};
  char text[200];
  (void)state;
  put_done(&out, 1, PLUG_OK, "");
  size_t before = out.len;
  memset(text, 'x', sizeof text);
  size_t begin = wire_begin(&out, WIRE_HANGS);
  wire_put_str(&out, str_from(text, sizeof text));
  assert_false(wire_end(&out, begin, 100));
  assert_int_equal(out.len, before);
  begin = wire_begin(&out, WIRE_HANGS);
  wire_put_str(&out, str_from(text, sizeof text));
  assert_true(wire_end(&out, begin, 300));
  struct plug_str rest = {out.data + before, out.len - before};
  struct wire_frame frame;
  assert_int_equal(wire_next(&rest, &frame, 100), WIRE_BROKEN);
  buf_free(&out);
}

static void expect_wrong(const struct buf *out)
{
  const struct wire_frame frame = only_frame(out);
  struct said said;
  assert_non_null(said_read(&frame, &said));
}

static void what_cannot_be_is_refused(void **state)
{
  struct buf out = {0};
  (void)state;
  static const struct {
    enum wire_kind kind;
    uint32_t numbers[3];
    unsigned n;
  } cases[] = {
      {WIRE_STATE, {77, 0, 0}, 3},     /* a state that there is not */
      {WIRE_STATE, {0, 2, 0}, 3},      /* unknown flags */
      {WIRE_STATE, {0, 0, 1}, 3},      /* a text that is not there */
      {WIRE_LOG, {9, 0, 0}, 3},        /* a level that there is not */
      {WIRE_LOG, {1, 0, 0}, 3},        /* of nobody */
      {WIRE_DONE, {1, 0, 1}, 3},       /* a status above 0, cut off */
      {WIRE_FAILED, {0, 0}, 2},        /* no failure */
      {WIRE_METRICS, {1000, 0, 0}, 3}, /* more than there are */
      {WIRE_CREATED, {0, 5000, 0}, 3},
      {WIRE_CREATED, {0xff, 0, 0}, 2},
      {WIRE_LOST, {0, 0, 0}, 1}, /* something behind the end */
      {WIRE_CHANGED, {3, 0, 0}, 3},
      {WIRE_PUBLISH, {0, 0, 0}, 3}, /* the server's own */
      {(enum wire_kind)9999, {0, 0, 0}, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t begin = wire_begin(&out, cases[i].kind);
    for (unsigned k = 0; k < cases[i].n; k++)
      wire_put_u32(&out, cases[i].numbers[k]);
    assert_true(wire_end(&out, begin, MAX));
    expect_wrong(&out);
    out.len = 0;
  }
  buf_free(&out);
}

static void a_message_crosses_with_all_it_carries(void **state)
{
  struct buf out = {0};
  (void)state;
  const struct plug_kv headers[] = {{STR("mine"), STR("a:b")}};
  const struct plug_msg_init init = {.size = sizeof init,
                                     .topic = STR("/topic/a"),
                                     .content_type = STR("text/x"),
                                     .payload = {"a\0b", 3},
                                     .headers = headers,
                                     .n_headers = 1};
  message_set_node("n1");
  const struct plug_msg *msg = message_new(&init);
  size_t begin = wire_begin(&out, WIRE_DELIVER);
  wire_put_u64(&out, 5);
  wire_put_msg(&out, msg);
  assert_true(wire_end(&out, begin, MAX));
  const struct wire_frame frame = only_frame(&out);
  struct said said;
  const char *why;
  assert_null(said_read(&frame, &said));
  assert_int_equal(said.interest, 5);
  const struct plug_msg *copy = envelope_parse(said.area, &why);
  assert_non_null(copy);
  assert_int_equal(copy->id, msg->id);
  expect_str(copy->topic, "/topic/a");
  expect_str(copy->content_type, "text/x");
  expect_str(copy->origin, "n1");
  assert_int_equal(copy->payload.len, 3);
  assert_int_equal(copy->n_headers, 1);
  message_unref(copy);
  message_unref(msg);
  buf_free(&out);
}

static void a_description_crosses(void **state)
{
  static const struct plug_option options[] = {
      {"url", PLUG_OPT_STRING, PLUG_OPT_REQUIRED, NULL, NULL, "Where."},
      {"n", PLUG_OPT_INTEGER, 0, "1", "0..9", "How many."},
  };
  static const struct plug_broker broker = {
      .size = sizeof broker, .caps = PLUG_CAP_ECHO, .max_payload = 12};
  static const struct plug_plugin entry = {PLUG_PLUGIN_HEAD, .id = "org.example.x", .version = "2",
                                           .summary = "s",   .options = options,    .n_options = 2,
                                           .broker = &broker};
  struct buf out = {0};
  (void)state;
  size_t begin = wire_begin(&out, WIRE_DESCRIPTION);
  said_put_description(&out, &entry);
  assert_true(wire_end(&out, begin, MAX));
  struct wire_frame frame = only_frame(&out);
  struct said_description said;
  struct said_option option;
  assert_null(said_read_description(&frame, &said));
  expect_str(said.id, "org.example.x");
  assert_int_equal(said.caps, PLUG_CAP_ECHO);
  assert_int_equal(said.max_payload, 12);
  assert_int_equal(said.kinds, 0);
  assert_int_equal(said.n_options, 2);
  assert_true(said_next_option(&said.options, &option));
  expect_str(option.name, "url");
  assert_false(option.has_def);
  assert_int_equal(option.flags, PLUG_OPT_REQUIRED);
  assert_true(said_next_option(&said.options, &option));
  expect_str(option.range, "0..9");
  assert_true(option.has_def);
  /* Cut anywhere, it is noticed. */
  for (size_t len = 0; len < frame.body.len; len++) {
    const struct wire_frame cut = {frame.kind, {frame.body.ptr, len}};
    bool whole = !said_read_description(&cut, &said);
    for (uint32_t i = 0; whole && i < said.n_options; i++)
      whole = said_next_option(&said.options, &option);
    assert_false(whole);
  }
  buf_free(&out);
}

static void count(void *ctx, struct plug_op *op)
{
  (void)op;
  ++*(unsigned *)ctx;
}

static void a_request_is_answered_once(void **state)
{
  struct requests requests = {0};
  uint64_t ids[1000];
  struct plug_op *op;
  unsigned closed = 0;
  (void)state;
  for (uintptr_t i = 0; i < 1000; i++) {
    ids[i] = requests_add(&requests, (struct plug_op *)(i + 1), NULL);
    assert_int_not_equal(ids[i], 0);
  }
  assert_true(requests_take(&requests, ids[500], &op));
  assert_int_equal((uintptr_t)op, 501);
  assert_false(requests_take(&requests, ids[500], &op));
  uint64_t again = requests_add(&requests, NULL, NULL);
  assert_int_not_equal(again, ids[500]); /* the place is, the number is not */
  assert_false(requests_take(&requests, ids[500], &op));
  assert_null(requests_find(&requests, ids[500]));
  assert_non_null(requests_find(&requests, again));
  static const uint64_t strange[] = {0, 1001, UINT64_MAX, (uint64_t)7 << 32 | 1};
  for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
    assert_false(requests_take(&requests, strange[i], &op));
  requests_close_all(&requests, count, &closed);
  assert_int_equal(closed, 1000);
  assert_int_equal(requests.n_open, 0);
  assert_false(requests_take(&requests, ids[3], &op));
  requests_fini(&requests);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames_come_in_any_pieces),
      cmocka_unit_test(a_frame_too_long_is_not_written_and_not_read),
      cmocka_unit_test(what_cannot_be_is_refused),
      cmocka_unit_test(a_message_crosses_with_all_it_carries),
      cmocka_unit_test(a_description_crosses),
      cmocka_unit_test(a_request_is_answered_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
