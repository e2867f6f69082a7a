/* What the tests of the broker share: a plugin inside the test program that records its calls and
 * answers as the test says, on a real control thread. The test's own thread is the worker. */
#ifndef TESTS_BROKER_FIXTURE_H
#define TESTS_BROKER_FIXTURE_H

#include "../hub/fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "broker/broker.h"
#include "plugin/instance.h"

#define CALLS_MAX 4096
#define ANSWERS   64
#define WAIT_MS   60000        /* a busy machine may be slow; a test has to end */
#define HELD      PLUG_PENDING /* the test completes it */

enum call_kind { CALL_SUBSCRIBE, CALL_UNSUBSCRIBE, CALL_PUBLISH };

struct call {
  enum call_kind kind;
  size_t n;
  char text[120]; /* names of the interests, joined by blanks; or the topic and payload */
  struct plug_op *op;
  bool on_home;
};

static struct script {
  pthread_mutex_t lock;
  const struct plug_host *host;
  struct call calls[CALLS_MAX];
  unsigned n_calls;
  plug_status answers[3][ANSWERS]; /* to come, by kind; then PLUG_OK */
  unsigned n_answers[3], next_answer[3];
  struct plug_op *open[CALLS_MAX]; /* taken and not completed */
  unsigned n_open;
  int32_t health;
  bool reports_up; /* from inside the next publish */
} script;

static void script_reset(void)
{
  memset(&script, 0, sizeof script);
  pthread_mutex_init(&script.lock, NULL);
}

UNUSED static void script_answer(enum call_kind kind, plug_status status)
{
  pthread_mutex_lock(&script.lock);
  script.answers[kind][script.n_answers[kind]++] = status;
  pthread_mutex_unlock(&script.lock);
}

static plug_status script_call(enum call_kind kind, size_t n, const char *text, struct plug_op *op)
{
  pthread_mutex_lock(&script.lock);
  plug_status status = PLUG_OK;
  if (script.next_answer[kind] < script.n_answers[kind])
    status = script.answers[kind][script.next_answer[kind]++];
  if (script.n_calls < CALLS_MAX) {
    struct call *call = &script.calls[script.n_calls++];
    *call = (struct call){.kind = kind, .n = n, .op = op};
    call->on_home = script.host->on_home(script.host);
    snprintf(call->text, sizeof call->text, "%s", text);
    if (status == PLUG_PENDING && op)
      script.open[script.n_open++] = op;
  }
  pthread_mutex_unlock(&script.lock);
  return status;
}

static plug_status script_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  (void)err;
  script.host = host;
  *self = &script;
  return PLUG_OK;
}

static void script_destroy(void *self)
{
  (void)self;
}

static plug_status interests_call(enum call_kind kind, const struct plug_interest *v, size_t n,
                                  struct plug_op *op)
{
  char text[120] = "";
  size_t len = 0;
  for (size_t i = 0; i < n && len + v[i].topic.len + 2 < sizeof text; i++)
    len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s", i ? " " : "",
                            STR_ARG(v[i].topic));
  return script_call(kind, n, text, op);
}

static plug_status script_subscribe(void *self, const struct plug_interest *v, size_t n,
                                    struct plug_op *op)
{
  (void)self;
  return interests_call(CALL_SUBSCRIBE, v, n, op);
}

static plug_status script_unsubscribe(void *self, const struct plug_interest *v, size_t n,
                                      struct plug_op *op)
{
  (void)self;
  return interests_call(CALL_UNSUBSCRIBE, v, n, op);
}

static plug_status script_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  (void)self;
  char text[120];
  snprintf(text, sizeof text, "%.*s=%.*s", STR_ARG(msg->topic), STR_ARG(msg->payload));
  if (script.reports_up) {
    script.reports_up = false;
    script.host->broker->state(script.host, PLUG_STATE_UP, 0, STR("test"));
  }
  return script_call(CALL_PUBLISH, 1, text, op);
}

static void script_health(void *self, struct plug_health *out)
{
  (void)self;
  out->state = script.health;
}

/* No new work comes: what was taken is failed, as a broker without its backend does. */
static plug_status script_drain(void *self, struct plug_op *op)
{
  (void)self, (void)op;
  pthread_mutex_lock(&script.lock);
  unsigned n = script.n_open;
  script.n_open = 0;
  pthread_mutex_unlock(&script.lock);
  for (unsigned i = 0; i < n; i++)
    script.host->op_done(script.open[i], PLUG_ECANCELED, STR("draining"));
  return PLUG_OK;
}

/* --- the world ---------------------------------------------------------------------------- */

static struct world {
  struct plug_broker table;
  struct plug_plugin entry;
  struct plugin_image image;
  struct loop *loop;
  struct broker *broker;
  struct interest_table *interests;
  struct post posts[2];
  bool started;
} w;

static const struct broker_settings plain_settings = {.unsubscribe_grace_ms = 30,
                                                      .operation_timeout_ms = 60000,
                                                      .down_queue_messages = 3,
                                                      .down_queue_bytes = 1 << 20,
                                                      .down_queue_ms = 60000,
                                                      .max_unused_topics = 10000,
                                                      .publish_queue = 100};

UNUSED static void start_broker(uint32_t caps, const struct broker_settings *settings)
{
  struct plug_err err = {0};
  memset(&w, 0, sizeof w);
  w.table = (struct plug_broker){.size = sizeof w.table,
                                 .caps = caps,
                                 .max_payload = 1000,
                                 .subscribe = script_subscribe,
                                 .unsubscribe = script_unsubscribe,
                                 .publish = script_publish,
                                 .health = script_health};
  w.entry = (struct plug_plugin){PLUG_PLUGIN_HEAD,      .id = "org.example.script",
                                 .version = "1",        .summary = "under test",
                                 .broker = &w.table,    .create = script_create,
                                 .drain = script_drain, .destroy = script_destroy};
  assert_int_equal(image_judge(&w.image, &w.entry, sizeof w.entry, &err), PLUG_OK);
  w.loop = loop_start();
  assert_non_null(w.loop);
  struct inbox *inboxes[2];
  for (unsigned i = 0; i < 2; i++) {
    post_init(&w.posts[i]);
    inboxes[i] = &w.posts[i].inbox;
  }
  w.broker = broker_new(settings);
  w.interests = interest_table_new(2, inboxes, 1000, broker_on_change, w.broker);
  if (broker_create(w.broker, &w.image, w.loop, "broker.script", NULL, w.interests, &err))
    fail_msg("%s", err.text);
  if (broker_start(w.broker, &err))
    fail_msg("%s", err.text);
  w.started = true;
}

UNUSED static void stop_broker(void)
{
  if (!w.started)
    return;
  broker_stop(w.broker);
  w.started = false;
}

UNUSED static int broker_setup(void **state)
{
  (void)state;
  script_reset();
  memset(&w, 0, sizeof w);
  return 0;
}

UNUSED static int broker_teardown(void **state)
{
  (void)state;
  stop_broker();
  broker_free(w.broker);
  loop_stop(w.loop);
  for (unsigned i = 0; i < 2; i++)
    post_clear(&w.posts[i]);
  interest_table_free(w.interests);
  pthread_mutex_destroy(&script.lock);
  return 0;
}

static void on_barrier(void *arg)
{
  (void)arg;
}

/* What was posted to the control thread before has been done, and the end of its turn, too. */
UNUSED static void barrier(void)
{
  for (int i = 0; i < 3; i++)
    loop_call(w.loop, on_barrier, NULL);
}

/* --- what the plugin was asked ------------------------------------------------------------ */

/* Waits for the call of that number; the copy is the caller's. */
UNUSED static struct call wait_call(unsigned i)
{
  uint64_t deadline = clock_now_ms() + WAIT_MS;
  struct call call = {0};
  for (;;) {
    pthread_mutex_lock(&script.lock);
    bool there = script.n_calls > i;
    if (there)
      call = script.calls[i];
    pthread_mutex_unlock(&script.lock);
    if (there)
      return call;
    if (clock_now_ms() > deadline)
      fail_msg("call %u never came", i);
    usleep(500);
  }
}

UNUSED static struct call expect_call(unsigned i, enum call_kind kind, const char *text)
{
  struct call call = wait_call(i);
  assert_int_equal(call.kind, kind);
  assert_string_equal(call.text, text);
  return call;
}

UNUSED static unsigned n_calls(void)
{
  pthread_mutex_lock(&script.lock);
  unsigned n = script.n_calls;
  pthread_mutex_unlock(&script.lock);
  return n;
}

UNUSED static void expect_no_call_after(unsigned n)
{
  barrier();
  assert_int_equal(n_calls(), n);
}

UNUSED static void complete(struct plug_op *op, plug_status status)
{
  pthread_mutex_lock(&script.lock);
  for (unsigned i = 0; i < script.n_open; i++)
    if (script.open[i] == op)
      script.open[i] = script.open[--script.n_open];
  pthread_mutex_unlock(&script.lock);
  script.host->op_done(op, status, STR(""));
}

struct state_report {
  int32_t state;
  uint32_t flags;
};

static void report_on_home(void *arg)
{
  const struct state_report *report = arg;
  script.host->broker->state(script.host, report->state, report->flags, STR("test"));
}

UNUSED static void report(int32_t state, uint32_t flags)
{
  struct state_report r = {state, flags};
  loop_call(w.loop, report_on_home, &r);
}

/* --- what the worker gets ----------------------------------------------------------------- */

UNUSED static struct inbox_item *wait_item(unsigned worker)
{
  uint64_t deadline = clock_now_ms() + WAIT_MS;
  struct inbox_item *item;
  while (!(item = post_take(&w.posts[worker]))) {
    if (clock_now_ms() > deadline)
      fail_msg("nothing arrives");
    usleep(500);
  }
  return item;
}

UNUSED static plug_status wait_interest(unsigned worker, const char *name)
{
  struct inbox_item *item = wait_item(worker);
  assert_int_equal(item->kind, INBOX_INTEREST);
  expect_str(str_from(item->text, item->text_len), str_of(name));
  plug_status status = item->status;
  inbox_item_free(item);
  return status;
}

UNUSED static plug_status wait_published(unsigned worker, const void *waiter)
{
  struct inbox_item *item = wait_item(worker);
  assert_int_equal(item->kind, INBOX_PUBLISHED);
  assert_ptr_equal(item->waiter, waiter);
  plug_status status = item->status;
  inbox_item_free(item);
  return status;
}

UNUSED static void wait_until_ready(bool ready)
{
  uint64_t deadline = clock_now_ms() + WAIT_MS;
  while (broker_ready(w.broker) != ready && clock_now_ms() < deadline)
    usleep(500);
  assert_int_equal(broker_ready(w.broker), ready);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, broker_setup, broker_teardown)

#endif
