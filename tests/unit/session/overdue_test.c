/* Answers that workers give by themselves while a plugin keeps the control thread. */
#include "fixture.h"

#define TIMEOUT_MS 10000

static void overdue(void)
{
  session_answer_overdue(&w.env, w.now, TIMEOUT_MS);
}

static void what_waits_too_long_is_refused_once_and_its_answer_dropped(void **state)
{
  (void)state;
  struct session s;
  overdue(); /* nobody waits */
  connect_as(&s, "1.2");
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:1\n\nx");
  w.now += TIMEOUT_MS - 1;
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:2\n\nx");
  overdue();
  EXPECT_NOTHING(&s);
  w.now++;
  overdue();
  struct plug_str out = show_out(&s);
  assert_non_null(memmem(out.ptr, out.len, "receipt-id:1\n", 13));
  assert_null(memmem(out.ptr, out.len, "receipt-id:2\n", 13));
  answer(0, PLUG_OK);
  EXPECT_NOTHING(&s);
  answer(1, PLUG_OK);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:2\n\n^@");
  w.now += TIMEOUT_MS;
  overdue();
  EXPECT_NOTHING(&s);
  session_close(&s, CLOSE_GOING, "test");
  session_fini(&s);
}

static void a_session_that_has_gone_is_not_answered(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:1\n\nx");
  session_close(&s, CLOSE_GOING, "test");
  session_fini(&s);
  memset(&s, 0xa5, sizeof s);
  w.now += TIMEOUT_MS;
  overdue();
  answer(0, PLUG_OK);
}

static void a_goodbye_does_not_wait_for_what_is_overdue(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:1\n\nx");
  RECEIVE(&s, "DISCONNECT\nreceipt:bye\n\n");
  w.now += TIMEOUT_MS;
  overdue();
  struct plug_str out = show_out(&s);
  assert_non_null(memmem(out.ptr, out.len, "receipt-id:bye\n", 15));
  EXPECT_CLOSED(&s, CLOSE_NORMAL);
  session_fini(&s);
  answer(0, PLUG_OK);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(what_waits_too_long_is_refused_once_and_its_answer_dropped),
      TEST(a_session_that_has_gone_is_not_answered),
      TEST(a_goodbye_does_not_wait_for_what_is_overdue),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
