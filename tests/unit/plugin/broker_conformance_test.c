/* What every broker must do that delivers within its node, run for each that we ship: the built
 * shared objects, loaded as the server loads them. */
#include "fixture.h"

#include "config/config.h"

struct subject {
  const char *file;
  struct plugin_image *image;
};

static struct subject subjects[] = {
    {"lib/plugboard/broker-memory.so", NULL},
    {"tests/plugins/broker-template.so", NULL},
};

#define PUBLISHERS    8
#define PER_PUBLISHER 2000

/* What came out of deliver: per publisher, how many, and whether in order. */
struct sink {
  struct {
    _Atomic int64_t count;
    _Atomic bool disordered;
  } from[PUBLISHERS];
  _Atomic int64_t total;
};

static plug_status sink_deliver(void *ctx, uint64_t interest, const struct plug_msg *msg)
{
  struct sink *sink = ctx;
  uint32_t words[2]; /* who, which */
  assert_int_equal(interest, 0);
  assert_int_equal(msg->payload.len, sizeof words);
  memcpy(words, msg->payload.ptr, sizeof words);
  if (atomic_fetch_add(&sink->from[words[0]].count, 1) != words[1])
    atomic_store(&sink->from[words[0]].disordered, true);
  atomic_fetch_add(&sink->total, 1);
  return PLUG_OK;
}

static void sink_state(void *ctx, int32_t state, uint32_t flags, struct plug_str why)
{
  (void)ctx, (void)state, (void)flags, (void)why;
}

static struct plugin_instance *create(struct subject *subject, struct loop *loop, const char *name,
                                      struct sink *sink)
{
  struct instance_broker_up up = {sink_deliver, sink_state, sink};
  struct plug_err err = {0};
  if (!subject->image) {
    char path[PATH_MAX];
    build_path(path, sizeof path, subject->file);
    subject->image = image_load("/nowhere", "broker", path, &err);
    if (!subject->image)
      fail_msg("%s", err.text);
  }
  struct plugin_instance *instance = instance_create(subject->image, loop, name, NULL, &up, &err);
  if (!instance)
    fail_msg("%s", err.text);
  return instance;
}

static void start(struct plugin_instance *instance)
{
  struct plug_err err = {0};
  if (instance_start(instance, &err))
    fail_msg("%s", err.text);
}

static const struct plug_msg *message(uint32_t who, uint32_t which)
{
  uint32_t words[2] = {who, which};
  struct plug_msg_init init = {.size = sizeof init, .topic = STR("/topic/x")};
  init.payload = str_from((const char *)words, sizeof words);
  const struct plug_msg *msg = message_new(&init);
  assert_non_null(msg);
  return msg;
}

static void lives_and_dies_without_start(void **state)
{
  end_instance(create(*state, NULL, "broker.one", NULL));
  instance_destroy(create(*state, NULL, "broker.one", NULL));
}

static void two_instances_know_nothing_of_each_other(void **state)
{
  struct loop *loop = loop_start();
  struct sink sinks[2] = {0};
  struct plugin_instance *one = create(*state, loop, "broker.one", &sinks[0]);
  struct plugin_instance *two = create(*state, loop, "broker.two", &sinks[1]);
  assert_ptr_not_equal(instance_self(one), instance_self(two));
  start(one);
  start(two);
  const struct plug_msg *msg = message(3, 0);
  assert_int_equal(instance_broker(one)->publish(instance_self(one), msg, NULL), PLUG_OK);
  assert_int_equal(atomic_load(&sinks[0].total), 1);
  assert_int_equal(atomic_load(&sinks[1].total), 0);
  end_instance(one);
  assert_int_equal(instance_broker(two)->publish(instance_self(two), msg, NULL), PLUG_OK);
  assert_int_equal(atomic_load(&sinks[1].total), 1);
  message_unref(msg);
  end_instance(two);
  loop_stop(loop);
}

static void a_hundred_lives_leave_no_descriptors_and_no_threads(void **state)
{
  struct loop *loop = loop_start();
  struct sink sink = {0};
  size_t descriptors = 0, threads = 0;
  for (int i = 0; i < 100; i++) {
    struct plugin_instance *instance = create(*state, loop, "broker.one", &sink);
    start(instance);
    end_instance(instance);
    if (i == 0) {
      descriptors = count_entries("/proc/self/fd");
      threads = count_entries("/proc/self/task");
    }
  }
  assert_int_equal(count_entries("/proc/self/fd"), descriptors);
  assert_int_equal(count_entries("/proc/self/task"), threads);
  loop_stop(loop);
}

struct publisher {
  struct plugin_instance *instance;
  uint32_t who;
};

static void *publish_all(void *arg)
{
  struct publisher *publisher = arg;
  const struct plug_broker *broker = instance_broker(publisher->instance);
  for (uint32_t i = 0; i < PER_PUBLISHER; i++) {
    const struct plug_msg *msg = message(publisher->who, i);
    plug_status status = broker->publish(instance_self(publisher->instance), msg, NULL);
    assert_int_equal(status, PLUG_OK);
    message_unref(msg);
  }
  return NULL;
}

static void what_eight_threads_publish_is_delivered_once_and_in_order(void **state)
{
  struct loop *loop = loop_start();
  struct sink sink = {0};
  struct plugin_instance *instance = create(*state, loop, "broker.one", &sink);
  assert_true(instance_broker(instance)->caps & PLUG_CAP_PUBLISH_ANY);
  assert_true(instance_broker(instance)->caps & PLUG_CAP_ECHO);
  int64_t alive = message_count_alive();
  start(instance);
  pthread_t threads[PUBLISHERS];
  struct publisher publishers[PUBLISHERS];
  for (uint32_t i = 0; i < PUBLISHERS; i++) {
    publishers[i] = (struct publisher){instance, i};
    pthread_create(&threads[i], NULL, publish_all, &publishers[i]);
  }
  for (int i = 0; i < PUBLISHERS; i++)
    pthread_join(threads[i], NULL);
  end_instance(instance);
  for (int i = 0; i < PUBLISHERS; i++) {
    assert_int_equal(atomic_load(&sink.from[i].count), PER_PUBLISHER);
    assert_false(atomic_load(&sink.from[i].disordered));
  }
  assert_int_equal(message_count_alive(), alive);
  loop_stop(loop);
}

struct home_calls {
  struct plugin_instance *instance;
  plug_status subscribe, unsubscribe, without_op;
  struct plug_health health;
};

static void never_done(void *arg, plug_status status, struct plug_str detail)
{
  (void)arg, (void)status, (void)detail;
  abort();
}

static void call_at_home(void *arg)
{
  struct home_calls *calls = arg;
  const struct plug_broker *broker = instance_broker(calls->instance);
  void *self = instance_self(calls->instance);
  const struct plug_interest v[2] = {{1, STR("/topic/a"), 0}, {2, STR("/topic/b"), 0}};
  struct plug_op *op = op_new(calls->instance, 1000, never_done, NULL);
  calls->subscribe = op_offered(op, broker->subscribe(self, v, 2, op));
  op = op_new(calls->instance, 1000, never_done, NULL);
  calls->unsubscribe = op_offered(op, broker->unsubscribe(self, v, 2, op));
  calls->without_op = broker->subscribe(self, v, 1, NULL);
  calls->health.size = sizeof calls->health;
  calls->health.state = PLUG_STATE_DOWN;
  broker->health(self, &calls->health);
}

static void interest_and_health_answer_at_once(void **state)
{
  struct loop *loop = loop_start();
  struct sink sink = {0};
  struct plugin_instance *instance = create(*state, loop, "broker.one", &sink);
  uint64_t before = clock_now_ms();
  start(instance);
  struct home_calls calls = {.instance = instance};
  loop_call(loop, call_at_home, &calls);
  assert_int_equal(calls.subscribe, PLUG_OK);
  assert_int_equal(calls.unsubscribe, PLUG_OK);
  assert_int_equal(calls.without_op, PLUG_OK);
  assert_int_equal(calls.health.state, PLUG_STATE_UP);
  assert_true(calls.health.since_ms >= before && calls.health.since_ms <= clock_now_ms());
  end_instance(instance);
  loop_stop(loop);
}

static plug_status congested_deliver(void *ctx, uint64_t interest, const struct plug_msg *msg)
{
  (void)ctx, (void)interest, (void)msg;
  return PLUG_EAGAIN;
}

static void congestion_is_passed_on_to_the_publisher(void **state)
{
  struct loop *loop = loop_start();
  struct sink sink = {0};
  struct plugin_instance *instance = create(*state, loop, "broker.one", &sink);
  instance->up.deliver = congested_deliver;
  start(instance);
  const struct plug_msg *msg = message(0, 0);
  assert_int_equal(instance_broker(instance)->publish(instance_self(instance), msg, NULL),
                   PLUG_EAGAIN);
  message_unref(msg);
  end_instance(instance);
  loop_stop(loop);
}

static void published_metric(void *ctx, const char *name, const char *help, int is_gauge,
                             int64_t value)
{
  (void)help;
  if (!strcmp(name, "published") && !is_gauge)
    *(int64_t *)ctx = value;
}

static void the_template_obeys_its_options(void **state)
{
  (void)state;
  struct subject *subject = &subjects[1];
  struct loop *loop = loop_start();
  struct sink sink = {0};
  struct instance_broker_up up = {sink_deliver, sink_state, &sink};
  struct config *config = config_new();
  struct plug_err err = {0};
  assert_int_equal(config_read_text(config, "a.ini",
                                    STR("[broker.template]\nmax-payload = 8\nreport-every = 5s\n"
                                        "[broker.small]\nmax-payload = 4\n"
                                        "[broker.wrong]\nreport-every = 5ms\n"),
                                    &err),
                   PLUG_OK);
  end_instance(create(subject, NULL, "broker.one", NULL));
  struct plugin_instance *instance = instance_create(
      subject->image, loop, "broker.template", config_find(config, "broker.template"), &up, &err);
  struct plugin_instance *small = instance_create(subject->image, loop, "broker.small",
                                                  config_find(config, "broker.small"), &up, &err);
  assert_null(instance_create(subject->image, loop, "broker.wrong",
                              config_find(config, "broker.wrong"), &up, &err));
  assert_string_equal(err.text, "a.ini:6: [broker.wrong] report-every: less than 1s floods the "
                                "log; 0 is never");
  config_free(config);
  start(instance);
  start(small);
  const struct plug_msg *msg = message(0, 0);
  assert_int_equal(instance_broker(small)->publish(instance_self(small), msg, NULL), PLUG_ETOOBIG);
  assert_int_equal(instance_broker(instance)->publish(instance_self(instance), msg, NULL), PLUG_OK);
  message_unref(msg);
  int64_t published = -1;
  instance_each_metric(instance, published_metric, &published);
  assert_int_equal(published, 1);
  instance_each_metric(small, published_metric, &published);
  assert_int_equal(published, 0);
  end_instance(instance);
  end_instance(small);
  loop_stop(loop);
}

#define for_both(test)                                  \
  {#test " (memory)", test, NULL, NULL, &subjects[0]},  \
  {                                                     \
    #test " (template)", test, NULL, NULL, &subjects[1] \
  }

int main(void)
{
  log_setup(LOG_ERROR, false);
  const struct CMUnitTest tests[] = {
      for_both(lives_and_dies_without_start),
      for_both(two_instances_know_nothing_of_each_other),
      for_both(a_hundred_lives_leave_no_descriptors_and_no_threads),
      for_both(what_eight_threads_publish_is_delivered_once_and_in_order),
      for_both(interest_and_health_answer_at_once),
      for_both(congestion_is_passed_on_to_the_publisher),
      cmocka_unit_test(the_template_obeys_its_options),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
