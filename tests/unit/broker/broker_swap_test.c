/* Another broker beside the one of the fixture: what both are asked, and whose answers count. */
#include "fixture.h"

#include "broker/broker_swap.h"

#define CAPS (PLUG_CAP_ECHO | PLUG_CAP_CROSS_NODE)

/* The other plugin: counts, and answers as the test says; pending ones are completed by it. */
static struct other {
  pthread_mutex_t lock;
  const struct plug_host *host;
  struct plug_broker table;
  struct plug_plugin entry;
  struct plugin_image image;
  _Atomic int n_subscribed, n_unsubscribed, n_published;
  _Atomic int32_t subscribe_status, publish_status;
  struct plug_op *_Atomic pending;
  char last[64];
} other;

static plug_status other_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  (void)err;
  other.host = host;
  *self = &other;
  return PLUG_OK;
}

static void other_destroy(void *self)
{
  (void)self;
}

static plug_status other_subscribe(void *self, const struct plug_interest *v, size_t n,
                                   struct plug_op *op)
{
  (void)self, (void)v;
  plug_status status = atomic_load(&other.subscribe_status);
  if (status == PLUG_PENDING)
    atomic_store(&other.pending, op);
  atomic_fetch_add(&other.n_subscribed, (int)n);
  return status;
}

static plug_status other_unsubscribe(void *self, const struct plug_interest *v, size_t n,
                                     struct plug_op *op)
{
  (void)self, (void)v, (void)op;
  atomic_fetch_add(&other.n_unsubscribed, (int)n);
  return PLUG_OK;
}

static plug_status other_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  (void)self, (void)op;
  pthread_mutex_lock(&other.lock);
  snprintf(other.last, sizeof other.last, "%.*s", STR_ARG(msg->payload));
  pthread_mutex_unlock(&other.lock);
  atomic_fetch_add(&other.n_published, 1);
  return atomic_load(&other.publish_status);
}

static void other_health(void *self, struct plug_health *out)
{
  (void)self;
  out->state = PLUG_STATE_UP;
}

static void begin_swap(uint32_t caps)
{
  struct plug_err err = {0};
  memset(&other, 0, sizeof other);
  pthread_mutex_init(&other.lock, NULL);
  other.table = (struct plug_broker){.size = sizeof other.table,
                                     .caps = caps,
                                     .max_payload = 500,
                                     .subscribe = other_subscribe,
                                     .unsubscribe = other_unsubscribe,
                                     .publish = other_publish,
                                     .health = other_health};
  other.entry = (struct plug_plugin){PLUG_PLUGIN_HEAD,        .id = "org.example.other",
                                     .version = "1",          .summary = "the other one",
                                     .broker = &other.table,  .create = other_create,
                                     .destroy = other_destroy};
  assert_int_equal(image_judge(&other.image, &other.entry, sizeof other.entry, &err), PLUG_OK);
  if (broker_swap_create(w.broker, &other.image, "broker.other", NULL, &err))
    fail_msg("%s", err.text);
}

static void start_swap(void)
{
  struct plug_err err = {0};
  broker_swap_mark(w.broker);
  if (broker_swap_start(w.broker, &err))
    fail_msg("%s", err.text);
}

static bool is_ready(char why[200])
{
  bool refused;
  return broker_swap_ready(w.broker, why, 200, &refused);
}

static void wait_swap_ready(void)
{
  char why[200];
  uint64_t deadline = clock_now_ms() + WAIT_MS;
  while (!is_ready(why) && clock_now_ms() < deadline)
    usleep(500);
  assert_true(is_ready(why));
}

static plug_status publish(const char *payload, void *waiter)
{
  struct plug_msg_init init = {
      .size = sizeof init, .topic = STR("/sub/a"), .payload = str_of(payload)};
  const struct plug_msg *msg = message_new(&init);
  struct inbox_item *answer = NULL;
  if (waiter) {
    answer = inbox_item_new(INBOX_PUBLISHED, str_from(NULL, 0));
    answer->waiter = waiter;
  }
  plug_status status = broker_publish(w.broker, msg, answer, &w.posts[0].inbox);
  if (answer && status != PLUG_PENDING)
    inbox_item_free(answer);
  message_unref(msg);
  return status;
}

static void join(const char *topic, bool pattern)
{
  assert_int_equal(interest_join(w.interests, 0, str_of(topic), pattern), PLUG_PENDING);
}

/* All is shared from here on. */
static void share(void)
{
  wait_swap_ready();
  assert_true(broker_swap_share(w.broker));
}

static void finish(void)
{
  broker_swap_merge(w.broker);
  broker_swap_switch(w.broker);
  barrier();
  broker_swap_retire(w.broker);
  broker_swap_over(w.broker);
}

static void wait_count(_Atomic int *count, int n)
{
  uint64_t deadline = clock_now_ms() + WAIT_MS;
  while (atomic_load(count) < n && clock_now_ms() < deadline)
    usleep(500);
  assert_int_equal(atomic_load(count), n);
}

/* --- tests -------------------------------------------------------------------------------- */

static void the_new_one_has_all_interests_before_it_takes_over(void **state)
{
  (void)state;
  int waiter;
  start_broker(CAPS, &plain_settings);
  join("/sub/a", false);
  join("/sub/b", false);
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
  assert_int_equal(wait_interest(0, "/sub/b"), PLUG_OK);
  begin_swap(CAPS);
  assert_int_equal(atomic_load(&other.n_subscribed), 0);
  start_swap();
  wait_swap_ready();
  assert_int_equal(atomic_load(&other.n_subscribed), 2);
  assert_int_equal(publish("alone", &waiter), PLUG_PENDING);
  assert_int_equal(wait_published(0, &waiter), PLUG_OK);
  assert_int_equal(atomic_load(&other.n_published), 0);
  share();
  unsigned before = n_calls();
  assert_int_equal(publish("both", &waiter), PLUG_PENDING);
  assert_int_equal(wait_published(0, &waiter), PLUG_OK);
  wait_count(&other.n_published, 1);
  expect_call(before, CALL_PUBLISH, "/sub/a=both");
  assert_int_equal(publish("a message that is as long as the stricter one would not take, with so "
                           "much in it that the other one would: .......................... "
                           "............................................................... "
                           "............................................................... "
                           "............................................................... "
                           "............................................................... "
                           "............................................................... "
                           "............................................................... ",
                           NULL),
                   PLUG_ETOOBIG);
  assert_int_equal(broker_max_payload(w.broker), 500);
  finish();
  unsigned after = n_calls();
  assert_string_equal(instance_name(broker_instance(w.broker)), "broker.other");
  assert_int_equal(publish("after", &waiter), PLUG_PENDING);
  assert_int_equal(wait_published(0, &waiter), PLUG_OK);
  assert_int_equal(n_calls(), after);
  assert_string_equal(other.last, "after");
  /* What nobody wants any more goes there, too. */
  interest_leave(w.interests, 0, STR("/sub/b"), false);
  wait_count(&other.n_unsubscribed, 1);
}

static void a_receipt_is_for_both(void **state)
{
  (void)state;
  start_broker(CAPS, &plain_settings);
  begin_swap(CAPS);
  start_swap();
  share();
  atomic_store(&other.subscribe_status, PLUG_PENDING);
  join("/sub/a", false);
  wait_count(&other.n_subscribed, 1);
  barrier();
  assert_null(post_take(&w.posts[0])); /* the old one has confirmed, the new one has not */
  other.host->op_done(atomic_load(&other.pending), PLUG_OK, STR(""));
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
  /* One that is away is not waited for. */
  report(PLUG_STATE_DOWN, 0);
  atomic_store(&other.subscribe_status, PLUG_OK);
  join("/sub/b", false);
  assert_int_equal(wait_interest(0, "/sub/b"), PLUG_OK);
  finish();
}

static void what_the_new_one_brings_before_its_time_comes_once(void **state)
{
  (void)state;
  const struct plug_msg *both = msg_of("/sub/a", STR("both")),
                        *only = msg_of("/sub/a", STR("only"));
  start_broker(CAPS, &plain_settings);
  join("/sub/a", false);
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
  begin_swap(CAPS);
  start_swap();
  wait_swap_ready();
  /* Another node uses both already, and one has gone over. */
  other.host->broker->deliver(other.host, 0, both);
  other.host->broker->deliver(other.host, 0, only);
  assert_null(post_take(&w.posts[0]));
  script.host->broker->deliver(script.host, 0, both);
  other.host->broker->deliver(other.host, 0, both);
  struct inbox_item *item = wait_item(0);
  assert_ptr_equal(item->msg, both);
  inbox_item_free(item);
  share();
  assert_null(post_take(&w.posts[0]));
  broker_swap_merge(w.broker);
  item = wait_item(0);
  assert_ptr_equal(item->msg, only);
  inbox_item_free(item);
  assert_null(post_take(&w.posts[0]));
  broker_swap_switch(w.broker);
  barrier();
  broker_swap_retire(w.broker);
  broker_swap_over(w.broker);
  message_unref(both);
  message_unref(only);
}

static void one_that_refuses_a_topic_does_not_take_over(void **state)
{
  (void)state;
  char why[200];
  bool refused = false;
  int waiter;
  start_broker(CAPS, &plain_settings);
  join("/sub/a", false);
  assert_int_equal(wait_interest(0, "/sub/a"), PLUG_OK);
  begin_swap(CAPS);
  atomic_store(&other.subscribe_status, PLUG_EDENIED);
  start_swap();
  uint64_t deadline = clock_now_ms() + WAIT_MS;
  while (!refused && clock_now_ms() < deadline) {
    assert_false(broker_swap_ready(w.broker, why, sizeof why, &refused));
    usleep(500);
  }
  assert_string_equal(why, "it cannot subscribe '/sub/a'");
  broker_swap_cancel(w.broker);
  barrier();
  broker_swap_retire(w.broker);
  broker_swap_over(w.broker);
  assert_null(post_take(&w.posts[0])); /* nobody was told */
  assert_string_equal(instance_name(broker_instance(w.broker)), "broker.script");
  assert_int_equal(publish("x", &waiter), PLUG_PENDING);
  assert_int_equal(wait_published(0, &waiter), PLUG_OK);
}

static void patterns_that_were_local_are_asked_for(void **state)
{
  (void)state;
  char why[200];
  bool refused = false;
  start_broker(PLUG_CAP_ECHO, &plain_settings);
  assert_int_equal(interest_join(w.interests, 0, STR("/sub/*"), true), PLUG_OK);
  begin_swap(CAPS | PLUG_CAP_PATTERN);
  start_swap();
  wait_swap_ready();
  assert_int_equal(atomic_load(&other.n_subscribed), 1);
  broker_swap_cancel(w.broker);
  barrier();
  broker_swap_retire(w.broker);
  assert_int_equal(interest_join(w.interests, 1, STR("/sub/**"), true), PLUG_OK); /* as before */
  begin_swap(CAPS);
  start_swap();
  uint64_t deadline = clock_now_ms() + WAIT_MS;
  while (!refused && clock_now_ms() < deadline)
    broker_swap_ready(w.broker, why, sizeof why, &refused);
  assert_non_null(strstr(why, ": it does not know patterns"));
  broker_swap_cancel(w.broker);
  barrier();
  broker_swap_retire(w.broker);
}

static void a_backend_that_is_away_is_answered_for_by_the_other(void **state)
{
  (void)state;
  int waiter;
  struct broker_settings settings = plain_settings;
  settings.queue_when_down = true;
  start_broker(CAPS, &settings);
  report(PLUG_STATE_DOWN, 0);
  assert_int_equal(publish("waits", &waiter), PLUG_PENDING);
  barrier();
  begin_swap(CAPS);
  start_swap();
  share();
  assert_int_equal(wait_published(0, &waiter), PLUG_OK); /* it waited for the wrong one */
  assert_string_equal(other.last, "waits");
  assert_int_equal(publish("goes", &waiter), PLUG_PENDING);
  assert_int_equal(wait_published(0, &waiter), PLUG_OK);
  assert_string_equal(other.last, "goes");
  atomic_store(&other.publish_status, PLUG_EDENIED);
  assert_int_equal(publish("refused", &waiter), PLUG_PENDING);
  assert_int_equal(wait_published(0, &waiter), PLUG_EUNAVAIL);
  atomic_store(&other.publish_status, PLUG_OK);
  finish();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(the_new_one_has_all_interests_before_it_takes_over),
      TEST(a_receipt_is_for_both),
      TEST(what_the_new_one_brings_before_its_time_comes_once),
      TEST(one_that_refuses_a_topic_does_not_take_over),
      TEST(patterns_that_were_local_are_asked_for),
      TEST(a_backend_that_is_away_is_answered_for_by_the_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
