/* How long a link lets its owner wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/link.h"

/* One whose heart-beat is late, if it has to send any, and whose state ends in an hour. */
static struct link make(enum link_state state)
{
  uint64_t now = clock_now_us();
  return (struct link){.state = state,
                       .stream = {.fd = 0},
                       .deadline_us = now + UINT64_C(3600000000),
                       .send_every_us = 2,
                       .sent_us = now - 1};
}

static void a_heart_beat_is_waited_for_where_one_is_sent(void **state)
{
  (void)state;
  struct link up = make(LINK_UP), leaving = make(LINK_LEAVING), waiting = make(LINK_UP);
  waiting.out.len = 1; /* what it will send is a heart-beat, too */
  assert_int_equal(link_timeout_ms(&up), 0);
  assert_in_range(link_timeout_ms(&leaving), 1000, 3600001);
  assert_in_range(link_timeout_ms(&waiting), 1000, 3600001);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_heart_beat_is_waited_for_where_one_is_sent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
