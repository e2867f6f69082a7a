/* Event streams, at once and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/sse.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static bool note(void *ctx, const char *event, struct plug_str data)
{
  struct buf *log = ctx;
  buf_putf(log, "%s(%.*s)", event, STR_ARG(data));
  return strcmp(event, "stop") != 0;
}

static void events_come_out(void **state)
{
  static const struct {
    const char *stream, *expected;
    bool goes_on;
  } rows[] = {
      {"data: a\n\n", "message(a)", true},
      {"data:a\r\n\r\ndata: b\r\r", "message(a)message(b)", true},
      {"event: dropped\ndata: {}\n\n: beat\n\ndata:x\n\n", "dropped({})message(x)", true},
      {"data: a\ndata:  b\ndata\n\n", "message(a\n b\n)", true},
      {"event: x\n\ndata: a\n\n", "message(a)", true},
      {"id: 1\nretry: 5\ndata: a\n\n", "message(a)", true},
      {"data: a\n", "", true},
      {"event: stop\ndata: a\n\ndata: b\n\n", "stop(a)", false},
      {"event: a-name-that-is-much-too-long-for-any-of-ours\ndata: a\n\n", "message(a)", true},
  };
  (void)state;
  for (size_t i = 0; i < N(rows); i++) {
    for (size_t step = 1; step < 100; step += 98) {
      struct sse sse = {0};
      struct buf log = {0};
      bool too_long, goes_on = true;
      size_t len = strlen(rows[i].stream);
      for (size_t at = 0; at < len && goes_on; at += step)
        goes_on = sse_feed(&sse, rows[i].stream + at, step < len - at ? step : len - at, note, &log,
                           &too_long);
      assert_int_equal(goes_on, rows[i].goes_on);
      assert_false(too_long);
      assert_true(str_eq(str_from(log.data, log.len), str_of(rows[i].expected)));
      sse_fini(&sse);
      buf_free(&log);
    }
  }
}

static void an_event_has_a_limit(void **state)
{
  static const char line[] = "data: 0123456789012345678901234567890123456789\n";
  struct sse sse = {0};
  struct buf log = {0};
  bool too_long = false;
  size_t fed = 0;
  (void)state;
  while (sse_feed(&sse, line, sizeof line - 1, note, &log, &too_long))
    fed += sizeof line - 1;
  assert_true(too_long);
  assert_true(fed > SSE_EVENT_MAX / 2 && fed < 2 * SSE_EVENT_MAX);
  assert_int_equal(log.len, 0);
  sse_fini(&sse);
  buf_free(&log);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(events_come_out),
      cmocka_unit_test(an_event_has_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
