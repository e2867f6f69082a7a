#include "fixture.h"

#include "base/utf8.h"

/* --- CONNECT ------------------------------------------------------------------------------ */

static void connected_names_version_heartbeats_session_and_server(void **state)
{
  (void)state;
  struct session s;
  session_init(&s, &w.env, w.now);
  assert_int_equal(counter_read(COUNTER_sessions), 0);
  int64_t total = counter_read(COUNTER_sessions_total);
  RECEIVE(&s, "CONNECT\naccept-version:1.1,1.2\nhost:h\nheart-beat:0,0\n\n");
  EXPECT_OUT(&s, "CONNECTED\nversion:1.2\nheart-beat:0,0\nsession:ID\n"
                 "server:plugboard/test\n\n^@");
  assert_int_equal(s.state, SESSION_CONNECTED);
  assert_int_equal(counter_read(COUNTER_sessions), 1);
  assert_int_equal(counter_read(COUNTER_sessions_total) - total, 1);
  session_fini(&s);
}

static void the_highest_common_version_is_chosen(void **state)
{
  (void)state;
  static const struct {
    const char *header; /* NULL: none */
    enum stomp_version version;
  } rows[] = {
      {NULL, STOMP_1_0},       {"1.0", STOMP_1_0},         {"1.1", STOMP_1_1},
      {"1.2", STOMP_1_2},      {"1.0,1.1,1.2", STOMP_1_2}, {"1.2,1.1,1.0", STOMP_1_2},
      {"1.1,1.0", STOMP_1_1},  {"1.0,9.9,1.1", STOMP_1_1}, {" 1.0 , 1.1 ", STOMP_1_1},
      {"1.3,2.0", STOMP_NONE}, {"", STOMP_NONE},           {"1", STOMP_NONE},
      {"1.2.3", STOMP_NONE},   {"1.1;1.2", STOMP_NONE},    {",1.1,", STOMP_1_1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct session s;
    char text[100];
    session_init(&s, &w.env, w.now);
    int n = rows[i].header ? snprintf(text, sizeof text, "STOMP\naccept-version:%s\nhost:h\n\n",
                                      rows[i].header)
                           : snprintf(text, sizeof text, "CONNECT\n\n");
    receive_bytes(&s, text, (size_t)n + 1);
    if (s.version != rows[i].version)
      fail_msg("%s: version %d", rows[i].header, s.version);
    assert_int_equal(s.state, rows[i].version ? SESSION_CONNECTED : SESSION_CLOSED);
    session_fini(&s);
  }
}

static void no_common_version_is_an_error_that_names_ours(void **state)
{
  (void)state;
  struct session s;
  session_init(&s, &w.env, w.now);
  RECEIVE(&s, "CONNECT\naccept-version:3.0\n\n");
  EXPECT_OUT(&s, "ERROR\nmessage:no supported version in accept-version '3.0'\n"
                 "version:1.0,1.1,1.2\ncontent-type:text/plain;charset=UTF-8\ncontent-length:75\n\n"
                 "no supported version in accept-version '3.0'. Supported: 1.0, 1.1 and 1.2.\n^@");
  EXPECT_CLOSED(&s, CLOSE_PROTOCOL);
  session_fini(&s);
}

static void only_connect_may_come_first_and_only_once(void **state)
{
  (void)state;
  struct session s;
  session_init(&s, &w.env, w.now);
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:r1\n\nx");
  EXPECT_OUT(&s, "ERROR\nmessage:SEND before CONNECT\nreceipt-id:r1\n"
                 "content-type:text/plain;charset=UTF-8\ncontent-length:63\n\n"
                 "SEND before CONNECT. The first frame must be CONNECT or STOMP.\n^@");
  EXPECT_CLOSED(&s, CLOSE_PROTOCOL);
  session_fini(&s);
  connect_as(&s, "1.2");
  RECEIVE(&s, "CONNECT\naccept-version:1.2\n\n");
  expect_error(&s, CLOSE_PROTOCOL, "the session is connected already");
  session_fini(&s);
  assert_int_equal(w.n_published, 0);
}

static void frames_of_servers_are_refused(void **state)
{
  (void)state;
  static const char *const commands[] = {"CONNECTED", "MESSAGE", "RECEIPT", "ERROR"};
  for (size_t i = 0; i < 4; i++) {
    struct session s;
    char text[40], message[80];
    connect_as(&s, "1.2");
    int n = snprintf(text, sizeof text, "%s\n\n", commands[i]);
    receive_bytes(&s, text, (size_t)n + 1);
    snprintf(message, sizeof message, "%s frames are sent by servers only", commands[i]);
    expect_error(&s, CLOSE_PROTOCOL, message);
    session_fini(&s);
  }
}

static void a_connect_that_never_comes_ends_the_connection(void **state)
{
  (void)state;
  int64_t counted = counter_read(COUNTER_closed_connect_timeout);
  struct session s;
  session_init(&s, &w.env, w.now);
  assert_int_equal(session_deadline_ms(&s), w.now + 5000);
  w.now += 4999;
  receive_bytes(&s, "CONN", 4); /* a part of a frame is no CONNECT */
  assert_int_equal(session_deadline_ms(&s), w.now + 1);
  session_tick(&s, w.now);
  assert_int_equal(s.state, SESSION_CONNECTING);
  session_tick(&s, w.now + 1);
  expect_error(&s, CLOSE_PROTOCOL, "no CONNECT frame within 5000 ms");
  assert_int_equal(session_deadline_ms(&s), UINT64_MAX);
  assert_int_equal(counter_read(COUNTER_closed_connect_timeout) - counted, 1);
  session_fini(&s);
}

/* --- heart-beats -------------------------------------------------------------------------- */

struct beats {
  const char *header;           /* NULL: none */
  uint64_t send_ms, receive_ms; /* ours */
  uint32_t timeout_ms, interval_ms;
  const char *told; /* by CONNECTED */
};

static void connect_with_beats(struct session *s, const struct beats *row)
{
  char text[100];
  w.env.terms.heartbeat_send_ms = row->send_ms;
  w.env.terms.heartbeat_receive_ms = row->receive_ms;
  session_init(s, &w.env, w.now);
  int n = row->header ? snprintf(text, sizeof text,
                                 "CONNECT\naccept-version:1.2\nheart-beat:%s\n\n", row->header)
                      : snprintf(text, sizeof text, "CONNECT\naccept-version:1.2\n\n");
  receive_bytes(s, text, (size_t)n + 1);
}

static void heartbeats_are_negotiated_per_direction(void **state)
{
  (void)state;
  static const struct beats rows[] = {
      {NULL, 10000, 10000, 0, 0, "0,0"},
      {"0,0", 10000, 10000, 0, 0, "0,0"},
      {"4000,6000", 10000, 10000, 15000, 10000, "10000,10000"},
      {"20000,30000", 10000, 10000, 30000, 30000, "10000,10000"},
      {"0,5000", 10000, 10000, 0, 10000, "10000,0"},
      {"5000,0", 10000, 10000, 15000, 0, "0,10000"},
      {"5000,5000", 0, 10000, 15000, 0, "0,10000"},
      {"5000,5000", 10000, 0, 0, 10000, "10000,0"},
      {" 5000 , 6000 ", 1000, 2000, 7500, 6000, "1000,2000"},
      {"1,1", 1, 1, 1, 1, "1,1"},
      {"18446744073709551615,18446744073709551615", 1, 1, 129600000, 86400000, "1,1"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct session s;
    char connected[200];
    connect_with_beats(&s, &rows[i]);
    assert_int_equal(s.state, SESSION_CONNECTED);
    assert_int_equal(s.read_timeout_ms, rows[i].timeout_ms);
    assert_int_equal(s.write_interval_ms, rows[i].interval_ms);
    snprintf(connected, sizeof connected,
             "CONNECTED\nversion:1.2\nheart-beat:%s\nsession:ID\nserver:plugboard/test\n\n^@",
             rows[i].told);
    expect_str(show_out(&s), str_of(connected));
    session_fini(&s);
  }
}

static void version_10_has_no_heartbeats(void **state)
{
  (void)state;
  struct session s;
  session_init(&s, &w.env, w.now);
  RECEIVE(&s, "CONNECT\naccept-version:1.0\nheart-beat:1000,1000\n\n");
  EXPECT_OUT(&s, "CONNECTED\nversion:1.0\nheart-beat:0,0\nsession:ID\n"
                 "server:plugboard/test\n\n^@");
  assert_int_equal(session_deadline_ms(&s), UINT64_MAX);
  w.now += 86400000;
  session_tick(&s, w.now);
  assert_int_equal(s.state, SESSION_CONNECTED);
  EXPECT_NOTHING(&s);
  session_fini(&s);
}

static void what_is_no_heartbeat_header_is_refused(void **state)
{
  (void)state;
  static const char *const headers[] = {"",       "1000",  "1000,", ",1000",
                                        "1000,x", "-1,0",  "1,2,3", "1.5,1000",
                                        "1000 0", "0x1,1", "1,2,",  "18446744073709551616,0"};
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    struct session s;
    char message[120];
    connect_with_beats(&s, &(struct beats){headers[i], 1000, 1000, 0, 0, NULL});
    snprintf(message, sizeof message, "heart-beat '%s' is not of the form <cx>,<cy>", headers[i]);
    expect_error(&s, CLOSE_PROTOCOL, message);
    session_fini(&s);
  }
}

static void silence_beyond_the_tolerance_ends_the_session(void **state)
{
  (void)state;
  int64_t counted = counter_read(COUNTER_closed_heartbeat);
  struct session s;
  connect_with_beats(&s, &(struct beats){"10000,0", 0, 10000, 0, 0, NULL});
  show_out(&s);
  uint64_t start = w.now;
  assert_int_equal(session_deadline_ms(&s), start + 15000);
  w.now = start + 14999;
  session_tick(&s, w.now);
  assert_int_equal(s.state, SESSION_CONNECTED);
  receive_bytes(&s, "\n", 1);
  assert_int_equal(session_deadline_ms(&s), w.now + 15000);
  w.now += 14999;
  receive_bytes(&s, "SEND\ndest", 9); /* any byte is a sign of life */
  session_tick(&s, w.now + 14999);
  assert_int_equal(s.state, SESSION_CONNECTED);
  session_tick(&s, w.now + 15000);
  expect_error(&s, CLOSE_PROTOCOL,
               "nothing received for 15000 ms although heart-beats were agreed");
  assert_int_equal(counter_read(COUNTER_closed_heartbeat) - counted, 1);
  session_fini(&s);
}

static void beats_go_out_a_tenth_early(void **state)
{
  (void)state;
  struct session s;
  connect_with_beats(&s, &(struct beats){"0,10000", 10000, 0, 0, 0, NULL});
  show_out(&s);
  uint64_t start = w.now;
  assert_int_equal(session_deadline_ms(&s), start + 9000);
  session_tick(&s, start + 8999);
  EXPECT_NOTHING(&s);
  session_tick(&s, start + 9000);
  EXPECT_OUT(&s, "\n");
  assert_int_equal(session_deadline_ms(&s), start + 18000);
  s.last_tx_ms = start + 12000; /* the carrier has sent something */
  assert_int_equal(session_deadline_ms(&s), start + 21000);
  session_tick(&s, start + 18000);
  EXPECT_NOTHING(&s);
  session_fini(&s);
}

static void no_beat_joins_frames_that_wait(void **state)
{
  (void)state;
  struct session s;
  connect_with_beats(&s, &(struct beats){"0,10000", 10000, 0, 0, 0, NULL});
  assert_int_equal(s.out.count, 1); /* CONNECTED is on its way */
  session_tick(&s, w.now + 9000);
  assert_int_equal(s.out.count, 1);
  show_out(&s);
  s.out.blocked = true;
  session_tick(&s, w.now + 18000);
  EXPECT_NOTHING(&s);
  s.out.blocked = false;
  session_tick(&s, w.now + 27000);
  EXPECT_OUT(&s, "\n");
  session_fini(&s);
}

static void the_earlier_deadline_counts(void **state)
{
  (void)state;
  struct session s;
  connect_with_beats(&s, &(struct beats){"2000,10000", 10000, 2000, 0, 0, NULL});
  assert_int_equal(session_deadline_ms(&s), w.now + 3000);
  session_fini(&s);
  connect_with_beats(&s, &(struct beats){"10000,2000", 2000, 10000, 0, 0, NULL});
  assert_int_equal(session_deadline_ms(&s), w.now + 1800);
  session_fini(&s);
  connect_with_beats(&s, &(struct beats){"0,0", 2000, 10000, 0, 0, NULL});
  assert_int_equal(session_deadline_ms(&s), UINT64_MAX);
  session_tick(&s, w.now + 100000000);
  assert_int_equal(s.state, SESSION_CONNECTED);
  session_fini(&s);
}

/* --- DISCONNECT --------------------------------------------------------------------------- */

static void disconnect_is_acknowledged_and_closes(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\n\n");
  RECEIVE(&s, "BEGIN\ntransaction:t\n\n");
  RECEIVE(&s, "DISCONNECT\nreceipt:by\\ce\n\n");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:by\\ce\n\n^@");
  EXPECT_CLOSED(&s, CLOSE_NORMAL);
  assert_int_equal(counter_read(COUNTER_sessions), 0);
  assert_int_equal(counter_read(COUNTER_subscriptions), 0);
  assert_false(list_empty(&s.out.dirty)); /* so that the carrier flushes and closes */
  RECEIVE(&s, "SEND\ndestination:/topic/a\n\nx");
  assert_int_equal(w.n_published, 0);
  session_fini(&s);
  connect_as(&s, "1.2");
  RECEIVE(&s, "DISCONNECT\n\n");
  EXPECT_NOTHING(&s);
  EXPECT_CLOSED(&s, CLOSE_NORMAL);
  session_fini(&s);
}

static void disconnect_waits_for_the_receipts_before_it(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:1\n\nx");
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:2\n\ny");
  RECEIVE(&s, "DISCONNECT\nreceipt:bye\n\n");
  EXPECT_NOTHING(&s);
  assert_int_equal(s.state, SESSION_LEAVING);
  RECEIVE(&s, "SEND\ndestination:/topic/a\n\nz"); /* nothing is read any more */
  assert_int_equal(w.n_published, 2);
  answer(1, PLUG_OK);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:2\n\n^@");
  assert_int_equal(s.state, SESSION_LEAVING);
  answer(0, PLUG_OK);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:1\n\n^@RECEIPT\nreceipt-id:bye\n\n^@");
  EXPECT_CLOSED(&s, CLOSE_NORMAL);
  session_fini(&s);
}

static void a_client_that_has_said_goodbye_need_not_beat_any_more(void **state)
{
  (void)state;
  struct session s;
  connect_with_beats(&s, &(struct beats){"1000,0", 0, 1000, 0, 0, NULL});
  show_out(&s);
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:1\n\nx");
  RECEIVE(&s, "DISCONNECT\nreceipt:bye\n\n");
  w.now += 60000;
  session_tick(&s, w.now);
  EXPECT_NOTHING(&s);
  answer(0, PLUG_OK);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:1\n\n^@RECEIPT\nreceipt-id:bye\n\n^@");
  EXPECT_CLOSED(&s, CLOSE_NORMAL);
  session_fini(&s);
}

static void a_leaving_session_gets_no_messages_and_no_subscription_receipts(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\nreceipt:s\n\n");
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:1\n\nx");
  RECEIVE(&s, "DISCONNECT\n\n");
  assert_int_equal(s.state, SESSION_LEAVING);
  answer_interests(PLUG_OK);
  deliver("/sub/a", 1, "x");
  EXPECT_NOTHING(&s);
  answer(0, PLUG_OK);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:1\n\n^@");
  EXPECT_CLOSED(&s, CLOSE_NORMAL);
  session_fini(&s);
}

/* --- receipts ----------------------------------------------------------------------------- */

static void receipts_follow_the_brokers_answers_in_any_order(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:1\n\nx");
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:2\n\nx");
  RECEIVE(&s, "SEND\ndestination:/topic/a\n\nx"); /* nobody waits for this one */
  assert_null(w.published[2].answer);
  EXPECT_NOTHING(&s);
  answer(1, PLUG_OK);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:2\n\n^@");
  answer(0, PLUG_OK);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:1\n\n^@");
  w.answers = PLUG_OK;
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:3\n\nx");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:3\n\n^@");
  session_fini(&s);
}

static void answers_after_the_sessions_end_reach_nobody(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:1\n\nx");
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:2\n\nx");
  session_close(&s, CLOSE_GOING, "test");
  answer(0, PLUG_OK);
  EXPECT_NOTHING(&s);
  session_fini(&s);
  memset(&s, 0xa5, sizeof s);
  answer(1, PLUG_EUNAVAIL);
}

static void a_publish_that_fails_is_told_and_the_session_goes_on(void **state)
{
  (void)state;
  static const struct {
    plug_status status;
    const char *why;
    bool never; /* the same message will always fail */
  } rows[] = {
      {PLUG_EUNAVAIL, "the broker is unavailable", false},
      {PLUG_ETIMEDOUT, "the broker did not answer in time", false},
      {PLUG_EDENIED, "the broker's backend refused it", false},
      {PLUG_ETOOBIG, "the message is too large for the broker", true},
      {PLUG_EINVAL, "the broker cannot carry this message", true},
      {PLUG_ENOTSUP, "the broker does not support it", true},
      {PLUG_ECANCELED, "the server is stopping", false},
      {PLUG_EINTERNAL, "the broker failed", false},
      {-99, "the broker failed", false},
  };
  struct session s;
  connect_as(&s, "1.2");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char body[200], wanted[500];
    int n = snprintf(
        body, sizeof body, "SEND failed: %s. The connection stays open; %s.\n", rows[i].why,
        rows[i].never ? "trying again will not help" : "the request may be tried again");
    snprintf(wanted, sizeof wanted,
             "ERROR\nmessage:SEND failed\\c %s\nreceipt-id:r\nrecoverable:%s\n"
             "content-type:text/plain;charset=UTF-8\ncontent-length:%d\n\n%s^@",
             rows[i].why, rows[i].never ? "false" : "true", n, body);
    w.answers = PLUG_PENDING; /* once as a late answer */
    RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:r\n\nx");
    EXPECT_NOTHING(&s);
    answer(w.n_published - 1, rows[i].status);
    expect_str(show_out(&s), str_of(wanted));
    w.answers = rows[i].status; /* and once at once */
    RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:r\n\nx");
    expect_str(show_out(&s), str_of(wanted));
    assert_int_equal(s.state, SESSION_CONNECTED);
    RECEIVE(&s, "SEND\ndestination:/topic/a\n\nx"); /* nobody asked */
    EXPECT_NOTHING(&s);
  }
  session_fini(&s);
}

static void congestion_slows_the_sender_down_and_is_no_failure(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  w.answers = PLUG_EAGAIN;
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:1\n\nx");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:1\n\n^@");
  assert_true(s.slow_down);
  s.slow_down = false;
  w.answers = PLUG_PENDING;
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:2\n\nx");
  assert_false(s.slow_down);
  answer(1, PLUG_EAGAIN);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:2\n\n^@");
  session_fini(&s);
}

static void congestion_leaves_the_rest_of_a_chunk_for_later(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
#define SEND_WITH(receipt) "SEND\ndestination:/topic/a\nreceipt:" receipt "\n\nx\0"
  /* The second frame begins in this chunk and ends in the next. */
  char first[] = SEND_WITH("1") "\n\n" SEND_WITH("2"), last[] = "3\n\nx\0";
  size_t split = sizeof first - 5;
  w.answers = PLUG_EAGAIN;
  size_t rest = session_receive_some(&s, first, split, w.now);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:1\n\n^@");
  assert_int_equal(rest, split - (sizeof SEND_WITH("1") - 1));
  assert_true(s.slow_down);
  s.slow_down = false;
  w.answers = PLUG_OK;
  assert_int_equal(session_receive_some(&s, first + split - rest, rest, w.now), 0);
  EXPECT_NOTHING(&s);
  assert_int_equal(session_receive_some(&s, last, sizeof last - 1, w.now), 0);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:23\n\n^@");
  /* A frame that ends with its chunk leaves nothing. */
  w.answers = PLUG_EAGAIN;
  char whole[] = SEND_WITH("4");
  assert_int_equal(session_receive_some(&s, whole, sizeof whole - 1, w.now), 0);
  assert_true(s.slow_down);
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:4\n\n^@");
#undef SEND_WITH
  session_fini(&s);
}

/* --- faults ------------------------------------------------------------------------------- */

static void a_frame_that_is_too_large_closes_with_1009(void **state)
{
  (void)state;
  int64_t counted = counter_read(COUNTER_refused_frame_size);
  w.env.terms.limits.frame_bytes = 100;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SEND\ndestination:/topic/a\nreceipt:r\ncontent-length:101\n\nx");
  EXPECT_OUT(&s, "ERROR\nmessage:frame is larger than max-frame-size (100 bytes)\nreceipt-id:r\n"
                 "content-type:text/plain;charset=UTF-8\ncontent-length:49\n\n"
                 "frame is larger than max-frame-size (100 bytes).\n^@");
  EXPECT_CLOSED(&s, CLOSE_TOO_BIG);
  assert_int_equal(counter_read(COUNTER_refused_frame_size) - counted, 1);
  session_fini(&s);
}

static void too_many_headers_close_with_1002(void **state)
{
  (void)state;
  int64_t counted = counter_read(COUNTER_refused_headers);
  w.env.terms.limits.n_headers = 2;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SEND\na:1\nb:2\nc:3\n\nx");
  expect_error(&s, CLOSE_PROTOCOL, "more than max-headers (2) headers");
  assert_int_equal(counter_read(COUNTER_refused_headers) - counted, 1);
  session_fini(&s);
}

static void a_frame_that_cannot_be_parsed_is_an_error(void **state)
{
  (void)state;
  int64_t counted = counter_read(COUNTER_errors_out);
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "SEND\nx:\\q\n\n");
  expect_error(&s, CLOSE_PROTOCOL, "illegal escape '\\\\q' in header 'x'");
  assert_int_equal(counter_read(COUNTER_errors_out) - counted, 1);
  RECEIVE(&s, "SEND\ndestination:/topic/a\n\n");
  EXPECT_NOTHING(&s);
  session_fini(&s);
}

static void a_fault_of_the_carrier_is_an_error_frame(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  session_fault(&s, CLOSE_BAD_UTF8, "100% bad");
  expect_error(&s, CLOSE_BAD_UTF8, "100% bad");
  session_fault(&s, CLOSE_PROTOCOL, "again");
  EXPECT_NOTHING(&s);
  EXPECT_CLOSED(&s, CLOSE_BAD_UTF8);
  session_fini(&s);
}

static void expect_utf8_out(struct session *s)
{
  struct plug_str out = show_out(s);
  assert_true(out.len > 0);
  assert_true(utf8_valid(out.ptr, out.len));
}

/* A text message of a WebSocket that is not UTF-8 fails the connection on the client's side, which
 * then never shows the ERROR. */
static void long_texts_are_quoted_in_whole_characters(void **state)
{
  (void)state;
  w.env.max_destination_length = 8000;
  w.env.terms.limits.header_bytes = 8000;
  for (int shift = 0; shift < 3; shift++) {
    char text[1000], frame[3200];
    memset(text, 'a', 3);
    for (size_t i = (size_t)shift; i + 3 < sizeof text; i += 3)
      memcpy(text + i, "\xe2\x82\xac", 4);
    static const char *const forms[] = {
        "SUBSCRIBE\nid:0\ndestination:/nowhere/%s\n\n",
        "SUBSCRIBE\nid:0\ndestination:/app/%s\n\n",
        "SUBSCRIBE\nid:0\ndestination:%s\n\n",
        "SUBSCRIBE\nid:0\ndestination:/sub/{%s:[}\n\n",
        "SUBSCRIBE\nid:0\ndestination:/sub\nack:%s\n\n",
        "SEND\ndestination:/sub/%s\n\n",
        "UNSUBSCRIBE\nx:%s\n\n",
        "ACK\nid:%s\n\n",
        "COMMIT\ntransaction:%s\n\n",
        "SEND\ndestination:/topic\ntransaction:%s\n\n",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
      struct session s;
      connect_as(&s, "1.2");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
      int n = snprintf(frame, sizeof frame, forms[i], text);
#pragma GCC diagnostic pop
      receive_bytes(&s, frame, (size_t)n + 1);
      assert_int_equal(s.state, SESSION_CLOSED);
      expect_utf8_out(&s);
      session_fini(&s);
    }
    static const char *const connects[] = {"accept-version", "heart-beat"};
    for (size_t i = 0; i < 2; i++) {
      struct session s;
      session_init(&s, &w.env, w.now);
      int n = snprintf(frame, sizeof frame, "CONNECT\n%s:%s\n\n", connects[i], text);
      receive_bytes(&s, frame, (size_t)n + 1);
      assert_int_equal(s.state, SESSION_CLOSED);
      expect_utf8_out(&s);
      session_fini(&s);
    }
    struct session s;
    connect_as(&s, "1.2");
    int n = snprintf(frame, sizeof frame, "SUBSCRIBE\nid:%s\ndestination:/sub/a\n\n", text);
    receive_bytes(&s, frame, (size_t)n + 1);
    answer_interests(PLUG_EDENIED);
    expect_utf8_out(&s);
    session_fini(&s);
    answer_interests(PLUG_OK);
  }
}

/* --- the queue ---------------------------------------------------------------------------- */

static void an_overflowing_queue_ends_the_session_when_it_is_settled(void **state)
{
  (void)state;
  int64_t counted = counter_read(COUNTER_closed_queue);
  struct session s;
  connect_as(&s, "1.2");
  w.hub.outqs.max_frames = 2;
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\n\n");
  for (uint64_t id = 1; id <= 3; id++)
    deliver("/sub/a", id, "x");
  assert_int_equal(w.flushes, 1);
  assert_true(s.out.overflow);
  assert_int_equal(s.state, SESSION_CONNECTED);
  session_overflow(&s);
  EXPECT_CLOSED(&s, CLOSE_SLOW);
  assert_string_equal(s.close_reason, "Failed to send message within the configured send limit");
  assert_int_equal(counter_read(COUNTER_closed_queue) - counted, 1);
  assert_int_equal(counter_read(COUNTER_subscriptions), 0);
  session_overflow(&s);
  assert_int_equal(counter_read(COUNTER_closed_queue) - counted, 1);
  session_fini(&s);
}

static void a_client_that_does_not_acknowledge_gets_an_error(void **state)
{
  (void)state;
  int64_t counted = counter_read(COUNTER_refused_unacked);
  struct session s;
  connect_as(&s, "1.2");
  w.hub.max_unacked = 2;
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/a\nack:client\n\n");
  deliver("/sub/a", 1, "x");
  deliver("/sub/a", 2, "x");
  assert_false(s.out.overflow);
  deliver("/sub/a", 3, "x");
  assert_true(s.out.overflow);
  show_out(&s);
  session_overflow(&s);
  EXPECT_OUT(&s, "ERROR\nmessage:more than max-unacked (2) messages wait for an ACK\n"
                 "content-type:text/plain;charset=UTF-8\ncontent-length:114\n\n"
                 "more than max-unacked (2) messages wait for an ACK. "
                 "Acknowledge messages with ACK, or raise [limits] max-unacked.\n^@");
  EXPECT_CLOSED(&s, CLOSE_PROTOCOL);
  assert_int_equal(counter_read(COUNTER_refused_unacked) - counted, 1);
  session_fini(&s);
}

static void an_answer_for_which_memory_is_short_ends_the_session(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  /* A frame beyond what a length field can say is refused just as one without memory is. */
  session_queue(&s, (struct plug_str){"x", UINT32_MAX});
  assert_true(s.no_memory);
  assert_true(s.out.overflow);
  assert_false(list_empty(&s.out.dirty));
  session_overflow(&s);
  EXPECT_CLOSED(&s, CLOSE_INTERNAL);
  assert_string_equal(s.close_reason, "out of memory");
  session_fini(&s);
}

static void the_first_reason_to_close_stays(void **state)
{
  (void)state;
  struct session s;
  connect_as(&s, "1.2");
  session_close(&s, CLOSE_GOING, "The server is stopping");
  session_close(&s, CLOSE_SLOW, "other");
  EXPECT_CLOSED(&s, CLOSE_GOING);
  assert_string_equal(s.close_reason, "The server is stopping");
  session_tick(&s, w.now + 1000000);
  EXPECT_NOTHING(&s);
  session_fini(&s);
}

/* --- profile = spring --------------------------------------------------------------------- */

static void costly_patterns_end_their_session(void **state)
{
  (void)state;
  char topic[201];
  struct session s, other;
  memset(topic, 'a', sizeof topic - 1);
  memcpy(topic, "/sub/", 5);
  topic[sizeof topic - 1] = '\0';
  w.hub.max_pattern_steps = 1000;
  connect_as(&s, "1.2");
  connect_as(&other, "1.2");
  RECEIVE(&s, "SUBSCRIBE\nid:0\ndestination:/sub/{x:(a|a?b?c?)*}d\n\n");
  RECEIVE(&other, "SUBSCRIBE\nid:0\ndestination:/sub/*\n\n");
  deliver(topic, 1, "x");
  assert_int_equal(s.state, SESSION_CONNECTED); /* until its queue is flushed */
  assert_int_equal(other.out.count, 1);
  session_overflow(&s);
  expect_error(&s, CLOSE_PROTOCOL,
               "the patterns take more than max-pattern-steps (1000) for one message");
  deliver(topic, 2, "x");
  assert_int_equal(other.out.count, 2);
  session_fini(&s);
  session_fini(&other);
}

static void spring_answers_disconnect_as_spring_does(void **state)
{
  (void)state;
  w.env.terms.spring = w.rules.spring = true;
  struct session s;
  connect_as(&s, "1.2");
  RECEIVE(&s, "DISCONNECT\n\n");
  EXPECT_OUT(&s, "ERROR\nmessage:Session closed.\ncontent-length:0\n\n^@");
  EXPECT_CLOSED(&s, CLOSE_PROTOCOL);
  session_fini(&s);
  connect_with_beats(&s, &(struct beats){"10000,0", 0, 10000, 0, 0, NULL});
  show_out(&s);
  session_tick(&s, w.now + 15000);
  EXPECT_OUT(&s, "ERROR\nmessage:Session closed.\ncontent-length:0\n\n^@");
  EXPECT_CLOSED(&s, CLOSE_PROTOCOL);
  session_fini(&s);
  connect_as(&s, "1.2");
  RECEIVE(&s, "DISCONNECT\nreceipt:1\n\n");
  EXPECT_OUT(&s, "RECEIPT\nreceipt-id:1\n\n^@");
  EXPECT_CLOSED(&s, CLOSE_NORMAL);
  session_fini(&s);
}

/* --- chunks ------------------------------------------------------------------------------- */

static void bytes_may_come_in_any_pieces(void **state)
{
  (void)state;
  static const char stream[] = "CONNECT\naccept-version:1.2\n\n\0\n\n"
                               "SUBSCRIBE\nid:0\ndestination:/sub/a\nreceipt:s\n\n\0"
                               "SEND\ndestination:/topic/a\ncontent-length:3\nreceipt:r\n\na\0b\0\n"
                               "DISCONNECT\nreceipt:bye\n\n";
  for (size_t piece = 1; piece <= sizeof stream; piece += 3) {
    struct session s;
    session_init(&s, &w.env, w.now);
    for (size_t at = 0; at < sizeof stream; at += piece)
      receive_bytes(&s, stream + at, piece < sizeof stream - at ? piece : sizeof stream - at);
    EXPECT_OUT(&s, "CONNECTED\nversion:1.2\nheart-beat:0,0\nsession:ID\n"
                   "server:plugboard/test\n\n^@RECEIPT\nreceipt-id:r\n\n^@"
                   "RECEIPT\nreceipt-id:bye\n\n^@");
    EXPECT_CLOSED(&s, CLOSE_NORMAL);
    expect_published(w.n_published - 1, STR("/topic/a"), STR("a\0b"));
    session_fini(&s);
    answer_interests(PLUG_OK);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(connected_names_version_heartbeats_session_and_server),
      TEST(the_highest_common_version_is_chosen),
      TEST(no_common_version_is_an_error_that_names_ours),
      TEST(only_connect_may_come_first_and_only_once),
      TEST(frames_of_servers_are_refused),
      TEST(a_connect_that_never_comes_ends_the_connection),
      TEST(heartbeats_are_negotiated_per_direction),
      TEST(version_10_has_no_heartbeats),
      TEST(what_is_no_heartbeat_header_is_refused),
      TEST(silence_beyond_the_tolerance_ends_the_session),
      TEST(beats_go_out_a_tenth_early),
      TEST(no_beat_joins_frames_that_wait),
      TEST(the_earlier_deadline_counts),
      TEST(disconnect_is_acknowledged_and_closes),
      TEST(disconnect_waits_for_the_receipts_before_it),
      TEST(a_client_that_has_said_goodbye_need_not_beat_any_more),
      TEST(a_leaving_session_gets_no_messages_and_no_subscription_receipts),
      TEST(receipts_follow_the_brokers_answers_in_any_order),
      TEST(answers_after_the_sessions_end_reach_nobody),
      TEST(a_publish_that_fails_is_told_and_the_session_goes_on),
      TEST(congestion_slows_the_sender_down_and_is_no_failure),
      TEST(congestion_leaves_the_rest_of_a_chunk_for_later),
      TEST(a_frame_that_is_too_large_closes_with_1009),
      TEST(too_many_headers_close_with_1002),
      TEST(a_frame_that_cannot_be_parsed_is_an_error),
      TEST(a_fault_of_the_carrier_is_an_error_frame),
      TEST(long_texts_are_quoted_in_whole_characters),
      TEST(an_overflowing_queue_ends_the_session_when_it_is_settled),
      TEST(a_client_that_does_not_acknowledge_gets_an_error),
      TEST(an_answer_for_which_memory_is_short_ends_the_session),
      TEST(the_first_reason_to_close_stays),
      TEST(costly_patterns_end_their_session),
      TEST(spring_answers_disconnect_as_spring_does),
      TEST(bytes_may_come_in_any_pieces),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
