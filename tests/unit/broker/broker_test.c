#include "fixture.h"

#include "plugin/watch.h"
#include "plugin/watchdog.h"

#define HOME_CAPS   PLUG_CAP_ECHO
#define ANY_CAPS    (PLUG_CAP_ECHO | PLUG_CAP_PUBLISH_ANY)
#define DIRECT_CAPS (ANY_CAPS | PLUG_CAP_DIRECT)

static struct inbox_item *answer_for(void *waiter)
{
  struct inbox_item *item = inbox_item_new(INBOX_PUBLISHED, str_from(NULL, 0));
  assert_non_null(item);
  item->waiter = waiter;
  return item;
}

/* With a waiter, an answer is asked for; what the broker does not take over is freed. */
static plug_status publish(const char *payload, void *waiter)
{
  const struct plug_msg *msg = msg_of("/sub/a", str_of(payload));
  struct inbox_item *answer = waiter ? answer_for(waiter) : NULL;
  plug_status status = broker_publish(w.broker, msg, answer, &w.posts[0].inbox);
  if (answer && status != PLUG_PENDING)
    inbox_item_free(answer);
  message_unref(msg);
  return status;
}

static int waiters[8];

static void expect_delivery(unsigned worker, const char *payload)
{
  struct inbox_item *item = wait_item(worker);
  assert_int_equal(item->kind, INBOX_DELIVER);
  expect_str(item->msg->payload, str_of(payload));
  inbox_item_free(item);
}

/* --- where a publish runs ----------------------------------------------------------------- */

static void publishes_run_at_home_in_their_order(void **state)
{
  (void)state;
  start_broker(HOME_CAPS, &plain_settings);
  assert_int_equal(publish("1", &waiters[1]), PLUG_PENDING);
  assert_int_equal(publish("2", NULL), PLUG_PENDING);
  assert_int_equal(publish("3", &waiters[3]), PLUG_PENDING);
  struct call first = expect_call(0, CALL_PUBLISH, "/sub/a=1");
  struct call second = expect_call(1, CALL_PUBLISH, "/sub/a=2");
  expect_call(2, CALL_PUBLISH, "/sub/a=3");
  assert_true(first.on_home);
  assert_non_null(first.op);
  assert_non_null(second.op); /* what the backend has not taken is counted, whoever waits */
  assert_int_equal(wait_published(0, &waiters[1]), PLUG_OK);
  assert_int_equal(wait_published(0, &waiters[3]), PLUG_OK);
  assert_true(atomic_load(&w.posts[0].wakes) >= 1);
}

static void a_thread_safe_broker_is_called_by_the_worker(void **state)
{
  (void)state;
  start_broker(ANY_CAPS, &plain_settings);
  assert_int_equal(publish("1", &waiters[1]), PLUG_OK);
  struct call call = expect_call(0, CALL_PUBLISH, "/sub/a=1");
  assert_false(call.on_home);
  assert_int_equal(publish("2", NULL), PLUG_OK);
  script_answer(CALL_PUBLISH, PLUG_EAGAIN);
  assert_int_equal(publish("3", &waiters[3]), PLUG_EAGAIN);
  script_answer(CALL_PUBLISH, HELD);
  assert_int_equal(publish("4", &waiters[4]), PLUG_PENDING);
  complete(wait_call(3).op, PLUG_OK);
  assert_int_equal(wait_published(0, &waiters[4]), PLUG_OK);
}

static bool is_unheard(size_t payload_len)
{
  const struct plug_msg *msg = msg_of("/sub/a", STR("x"));
  bool unheard = broker_publish_unheard(w.broker, message_topic_hash(msg), payload_len);
  message_unref(msg);
  return unheard;
}

static void a_direct_broker_need_not_see_what_nobody_hears(void **state)
{
  (void)state;
  start_broker(DIRECT_CAPS, &plain_settings);
  int64_t published = counter_read(COUNTER_published);
  int64_t delivered = counter_read(COUNTER_delivered_node);
  assert_true(is_unheard(1000));
  assert_int_equal(counter_read(COUNTER_published) - published, 1);
  assert_int_equal(counter_read(COUNTER_delivered_node) - delivered, 1);
  assert_false(is_unheard(1001)); /* broker_publish refuses it */
  interest_join(w.interests, 1, STR("/sub/a"), false);
  assert_false(is_unheard(1));
  assert_int_equal(counter_read(COUNTER_published) - published, 1);
  expect_call(0, CALL_SUBSCRIBE, "/sub/a");
}

static void other_brokers_see_what_nobody_hears(void **state)
{
  (void)state;
  start_broker(ANY_CAPS, &plain_settings);
  int64_t published = counter_read(COUNTER_published);
  assert_false(is_unheard(1));
  assert_int_equal(counter_read(COUNTER_published), published);
}

static void refusals_are_counted_and_told(void **state)
{
  (void)state;
  start_broker(ANY_CAPS, &plain_settings);
  int64_t failed = counter_read(COUNTER_publish_failed);
  static const plug_status refusals[] = {PLUG_EUNAVAIL, PLUG_EDENIED, PLUG_ETOOBIG, PLUG_EINVAL};
  for (size_t i = 0; i < 4; i++) {
    script_answer(CALL_PUBLISH, refusals[i]);
    assert_int_equal(publish("x", &waiters[0]), refusals[i]);
  }
  assert_int_equal(counter_read(COUNTER_publish_failed) - failed, 4);
}

static void late_answers_come_back_with_their_status(void **state)
{
  (void)state;
  start_broker(HOME_CAPS, &plain_settings);
  int64_t failed = counter_read(COUNTER_publish_failed);
  for (int i = 0; i < 4; i++)
    script_answer(CALL_PUBLISH, HELD);
  for (int i = 0; i < 4; i++)
    publish("x", &waiters[i]);
  struct plug_op *ops[4];
  for (unsigned i = 0; i < 4; i++)
    ops[i] = wait_call(i).op;
  complete(ops[2], PLUG_OK);
  assert_int_equal(wait_published(0, &waiters[2]), PLUG_OK);
  complete(ops[0], PLUG_EUNAVAIL);
  assert_int_equal(wait_published(0, &waiters[0]), PLUG_EUNAVAIL);
  complete(ops[3], PLUG_EAGAIN); /* taken */
  assert_int_equal(wait_published(0, &waiters[3]), PLUG_OK);
  complete(ops[1], PLUG_EDENIED);
  assert_int_equal(wait_published(0, &waiters[1]), PLUG_EDENIED);
  assert_int_equal(counter_read(COUNTER_publish_failed) - failed, 2);
}

static void a_publish_that_is_never_answered_times_out_once(void **state)
{
  (void)state;
  struct broker_settings settings = plain_settings;
  settings.operation_timeout_ms = 100;
  start_broker(HOME_CAPS, &settings);
  script_answer(CALL_PUBLISH, HELD);
  publish("x", &waiters[0]);
  struct call call = wait_call(0);
  assert_int_equal(wait_published(0, &waiters[0]), PLUG_ETIMEDOUT);
  complete(call.op, PLUG_OK); /* too late */
  barrier();
  assert_null(post_take(&w.posts[0]));
}

static void what_is_taken_after_its_timeout_is_counted(void **state)
{
  (void)state;
  struct broker_settings settings = plain_settings;
  settings.operation_timeout_ms = 100;
  start_broker(HOME_CAPS, &settings);
  int64_t failed = counter_read(COUNTER_publish_failed), late = counter_read(COUNTER_publish_late);
  struct plug_op *ops[3];
  for (unsigned i = 0; i < 3; i++) {
    script_answer(CALL_PUBLISH, HELD);
    publish("x", i == 2 ? NULL : &waiters[i]);
    ops[i] = wait_call(i).op;
  }
  for (int i = 0; i < 2; i++)
    assert_int_equal(wait_published(0, &waiters[i]), PLUG_ETIMEDOUT);
  for (int i = 0; i < WAIT_MS && counter_read(COUNTER_publish_failed) - failed < 3; i++)
    usleep(1000);
  assert_int_equal(counter_read(COUNTER_publish_failed) - failed, 3);
  complete(ops[0], PLUG_OK);
  complete(ops[1], PLUG_EUNAVAIL);
  complete(ops[2], PLUG_OK);
  barrier();
  assert_int_equal(counter_read(COUNTER_publish_failed) - failed, 3);
  assert_int_equal(counter_read(COUNTER_publish_late) - late, 2);
}

static void too_large_a_payload_never_reaches_the_plugin(void **state)
{
  (void)state;
  start_broker(HOME_CAPS, &plain_settings);
  assert_int_equal(broker_max_payload(w.broker), 1000);
  char payload[1002];
  memset(payload, 'x', sizeof payload);
  payload[1001] = '\0';
  int64_t failed = counter_read(COUNTER_publish_failed);
  assert_int_equal(publish(payload, &waiters[0]), PLUG_ETOOBIG);
  assert_int_equal(counter_read(COUNTER_publish_failed) - failed, 1);
  payload[1000] = '\0';
  assert_int_equal(publish(payload, NULL), PLUG_PENDING);
  wait_call(0);
  expect_no_call_after(1);
}

struct block {
  uv_sem_t entered, leave;
};

static void block_home(void *arg)
{
  struct block *block = arg;
  uv_sem_post(&block->entered);
  uv_sem_wait(&block->leave);
}

static void the_way_home_is_bounded(void **state)
{
  (void)state;
  start_broker(HOME_CAPS, &plain_settings);
  struct block block;
  uv_sem_init(&block.entered, 0);
  uv_sem_init(&block.leave, 0);
  loop_post(w.loop, block_home, &block);
  uv_sem_wait(&block.entered);
  for (int i = 0; i < 50; i++)
    assert_int_equal(publish("x", NULL), PLUG_PENDING);
  assert_false(broker_congested(w.broker));
  assert_int_equal(publish("x", NULL), PLUG_PENDING);
  assert_true(broker_congested(w.broker));
  for (int i = 51; i < 100; i++)
    assert_int_equal(publish("x", NULL), PLUG_PENDING);
  int64_t failed = counter_read(COUNTER_publish_failed);
  assert_int_equal(publish("x", &waiters[0]), PLUG_ESTATE);
  assert_int_equal(counter_read(COUNTER_publish_failed) - failed, 1);
  uv_sem_post(&block.leave);
  barrier();
  assert_int_equal(n_calls(), 100);
  assert_false(broker_congested(w.broker));
  uv_sem_destroy(&block.entered);
  uv_sem_destroy(&block.leave);
}

static void publishers_wait_before_a_plugin_refuses_however_long_the_queue(void **state)
{
  (void)state;
  struct broker_settings settings = plain_settings;
  settings.publish_queue = 1000000;
  start_broker(HOME_CAPS, &settings);
  struct block block;
  uv_sem_init(&block.entered, 0);
  uv_sem_init(&block.leave, 0);
  loop_post(w.loop, block_home, &block);
  uv_sem_wait(&block.entered);
  for (int i = 0; i < 50000; i++)
    publish("x", NULL);
  bool before = broker_congested(w.broker);
  publish("x", NULL);
  bool above = broker_congested(w.broker);
  uv_sem_post(&block.leave); /* first: a failed test must not leave the loop blocked */
  barrier();
  assert_false(before);
  assert_true(above);
  assert_false(broker_congested(w.broker));
  uv_sem_destroy(&block.entered);
  uv_sem_destroy(&block.leave);
}

/* --- a plugin that hangs ------------------------------------------------------------------ */

static void hang_in_plugin(void *arg)
{
  struct block *block = arg;
  struct watch_call call;
  watch_enter(&call, broker_instance(w.broker), "publish");
  uv_sem_post(&block->entered);
  uv_sem_wait(&block->leave);
  watch_leave(&call);
}

static bool wait_hangs(bool hangs)
{
  uint64_t deadline = clock_now_ms() + WAIT_MS;
  while (watchdog_hangs() != hangs && clock_now_ms() < deadline)
    usleep(500);
  return watchdog_hangs() == hangs;
}

static void begin_hang(struct block *block)
{
  static const struct watchdog_settings settings = {.hang_ms = 40};
  start_broker(HOME_CAPS, &plain_settings);
  assert_true(watchdog_start(&settings));
  uv_sem_init(&block->entered, 0);
  uv_sem_init(&block->leave, 0);
}

static void end_hang(struct block *block)
{
  assert_true(wait_hangs(false));
  assert_false(watchdog_home_hangs());
  watchdog_stop();
  uv_sem_destroy(&block->entered);
  uv_sem_destroy(&block->leave);
}

static void a_worker_that_hangs_keeps_nobody_else_from_publishing(void **state)
{
  (void)state;
  struct block block;
  uv_thread_t thread;
  char why[200];
  begin_hang(&block);
  assert_int_equal(uv_thread_create(&thread, hang_in_plugin, &block), 0);
  bool hung = wait_hangs(true), home_hung = watchdog_home_hangs();
  bool unready = broker_unready(w.broker, why, sizeof why);
  plug_status status = publish("x", &waiters[0]);
  uv_sem_post(&block.leave);
  uv_thread_join(&thread);
  assert_true(hung);
  assert_false(home_hung);
  assert_true(unready); /* the node is not well all the same */
  assert_int_equal(status, PLUG_PENDING);
  assert_int_equal(wait_published(0, &waiters[0]), PLUG_OK);
  end_hang(&block);
}

static void be_busy(void *arg)
{
  (void)arg;
  usleep(200000);
}

static void what_was_published_is_drained_although_a_worker_hangs(void **state)
{
  (void)state;
  struct block block;
  uv_thread_t thread;
  begin_hang(&block);
  assert_int_equal(uv_thread_create(&thread, hang_in_plugin, &block), 0);
  bool hung = wait_hangs(true);
  loop_post(w.loop, be_busy, NULL);
  publish("x", &waiters[0]);
  broker_drain(w.broker);
  struct inbox_item *item = post_take(&w.posts[0]); /* there when it returns */
  plug_status status = item ? item->status : PLUG_EINTERNAL;
  if (item)
    inbox_item_free(item);
  uv_sem_post(&block.leave);
  uv_thread_join(&thread);
  assert_true(hung);
  assert_int_equal(status, PLUG_OK);
  end_hang(&block);
}

static void nothing_is_sent_home_while_that_hangs(void **state)
{
  (void)state;
  struct block block;
  begin_hang(&block);
  loop_post(w.loop, hang_in_plugin, &block);
  bool hung = wait_hangs(true), home_hung = watchdog_home_hangs();
  int64_t failed = counter_read(COUNTER_publish_failed);
  plug_status status = publish("x", &waiters[0]);
  uv_sem_post(&block.leave);
  assert_true(hung);
  assert_true(home_hung);
  assert_int_equal(status, PLUG_EUNAVAIL);
  assert_int_equal(counter_read(COUNTER_publish_failed) - failed, 1);
  end_hang(&block);
  assert_int_equal(publish("x", &waiters[0]), PLUG_PENDING);
  assert_int_equal(wait_published(0, &waiters[0]), PLUG_OK);
}

/* --- local delivery ----------------------------------------------------------------------- */

static void without_echo_the_node_delivers_what_was_taken(void **state)
{
  (void)state;
  start_broker(PLUG_CAP_CROSS_NODE, &plain_settings);
  interest_join(w.interests, 1, STR("/sub/a"), false);
  inbox_item_free(wait_item(1)); /* confirmed */
  script_answer(CALL_PUBLISH, PLUG_OK);
  publish("one", NULL);
  expect_delivery(1, "one");
  script_answer(CALL_PUBLISH, PLUG_EUNAVAIL);
  publish("two", NULL);
  script_answer(CALL_PUBLISH, HELD);
  publish("three", &waiters[0]);
  struct call call = wait_call(3);
  barrier();
  assert_null(post_take(&w.posts[1]));
  complete(call.op, PLUG_OK);
  assert_int_equal(wait_published(0, &waiters[0]), PLUG_OK);
  expect_delivery(1, "three");
  assert_null(post_take(&w.posts[1]));
}

static void without_echo_a_worker_delivers_at_once(void **state)
{
  (void)state;
  start_broker(PLUG_CAP_PUBLISH_ANY, &plain_settings);
  interest_join(w.interests, 1, STR("/sub/a"), false);
  inbox_item_free(wait_item(1));
  assert_int_equal(publish("one", &waiters[0]), PLUG_OK);
  struct inbox_item *item = post_take(&w.posts[1]);
  assert_non_null(item);
  inbox_item_free(item);
  script_answer(CALL_PUBLISH, PLUG_EAGAIN);
  assert_int_equal(publish("two", &waiters[0]), PLUG_EAGAIN);
  assert_int_equal(post_clear(&w.posts[1]), 1);
  script_answer(CALL_PUBLISH, PLUG_EDENIED);
  assert_int_equal(publish("three", &waiters[0]), PLUG_EDENIED);
  assert_null(post_take(&w.posts[1]));
}

static const char *const numbers[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

/* Every second publish is answered at once, the others later and backwards. */
static void expect_publish_order(uint32_t caps)
{
  start_broker(caps, &plain_settings);
  interest_join(w.interests, 1, STR("/sub/a"), false);
  inbox_item_free(wait_item(1));
  for (int i = 0; i < 10; i++) {
    script_answer(CALL_PUBLISH, i % 2 ? PLUG_OK : HELD);
    publish(numbers[i], NULL);
  }
  struct plug_op *ops[10];
  for (unsigned i = 0; i < 10; i++)
    ops[i] = wait_call(i + 1).op;
  barrier();
  assert_null(post_take(&w.posts[1])); /* the first one holds all others up */
  for (int i = 8; i > 0; i -= 2)
    complete(ops[i], i == 6 ? PLUG_EUNAVAIL : PLUG_OK);
  barrier();
  assert_null(post_take(&w.posts[1]));
  complete(ops[0], PLUG_OK);
  for (int i = 0; i < 10; i++)
    if (i != 6)
      expect_delivery(1, numbers[i]);
  barrier();
  assert_null(post_take(&w.posts[1]));
  publish("then", NULL);
  expect_delivery(1, "then");
}

static void without_echo_the_order_is_that_of_the_publishes(void **state)
{
  (void)state;
  expect_publish_order(PLUG_CAP_CROSS_NODE);
}

static void without_echo_the_order_is_that_of_the_publishes_on_workers_too(void **state)
{
  (void)state;
  expect_publish_order(PLUG_CAP_CROSS_NODE | PLUG_CAP_PUBLISH_ANY);
}

static void topics_do_not_wait_for_each_other(void **state)
{
  (void)state;
  start_broker(PLUG_CAP_CROSS_NODE, &plain_settings);
  interest_join(w.interests, 1, STR("/sub/b"), false);
  inbox_item_free(wait_item(1));
  script_answer(CALL_PUBLISH, HELD);
  publish("x", NULL);
  const struct plug_msg *msg = msg_of("/sub/b", STR("other"));
  assert_int_equal(broker_publish(w.broker, msg, NULL, NULL), PLUG_PENDING);
  message_unref(msg);
  expect_delivery(1, "other");
}

static void what_times_out_lets_the_next_ones_pass(void **state)
{
  (void)state;
  struct broker_settings settings = plain_settings;
  settings.operation_timeout_ms = 100;
  start_broker(PLUG_CAP_CROSS_NODE, &settings);
  interest_join(w.interests, 1, STR("/sub/a"), false);
  inbox_item_free(wait_item(1));
  script_answer(CALL_PUBLISH, HELD);
  publish("never", &waiters[0]);
  publish("next", NULL);
  struct call call = wait_call(1);
  expect_delivery(1, "next");
  assert_int_equal(wait_published(0, &waiters[0]), PLUG_ETIMEDOUT);
  complete(call.op, PLUG_OK); /* its sender was told otherwise */
  barrier();
  assert_null(post_take(&w.posts[1]));
}

/* The receipt does not wait: the backend has it. */
static void an_answer_does_not_wait_for_its_turn(void **state)
{
  (void)state;
  start_broker(PLUG_CAP_CROSS_NODE, &plain_settings);
  script_answer(CALL_PUBLISH, HELD);
  publish("1", &waiters[1]);
  publish("2", &waiters[2]);
  assert_int_equal(wait_published(0, &waiters[2]), PLUG_OK);
}

static void what_waits_for_its_turn_is_bounded(void **state)
{
  (void)state;
  static const uint32_t caps[] = {PLUG_CAP_CROSS_NODE, PLUG_CAP_CROSS_NODE | PLUG_CAP_PUBLISH_ANY};
  for (size_t c = 0; c < 2; c++) {
    if (c > 0) {
      broker_teardown(state);
      broker_setup(state);
    }
    start_broker(caps[c], &plain_settings);
    script_answer(CALL_PUBLISH, HELD);
    for (int i = 0; i < 100; i++)
      assert_true(publish("x", NULL) <= PLUG_PENDING);
    barrier();
    assert_true(broker_congested(w.broker));
    assert_int_equal(publish("x", &waiters[0]), PLUG_ESTATE);
    complete(wait_call(0).op, PLUG_OK);
    barrier();
    assert_false(broker_congested(w.broker));
    assert_true(publish("x", NULL) != PLUG_ESTATE);
  }
}

static void without_echo_what_waits_for_better_times_keeps_its_turn(void **state)
{
  (void)state;
  struct broker_settings settings = plain_settings;
  settings.queue_when_down = true;
  start_broker(PLUG_CAP_CROSS_NODE, &settings);
  interest_join(w.interests, 1, STR("/sub/a"), false);
  inbox_item_free(wait_item(1));
  script_answer(CALL_PUBLISH, HELD);
  publish("1", NULL);
  struct plug_op *op = wait_call(1).op;
  report(PLUG_STATE_DOWN, 0);
  publish("2", NULL);
  barrier();
  script_answer(CALL_PUBLISH, PLUG_EUNAVAIL); /* the plugin's second thought */
  report(PLUG_STATE_UP, 0);
  publish("3", NULL);
  barrier();
  assert_null(post_take(&w.posts[1]));
  complete(op, PLUG_OK);
  expect_delivery(1, "1");
  expect_delivery(1, "2");
  expect_delivery(1, "3");
}

static void with_echo_the_node_waits_for_the_broker(void **state)
{
  (void)state;
  start_broker(ANY_CAPS, &plain_settings);
  interest_join(w.interests, 1, STR("/sub/a"), false);
  inbox_item_free(wait_item(1));
  publish("one", &waiters[0]);
  assert_null(post_take(&w.posts[1]));
  const struct plug_msg *msg = msg_of("/sub/a", STR("back"));
  assert_int_equal(script.host->broker->deliver(script.host, 0, msg), PLUG_OK);
  message_unref(msg);
  expect_delivery(1, "back");
}

static void a_full_inbox_is_told_to_the_plugin_and_no_failure_to_the_sender(void **state)
{
  (void)state;
  start_broker(PLUG_CAP_PUBLISH_ANY, &plain_settings);
  interest_join(w.interests, 1, STR("/sub/a"), false);
  inbox_item_free(wait_item(1));
  const struct plug_msg *msg = msg_of("/sub/a", STR("x"));
  for (int i = 0; i < 1001; i++)
    script.host->broker->deliver(script.host, 0, msg);
  int64_t dropped = counter_read(COUNTER_dropped_congested);
  assert_int_equal(script.host->broker->deliver(script.host, 0, msg), PLUG_EUNAVAIL);
  message_unref(msg);
  assert_int_equal(publish("one", &waiters[0]), PLUG_EAGAIN);
  assert_int_equal(counter_read(COUNTER_dropped_congested) - dropped, 2);
  assert_true(broker_congested(w.broker));
  post_clear(&w.posts[1]);
}

/* --- the backend is away ------------------------------------------------------------------ */

static void when_down_publishes_are_refused(void **state)
{
  (void)state;
  start_broker(HOME_CAPS, &plain_settings);
  assert_true(broker_ready(w.broker));
  report(PLUG_STATE_DOWN, 0);
  assert_false(broker_ready(w.broker));
  int64_t failed = counter_read(COUNTER_publish_failed);
  assert_int_equal(publish("x", &waiters[0]), PLUG_EUNAVAIL);
  assert_int_equal(counter_read(COUNTER_publish_failed) - failed, 1);
  expect_no_call_after(0);
  report(PLUG_STATE_UP, 0);
  assert_true(broker_ready(w.broker));
  assert_int_equal(publish("y", NULL), PLUG_PENDING);
  expect_call(0, CALL_PUBLISH, "/sub/a=y");
}

/* What is published earlier would come back to subscribers who cannot hear it yet. */
static void publishes_are_refused_until_the_topics_are_subscribed_again(void **state)
{
  (void)state;
  start_broker(HOME_CAPS, &plain_settings);
  interest_join(w.interests, 0, STR("/sub/a"), false);
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
  report(PLUG_STATE_DOWN, 0);
  script_answer(CALL_SUBSCRIBE, HELD);
  report(PLUG_STATE_UP, PLUG_INTERESTS_LOST);
  struct call call = expect_call(1, CALL_SUBSCRIBE, "/sub/a");
  assert_int_equal(publish("x", &waiters[0]), PLUG_EUNAVAIL);
  expect_no_call_after(2);
  complete(call.op, PLUG_OK);
  wait_until_ready(true);
  assert_int_equal(publish("y", NULL), PLUG_PENDING);
  expect_call(2, CALL_PUBLISH, "/sub/a=y");
}

static struct broker_settings queueing(void)
{
  struct broker_settings settings = plain_settings;
  settings.queue_when_down = true;
  return settings;
}

static void queued_publishes_go_out_in_order_when_the_backend_is_back(void **state)
{
  (void)state;
  struct broker_settings settings = queueing();
  start_broker(HOME_CAPS, &settings);
  report(PLUG_STATE_DOWN, 0);
  assert_int_equal(publish("1", &waiters[1]), PLUG_PENDING);
  assert_int_equal(publish("2", NULL), PLUG_PENDING);
  assert_int_equal(publish("3", &waiters[3]), PLUG_PENDING);
  expect_no_call_after(0);
  assert_null(post_take(&w.posts[0]));
  report(PLUG_STATE_UP, 0);
  expect_call(0, CALL_PUBLISH, "/sub/a=1");
  expect_call(1, CALL_PUBLISH, "/sub/a=2");
  expect_call(2, CALL_PUBLISH, "/sub/a=3");
  assert_int_equal(wait_published(0, &waiters[1]), PLUG_OK);
  assert_int_equal(wait_published(0, &waiters[3]), PLUG_OK);
}

static void the_queue_for_bad_times_is_bounded(void **state)
{
  (void)state;
  struct broker_settings settings = queueing();
  start_broker(HOME_CAPS, &settings);
  report(PLUG_STATE_DOWN, 0);
  for (int i = 0; i < 4; i++)
    assert_int_equal(publish("x", &waiters[i]), PLUG_PENDING);
  assert_int_equal(wait_published(0, &waiters[3]), PLUG_EUNAVAIL);
  barrier();
  assert_null(post_take(&w.posts[0]));
  report(PLUG_STATE_UP, 0);
  for (int i = 0; i < 3; i++)
    assert_int_equal(wait_published(0, &waiters[i]), PLUG_OK);
  assert_int_equal(n_calls(), 3);
}

static void the_queue_for_bad_times_is_bounded_in_bytes(void **state)
{
  (void)state;
  static const char ten[] = "0123456789";
  struct broker_settings settings = queueing();
  const struct plug_msg *alike = msg_of("/sub/a", str_of(ten));
  settings.down_queue_bytes = 2 * message_bytes(alike);
  message_unref(alike);
  start_broker(HOME_CAPS, &settings);
  for (int round = 0; round < 3; round++) {
    report(PLUG_STATE_DOWN, 0);
    for (int i = 0; i < 3; i++)
      assert_int_equal(publish(ten, &waiters[i]), PLUG_PENDING);
    assert_int_equal(wait_published(0, &waiters[2]), PLUG_EUNAVAIL);
    if (round == 1)
      script_answer(CALL_PUBLISH, PLUG_EUNAVAIL); /* away again: back into the queue */
    report(PLUG_STATE_UP, 0);
    for (int i = 0; i < 2; i++)
      assert_int_equal(wait_published(0, &waiters[i]), PLUG_OK);
  }
}

static void what_waits_too_long_fails(void **state)
{
  (void)state;
  struct broker_settings settings = queueing();
  settings.down_queue_ms = 80;
  start_broker(HOME_CAPS, &settings);
  report(PLUG_STATE_DOWN, 0);
  uint64_t start = clock_now_ms();
  publish("1", &waiters[1]);
  usleep(40000);
  publish("2", &waiters[2]);
  assert_int_equal(wait_published(0, &waiters[1]), PLUG_ETIMEDOUT);
  assert_true(clock_now_ms() - start >= 79);
  assert_int_equal(wait_published(0, &waiters[2]), PLUG_ETIMEDOUT);
  assert_true(clock_now_ms() - start >= 119);
  report(PLUG_STATE_UP, 0);
  expect_no_call_after(0);
}

static void a_backend_that_is_found_away_keeps_the_order(void **state)
{
  (void)state;
  struct broker_settings settings = queueing();
  start_broker(HOME_CAPS, &settings);
  report(PLUG_STATE_DOWN, 0);
  publish("1", NULL);
  publish("2", NULL);
  publish("3", NULL);
  barrier();
  script_answer(CALL_PUBLISH, PLUG_OK);
  script_answer(CALL_PUBLISH, PLUG_EUNAVAIL); /* gone again in the midst of it */
  report(PLUG_STATE_UP, 0);
  expect_call(0, CALL_PUBLISH, "/sub/a=1");
  expect_call(1, CALL_PUBLISH, "/sub/a=2");
  report(PLUG_STATE_UP, 0);
  barrier();
  expect_call(2, CALL_PUBLISH, "/sub/a=2");
  expect_call(3, CALL_PUBLISH, "/sub/a=3");
  expect_no_call_after(4);
}

static void new_publishes_stand_behind_those_that_wait(void **state)
{
  (void)state;
  struct broker_settings settings = queueing();
  start_broker(HOME_CAPS, &settings);
  script_answer(CALL_PUBLISH, PLUG_EUNAVAIL);
  publish("1", NULL);
  publish("2", &waiters[2]);
  assert_int_equal(wait_published(0, &waiters[2]), PLUG_OK);
  barrier();
  unsigned n = n_calls();
  assert_true(n >= 3);
  assert_string_equal(wait_call(n - 2).text, "/sub/a=1");
  assert_string_equal(wait_call(n - 1).text, "/sub/a=2");
  for (unsigned i = 0; i + 1 < n; i++)
    assert_string_equal(wait_call(i).text, "/sub/a=1");
}

/* Brought back later, other nodes would not hear what is sent at once. */
static void what_waited_waits_for_the_other_nodes_too(void **state)
{
  (void)state;
  struct broker_settings settings = queueing();
  settings.down_queue_delay_ms = 300;
  settings.down_queue_ms = 200; /* over meanwhile: it is not given up just before it is sent */
  start_broker(HOME_CAPS | PLUG_CAP_CROSS_NODE, &settings);
  publish("0", NULL); /* nothing was lost yet */
  expect_call(0, CALL_PUBLISH, "/sub/a=0");
  report(PLUG_STATE_DOWN, 0);
  publish("1", &waiters[1]);
  uint64_t back = clock_now_ms();
  report(PLUG_STATE_UP, PLUG_INTERESTS_LOST);
  assert_true(broker_ready(w.broker));
  publish("2", &waiters[2]);
  expect_no_call_after(1);
  expect_call(1, CALL_PUBLISH, "/sub/a=1");
  assert_true(clock_now_ms() - back >= 299);
  expect_call(2, CALL_PUBLISH, "/sub/a=2");
  assert_int_equal(wait_published(0, &waiters[1]), PLUG_OK);
  assert_int_equal(wait_published(0, &waiters[2]), PLUG_OK);
  publish("3", NULL);
  expect_call(3, CALL_PUBLISH, "/sub/a=3");
}

static void a_backend_that_goes_again_keeps_waiting_what_waits(void **state)
{
  (void)state;
  struct broker_settings settings = queueing();
  settings.down_queue_delay_ms = 100;
  start_broker(HOME_CAPS | PLUG_CAP_CROSS_NODE, &settings);
  report(PLUG_STATE_DOWN, 0);
  publish("1", NULL);
  report(PLUG_STATE_UP, PLUG_INTERESTS_LOST);
  report(PLUG_STATE_DOWN, PLUG_INTERESTS_LOST);
  usleep(150000);
  expect_no_call_after(0);
  report(PLUG_STATE_UP, PLUG_INTERESTS_LOST);
  expect_call(0, CALL_PUBLISH, "/sub/a=1");
}

static void what_waits_for_the_other_nodes_is_sent_before_the_end(void **state)
{
  (void)state;
  struct broker_settings settings = queueing();
  settings.down_queue_delay_ms = 60000;
  start_broker(HOME_CAPS | PLUG_CAP_CROSS_NODE, &settings);
  report(PLUG_STATE_DOWN, 0);
  publish("1", &waiters[1]);
  report(PLUG_STATE_UP, PLUG_INTERESTS_LOST);
  expect_no_call_after(0);
  stop_broker();
  expect_call(0, CALL_PUBLISH, "/sub/a=1");
  assert_int_equal(wait_published(0, &waiters[1]), PLUG_OK);
}

static void a_broker_of_one_node_waits_for_nobody(void **state)
{
  (void)state;
  struct broker_settings settings = queueing();
  settings.down_queue_delay_ms = 60000;
  start_broker(HOME_CAPS, &settings);
  report(PLUG_STATE_DOWN, 0);
  publish("1", NULL);
  report(PLUG_STATE_UP, PLUG_INTERESTS_LOST);
  expect_call(0, CALL_PUBLISH, "/sub/a=1");
}

static void a_state_reported_from_inside_publish_does_not_change_the_order(void **state)
{
  (void)state;
  struct broker_settings settings = queueing();
  start_broker(HOME_CAPS, &settings);
  report(PLUG_STATE_DOWN, 0);
  publish("1", NULL);
  publish("2", NULL);
  publish("3", NULL);
  barrier();
  script_answer(CALL_PUBLISH, PLUG_EUNAVAIL);
  script.reports_up = true; /* and takes it all the same, later */
  report(PLUG_STATE_UP, 0);
  barrier();
  unsigned n = n_calls();
  assert_int_equal(n, 4);
  assert_string_equal(wait_call(0).text, "/sub/a=1");
  for (unsigned i = 1; i < n; i++) {
    char text[32];
    snprintf(text, sizeof text, "/sub/a=%u", i);
    assert_string_equal(wait_call(i).text, text);
  }
}

static void a_broker_that_is_not_up_after_its_start_is_not_ready(void **state)
{
  (void)state;
  script.health = PLUG_STATE_STARTING;
  start_broker(HOME_CAPS, &plain_settings);
  assert_false(broker_ready(w.broker));
  assert_int_equal(publish("x", &waiters[0]), PLUG_EUNAVAIL);
  report(PLUG_STATE_UP, 0);
  assert_true(broker_ready(w.broker));
}

/* --- the end ------------------------------------------------------------------------------ */

static void stopping_completes_every_waiter_exactly_once(void **state)
{
  (void)state;
  start_broker(HOME_CAPS, &plain_settings);
  script_answer(CALL_PUBLISH, HELD);
  script_answer(CALL_PUBLISH, HELD);
  script_answer(CALL_PUBLISH, PLUG_OK);
  for (int i = 0; i < 3; i++)
    publish("x", &waiters[i]);
  wait_call(2);
  stop_broker();
  int seen[3] = {0};
  for (struct inbox_item *item; (item = post_take(&w.posts[0])); inbox_item_free(item)) {
    assert_int_equal(item->kind, INBOX_PUBLISHED);
    ptrdiff_t which = (int *)item->waiter - waiters;
    assert_in_range(which, 0, 2);
    seen[which]++;
    assert_int_equal(item->status, which == 2 ? PLUG_OK : PLUG_ECANCELED);
  }
  for (int i = 0; i < 3; i++)
    assert_int_equal(seen[i], 1);
  assert_false(broker_ready(w.broker));
}

static void stopping_completes_what_waits_for_better_times(void **state)
{
  (void)state;
  struct broker_settings settings = queueing();
  start_broker(HOME_CAPS, &settings);
  report(PLUG_STATE_DOWN, 0);
  publish("1", &waiters[1]);
  publish("2", NULL);
  barrier();
  stop_broker();
  assert_int_equal(wait_published(0, &waiters[1]), PLUG_ECANCELED);
  assert_null(post_take(&w.posts[0]));
  assert_int_equal(n_calls(), 0);
}

static void stopping_completes_what_is_on_its_way_home(void **state)
{
  (void)state;
  start_broker(HOME_CAPS, &plain_settings);
  for (int i = 0; i < 5; i++)
    publish("x", &waiters[i]);
  stop_broker();
  for (int i = 0; i < 5; i++) { /* done or refused: each once, in their order */
    plug_status status = wait_published(0, &waiters[i]);
    assert_true(status == PLUG_OK || status == PLUG_ECANCELED);
  }
  assert_null(post_take(&w.posts[0]));
}

static void stopping_with_subscriptions_under_way_leaks_nothing(void **state)
{
  (void)state;
  start_broker(HOME_CAPS, &plain_settings);
  script_answer(CALL_SUBSCRIBE, HELD);
  interest_join(w.interests, 0, STR("/sub/a"), false);
  wait_call(0);
  interest_join(w.interests, 0, STR("/sub/b"), false);
  interest_leave(w.interests, 0, STR("/sub/b"), false);
  stop_broker();
}

static void what_is_no_broker_is_refused(void **state)
{
  (void)state;
  start_broker(HOME_CAPS, &plain_settings); /* for its loop and table */
  struct plugin_image image = w.image;
  image.base = (char *)(uintptr_t)"auth-x.so";
  image.entry.broker = NULL;
  struct broker *other = broker_new(&plain_settings);
  struct plug_err err = {0};
  assert_int_equal(broker_create(other, &image, w.loop, "broker.x", NULL, w.interests, &err),
                   PLUG_EINVAL);
  assert_string_equal(err.text, "auth-x.so: plugin 'org.example.script' is not a broker");
  broker_free(other);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(publishes_run_at_home_in_their_order),
      TEST(a_thread_safe_broker_is_called_by_the_worker),
      TEST(a_direct_broker_need_not_see_what_nobody_hears),
      TEST(other_brokers_see_what_nobody_hears),
      TEST(refusals_are_counted_and_told),
      TEST(late_answers_come_back_with_their_status),
      TEST(a_publish_that_is_never_answered_times_out_once),
      TEST(what_is_taken_after_its_timeout_is_counted),
      TEST(too_large_a_payload_never_reaches_the_plugin),
      TEST(the_way_home_is_bounded),
      TEST(publishers_wait_before_a_plugin_refuses_however_long_the_queue),
      TEST(a_worker_that_hangs_keeps_nobody_else_from_publishing),
      TEST(what_was_published_is_drained_although_a_worker_hangs),
      TEST(nothing_is_sent_home_while_that_hangs),
      TEST(without_echo_the_node_delivers_what_was_taken),
      TEST(without_echo_a_worker_delivers_at_once),
      TEST(without_echo_the_order_is_that_of_the_publishes),
      TEST(without_echo_the_order_is_that_of_the_publishes_on_workers_too),
      TEST(topics_do_not_wait_for_each_other),
      TEST(what_times_out_lets_the_next_ones_pass),
      TEST(an_answer_does_not_wait_for_its_turn),
      TEST(what_waits_for_its_turn_is_bounded),
      TEST(without_echo_what_waits_for_better_times_keeps_its_turn),
      TEST(with_echo_the_node_waits_for_the_broker),
      TEST(a_full_inbox_is_told_to_the_plugin_and_no_failure_to_the_sender),
      TEST(when_down_publishes_are_refused),
      TEST(publishes_are_refused_until_the_topics_are_subscribed_again),
      TEST(queued_publishes_go_out_in_order_when_the_backend_is_back),
      TEST(the_queue_for_bad_times_is_bounded),
      TEST(the_queue_for_bad_times_is_bounded_in_bytes),
      TEST(what_waits_too_long_fails),
      TEST(a_backend_that_is_found_away_keeps_the_order),
      TEST(new_publishes_stand_behind_those_that_wait),
      TEST(what_waited_waits_for_the_other_nodes_too),
      TEST(a_backend_that_goes_again_keeps_waiting_what_waits),
      TEST(what_waits_for_the_other_nodes_is_sent_before_the_end),
      TEST(a_broker_of_one_node_waits_for_nobody),
      TEST(a_state_reported_from_inside_publish_does_not_change_the_order),
      TEST(a_broker_that_is_not_up_after_its_start_is_not_ready),
      TEST(stopping_completes_every_waiter_exactly_once),
      TEST(stopping_completes_what_waits_for_better_times),
      TEST(stopping_completes_what_is_on_its_way_home),
      TEST(stopping_with_subscriptions_under_way_leaks_nothing),
      TEST(what_is_no_broker_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
