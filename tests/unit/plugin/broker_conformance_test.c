/* What every broker must do that delivers within its node, run for each that we ship: the built
 * shared objects, loaded as the server loads them. */
#include "fixture.h"

#include "config/config.h"

#include <plugboard/ext/presence.h>

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

/* --- "plug.broker.presence/1", for those that have it --------------------------------------- */

struct room_watch {
  struct plugin_instance *instance;
  const struct plug_broker_presence *presence;
  bool done; /* home only, like all of this */
  plug_status status;
  struct plug_op *op; /* of the list under way */
  uint64_t n_listed, listed_members, users, members, n_changes, last_users;
  struct plug_position listed, last;
  uint32_t kinds[64];
  char topic;
};

static struct room_watch *watching; /* for upcalls that have no ctx; home only */

static void up_user(struct plug_op *op, struct plug_str user, struct plug_str info,
                    uint64_t members)
{
  assert_ptr_equal(op, watching->op);
  assert_int_equal(user.len, 1);
  assert_int_equal(info.len, 4);
  watching->n_listed++;
  watching->listed_members += members;
}

static void up_total(struct plug_op *op, uint64_t users, uint64_t members, struct plug_position pos)
{
  assert_ptr_equal(op, watching->op);
  watching->users = users;
  watching->members = members;
  watching->listed = pos;
}

static void up_changed(void *ctx, const struct plug_presence_change *change)
{
  struct room_watch *w = ctx;
  assert_int_equal(change->topic.ptr[0], 'a');
  assert_true(w->n_changes < 64);
  if (w->n_changes) { /* numbered without a gap */
    assert_int_equal(change->pos.epoch, w->last.epoch);
    assert_int_equal(change->pos.offset, w->last.offset + 1);
  }
  w->kinds[w->n_changes++] = change->kind;
  w->last = change->pos;
  w->last_users = change->users;
}

static void up_lost(void *ctx)
{
  (void)ctx;
}

static void on_presence_done(void *arg, plug_status status, struct plug_str detail)
{
  struct room_watch *w = arg;
  (void)detail;
  w->done = true;
  w->status = status;
}

struct presence_step {
  struct room_watch *w;
  char what; /* j, l, w, u, ?, d */
  struct plug_member v[3];
  size_t n;
};

static void run_presence_step(void *arg)
{
  struct presence_step *step = arg;
  struct room_watch *w = step->w;
  void *self = instance_self(w->instance);
  struct plug_str topic = {"a", 1};
  if (step->what == 'd')
    return; /* whether it is done */
  w->done = false;
  if (step->what == 'u') {
    w->presence->unwatch(self, topic);
    w->done = true;
    return;
  }
  struct plug_op *op = w->op = op_new(w->instance, 5000, on_presence_done, w);
  w->n_listed = w->listed_members = 0;
  plug_status status = step->what == 'j'   ? w->presence->join(self, step->v, step->n, op)
                       : step->what == 'l' ? w->presence->leave(self, step->v, step->n, op)
                       : step->what == 'w' ? w->presence->watch(self, topic, op)
                                           : w->presence->list(self, topic, op);
  w->status = op_offered(op, status);
  w->done = w->status != PLUG_PENDING;
}

static void presence_do(struct room_watch *w, char what, const char *members)
{
  struct loop *loop = instance_loop(w->instance);
  struct presence_step step = {.w = w, .what = what};
  static const struct plug_str info = {"info", 4};
  for (const char *m = members; *m; m += 2) /* the session, and the user */
    step.v[step.n++] = (struct plug_member){{"a", 1}, {m, 1}, {m + 1, 1}, info};
  loop_call(loop, run_presence_step, &step);
  step.what = 'd';
  for (int i = 0; !w->done && i < 5000; i++) {
    usleep(1000);
    loop_call(loop, run_presence_step, &step);
  }
  assert_true(w->done);
  assert_int_equal(w->status, PLUG_OK);
}

static void presence_counts_users_and_numbers_what_changes(void **state)
{
  struct loop *loop = loop_start();
  struct sink sink = {0};
  struct plugin_instance *instance = create(*state, loop, "broker.one", &sink);
  struct room_watch w = {.instance = instance};
  w.presence = instance_extension(instance, PLUG_EXT_BROKER_PRESENCE);
  if (!w.presence) { /* it need not have it */
    end_instance(instance);
    loop_stop(loop);
    return;
  }
  watching = &w;
  struct instance_presence_up up = {up_user, up_total, up_changed, up_lost, &w};
  instance_set_presence_up(instance, &up);
  start(instance);
  presence_do(&w, '?', "");
  assert_int_equal(w.users, 0);
  presence_do(&w, 'j', "1x"); /* nobody watches yet */
  assert_int_equal(w.n_changes, 0);
  presence_do(&w, 'w', "");
  presence_do(&w, '?', "");
  assert_int_equal(w.users, 1);
  assert_int_equal(w.n_listed, 1);
  w.last = w.listed;
  uint64_t first = w.listed.offset;
  presence_do(&w, 'j', "1x2x3y"); /* one is there; a user's second session is no change */
  assert_int_equal(w.n_changes, 1);
  assert_int_equal(w.last.offset, first + 1);
  assert_int_equal(w.last.epoch, w.listed.epoch);
  assert_int_equal(w.last_users, 2);
  presence_do(&w, 'w', ""); /* twice does no harm */
  presence_do(&w, 'l', "1x9z");
  assert_int_equal(w.n_changes, 1);
  presence_do(&w, 'l', "2x");
  assert_int_equal(w.n_changes, 2);
  assert_int_equal(w.kinds[0], PLUG_PRESENCE_JOINED);
  assert_int_equal(w.kinds[1], PLUG_PRESENCE_LEFT);
  assert_int_equal(w.last_users, 1);
  presence_do(&w, '?', "");
  assert_int_equal(w.users, 1);
  assert_int_equal(w.members, 1);
  assert_int_equal(w.listed_members, 1);
  assert_int_equal(w.listed.offset, w.last.offset);
  presence_do(&w, 'u', "");
  presence_do(&w, 'l', "3y");
  assert_int_equal(w.n_changes, 2);
  presence_do(&w, '?', "");
  assert_int_equal(w.users, 0);
  end_instance(instance);
  watching = NULL;
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
      for_both(presence_counts_users_and_numbers_what_changes),
      cmocka_unit_test(the_template_obeys_its_options),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
