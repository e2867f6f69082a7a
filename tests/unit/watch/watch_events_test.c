/* Events of a room: never more than so many in any second, and the last count within one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "watch_events.h"

#define SENT_MAX 100000

static uint64_t seed;

static uint32_t roll(uint32_t below)
{
  seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(seed >> 33) % below;
}

static struct plug_presence_change change_of(uint64_t users, const char *user)
{
  return (struct plug_presence_change){.size = sizeof(struct plug_presence_change),
                                       .kind = roll(2) ? PLUG_PRESENCE_JOINED : PLUG_PRESENCE_LEFT,
                                       .user = {user, strlen(user)},
                                       .info = {"info", 4},
                                       .users = users};
}

struct log {
  uint64_t at[SENT_MAX];
  size_t n;
  uint64_t merged, users;
};

static void note(struct log *log, uint64_t max, uint64_t now_ms, const struct watch_event *event)
{
  assert_true(log->n < SENT_MAX);
  assert_true(log->n < max || log->at[log->n - max] + 1000 <= now_ms);
  log->at[log->n++] = now_ms;
  log->merged += event->merged;
  log->users = event->users;
}

static void bounds_hold_and_no_count_is_lost(void **state)
{
  (void)state;
  for (seed = 1; seed <= 8; seed++) {
    uint64_t own = seed, max = 1 + seed % 5, now_ms = 5, n_changes = 0, waits_since_ms = 0;
    struct watch_events events;
    struct watch_event event;
    struct log *log = calloc(1, sizeof *log);
    assert_true(watch_events_init(&events, max));
    for (int i = 0; i < 50000; i++) {
      if (roll(3)) {
        char name[2] = {(char)('a' + roll(26)), 0};
        struct plug_presence_change change = change_of(++n_changes, name);
        if (watch_events_offer(&events, &change, now_ms, &event)) {
          assert_int_equal(event.kind, change.kind);
          note(log, max, now_ms, &event);
        }
      }
      if (events.waits && !waits_since_ms)
        waits_since_ms = now_ms;
      now_ms += roll(20) ? roll(5) : roll(3000);
      if (watch_events_due(&events, now_ms, &event)) {
        assert_int_equal(event.users, n_changes); /* the last count, whatever was merged */
        assert_int_equal(event.info.len, 4);
        assert_memory_equal(event.info.ptr, "info", 4);
        note(log, max, now_ms, &event);
        waits_since_ms = 0;
      }
      if (!events.waits) {
        waits_since_ms = 0;
        assert_int_equal(log->users, n_changes);
        assert_int_equal(log->merged, n_changes);
      }
      /* Nothing waits for a second without being due. */
      assert_false(waits_since_ms && now_ms >= waits_since_ms + 1000);
    }
    watch_events_fini(&events);
    free(log);
    seed = own;
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bounds_hold_and_no_count_is_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
