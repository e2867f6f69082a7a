/* What the tests of the session share: one worker's environment with a hub whose inbox is drained
 * by hand, a broker that is a function, and a clock that the test sets. */
#ifndef TESTS_SESSION_FIXTURE_H
#define TESTS_SESSION_FIXTURE_H

#include "../hub/fixture.h"

#include <stdio.h>

#include "base/hash.h"
#include "session/session.h"

#define LIT(text) {text, sizeof(text) - 1} /* STR is no constant */

static const struct plug_str broker_prefixes[] = {LIT("/sub"), LIT("/topic")};
static const struct plug_str app_prefixes[] = {LIT("/app")};
static const struct plug_str send_prefixes[] = {LIT("/sub/open"), LIT("/topic")};

#define PUBLISHES_MAX 64

/* What the tests call the broker: publishes as they came, and what it answers at once. */
struct published {
  const struct plug_msg *msg;
  struct inbox_item *answer;
};

static struct world {
  struct interest_table *table;
  struct post post;
  struct hub hub;
  struct destination_rules rules;
  struct stomp_scratch scratch;
  struct plug_kv kv[STOMP_HEADERS_CAP];
  struct session_env env;
  plug_status answers; /* what publish returns */
  struct published published[PUBLISHES_MAX];
  unsigned n_published;
  uint64_t unheard; /* hash of a topic that nobody wants */
  unsigned n_unheard;
  uint64_t now;
  struct buf seen; /* what show_out last gave */
  unsigned flushes;
} w;

static plug_status fake_publish(struct session_env *env, const struct plug_msg *msg,
                                struct inbox_item *answer)
{
  assert_ptr_equal(env, &w.env);
  assert_true(w.n_published < PUBLISHES_MAX);
  message_ref(msg);
  w.published[w.n_published++] = (struct published){msg, w.answers == PLUG_PENDING ? answer : NULL};
  return w.answers;
}

UNUSED static bool fake_publish_unheard(struct session_env *env, uint64_t topic_hash,
                                        size_t payload_len)
{
  assert_ptr_equal(env, &w.env);
  assert_int_equal(payload_len, 1);
  if (topic_hash != w.unheard)
    return false;
  w.n_unheard++;
  return true;
}

static void fake_flush(struct outq *q)
{
  w.flushes++;
  q->blocked = true;
}

static void nobody_listens(void *ctx)
{
  (void)ctx;
}

static int world_setup(void **state)
{
  (void)state;
  memset(&w, 0, sizeof w);
  post_init(&w.post);
  struct inbox *inbox = &w.post.inbox;
  message_set_node("n1");
  w.table = interest_table_new(1, &inbox, 1 << 20, nobody_listens, NULL);
  if (!w.table)
    return -1;
  interest_set_local_patterns(w.table, true);
  hub_init(&w.hub, 0, w.table);
  w.hub.outqs.max_bytes = 1 << 20;
  w.hub.outqs.max_frames = 1000;
  w.hub.outqs.flush = fake_flush;
  w.hub.max_unacked = 1000;
  w.hub.on_interest = session_interest;
  w.hub.on_published = session_published;
  w.hub.on_unacked_full = session_unacked_full;
  w.hub.on_costly = session_costly;
  w.rules = (struct destination_rules){
      {broker_prefixes, 2}, {app_prefixes, 1}, {send_prefixes, 2}, false, {NULL, 0}};
  w.env = (struct session_env){
      .hub = &w.hub,
      .terms.destinations = &w.rules,
      .terms.limits = {.frame_bytes = 65536, .n_headers = 64, .header_bytes = 8192},
      .scratch = &w.scratch,
      .kv = w.kv,
      .server = "plugboard/test",
      .terms.heartbeat_send_ms = 10000,
      .terms.heartbeat_receive_ms = 10000,
      .heartbeat_tolerance = 150,
      .connect_timeout_ms = 5000,
      .max_subscriptions = 100,
      .max_destination_length = 200,
      .max_transactions = 3,
      .max_transaction_bytes = 10000,
      .max_session_memory = 1 << 20,
      .terms.patterns = true,
      .publish = fake_publish};
  w.now = 1000000;
  w.answers = PLUG_OK;
  return 0;
}

static int world_teardown(void **state)
{
  (void)state;
  for (unsigned i = 0; i < w.n_published; i++) {
    assert_null(w.published[i].answer); /* every test says how its publishes end */
    message_unref(w.published[i].msg);
  }
  hub_fini(&w.hub);
  post_clear(&w.post);
  interest_table_free(w.table);
  buf_free(&w.env.out);
  buf_free(&w.seen);
  assert_int_equal(counter_read(COUNTER_sessions), 0);
  assert_int_equal(counter_read(COUNTER_subscriptions), 0);
  return 0;
}

/* --- what a client and a worker do -------------------------------------------------------- */

UNUSED static void receive_bytes(struct session *session, const char *bytes, size_t len)
{
  char *chunk = malloc(len + 1); /* of its own, so that reading beyond it is noticed */
  assert_non_null(chunk);
  memcpy(chunk, bytes, len);
  session_receive(session, chunk, len, w.now);
  free(chunk);
}

/* One frame, its NUL included. */
#define RECEIVE(session, text) receive_bytes(session, text, sizeof(text))

/* Everything queued since the last call, a NUL shown as "^@" and the random session id as "ID";
 * valid until the next call. */
UNUSED static struct plug_str show_out(struct session *session)
{
  w.seen.len = 0;
  for (uint32_t i = 0; i < session->out.count; i++) {
    struct plug_str text = frame_text(outq_at(&session->out, i));
    for (size_t k = 0; k < text.len; k++) {
      if (text.ptr[k])
        buf_put_char(&w.seen, text.ptr[k]);
      else
        buf_put_str(&w.seen, STR("^@"));
      if (k >= 8 && memcmp(text.ptr + k - 8, "\nsession:", 9) == 0) {
        buf_put_str(&w.seen, STR("ID"));
        k += 32;
      }
    }
  }
  outq_drop_front(&session->out, session->out.count);
  buf_put_char(&w.seen, '\0'); /* for strstr */
  return str_from(w.seen.data, w.seen.len - 1);
}

#define EXPECT_OUT(session, text)  expect_str(show_out(session), STR(text))
#define EXPECT_NOTHING(session)    assert_int_equal((session)->out.count, 0)
#define EXPECT_CLOSED(session, as) expect_closed(session, as)

UNUSED static void expect_closed(const struct session *session, int code)
{
  assert_int_equal(session->state, SESSION_CLOSED);
  assert_int_equal(session->close_code, code);
}

/* One line of the ERROR that closed the session. */
UNUSED static void expect_error(struct session *session, int code, const char *message)
{
  struct plug_str out = show_out(session);
  char *text = str_dup(out), wanted[400];
  assert_non_null(text);
  snprintf(wanted, sizeof wanted, "ERROR\nmessage:%s\n", message);
  if (strncmp(text, wanted, strlen(wanted)) != 0)
    fail_msg("got\n%s\nwanted\n%s", text, wanted);
  free(text);
  expect_closed(session, code);
}

UNUSED static void connect_as(struct session *session, const char *version)
{
  char text[100];
  session_init(session, &w.env, w.now);
  int n = snprintf(text, sizeof text, "CONNECT\naccept-version:%s\nhost:h\n\n", version);
  receive_bytes(session, text, (size_t)n + 1);
  assert_int_equal(session->state, SESSION_CONNECTED);
  outq_drop_front(&session->out, session->out.count);
}

/* The worker's turn: everything in the inbox. */
UNUSED static void take_inbox(void)
{
  hub_take_all(&w.hub, &w.post.inbox);
}

/* The broker completes the publish. */
UNUSED static void answer(unsigned i, plug_status status)
{
  assert_non_null(w.published[i].answer);
  w.published[i].answer->status = status;
  inbox_put(&w.post.inbox, w.published[i].answer);
  w.published[i].answer = NULL;
  take_inbox();
}

UNUSED static void expect_published(unsigned i, struct plug_str topic, struct plug_str payload)
{
  assert_true(i < w.n_published);
  expect_str(w.published[i].msg->topic, topic);
  expect_str(w.published[i].msg->payload, payload);
}

/* The broker answers the subscriptions that it was asked for. */
UNUSED static void answer_interests(plug_status status)
{
  answer_changes(w.table, status);
  take_inbox();
}

UNUSED static void deliver(const char *topic, uint64_t id, const char *payload)
{
  struct plug_msg_init init = {
      .size = sizeof init, .topic = str_of(topic), .payload = str_of(payload)};
  const struct plug_msg *msg = message_new_from(&init, STR("n1"), id);
  assert_non_null(msg);
  assert_int_equal(interest_deliver(w.table, 0, msg), PLUG_OK);
  message_unref(msg);
  take_inbox();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif
