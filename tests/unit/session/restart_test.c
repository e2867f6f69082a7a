#include "fixture.h"

#include "session/restart.h"
#include "session/session_waiter.h"

static void connect_with(struct session *s, const char *notices)
{
  char text[200];
  session_init(s, &w.env, w.now);
  int n = snprintf(text, sizeof text, "CONNECT\naccept-version:1.2\nhost:h\n%s\n", notices);
  receive_bytes(s, text, (size_t)n + 1);
}

static void who_asks_in_connect_is_told(void **state)
{
  (void)state;
  struct session s;
  connect_with(&s, "notices:restart\n");
  EXPECT_OUT(&s, "CONNECTED\nversion:1.2\nheart-beat:0,0\nsession:ID\n"
                 "server:plugboard/test\nnotices:restart\n\n^@");
  assert_true(s.notices);
  s.number = 7;
  restart_notify(&s, 950, 5000);
  EXPECT_OUT(&s, "MESSAGE\nsubscription:plugboard\ndestination:/plugboard/server\n"
                 "message-id:server-7\nevent:restart\nreconnect-in:950\ncloses-in:5000\ncontent-"
                 "length:0\n\n^@");
  restart_notify(&s, 0, 17);
  EXPECT_OUT(&s, "MESSAGE\nsubscription:plugboard\ndestination:/plugboard/server\n"
                 "message-id:server-7\nevent:restart\ncloses-in:17\ncontent-length:0\n\n^@");
  assert_int_equal(s.state, SESSION_CONNECTED);
  session_fini(&s);
}

static void the_header_is_a_list(void **state)
{
  (void)state;
  assert_true(restart_is_asked_for(STR("restart")));
  assert_true(restart_is_asked_for(STR("other, restart")));
  assert_true(restart_is_asked_for(STR("restart,other")));
  assert_false(restart_is_asked_for(STR("")));
  assert_false(restart_is_asked_for(STR("restarts")));
  assert_false(restart_is_asked_for(STR("other")));
  struct session s;
  connect_with(&s, "notices:other\n");
  assert_false(s.notices);
  session_fini(&s);
}

static void the_error_says_when_to_come_back(void **state)
{
  (void)state;
  struct session s;
  connect_with(&s, "");
  EXPECT_OUT(&s, "CONNECTED\nversion:1.2\nheart-beat:0,0\nsession:ID\n"
                 "server:plugboard/test\n\n^@");
  restart_close(&s, 1050);
  EXPECT_OUT(&s, "ERROR\nmessage:the server is restarting\nerror-code:restarting\n"
                 "reconnect-in:1050\ncontent-type:text/plain;charset=UTF-8\ncontent-length:52\n\n"
                 "the server is restarting. Connect again in 1050 ms.\n^@");
  EXPECT_CLOSED(&s, CLOSE_RESTART);
  restart_close(&s, 1); /* once */
  EXPECT_NOTHING(&s);
  session_fini(&s);
}

static void before_connect_the_close_says_it(void **state)
{
  (void)state;
  struct session s;
  session_init(&s, &w.env, w.now);
  restart_close(&s, 0);
  EXPECT_NOTHING(&s);
  EXPECT_CLOSED(&s, CLOSE_RESTART);
  assert_string_equal(s.close_reason, RESTART_REASON);
  session_fini(&s);
}

static void a_receipt_that_waits_is_owed(void **state)
{
  (void)state;
  struct session s;
  connect_with(&s, "");
  assert_false(restart_owes(&s));
  s.awaiting = true;
  assert_true(restart_owes(&s));
  s.awaiting = false;
  struct session_waiter *waiter = session_waiter_new(&s, "SEND", STR("r"));
  assert_true(restart_owes(&s));
  session_waiter_done(waiter, PLUG_OK);
  assert_false(restart_owes(&s));
  session_fini(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(who_asks_in_connect_is_told),      TEST(the_header_is_a_list),
      TEST(the_error_says_when_to_come_back), TEST(before_connect_the_close_says_it),
      TEST(a_receipt_that_waits_is_owed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
