#include "fixture.h"

/* --- SEND --------------------------------------------------------------------------------- */

static void a_send_becomes_a_message_with_the_senders_headers(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SEND\ndestination:/topic/a\ncontent-type:text/plain\nx-a:1\\c2\nreceipt:r\n"
              "login:me\nPasscode:secret\nAuthorization:Bearer\nmessage-id:9\nsubscription:s\n"
              "ack:a\nx-a:again\ncontent-length:2\n\nhi");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:r\n\n^@");
  expect_published(0, STR("/topic/a"), STR("hi"));
  const struct plug_msg *msg = w.published[0].msg;
  expect_str(msg->content_type, STR("text/plain"));
  expect_str(msg->origin, STR("n1"));
  assert_int_equal(msg->n_headers, 2);
  expect_str(msg->headers[0].key, STR("x-a"));
  expect_str(msg->headers[0].value, STR("1:2"));
  expect_str(msg->headers[1].key, STR("x-a"));
  expect_str(msg->headers[1].value, STR("again"));
  session_fini(&s);
}

static void what_nobody_hears_is_no_message_but_has_its_receipt(void **state)
{
  (void)state;
  struct session s;
  w.env.publish_unheard = fake_publish_unheard;
  w.unheard = hash_bytes("/topic/quiet", 12);
  connect_as(&s, "1.2");
  for (int i = 0; i < 2; i++) /* the second time the destination is a known one */
    RECEIVE(&s, "SEND\ndestination:/topic/quiet\n\nx");
  assert_int_equal(w.n_unheard, 2);
  EXPECT_NOTHING(&s);
  RECEIVE(&s, "SEND\ndestination:/topic/quiet\nreceipt:r\n\nx");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:r\n\n^@");
  RECEIVE(&s, "SEND\ndestination:/topic/a\n\ny");
  RECEIVE(&s, "BEGIN\ntransaction:t\n\n");
  RECEIVE(&s, "SEND\ndestination:/topic/quiet\ntransaction:t\n\nx");
  assert_int_equal(w.n_unheard, 3);
  RECEIVE(&s, "COMMIT\ntransaction:t\nreceipt:c\n\n");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:c\n\n^@");
  assert_int_equal(w.n_unheard, 4);
  assert_int_equal(w.n_published, 1);
  expect_published(0, STR("/topic/a"), STR("y"));
  session_fini(&s);
}

static void spring_passes_private_headers_on_and_gives_no_receipts(void **state)
{
  (void)state;
  w.env.terms.spring = w.rules.spring = true;
  w.rules.client_send = w.rules.broker;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SEND\ndestination:/subway\nreceipt:r\ntransaction:t\nlogin:me\nack:a\n\nhi");
  EXPECT_NOTHING(&s);
  expect_published(0, STR("/subway"), STR("hi"));
  const struct plug_msg *msg = w.published[0].msg;
  assert_int_equal(msg->n_headers, 3);
  expect_str(msg->headers[0].key, STR("receipt"));
  expect_str(msg->headers[1].key, STR("transaction"));
  expect_str(msg->headers[2].key, STR("login"));
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/*\nreceipt:r\n\n");
  RECEIVE(&s, "ACK\nid:nothing\nreceipt:r\n\n");
  RECEIVE(&s, "BEGIN\ntransaction:t\nreceipt:r\n\n");
  RECEIVE(&s, "COMMIT\ntransaction:t\nreceipt:r\n\n");
  RECEIVE(&s, "UNSUBSCRIBE\nid:0\nreceipt:r\n\n");
  EXPECT_NOTHING(&s);
  assert_int_equal(s.state, SESSION_CONNECTED);
  session_fini(&s);
}

static void spring_tells_of_sends_that_failed_and_of_nothing_else(void **state)
{
  (void)state;
  w.env.terms.spring = w.rules.spring = true;
  w.rules.client_send = w.rules.broker;
  struct session s;
  connect_as(&s, "1.2");
  w.answers = PLUG_EUNAVAIL;
  RECEIVE(&s, "SEND\ndestination:/sub/a\n\nx");
  EXPECT_NOTHING(&s);
  RECEIVE(&s, "SEND\ndestination:/sub/a\nreceipt:r\n\nx");
  EXPECT_OUT(&s, "ERROR\nmessage:SEND failed\\c the broker is unavailable\nreceipt-id:r\n"
                 "recoverable:true\ncontent-type:text/plain;charset=UTF-8\ncontent-length:99\n\n"
                 "SEND failed: the broker is unavailable. The connection stays open; the request "
                 "may be tried again.\n^@");
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "SEND\ndestination:/sub/a\nreceipt:late\n\nx");
  RECEIVE(&s, "SEND\ndestination:/sub/a\nreceipt:fine\n\nx");
  EXPECT_NOTHING(&s);
  answer(2, PLUG_ETIMEDOUT);
  assert_non_null(strstr(show_out(&s).ptr, "\nreceipt-id:late\n"));
  answer(3, PLUG_OK);
  EXPECT_NOTHING(&s);
  RECEIVE(&s, "DISCONNECT\n\n");
  EXPECT_OUT(&s, "ERROR\nmessage:Session closed.\ncontent-length:0\n\n^@");
  EXPECT_CLOSED(&s, CLOSE_PROTOCOL);
  session_fini(&s);
}

static void where_errors_end_sessions_nothing_behind_one_counts(void **state)
{
  (void)state;
  struct session s;
  w.env.terms.ignore_unknown = w.env.terms.errors_end = true;
  connect_as(&s, "1.2");
  static const char both[] = "SEND\ndestination:/app/x\nreceipt:r\n\nx\0"
                             "SEND\ndestination:/topic/a\n\nbehind";
  receive_bytes(&s, both, sizeof both);
  RECEIVE(&s, "SEND\ndestination:/topic/a\n\nlater");
  assert_int_equal(w.n_published, 0);
  EXPECT_OUT(&s, "ERROR\nmessage:SEND\\c nobody has the destination '/app/x'\nreceipt-id:r\n"
                 "content-type:text/plain;charset=UTF-8\ncontent-length:43\n\n"
                 "SEND: nobody has the destination '/app/x'.\n^@");
  assert_true(s.out.overflow); /* the worker does the rest at the end of its turn */
  session_overflow(&s);
  EXPECT_CLOSED(&s, CLOSE_PROTOCOL);
  EXPECT_NOTHING(&s);
  session_fini(&s);
}

static void unknown_destinations_may_be_ignored(void **state)
{
  (void)state;
  int64_t counted = counter_read(COUNTER_ignored_destination);
  struct session s;
  w.env.terms.ignore_unknown = true;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/user/queue/errors\n\n");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/**\n\n");
  RECEIVE(&s, "SEND\ndestination:/app/x\n\nx"); /* without a plugin for it */
  RECEIVE(&s, "UNSUBSCRIBE\nid:0\n\n");
  EXPECT_NOTHING(&s);
  assert_int_equal(s.n_subscriptions, 0);
  assert_int_equal(counter_read(COUNTER_ignored_destination) - counted, 3);
  RECEIVE(&s, "SEND\ndestination:/app/x\nreceipt:r\n\nx");
  EXPECT_OUT(&s, "ERROR\nmessage:SEND\\c nobody has the destination '/app/x'\nreceipt-id:r\n"
                 "recoverable:false\ncontent-type:text/plain;charset=UTF-8\ncontent-length:86\n\n"
                 "SEND: nobody has the destination '/app/x'. It was ignored; the connection stays "
                 "open.\n^@");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/x\nreceipt:r\n\n");
  assert_non_null(strstr(show_out(&s).ptr, "\nreceipt-id:r\nrecoverable:false\n"));
  w.env.terms.spring = true;
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/x\nreceipt:r\n\n");
  EXPECT_NOTHING(&s);
  RECEIVE(&s, "SEND\ndestination:/x\nreceipt:r\n\n");
  assert_non_null(strstr(show_out(&s).ptr, "\nreceipt-id:r\nrecoverable:false\n"));
  w.env.terms.spring = false;
  /* What is no destination at all is a mistake of another kind, and so is one that is not open. */
  RECEIVE(&s, "SEND\ndestination:/sub/a\n\nx");
  expect_error(&s, CLOSE_PROTOCOL,
               "clients may not SEND to '/sub/a'; they may to /sub/open, /topic");
  session_fini(&s);
}

struct refusal {
  const char *frame, *message;
};

static void expect_refusal(const char *version, const struct refusal *row)
{
  struct session s;
  connect_as(&s, version);
  receive_bytes(&s, row->frame, strlen(row->frame) + 1);
  expect_error(&s, CLOSE_PROTOCOL, row->message);
  assert_int_equal(s.n_subscriptions, 0);
  session_fini(&s);
  assert_int_equal(w.n_published, 0);
}

static void faulty_frames_are_named_and_end_the_session(void **state)
{
  (void)state;
  w.env.max_destination_length = 20;
  static const struct refusal rows[] = {
      {"SEND\n\nx", "SEND without a 'destination' header"},
      {"SEND\ndestination:\n\n", "SEND\\c bad destination ''\\c The destination is empty"},
      {"SEND\ndestination:topic\n\n",
       "SEND\\c bad destination 'topic'\\c A destination starts with a slash"},
      {"SEND\ndestination:/topic/0123456789abcd\n\n",
       "SEND\\c bad destination '/topic/0123456789abcd'\\c The destination is too long"},
      {"SEND\ndestination:/topic/\\n\n\n",
       "SEND\\c bad destination '/topic/\\n'\\c A destination contains no control characters"},
      {"SEND\ndestination:/app/x\n\n", "SEND\\c no application answers '/app/x'"},
      {"SEND\ndestination:/x\n\n",
       "SEND\\c destination '/x' is outside every prefix; there are /sub, /topic"},
      {"SEND\ndestination:/sub/a\n\n",
       "clients may not SEND to '/sub/a'; they may to /sub/open, /topic"},
      {"SEND\ndestination:/topic\ntransaction:t\n\n", "SEND\\c no transaction 't' is open"},
      {"SUBSCRIBE\nid:0\n\n", "SUBSCRIBE without a 'destination' header"},
      {"SUBSCRIBE\ndestination:/sub/a\n\n", "SUBSCRIBE without a 'id' header"},
      {"SUBSCRIBE\nid:0\ndestination:/sub/a\nack:maybe\n\n",
       "SUBSCRIBE\\c unknown ack mode 'maybe'"},
      {"SUBSCRIBE\nid:0\ndestination:/app/a\n\n", "SUBSCRIBE\\c no application answers '/app/a'"},
      {"SUBSCRIBE\nid:0\ndestination:/**\n\n",
       "SUBSCRIBE\\c destination '/**' is outside every prefix; there are /sub, /topic"},
      {"UNSUBSCRIBE\n\n", "UNSUBSCRIBE without a 'id' header"},
      {"ACK\n\n", "ACK without a 'id' header"},
      {"ACK\nid:n1-1/0\n\n", "ACK\\c no message 'n1-1/0' waits for it"},
      {"NACK\nid:n1-1\n\n", "NACK\\c no message 'n1-1' waits for it"},
      {"ACK\nid:\n\n", "ACK\\c no message '' waits for it"},
      {"ACK\nid:x\ntransaction:t\n\n", "ACK\\c no transaction 't' is open"},
      {"BEGIN\n\n", "BEGIN without a 'transaction' header"},
      {"COMMIT\n\n", "COMMIT without a 'transaction' header"},
      {"COMMIT\ntransaction:t\n\n", "COMMIT\\c no transaction 't' is open"},
      {"ABORT\ntransaction:t\n\n", "ABORT\\c no transaction 't' is open"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    expect_refusal("1.2", &rows[i]);
  expect_refusal("1.1",
                 &(struct refusal){"ACK\nsubscription:0\n\n", "ACK without a 'message-id' header"});
  expect_refusal("1.1",
                 &(struct refusal){"ACK\nmessage-id:1\n\n", "ACK\\c no message '1' waits for it"});
  w.rules.client_send.n = 0;
  expect_refusal("1.2",
                 &(struct refusal){"SEND\ndestination:/topic/a\n\n",
                                   "clients may not SEND to '/topic/a'; they may to nothing"});
  w.env.terms.patterns = false;
  expect_refusal("1.2", &(struct refusal){"SUBSCRIBE\nid:0\ndestination:/sub/*\n\n",
                                          "SUBSCRIBE\\c pattern subscriptions are switched off\\c "
                                          "'/sub/*'"});
}

static void a_refused_frame_names_its_receipt_and_a_remedy(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\nack:x\nreceipt:7\n\n");
  EXPECT_OUT(&s, "ERROR\nmessage:SUBSCRIBE\\c unknown ack mode 'x'\nreceipt-id:7\n"
                 "content-type:text/plain;charset=UTF-8\ncontent-length:72\n\n"
                 "SUBSCRIBE: unknown ack mode 'x'. Use auto, client or client-individual.\n^@");
  session_fini(&s);
}

static void a_bad_pattern_says_what_is_wrong_with_it(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/{x\\c[}\n\n");
  struct plug_str out = show_out(&s);
  const char *start = "ERROR\nmessage:SUBSCRIBE\\c bad pattern '/sub/{x\\c[}'\\c ";
  assert_true(str_has_prefix(out, str_of(start)));
  EXPECT_CLOSED(&s, CLOSE_PROTOCOL);
  session_fini(&s);
}

static void destinations_that_may_be_sent_to_are_remembered_apart(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  char text[200];
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 25; i++) {
      int n = snprintf(text, sizeof text, "SEND\ndestination:/topic/%d\n\nx", i);
      receive_bytes(&s, text, (size_t)n + 1);
    }
  }
  assert_int_equal(w.n_published, 50);
  for (unsigned i = 0; i < 50; i++) {
    int n = snprintf(text, sizeof text, "/topic/%u", i % 25);
    expect_str(w.published[i].msg->topic, str_from(text, (size_t)n));
  }
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\n\n"); /* may be read, but not sent to */
  RECEIVE(&s, "SEND\ndestination:/sub/a\n\nx");
  expect_error(&s, CLOSE_PROTOCOL,
               "clients may not SEND to '/sub/a'; they may to /sub/open, /topic");
  session_fini(&s);
}

/* A head that is known means what it meant when it was read. */
static void the_same_send_again_is_the_same_message(void **state)
{
  (void)state;
  struct session s, other;
  static const char *const bodies[] = {"a", "bc"};
  connect_as(&s, "1.2");
  for (unsigned i = 0; i < 4; i++) {
    char text[200];
    struct plug_str body = str_of(bodies[i % 2]);
    int n = snprintf(text, sizeof text,
                     "SEND\nlogin:me\ncontent-type:t/p\ndestination:/topic/a\nx-a:1\n"
                     "content-length:%zu\nx-b:2\n\n%s",
                     body.len, body.ptr);
    receive_bytes(&s, text, (size_t)n + 1);
    expect_published(i, STR("/topic/a"), body);
    const struct plug_msg *msg = w.published[i].msg;
    expect_str(msg->content_type, STR("t/p"));
    assert_int_equal(msg->n_headers, 2);
    expect_str(msg->headers[0].key, STR("x-a"));
    expect_str(msg->headers[1].key, STR("x-b"));
    expect_str(msg->headers[1].value, STR("2"));
  }
  memset(w.env.sendable, 0, sizeof w.env.sendable); /* the rules have changed */
  w.env.terms.spring = true;
  RECEIVE(&s, "SEND\nlogin:me\ncontent-type:t/p\ndestination:/topic/a\nx-a:1\n"
              "content-length:1\nx-b:2\n\nz");
  expect_published(4, STR("/topic/a"), STR("z"));
  assert_int_equal(w.published[4].msg->n_headers, 3);
  w.env.terms.spring = false;
  for (unsigned i = 5; i < 8; i++) {
    RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:r\n\nx");
    EXPECT_OUT(&s, "RECEIPT\nreceipt-id:r\n\n^@");
    expect_published(i, STR("/topic/a"), STR("x"));
  }
  RECEIVE(&s, "BEGIN\ntransaction:t\n\n");
  for (unsigned i = 0; i < 3; i++)
    RECEIVE(&s, "SEND\ndestination:/topic/a\ntransaction:t\n\ny");
  assert_int_equal(w.n_published, 8);
  RECEIVE(&s, "COMMIT\ntransaction:t\n\n");
  assert_int_equal(w.n_published, 11);
  for (unsigned i = 8; i < 11; i++)
    expect_published(i, STR("/topic/a"), STR("y"));
  RECEIVE(&s, "SEND\ndestination:/topic/a\n\nx");
  RECEIVE(&s, "SEND\ndestination:/topic/a\n\nx");
  RECEIVE(&s, "SEND\ndestination:/topic/a\n\nx");
  assert_int_equal(w.n_published, 14);
  /* Another client that has not connected, with the place of this one's head. */
  session_init(&other, &w.env, w.now);
  other.number = s.number;
  RECEIVE(&other, "SEND\ndestination:/topic/a\n\nx");
  expect_error(&other, CLOSE_PROTOCOL, "SEND before CONNECT");
  assert_int_equal(w.n_published, 14);
  session_fini(&other);
  session_fini(&s);
}

/* --- SUBSCRIBE, UNSUBSCRIBE --------------------------------------------------------------- */

static void a_subscription_is_acknowledged_when_the_broker_has_it(void **state)
{
  (void)state;
  struct session s, later;
  connect_as(&s, "1.2");
  connect_as(&later, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\nreceipt:1\n\n");
  RECEIVE(&s, "SUBSCRIBE\nid:1\ndestination:/sub/a\nreceipt:2\n\n");
  RECEIVE(&s, "SUBSCRIBE\nid:2\ndestination:/sub/a\n\n");
  EXPECT_NOTHING(&s);
  answer_interests(PLUG_OK);
  struct plug_str out = show_out(&s);
  if (!str_eq(out, STR("RECEIPT\nreceipt-id:1\n\n^@RECEIPT\nreceipt-id:2\n\n^@")) &&
      !str_eq(out, STR("RECEIPT\nreceipt-id:2\n\n^@RECEIPT\nreceipt-id:1\n\n^@")))
    fail_msg("%.*s", STR_ARG(out));
  RECEIVE(&later, "SUBSCRIBE\nid:0\ndestination:/sub/a\nreceipt:3\n\n");
  EXPECT_OUT(&later, "RECEIPT\nreceipt-id:3\n\n^@");
  deliver("/sub/a", 5, "x");
  assert_int_equal(s.out.count, 3);
  EXPECT_OUT(&later, "MESSAGE\nsubscription:0\ndestination:/sub/a\nmessage-id:n1-5\n"
                     "content-length:1\n\nx^@");
  session_fini(&s);
  session_fini(&later);
}

static void a_refused_subscription_is_told_once_and_is_gone(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\nreceipt:1\n\n");
  answer_interests(PLUG_EDENIED);
  EXPECT_OUT(&s, "ERROR\nmessage:SUBSCRIBE failed\\c the broker's backend refused it\n"
                 "receipt-id:1\nrecoverable:true\ncontent-type:text/plain;charset=UTF-8\n"
                 "content-length:110\n\n"
                 "SUBSCRIBE failed: the broker's backend refused it. The connection stays open; "
                 "the request may be tried again.\n^@");
  assert_int_equal(s.n_subscriptions, 0);
  assert_int_equal(s.state, SESSION_CONNECTED);
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/b\n\n"); /* without a receipt */
  answer_interests(PLUG_ENOTSUP);
  EXPECT_OUT(&s, "ERROR\nmessage:subscription '0' failed\\c the broker does not support it\n"
                 "recoverable:false\ncontent-type:text/plain;charset=UTF-8\ncontent-length:84\n\n"
                 "subscription '0' failed: the broker does not support it. "
                 "The connection stays open.\n^@");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/b\nreceipt:2\n\n"); /* the id is free again */
  answer_interests(PLUG_OK);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:2\n\n^@");
  session_fini(&s);
}

static void unsubscribing_settles_a_receipt_that_still_waits(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\nreceipt:1\n\n");
  RECEIVE(&s, "SUBSCRIBE\nid:1\ndestination:/sub/a\nreceipt:2\n\n");
  RECEIVE(&s, "UNSUBSCRIBE\nid:0\nreceipt:3\n\n");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:1\n\n^@RECEIPT\nreceipt-id:3\n\n^@");
  answer_interests(PLUG_OK);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:2\n\n^@");
  assert_int_equal(s.n_subscriptions, 1);
  RECEIVE(&s, "UNSUBSCRIBE\nid:unknown\nreceipt:4\n\n"); /* it is as the client wants it */
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:4\n\n^@");
  session_fini(&s);
}

static void after_unsubscribe_nothing_comes(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\n\n");
  RECEIVE(&s, "UNSUBSCRIBE\nid:0\n\n");
  answer_interests(PLUG_OK);
  deliver("/sub/a", 1, "x");
  EXPECT_NOTHING(&s);
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/b\n\n"); /* the id may be used again */
  assert_int_equal(s.state, SESSION_CONNECTED);
  session_fini(&s);
}

static void an_id_names_one_subscription(void **state)
{
  (void)state;
  struct session s, other;
  connect_as(&s, "1.2");
  connect_as(&other, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\n\n");
  RECEIVE(&other, "SUBSCRIBE\nid:0\ndestination:/sub/b\n\n");
  assert_int_equal(other.state, SESSION_CONNECTED);
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/b\n\n");
  expect_error(&s, CLOSE_PROTOCOL, "SUBSCRIBE\\c the id '0' is in use");
  session_fini(&s);
  session_fini(&other);
}

static void version_10_names_subscriptions_by_destination(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.0");
  RECEIVE(&s, "SUBSCRIBE\ndestination:/sub/a\n\n");
  deliver("/sub/a", 1, "x");
  EXPECT_OUT(&s, "MESSAGE\nsubscription:/sub/a\ndestination:/sub/a\nmessage-id:n1-1\n"
                 "content-length:1\n\nx^@");
  RECEIVE(&s, "UNSUBSCRIBE\ndestination:/sub/a\n\n");
  deliver("/sub/a", 2, "x");
  EXPECT_NOTHING(&s);
  assert_int_equal(s.n_subscriptions, 0);
  session_fini(&s);
}

static void a_second_subscribe_by_destination_changes_nothing(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.0");
  RECEIVE(&s, "SUBSCRIBE\ndestination:/sub/a\n\n");
  answer_interests(PLUG_OK);
  RECEIVE(&s, "SUBSCRIBE\ndestination:/sub/a\nack:client\nreceipt:2\n\n");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:2\n\n^@");
  assert_int_equal(s.n_subscriptions, 1);
  deliver("/sub/a", 1, "x");
  EXPECT_OUT(&s, "MESSAGE\nsubscription:/sub/a\ndestination:/sub/a\nmessage-id:n1-1\n"
                 "content-length:1\n\nx^@");
  assert_int_equal(s.n_unacked, 0); /* the first one's ack mode */
  /* Who chose the id has made a mistake, in 1.0, too. */
  RECEIVE(&s, "SUBSCRIBE\nid:/sub/a\ndestination:/sub/b\n\n");
  expect_error(&s, CLOSE_PROTOCOL, "SUBSCRIBE: the id '/sub/a' is in use");
  session_fini(&s);
}

static void subscriptions_are_limited(void **state)
{
  (void)state;
  int64_t counted = counter_read(COUNTER_refused_subscriptions);
  w.env.max_subscriptions = 2;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\n\n");
  RECEIVE(&s, "SUBSCRIBE\nid:1\ndestination:/sub/a\n\n");
  RECEIVE(&s, "UNSUBSCRIBE\nid:0\n\n");
  RECEIVE(&s, "SUBSCRIBE\nid:2\ndestination:/sub/a\n\n");
  assert_int_equal(s.state, SESSION_CONNECTED);
  RECEIVE(&s, "SUBSCRIBE\nid:3\ndestination:/sub/a\n\n");
  expect_error(&s, CLOSE_PROTOCOL, "SUBSCRIBE\\c more than max-subscriptions (2)");
  assert_int_equal(counter_read(COUNTER_refused_subscriptions) - counted, 1);
  assert_int_equal(counter_read(COUNTER_subscriptions), 0);
  session_fini(&s);
}

/* --- ACK, NACK ---------------------------------------------------------------------------- */

static void each_version_acknowledges_in_its_own_way(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:a/b\\cc\ndestination:/sub/a\nack:client-individual\n\n");
  deliver("/sub/a", 1, "x");
  deliver("/sub/a", 2, "x");
  show_out(&s);
  RECEIVE(&s, "ACK\nid:n1-2/a/b\\cc\nreceipt:1\n\n");
  RECEIVE(&s, "NACK\nid:n1-1/a/b\\cc\nreceipt:2\n\n");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:1\n\n^@RECEIPT\nreceipt-id:2\n\n^@");
  assert_int_equal(s.n_unacked, 0);
  RECEIVE(&s, "ACK\nid:n1-2/a/b\\cc\n\n");
  expect_error(&s, CLOSE_PROTOCOL, "ACK\\c no message 'n1-2/a/b\\cc' waits for it");
  session_fini(&s);

  connect_as(&s, "1.1");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\nack:client\n\n");
  for (uint64_t id = 1; id <= 3; id++)
    deliver("/sub/a", id, "x");
  show_out(&s);
  RECEIVE(&s, "ACK\nsubscription:0\nmessage-id:n1-2\nreceipt:1\n\n");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:1\n\n^@");
  assert_int_equal(s.n_unacked, 1);                   /* cumulative */
  RECEIVE(&s, "ACK\nmessage-id:n1-3\nreceipt:2\n\n"); /* as in 1.0 */
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:2\n\n^@");
  deliver("/sub/a", 4, "x");
  deliver("/sub/a", 5, "x");
  show_out(&s);
  RECEIVE(&s, "NACK\nmessage-id:n1-5\nsubscription:/sub/a\nreceipt:3\n\n");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:3\n\n^@");
  assert_int_equal(s.n_unacked, 0);
  RECEIVE(&s, "ACK\nmessage-id:n1-5\n\n");
  expect_error(&s, CLOSE_PROTOCOL, "ACK\\c no message 'n1-5' waits for it");
  session_fini(&s);

  connect_as(&s, "1.0");
  RECEIVE(&s, "SUBSCRIBE\ndestination:/sub/a\nack:client\n\n");
  RECEIVE(&s, "SUBSCRIBE\nid:2\ndestination:/sub/b\nack:client\n\n");
  deliver("/sub/b", 1, "x");
  show_out(&s);
  RECEIVE(&s, "ACK\nmessage-id:n1-1\n\n");
  assert_int_equal(s.state, SESSION_CONNECTED);
  assert_int_equal(s.n_unacked, 0);
  session_fini(&s);
}

static void auto_subscriptions_take_no_ack(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.1");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\nack:auto\n\n");
  deliver("/sub/a", 1, "x");
  show_out(&s);
  RECEIVE(&s, "ACK\nsubscription:0\nmessage-id:n1-1\n\n");
  expect_error(&s, CLOSE_PROTOCOL, "ACK\\c no message 'n1-1' waits for it");
  session_fini(&s);
}

/* --- memory ------------------------------------------------------------------------------- */

static void subscriptions_are_limited_in_bytes(void **state)
{
  (void)state;
  int64_t counted = counter_read(COUNTER_refused_memory);
  struct session s;
  char frame[7000], id[6001];
  memset(id, 'i', sizeof id - 1);
  id[sizeof id - 1] = '\0';
  connect_as(&s, "1.2");
  w.env.max_session_memory = 100000;
  uint32_t n = 0, before = 0;
  while (s.state == SESSION_CONNECTED && n < 100) {
    id[0] = (char)('a' + n++);
    before = s.kept_bytes;
    int len =
        snprintf(frame, sizeof frame, "SUBSCRIBE\nid:%s\ndestination:/sub/a\nreceipt:r\n\n", id);
    receive_bytes(&s, frame, (size_t)len + 1);
  }
  assert_int_equal(n, 16); /* an id is kept once, with the group */
  assert_true(before <= 100000 && before + 6500 > 100000);
  struct plug_str out = show_out(&s);
  assert_non_null(strstr(out.ptr, "ERROR\nmessage:subscriptions and receipts take more than "
                                  "max-session-memory (100000 bytes)\nreceipt-id:r\n"));
  EXPECT_CLOSED(&s, CLOSE_PROTOCOL);
  assert_int_equal(counter_read(COUNTER_refused_memory) - counted, 1);
  session_fini(&s);

  connect_as(&s, "1.2"); /* what ends makes room */
  for (n = 0; n < 100; n++) {
    int len =
        snprintf(frame, sizeof frame, "SUBSCRIBE\nid:%s\ndestination:/sub/{a:[a-z]{50}}\n\n", id);
    receive_bytes(&s, frame, (size_t)len + 1);
    assert_true(s.kept_bytes > 6000);
    len = snprintf(frame, sizeof frame, "UNSUBSCRIBE\nid:%s\n\n", id);
    receive_bytes(&s, frame, (size_t)len + 1);
    assert_int_equal(s.kept_bytes, 0);
  }
  assert_int_equal(s.state, SESSION_CONNECTED);
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/b\nreceipt:1\n\n");
  answer_interests(PLUG_EDENIED);
  assert_int_equal(s.kept_bytes, 0);
  session_fini(&s);
}

static void receipts_that_wait_are_limited_in_bytes(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  w.env.max_session_memory = 1000;
  w.answers = PLUG_PENDING;
  while (s.state == SESSION_CONNECTED)
    RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:01234567890123456789\n\nx");
  assert_in_range(w.n_published, 5, 40);
  assert_true(s.kept_bytes <= 1000);
  assert_non_null(strstr(show_out(&s).ptr, "\nreceipt-id:01234567890123456789\n"));
  session_fini(&s);
  for (unsigned i = 0; i < w.n_published; i++)
    answer(i, PLUG_OK);

  unsigned first = w.n_published;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:1\n\nx");
  assert_true(s.kept_bytes > 0);
  answer(first, PLUG_OK);
  assert_int_equal(s.kept_bytes, 0);
  session_fini(&s);
}

/* --- transactions ------------------------------------------------------------------------- */

static void a_transaction_holds_its_frames_back_until_commit(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\nack:client\n\n");
  deliver("/sub/a", 1, "x");
  show_out(&s);
  RECEIVE(&s, "BEGIN\ntransaction:t\nreceipt:b\n\n");
  RECEIVE(&s, "SEND\ndestination:/topic/a\ntransaction:t\nx:1\nreceipt:s\n\none");
  RECEIVE(&s, "ACK\nid:n1-1/0\ntransaction:t\n\n");
  RECEIVE(&s, "SEND\ndestination:/topic/b\ntransaction:t\n\ntwo");
  RECEIVE(&s, "SEND\ndestination:/topic/c\n\noutside");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:b\n\n^@RECEIPT\nreceipt-id:s\n\n^@");
  assert_int_equal(w.n_published, 1);
  expect_published(0, STR("/topic/c"), STR("outside"));
  assert_int_equal(s.n_unacked, 1);
  assert_true(s.transaction_bytes > 0);
  RECEIVE(&s, "COMMIT\ntransaction:t\nreceipt:c\n\n");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:c\n\n^@");
  assert_int_equal(w.n_published, 3);
  expect_published(1, STR("/topic/a"), STR("one"));
  expect_published(2, STR("/topic/b"), STR("two"));
  assert_int_equal(w.published[1].msg->n_headers, 1);
  expect_str(w.published[1].msg->headers[0].key, STR("x"));
  assert_int_equal(s.n_unacked, 0);
  assert_int_equal(s.transaction_bytes, 0);
  assert_int_equal(s.n_transactions, 0);
  RECEIVE(&s, "COMMIT\ntransaction:t\n\n");
  expect_error(&s, CLOSE_PROTOCOL, "COMMIT\\c no transaction 't' is open");
  session_fini(&s);
}

static void abort_forgets_the_held_frames(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "BEGIN\ntransaction:t\n\n");
  RECEIVE(&s, "BEGIN\ntransaction:u\n\n");
  RECEIVE(&s, "SEND\ndestination:/topic/a\ntransaction:t\n\none");
  RECEIVE(&s, "SEND\ndestination:/topic/b\ntransaction:u\n\ntwo");
  RECEIVE(&s, "ABORT\ntransaction:t\nreceipt:a\n\n");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:a\n\n^@");
  assert_int_equal(w.n_published, 0);
  RECEIVE(&s, "COMMIT\ntransaction:u\n\n");
  assert_int_equal(w.n_published, 1);
  expect_published(0, STR("/topic/b"), STR("two"));
  assert_int_equal(s.transaction_bytes, 0);
  session_fini(&s);
}

static void a_commits_receipt_waits_for_all_its_publishes(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "BEGIN\ntransaction:t\n\n");
  for (int i = 0; i < 3; i++)
    RECEIVE(&s, "SEND\ndestination:/topic/a\ntransaction:t\n\nx");
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "COMMIT\ntransaction:t\nreceipt:c\n\n");
  assert_int_equal(w.n_published, 3);
  answer(2, PLUG_OK);
  answer(0, PLUG_OK);
  EXPECT_NOTHING(&s);
  answer(1, PLUG_OK);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:c\n\n^@");
  session_fini(&s);
}

static void one_failed_publish_makes_the_commit_fail(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "BEGIN\ntransaction:t\n\n");
  for (int i = 0; i < 2; i++)
    RECEIVE(&s, "SEND\ndestination:/topic/a\ntransaction:t\n\nx");
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "COMMIT\ntransaction:t\nreceipt:c\n\n");
  answer(0, PLUG_EUNAVAIL);
  EXPECT_NOTHING(&s);
  answer(1, PLUG_OK);
  struct plug_str out = show_out(&s);
  const char *start = "ERROR\nmessage:COMMIT failed\\c the broker is unavailable\nreceipt-id:c\n"
                      "recoverable:true\n";
  assert_true(str_has_prefix(out, str_of(start)));
  assert_int_equal(s.state, SESSION_CONNECTED);
  session_fini(&s);
}

static void a_commit_that_ends_the_session_leaves_nothing_behind(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "BEGIN\ntransaction:t\n\n");
  RECEIVE(&s, "BEGIN\ntransaction:u\n\n");
  RECEIVE(&s, "SEND\ndestination:/topic/a\ntransaction:t\n\nx");
  RECEIVE(&s, "ACK\nid:none/0\ntransaction:t\n\n");
  RECEIVE(&s, "SEND\ndestination:/topic/b\ntransaction:t\n\ny");
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "COMMIT\ntransaction:t\nreceipt:c\n\n");
  expect_error(&s, CLOSE_PROTOCOL, "ACK\\c no message 'none/0' waits for it");
  assert_int_equal(w.n_published, 1);
  session_fini(&s);
  memset(&s, 0xa5, sizeof s);
  answer(0, PLUG_OK);
}

static void transactions_are_limited_in_number_and_bytes(void **state)
{
  (void)state;
  int64_t counted = counter_read(COUNTER_refused_transactions);
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "BEGIN\ntransaction:1\n\n");
  RECEIVE(&s, "BEGIN\ntransaction:2\n\n");
  RECEIVE(&s, "BEGIN\ntransaction:3\n\n");
  RECEIVE(&s, "BEGIN\ntransaction:4\n\n");
  expect_error(&s, CLOSE_PROTOCOL, "BEGIN\\c more than max-transactions (3) are open");
  session_fini(&s);
  connect_as(&s, "1.2");
  RECEIVE(&s, "BEGIN\ntransaction:1\n\n");
  RECEIVE(&s, "BEGIN\ntransaction:1\n\n");
  expect_error(&s, CLOSE_PROTOCOL, "BEGIN\\c transaction '1' is open already");
  session_fini(&s);

  static char frame[5000];
  int n = snprintf(frame, sizeof frame, "SEND\ndestination:/topic/a\ntransaction:1\n\n%04000d", 0);
  connect_as(&s, "1.2");
  RECEIVE(&s, "BEGIN\ntransaction:1\n\n");
  RECEIVE(&s, "BEGIN\ntransaction:2\n\n");
  receive_bytes(&s, frame, (size_t)n + 1);
  receive_bytes(&s, frame, (size_t)n + 1);
  assert_int_equal(s.state, SESSION_CONNECTED);
  RECEIVE(&s, "ABORT\ntransaction:1\n\n"); /* gives the room back */
  assert_int_equal(s.transaction_bytes, 0);
  RECEIVE(&s, "BEGIN\ntransaction:1\n\n");
  for (int i = 0; i < 3; i++)
    receive_bytes(&s, frame, (size_t)n + 1);
  expect_error(&s, CLOSE_PROTOCOL,
               "open transactions hold more than max-transaction-size (10000 bytes)");
  session_fini(&s);
  assert_int_equal(w.n_published, 0);
  assert_int_equal(counter_read(COUNTER_refused_transactions) - counted, 2);
}

static void held_frames_are_checked_when_they_come(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "BEGIN\ntransaction:t\n\n");
  RECEIVE(&s, "SEND\ndestination:/nowhere\ntransaction:t\n\nx");
  expect_error(&s, CLOSE_PROTOCOL,
               "SEND\\c destination '/nowhere' is outside every prefix; there are /sub, /topic");
  session_fini(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_send_becomes_a_message_with_the_senders_headers),
      TEST(what_nobody_hears_is_no_message_but_has_its_receipt),
      TEST(spring_passes_private_headers_on_and_gives_no_receipts),
      TEST(spring_tells_of_sends_that_failed_and_of_nothing_else),
      TEST(where_errors_end_sessions_nothing_behind_one_counts),
      TEST(unknown_destinations_may_be_ignored),
      TEST(faulty_frames_are_named_and_end_the_session),
      TEST(a_refused_frame_names_its_receipt_and_a_remedy),
      TEST(a_bad_pattern_says_what_is_wrong_with_it),
      TEST(destinations_that_may_be_sent_to_are_remembered_apart),
      TEST(the_same_send_again_is_the_same_message),
      TEST(a_subscription_is_acknowledged_when_the_broker_has_it),
      TEST(a_refused_subscription_is_told_once_and_is_gone),
      TEST(unsubscribing_settles_a_receipt_that_still_waits),
      TEST(after_unsubscribe_nothing_comes),
      TEST(an_id_names_one_subscription),
      TEST(version_10_names_subscriptions_by_destination),
      TEST(a_second_subscribe_by_destination_changes_nothing),
      TEST(subscriptions_are_limited),
      TEST(each_version_acknowledges_in_its_own_way),
      TEST(auto_subscriptions_take_no_ack),
      TEST(subscriptions_are_limited_in_bytes),
      TEST(receipts_that_wait_are_limited_in_bytes),
      TEST(a_transaction_holds_its_frames_back_until_commit),
      TEST(abort_forgets_the_held_frames),
      TEST(a_commits_receipt_waits_for_all_its_publishes),
      TEST(one_failed_publish_makes_the_commit_fail),
      TEST(a_commit_that_ends_the_session_leaves_nothing_behind),
      TEST(transactions_are_limited_in_number_and_bytes),
      TEST(held_frames_are_checked_when_they_come),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
