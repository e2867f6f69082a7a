/* The line, to the byte: Spring's own part as its log has it, ours behind. */
#include "ops/spring_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "ops/stats.h"

static void the_line_is_springs_with_ours_behind_it(void **state)
{
  (void)state;
  const struct spring_stats stats = {.websocket = 1,
                                     .http_stream = 2,
                                     .http_poll = 3,
                                     .total = 40,
                                     .connect_failures = 5,
                                     .send_limits = 6,
                                     .transport_errors = 7,
                                     .connects = 8,
                                     .connecteds = 9,
                                     .disconnects = 10,
                                     .n_workers = 2,
                                     .inbound_queued = 11,
                                     .inbound_completed = 12,
                                     .outbound_queued = 13,
                                     .outbound_completed = 14,
                                     .broker = STR("redis"),
                                     .broker_up = true,
                                     .tcp = 15,
                                     .sessions = 16,
                                     .subscriptions = 17,
                                     .dropped = 18,
                                     .published = 19,
                                     .delivered = 20};
  struct buf line = {0};
  spring_stats_put(&stats, &line);
  buf_put_char(&line, '\0');
  assert_false(line.failed);
  assert_string_equal(
      line.data,
      "WebSocketSession[6 current WS(1)-HttpStream(2)-HttpPoll(3), 40 total, 11 closed abnormally "
      "(5 connect failure, 6 send limit, 7 transport error)], stompSubProtocol[processed "
      "CONNECT(8)-CONNECTED(9)-DISCONNECT(10)], stompBrokerRelay[null], inboundChannel[pool size = "
      "2, active threads = 2, queued tasks = 11, completed tasks = 12], outboundChannel[pool size "
      "= 2, active threads = 2, queued tasks = 13, completed tasks = 14], sockJsScheduler[null], "
      "plugboard[broker redis up, 15 tcp, 16 sessions, 17 subscriptions, 19 published, 20 "
      "delivered, 18 dropped]");
  buf_free(&line);
}

static void the_rhythm_is_springs(void **state)
{
  (void)state;
  static const struct {
    bool spring;
    uint64_t interval_ms, first_ms, then_ms;
  } rows[] = {{true, 0, 60000, 1800000},
              {true, 3600000, 60000, 3600000},
              {true, 500, 500, 500},
              {false, 0, UINT64_MAX, UINT64_MAX},
              {false, 3600000, 3600000, 3600000}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const struct settings settings = {.stats_spring = rows[i].spring,
                                      .stats_interval_ms = rows[i].interval_ms};
    struct stats_rhythm rhythm;
    stats_rhythm_init(&rhythm, &settings, 1000);
    assert_true(stats_rhythm_wait_ms(&rhythm, 1000) == rows[i].first_ms);
    stats_rhythm_next(&rhythm, 5000000);
    assert_true(stats_rhythm_wait_ms(&rhythm, 5000000) == rows[i].then_ms);
    if (rows[i].interval_ms)
      assert_true(stats_rhythm_wait_ms(&rhythm, 50000000) == 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_rhythm_is_springs),
      cmocka_unit_test(the_line_is_springs_with_ours_behind_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
