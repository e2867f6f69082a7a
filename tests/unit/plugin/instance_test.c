#include "fixture.h"

#include "base/counter.h"
#include "message/message_rules.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include "config/config.h"
#include "plugin/op.h"

struct world {
  struct loop *loop;
  struct plugin_image image;
  struct plugin_instance *instance;
  const struct plug_host *host;
};

static struct world *world_new(const struct plug_plugin *entry, const struct instance_broker_up *up)
{
  struct world *world = calloc(1, sizeof *world);
  world->loop = loop_start();
  world->instance = probe_instance(&world->image, entry, world->loop, up);
  world->host = ((struct probe *)instance_self(world->instance))->host;
  return world;
}

static struct world *running_world(const struct plug_plugin *entry,
                                   const struct instance_broker_up *up)
{
  struct world *world = world_new(entry, up);
  struct plug_err err = {0};
  if (instance_start(world->instance, &err))
    fail_msg("%s", err.text);
  return world;
}

static void world_free(struct world *world)
{
  end_instance(world->instance);
  loop_stop(world->loop);
  free(world);
}

static void barrier(void *arg)
{
  (void)arg;
}

/* Lifecycle. */

static struct plug_op *_Atomic start_op;
static const struct plug_host *_Atomic start_host;

static plug_status pending_start(void *self, struct plug_op *op)
{
  atomic_store(&start_host, ((struct probe *)self)->host);
  atomic_store(&start_op, op);
  return PLUG_PENDING;
}

static void *complete_start(void *arg)
{
  const char *detail = arg;
  struct plug_op *op;
  while (!(op = atomic_load(&start_op)))
    usleep(200);
  atomic_load(&start_host)->op_done(op, detail ? PLUG_EUNAVAIL : PLUG_OK, str_of(detail));
  return NULL;
}

static plug_status start_pending(struct world *world, const char *detail, struct plug_err *err)
{
  atomic_store(&start_op, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, complete_start, (void *)(uintptr_t)detail);
  plug_status status = instance_start(world->instance, err);
  pthread_join(thread, NULL);
  return status;
}

static void start_waits_for_its_completion(void **state)
{
  (void)state;
  struct plug_plugin entry = probe_entry();
  entry.start = pending_start;
  struct world *world = world_new(&entry, NULL);
  struct plug_err err = {0};
  assert_int_equal(instance_state(world->instance), INSTANCE_CREATED);
  assert_int_equal(start_pending(world, NULL, &err), PLUG_OK);
  assert_int_equal(instance_state(world->instance), INSTANCE_RUNNING);
  world_free(world);
}

static void a_failed_start_says_why_and_can_be_stopped(void **state)
{
  (void)state;
  struct plug_plugin entry = probe_entry();
  entry.start = pending_start;
  struct world *world = world_new(&entry, NULL);
  struct plug_err err = {0};
  assert_int_equal(start_pending(world, "connection refused", &err), PLUG_EUNAVAIL);
  assert_string_equal(err.text, "[broker.probe] cannot start: connection refused");
  assert_int_equal(instance_state(world->instance), INSTANCE_CREATED);
  world_free(world);
}

static _Atomic int64_t cancels;

static void cancel_start(void *self, struct plug_op *op)
{
  ((struct probe *)self)->host->op_done(op, PLUG_ECANCELED, STR(""));
  atomic_fetch_add(&cancels, 1);
}

static void a_start_that_takes_too_long_fails_and_is_cancelled(void **state)
{
  (void)state;
  struct plug_plugin entry = probe_entry();
  entry.start = pending_start;
  entry.cancel = cancel_start;
  struct world *world = world_new(&entry, NULL);
  instance_set_limits(world->instance, &(struct instance_limits){50, 5000, 5000});
  struct plug_err err = {0};
  assert_int_equal(instance_start(world->instance, &err), PLUG_ETIMEDOUT);
  assert_string_equal(err.text, "[broker.probe] cannot start: not ready after 50 ms");
  wait_for_count(&cancels, 1);
  world_free(world);
}

static _Atomic int64_t releases;

static plug_status hanging_stop(void *self, struct plug_op *op)
{
  (void)self, (void)op;
  while (!atomic_load(&releases))
    usleep(1000);
  return PLUG_OK;
}

static plug_status endless_stop(void *self, struct plug_op *op)
{
  (void)self, (void)op;
  return PLUG_PENDING;
}

static _Atomic int64_t destroys;

static void count_destroy(void *self)
{
  atomic_fetch_add(&destroys, 1);
  free(self);
}

/* What is abandoned is never freed; the loop's thread ends nevertheless. */
static void abandon_with(plug_status (*stop)(void *, struct plug_op *))
{
  static struct plugin_image images[2];
  static int used;
  atomic_store(&releases, 0);
  struct plug_plugin entry = probe_entry();
  entry.stop = stop;
  entry.destroy = count_destroy;
  struct loop *loop = loop_start();
  struct plugin_instance *instance = probe_instance(&images[used++], &entry, loop, NULL);
  struct plug_err err;
  assert_int_equal(instance_start(instance, &err), PLUG_OK);
  instance_set_limits(instance, &(struct instance_limits){10000, 5000, 50});
  instance_stop(instance);
  assert_int_equal(instance_state(instance), INSTANCE_ABANDONED);
  const struct plug_host *host = ((struct probe *)instance_self(instance))->host;
  assert_int_equal(host->post(host, barrier, NULL), PLUG_ESTATE);
  assert_int_equal(host->broker->deliver(host, 0, NULL), PLUG_ESTATE);
  instance_destroy(instance);
  assert_int_equal(atomic_load(&destroys), 0);
  loop_stop(loop); /* comes back, whatever the plugin does */
  atomic_store(&releases, 1);
}

static void a_plugin_that_never_finishes_stop_is_abandoned(void **state)
{
  (void)state;
  abandon_with(endless_stop);
}

static void a_plugin_that_hangs_in_stop_is_abandoned(void **state)
{
  (void)state;
  abandon_with(hanging_stop);
}

static struct plug_op *_Atomic kept_op;
static _Atomic int64_t answers;
static plug_status answer;

static void note_answer(void *arg, plug_status status, struct plug_str detail)
{
  (void)arg, (void)detail;
  answer = status;
  atomic_fetch_add(&answers, 1);
}

static void *complete_soon(void *arg)
{
  const struct plug_host *host = arg;
  usleep(50000);
  host->op_done(atomic_load(&kept_op), PLUG_OK, STR(""));
  return NULL;
}

static void drain_waits_for_operations(void **state)
{
  (void)state;
  atomic_store(&answers, 0);
  struct plug_plugin entry = probe_entry();
  struct world *world = running_world(&entry, NULL);
  atomic_store(&kept_op, op_new(world->instance, 0, note_answer, NULL));
  op_offered(atomic_load(&kept_op), PLUG_PENDING);
  pthread_t thread;
  pthread_create(&thread, NULL, complete_soon, (void *)(uintptr_t)world->host);
  assert_int_equal(instance_drain(world->instance), PLUG_OK);
  assert_int_equal(atomic_load(&answers), 1);
  assert_int_equal(answer, PLUG_OK);
  pthread_join(thread, NULL);
  world_free(world);
}

static void cancel_kept(void *self, struct plug_op *op)
{
  assert_ptr_equal(op, atomic_load(&kept_op));
  ((struct probe *)self)->host->op_done(op, PLUG_ECANCELED, STR(""));
}

static void a_drain_that_takes_too_long_cancels_what_is_open(void **state)
{
  (void)state;
  atomic_store(&answers, 0);
  struct plug_plugin entry = probe_entry();
  entry.cancel = cancel_kept;
  struct world *world = running_world(&entry, NULL);
  atomic_store(&kept_op, op_new(world->instance, 0, note_answer, NULL));
  op_offered(atomic_load(&kept_op), PLUG_PENDING);
  instance_set_limits(world->instance, &(struct instance_limits){10000, 30, 5000});
  assert_int_equal(instance_drain(world->instance), PLUG_ETIMEDOUT);
  wait_for_count(&answers, 1);
  assert_int_equal(answer, PLUG_ECANCELED);
  world_free(world);
}

/* The audit. */

static void some_timer(void *arg)
{
  (void)arg;
}

static void some_io(void *arg, int fd, uint32_t ready)
{
  (void)arg, (void)fd, (void)ready;
}

static void leak_at_home(void *arg)
{
  struct world *world = arg;
  world->host->timer_new(world->host, some_timer, NULL);
  struct plug_timer *timer = world->host->timer_new(world->host, some_timer, NULL);
  world->host->timer_set(timer, 60000);
  static int fd;
  fd = eventfd(0, EFD_CLOEXEC);
  world->host->io_open(world->host, fd, PLUG_IO_READ, some_io, NULL);
}

static void leak(void)
{
  struct plug_plugin entry = probe_entry();
  struct world *world = running_world(&entry, NULL);
  loop_call(world->loop, leak_at_home, world);
  struct plug_op *op = op_new(world->instance, 0, note_answer, NULL);
  op_offered(op, PLUG_PENDING);
  instance_stop(world->instance);
  assert_int_equal(atomic_load(&answers), 1);
  assert_int_equal(answer, PLUG_ECANCELED);
  world_free(world);
}

static void what_is_left_after_stop_is_counted_and_taken_away(void **state)
{
  (void)state;
  atomic_store(&answers, 0);
  expect_violation(leak, "stop: left open: 1 watch, 2 timers, 1 operation");
}

/* Host services. */

static void timer_off_home(void)
{
  struct plug_plugin entry = probe_entry();
  struct world *world = running_world(&entry, NULL);
  assert_null(world->host->timer_new(world->host, some_timer, NULL));
  world_free(world);
}

static void a_home_service_on_another_thread_is_a_violation(void **state)
{
  (void)state;
  expect_violation(timer_off_home, "plugin org.example.probe broke its contract on thread "
                                   "'instance_test': timer_new: called off the home thread");
}

static void cfg_after_create(void)
{
  struct plug_plugin entry = probe_entry();
  struct world *world = world_new(&entry, NULL);
  struct plug_str value;
  assert_int_equal(world->host->cfg_str(world->host, "x", &value), PLUG_ESTATE);
  world_free(world);
}

static void reading_the_configuration_after_create_is_a_violation(void **state)
{
  (void)state;
  expect_violation(cfg_after_create, "cfg_str: called outside create");
}

static plug_status posting_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  assert_int_equal(host->post(host, barrier, NULL), PLUG_ESTATE);
  return probe_create(host, self, err);
}

static void post_in_create(void)
{
  struct plug_plugin entry = probe_entry();
  entry.create = posting_create;
  world_free(world_new(&entry, NULL));
}

static void posting_in_create_is_a_violation(void **state)
{
  (void)state;
  expect_violation(post_in_create, "post: called before start or after stop");
}

static const struct plug_option options[] = {
    {"name", PLUG_OPT_STRING, 0, "nobody", NULL, "A name."},
    {"wait", PLUG_OPT_DURATION, 0, "5s", NULL, "How long."},
    {"size", PLUG_OPT_BYTES, 0, NULL, NULL, "How much."},
};

static plug_status reading_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct plug_str name;
  int64_t wait, size;
  assert_int_equal(host->cfg_str(host, "name", &name), PLUG_OK);
  assert_true(str_eq(name, STR("somebody")));
  assert_int_equal(host->cfg_i64(host, "wait", &wait), PLUG_OK);
  assert_int_equal(wait, 5000);
  assert_int_equal(host->cfg_i64(host, "size", &size), PLUG_EINVAL);
  assert_int_equal(host->cfg_i64(host, "what", &size), PLUG_EINVAL);
  assert_string_equal(host->instance, "broker.a");
  assert_non_null(host->node);
  assert_int_equal(strncmp(host->server, "plugboard ", 10), 0);
  assert_int_equal(host->on_home(host), 0);
  return probe_create(host, self, err);
}

static void create_reads_the_configuration(void **state)
{
  (void)state;
  struct plug_plugin entry = probe_entry();
  entry.create = reading_create;
  entry.options = options;
  entry.n_options = 3;
  struct plugin_image image = {0};
  struct plug_err err = {0};
  assert_int_equal(image_judge(&image, &entry, sizeof entry, &err), PLUG_OK);
  struct config *config = config_new();
  assert_int_equal(config_read_text(config, "a.ini", STR("[broker.a]\nname = somebody\n"), &err),
                   PLUG_OK);
  struct plugin_instance *instance =
      instance_create(&image, NULL, "broker.a", config_find(config, "broker.a"), NULL, &err);
  assert_non_null(instance);
  instance_destroy(instance);
  config_free(config);
}

struct io_probe {
  struct world *world;
  struct plug_io *io;
  struct plug_timer *timer;
  int fds[2];
  _Atomic int64_t reads, writes, fired;
  uint64_t set_at, fired_at;
};

static void on_io(void *arg, int fd, uint32_t ready)
{
  struct io_probe *probe = arg;
  if (ready & PLUG_IO_WRITE) {
    probe->world->host->io_want(probe->io, PLUG_IO_READ);
    atomic_fetch_add(&probe->writes, 1);
  }
  char bytes[16];
  if ((ready & PLUG_IO_READ) && read(fd, bytes, sizeof bytes) >= 0) {
    probe->world->host->io_want(probe->io, 0);
    atomic_fetch_add(&probe->reads, 1);
  }
}

static void on_fired(void *arg)
{
  struct io_probe *probe = arg;
  probe->fired_at = clock_now_ms();
  atomic_fetch_add(&probe->fired, 1);
}

static void open_io(void *arg)
{
  struct io_probe *probe = arg;
  const struct plug_host *host = probe->world->host;
  probe->io = host->io_open(host, probe->fds[0], PLUG_IO_READ | PLUG_IO_WRITE, on_io, probe);
  assert_non_null(probe->io);
  /* One watch per descriptor. */
  assert_null(host->io_open(host, probe->fds[0], PLUG_IO_READ, on_io, probe));
  probe->timer = host->timer_new(host, on_fired, probe);
}

static void want_read(void *arg)
{
  struct io_probe *probe = arg;
  probe->world->host->io_want(probe->io, PLUG_IO_READ);
}

static void close_io(void *arg)
{
  struct io_probe *probe = arg;
  probe->world->host->io_close(probe->io);
  probe->world->host->timer_free(probe->timer);
}

static void open_socket_pair(int fds[2])
{
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

static void a_watch_reports_what_is_wanted_and_pauses(void **state)
{
  (void)state;
  struct plug_plugin entry = probe_entry();
  struct io_probe probe = {.world = running_world(&entry, NULL)};
  open_socket_pair(probe.fds);
  loop_call(probe.world->loop, open_io, &probe);
  wait_for_count(&probe.writes, 1); /* then only reading is wanted */
  assert_int_equal(write(probe.fds[1], "a", 1), 1);
  wait_for_count(&probe.reads, 1); /* then nothing */
  assert_int_equal(write(probe.fds[1], "b", 1), 1);
  usleep(30000);
  assert_int_equal(atomic_load(&probe.reads), 1);
  assert_int_equal(atomic_load(&probe.writes), 1);
  loop_call(probe.world->loop, want_read, &probe); /* level-triggered: b is still there */
  wait_for_count(&probe.reads, 2);
  close(probe.fds[1]); /* a hang-up reports as readable */
  loop_call(probe.world->loop, want_read, &probe);
  wait_for_count(&probe.reads, 3);
  loop_call(probe.world->loop, close_io, &probe);
  close(probe.fds[0]);
  world_free(probe.world);
}

static void set_timer(void *arg)
{
  struct io_probe *probe = arg;
  probe->set_at = clock_now_ms();
  usleep(20000); /* the turn takes long, which must not make the timer early */
  probe->world->host->timer_set(probe->timer, 40);
}

static void set_and_stop_timer(void *arg)
{
  struct io_probe *probe = arg;
  probe->world->host->timer_set(probe->timer, 1);
  probe->world->host->timer_stop(probe->timer);
}

static void timers_fire_once_and_never_early(void **state)
{
  (void)state;
  struct plug_plugin entry = probe_entry();
  struct io_probe probe = {.world = running_world(&entry, NULL)};
  open_socket_pair(probe.fds);
  loop_call(probe.world->loop, open_io, &probe);
  loop_call(probe.world->loop, set_timer, &probe);
  wait_for_count(&probe.fired, 1);
  assert_true(probe.fired_at >= probe.set_at + 60);
  loop_call(probe.world->loop, set_and_stop_timer, &probe);
  usleep(20000);
  assert_int_equal(atomic_load(&probe.fired), 1);
  loop_call(probe.world->loop, set_timer, &probe); /* re-armed */
  wait_for_count(&probe.fired, 2);
  loop_call(probe.world->loop, close_io, &probe);
  close(probe.fds[0]);
  close(probe.fds[1]);
  world_free(probe.world);
}

static _Atomic int64_t posted_at_home;

static void note_home(void *arg)
{
  const struct plug_host *host = arg;
  if (host->on_home(host))
    atomic_fetch_add(&posted_at_home, 1);
}

static void posted_functions_run_at_home(void **state)
{
  (void)state;
  atomic_store(&posted_at_home, 0);
  struct plug_plugin entry = probe_entry();
  struct world *world = running_world(&entry, NULL);
  for (int i = 0; i < 100; i++)
    assert_int_equal(world->host->post(world->host, note_home, (void *)(uintptr_t)world->host),
                     PLUG_OK);
  wait_for_count(&posted_at_home, 100);
  world_free(world);
}

static void messages_cross_the_wire_and_back(void **state)
{
  (void)state;
  struct plug_plugin entry = probe_entry();
  struct world *world = running_world(&entry, NULL);
  const struct plug_host *host = world->host;
  int64_t alive = message_count_alive();
  struct plug_kv header = {STR("colour"), STR("red")};
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = STR("/topic/a"),
                               .payload = STR("hello"),
                               .headers = &header,
                               .n_headers = 1};
  const struct plug_msg *msg = host->msg_make(host, &init);
  assert_non_null(msg);
  const struct plug_msg *copy = host->msg_decode(host, host->msg_encode(msg));
  assert_non_null(copy);
  assert_int_equal(copy->id, msg->id);
  assert_true(str_eq(copy->payload, STR("hello")));
  assert_true(str_eq(copy->headers[0].value, STR("red")));
  host->msg_ref(copy);
  host->msg_unref(copy);
  host->msg_unref(copy);
  host->msg_unref(msg);
  assert_null(host->msg_decode(host, STR("nonsense")));
  init.size = 8; /* of an init that ends there the topic is empty */
  assert_null(host->msg_make(host, &init));
  assert_int_equal(message_count_alive(), alive);
  world_free(world);
}

struct upcalls {
  int delivered, states;
  uint64_t interest;
  uint32_t flags;
};

static plug_status note_deliver(void *ctx, uint64_t interest, const struct plug_msg *msg)
{
  struct upcalls *upcalls = ctx;
  (void)msg;
  upcalls->delivered++;
  upcalls->interest = interest;
  return PLUG_EAGAIN;
}

static struct plug_kv header_of(const char *name, const char *value)
{
  return (struct plug_kv){str_of(name), str_of(value)};
}

static void what_would_break_a_frame_or_a_limit_is_not_made(void **state)
{
  (void)state;
  static const struct message_limits limits = {
      .bytes = 100, .n_headers = 2, .header_bytes = 40, .topic_bytes = 20};
  struct plug_plugin entry = probe_entry();
  struct plugin_image image;
  struct loop *loop = loop_start();
  struct plugin_instance *instance = probe_instance(&image, &entry, loop, NULL);
  const struct plug_host *host = ((struct probe *)instance_self(instance))->host;
  static const char long_text[101] = "0123456789012345678901234567890123456789"
                                     "012345678901234567890123456789012345678901234567890123456789";
  struct plug_kv bad[] = {header_of("", "x"),
                          header_of("content-length", "1"),
                          header_of("destination", ""),
                          header_of("message-id", "1"),
                          header_of("subscription", ""),
                          header_of("ack", "1"),
                          header_of("content-type", ""),
                          header_of("a", "\xff"),
                          header_of("a", long_text),
                          header_of("\xc3", "a")};
  struct plug_msg_init init = {.size = sizeof init, .topic = STR("/topic/a"), .n_headers = 1};
  int64_t refused = counter_read(COUNTER_refused_made);
  message_set_limits(&limits);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    init.headers = &bad[i];
    assert_null(host->msg_make(host, &init));
  }
  struct plug_kv good[] = {header_of("a", "b:c\n"), header_of("B", ""), header_of("c", "")};
  init.headers = good;
  init.n_headers = 3;
  assert_null(host->msg_make(host, &init));
  init.n_headers = 2;
  const struct plug_msg *msg = host->msg_make(host, &init);
  assert_non_null(msg);
  host->msg_unref(msg);
  init.payload = str_from(long_text, 100);
  assert_null(host->msg_make(host, &init));
  init.payload = str_from(NULL, 0);
  init.topic = STR("/topic/0123456789abcdef");
  assert_null(host->msg_make(host, &init));
  assert_int_equal(counter_read(COUNTER_refused_made) - refused, sizeof bad / sizeof *bad + 3);
  message_set_limits(&(struct message_limits){0});
  end_instance(instance);
  loop_stop(loop);
}

static void note_state(void *ctx, int32_t broker_state, uint32_t flags, struct plug_str why)
{
  struct upcalls *upcalls = ctx;
  if (broker_state == PLUG_STATE_UP && str_eq(why, STR("connected")))
    upcalls->states++;
  upcalls->flags = flags;
}

static void report_state(void *arg)
{
  struct world *world = arg;
  world->host->broker->state(world->host, PLUG_STATE_UP, PLUG_INTERESTS_LOST, STR("connected"));
}

static const struct plug_msg some_msg; /* which nobody looks at */

static void upcalls_reach_the_server_until_stop(void **state)
{
  (void)state;
  struct upcalls upcalls = {0};
  struct instance_broker_up up = {note_deliver, note_state, &upcalls};
  struct plug_plugin entry = probe_entry();
  struct world *world = running_world(&entry, &up);
  assert_int_equal(world->host->broker->deliver(world->host, 7, &some_msg), PLUG_EAGAIN);
  assert_int_equal(upcalls.interest, 7);
  loop_call(world->loop, report_state, world);
  assert_int_equal(upcalls.states, 1);
  assert_int_equal(upcalls.flags, PLUG_INTERESTS_LOST);
  instance_stop(world->instance);
  assert_int_equal(world->host->broker->deliver(world->host, 7, &some_msg), PLUG_ESTATE);
  assert_int_equal(upcalls.delivered, 1);
  world_free(world);
}

static struct plug_metric *metrics[5];

static plug_status measuring_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  const struct plug_metrics *table = host->extension(host, PLUG_EXT_METRICS);
  assert_non_null(table);
  assert_null(host->extension(host, "plug.host.nothing/1"));
  metrics[0] = table->counter(host, "published", "messages");
  metrics[1] = table->counter(host, "published", "messages");
  metrics[2] = table->gauge(host, "queued", "waiting");
  metrics[3] = table->gauge(host, "published", "another kind");
  metrics[4] = table->counter(host, "Bad Name", "x");
  table->add(metrics[0], 2);
  table->add(metrics[0], 3);
  table->set(metrics[2], 9);
  table->add(metrics[2], -1);
  return probe_create(host, self, err);
}

static void put_metric(void *ctx, const char *name, const char *help, int is_gauge, int64_t value)
{
  buf_putf(ctx, "%s %s %d %lld\n", name, help, is_gauge, (long long)value);
}

static void metrics_are_counted_and_listed(void **state)
{
  (void)state;
  struct plug_plugin entry = probe_entry();
  entry.create = measuring_create;
  struct world *world = running_world(&entry, NULL);
  assert_non_null(metrics[0]);
  assert_ptr_equal(metrics[0], metrics[1]);
  assert_null(metrics[3]);
  assert_null(metrics[4]);
  struct buf out = {0};
  instance_each_metric(world->instance, put_metric, &out);
  buf_put_char(&out, '\0');
  assert_string_equal(out.data, "published messages 0 5\nqueued waiting 1 8\n");
  buf_free(&out);
  world_free(world);
}

static plug_status slow_start(void *self, struct plug_op *op)
{
  (void)self, (void)op;
  usleep(30000);
  return PLUG_OK;
}

static void a_slow_home_call_is_logged_by_name(void **state)
{
  (void)state;
  int out[2], before = dup(STDERR_FILENO);
  assert_int_equal(pipe(out), 0);
  dup2(out[1], STDERR_FILENO);
  struct plug_plugin entry = probe_entry();
  entry.start = slow_start;
  world_free(running_world(&entry, NULL));
  dup2(before, STDERR_FILENO);
  close(before);
  close(out[1]);
  char said[1024] = "";
  ssize_t n = read(out[0], said, sizeof said - 1);
  close(out[0]);
  assert_true(n > 0);
  assert_non_null(strstr(said, "warn broker.probe: start took "));
}

/* --- a home of its own -------------------------------------------------------------------- */

static _Atomic(const struct plug_host *) host_at_start;
static _Atomic bool was_at_home;
static char home_name[16];

static plug_status note_own_home(void *self, struct plug_op *op)
{
  const struct plug_host *host = ((struct probe *)self)->host;
  (void)op;
  atomic_store(&host_at_start, host);
  atomic_store(&was_at_home, host->on_home(host));
  pthread_getname_np(pthread_self(), home_name, sizeof home_name);
  return PLUG_OK;
}

static void is_control(void *arg)
{
  const struct plug_host *host = arg;
  atomic_store(&was_at_home, host->on_home(host));
}

static void ends_on_the_home(void *arg, plug_status status, struct plug_str detail)
{
  (void)status, (void)detail;
  const struct plug_host *host = arg;
  atomic_store(&was_at_home, host->on_home(host));
  atomic_fetch_add(&answers, 1);
}

static void an_instance_may_have_a_thread_of_its_own(void **state)
{
  (void)state;
  struct plug_plugin entry = probe_entry();
  entry.start = note_own_home;
  struct world *world = world_new(&entry, NULL);
  struct plug_err err = {0};
  instance_want_own_home(world->instance);
  assert_int_equal(instance_start(world->instance, &err), PLUG_OK);
  assert_true(atomic_load(&was_at_home));
  assert_string_equal(home_name, "broker.probe");
  assert_true(loop_is_own(instance_loop(world->instance)));
  assert_false(loop_is_own(world->loop));
  loop_call(world->loop, is_control, (void *)(uintptr_t)atomic_load(&host_at_start));
  assert_false(atomic_load(&was_at_home));

  atomic_store(&answers, 0);
  struct plug_op *op =
      op_new(world->instance, 60, ends_on_the_home, (void *)(uintptr_t)world->host);
  op_offered(op, PLUG_PENDING);
  wait_for_count(&answers, 1); /* the deadline is kept there, too */
  assert_true(atomic_load(&was_at_home));
  world->host->op_done(op, PLUG_OK, STR(""));
  size_t n = count_entries("/proc/self/task");
  end_instance(world->instance);
  for (int i = 0; i < 60000 && count_entries("/proc/self/task") != n - 1; i++)
    usleep(1000);
  assert_int_equal(count_entries("/proc/self/task"), n - 1);
  loop_stop(world->loop);
  free(world);
}

static int nothing_of_theirs;
static const struct instance_extension theirs = {"org.example.theirs/1", &nothing_of_theirs, NULL,
                                                 NULL};

static plug_status asking_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  assert_ptr_equal(host->extension(host, theirs.id), &nothing_of_theirs);
  return probe_create(host, self, err);
}

static void start_with_extension(const struct plug_plugin *entry, bool own)
{
  struct loop *loop = loop_start();
  struct plugin_image image = {0};
  struct plug_err err = {0};
  struct config *config = config_new();
  assert_int_equal(image_judge(&image, entry, sizeof *entry, &err), PLUG_OK);
  struct plugin_instance *instance =
      instance_create_named(&image, loop, "broker.probe", config, &theirs, &err);
  assert_non_null(instance);
  instance_want_own_home(instance);
  assert_int_equal(instance_start(instance, &err), PLUG_OK);
  const struct plug_host *host = ((struct probe *)instance_self(instance))->host;
  assert_int_equal(loop_is_own(instance_loop(instance)), own);
  assert_ptr_equal(host->extension(host, theirs.id), own ? NULL : &nothing_of_theirs);
  end_instance(instance);
  config_free(config);
  loop_stop(loop);
}

static void who_asks_for_what_lives_on_the_control_thread_stays_there(void **state)
{
  (void)state;
  struct plug_plugin entry = probe_entry();
  start_with_extension(&entry, true);
  entry.create = asking_create;
  start_with_extension(&entry, false);
}

int main(void)
{
  message_set_node("test");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_left_after_stop_is_counted_and_taken_away),
      cmocka_unit_test(a_home_service_on_another_thread_is_a_violation),
      cmocka_unit_test(reading_the_configuration_after_create_is_a_violation),
      cmocka_unit_test(posting_in_create_is_a_violation),
      cmocka_unit_test(create_reads_the_configuration),
      cmocka_unit_test(start_waits_for_its_completion),
      cmocka_unit_test(a_failed_start_says_why_and_can_be_stopped),
      cmocka_unit_test(a_start_that_takes_too_long_fails_and_is_cancelled),
      cmocka_unit_test(drain_waits_for_operations),
      cmocka_unit_test(a_drain_that_takes_too_long_cancels_what_is_open),
      cmocka_unit_test(a_watch_reports_what_is_wanted_and_pauses),
      cmocka_unit_test(timers_fire_once_and_never_early),
      cmocka_unit_test(posted_functions_run_at_home),
      cmocka_unit_test(messages_cross_the_wire_and_back),
      cmocka_unit_test(what_would_break_a_frame_or_a_limit_is_not_made),
      cmocka_unit_test(upcalls_reach_the_server_until_stop),
      cmocka_unit_test(metrics_are_counted_and_listed),
      cmocka_unit_test(a_slow_home_call_is_logged_by_name),
      cmocka_unit_test(an_instance_may_have_a_thread_of_its_own),
      cmocka_unit_test(who_asks_for_what_lives_on_the_control_thread_stays_there),
      cmocka_unit_test(a_plugin_that_never_finishes_stop_is_abandoned),
      cmocka_unit_test(a_plugin_that_hangs_in_stop_is_abandoned),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
