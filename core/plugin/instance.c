#include "plugin/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/str.h"
#include "config/fault.h"
#include "config/option.h"
#include "plugin/border.h"
#include "plugin/create_fault.h"
#include "plugin/held.h"
#include "plugin/host.h"
#include "plugin/host_config.h"
#include "plugin/host_io.h"
#include "plugin/loop_pin.h"
#include "plugin/op.h"
#include "plugin/op_pool.h"
#include "plugin/part.h"
#include "plugin/watchdog.h"

#define CREATE_LIMIT_MS 1000
#define START_LIMIT_MS  10000
#define DRAIN_LIMIT_MS  5000
#define STOP_LIMIT_MS   5000
/* How much longer than an operation's deadline the starting thread waits for a control thread that
 * hangs inside a plugin. */
#define HANG_GRACE_MS   500

/* One of start, drain, stop: run at home, waited for on the starting thread. Each happens once. */
struct instance_step {
  struct plugin_instance *instance;
  const char *name;
  plug_status (*call)(void *self, struct plug_op *op) PLUG_NOEXCEPT; /* NULL: nothing to do */
  uint64_t limit_ms;
  struct loop_task task;
  bool finished; /* this and what follows: under the instance's lock */
  plug_status status;
  char detail[200];
};

/* All that an instance consists of. Its parts know of the first member only, and of themselves. */
struct whole {
  struct plugin_instance part;
  struct op_pool ops;
  struct metrics metrics;
  struct host_io io;
  struct host_config config;
  bool started;
  bool wants_own_home;
  _Atomic int64_t holds;

  uv_mutex_t lock; /* protects the steps' results; nothing is called under it */
  uv_cond_t changed;
  struct instance_step start, drain, stop;
  char leaked[160]; /* what the audit found; empty when all is well */
};

static struct whole *whole_of(const struct plugin_instance *instance)
{
  return container_of((struct plugin_instance *)(uintptr_t)instance, struct whole, part);
}

/* Kept so that they are not taken for leaks: a plugin that was abandoned may still use its host. */
static struct list abandoned = {&abandoned, &abandoned};
struct abandoned_entry {
  struct list link;
  struct plugin_instance *instance;
};

static plug_status nobody_delivers(void *ctx, uint64_t interest, const struct plug_msg *msg)
{
  (void)ctx, (void)interest, (void)msg;
  return PLUG_ESTATE;
}

static void nobody_listens(void *ctx, int32_t state, uint32_t flags, struct plug_str why)
{
  (void)ctx, (void)state, (void)flags, (void)why;
}

static void instance_free(struct plugin_instance *instance)
{
  struct whole *whole = whole_of(instance);
  held_reclaim(instance); /* of one whose create has failed */
  watchdog_lock();        /* it may look at the last call */
  watchdog_unlock();
  op_pool_fini(&whole->ops);
  metrics_fini(&whole->metrics);
  uv_cond_destroy(&whole->changed);
  uv_mutex_destroy(&whole->lock);
  free(instance->name);
  free(whole);
}

static struct instance_step step_of(struct plugin_instance *instance, const char *name,
                                    plug_status (*call)(void *self, struct plug_op *op)
                                        PLUG_NOEXCEPT,
                                    uint64_t limit_ms)
{
  return (struct instance_step){instance, name, call, limit_ms, .finished = false};
}

static struct plugin_instance *instance_alloc(struct plugin_image *image, struct loop *loop,
                                              const char *name, const struct instance_broker_up *up)
{
  struct whole *whole = calloc(1, sizeof *whole);
  if (!whole)
    return NULL;
  static _Atomic uint64_t serials;
  struct plugin_instance *instance = &whole->part;
  const struct plug_plugin *entry = &image->entry;
  instance->serial = atomic_fetch_add(&serials, 1) + 1;
  instance->image = image;
  instance->id = entry->id;
  instance->cancel = entry->cancel;
  instance->loop = loop;
  instance->up = up ? *up : (struct instance_broker_up){nobody_delivers, nobody_listens, NULL};
  instance->ops = &whole->ops;
  instance->metrics = &whole->metrics;
  instance->io = &whole->io;
  instance->config = &whole->config;
  host_io_init(&whole->io);
  metrics_init(&whole->metrics);
  atomic_init(&instance->state, INSTANCE_CREATED);
  whole->start = step_of(instance, "start", entry->start, START_LIMIT_MS);
  whole->drain = step_of(instance, "drain", entry->drain, DRAIN_LIMIT_MS);
  whole->stop = step_of(instance, "stop", entry->stop, STOP_LIMIT_MS);
  instance->name = str_dup(str_of(name));
  if (!instance->name)
    goto free_whole;
  if (uv_mutex_init(&whole->lock))
    goto free_name;
  if (uv_cond_init(&whole->changed))
    goto destroy_lock;
  if (!op_pool_init(&whole->ops, instance))
    goto destroy_cond;
  host_init(instance);
  return instance;

destroy_cond:
  uv_cond_destroy(&whole->changed);
destroy_lock:
  uv_mutex_destroy(&whole->lock);
free_name:
  free(instance->name);
free_whole:
  free(whole);
  return NULL;
}

static struct plugin_instance *create(struct plugin_image *image, struct loop *loop,
                                      const char *name, const struct config_section *section,
                                      const struct config *config,
                                      const struct instance_broker_up *up,
                                      const struct instance_extension *extension,
                                      struct plug_err *err)
{
  struct option_table table = {image->entry.options, image->entry.n_options};
  if (option_check(&table, section, name, err))
    return NULL;
  struct plugin_instance *instance = instance_alloc(image, loop, name, up);
  if (!instance) {
    fault_no_memory(err);
    return NULL;
  }
  struct plug_err said = {0};
  *instance->config = (struct host_config){.section = section, .config = config};
  instance->extension = extension;
  instance->creator = pthread_self();
  atomic_store_explicit(&instance->creating, true, memory_order_release);
  struct instance_call call;
  instance_call_begin(&call, instance, "create");
  plug_status status = image->entry.create(&instance->host, &instance->self, &said);
  instance_call_end_within(&call, CREATE_LIMIT_MS);
  atomic_store_explicit(&instance->creating, false, memory_order_release);
  if (status != PLUG_OK) {
    create_fault_report(instance, section, status, &said, err);
    instance_free(instance);
    return NULL;
  }
  status = create_fault_unread(instance, err);
  *instance->config = (struct host_config){.section = NULL};
  if (status == PLUG_OK)
    return instance;
  instance_destroy(instance);
  return NULL;
}

struct plugin_instance *instance_create(struct plugin_image *image, struct loop *loop,
                                        const char *name, const struct config_section *section,
                                        const struct instance_broker_up *up, struct plug_err *err)
{
  return create(image, loop, name, section, NULL, up, NULL, err);
}

struct plugin_instance *instance_create_named(struct plugin_image *image, struct loop *loop,
                                              const char *name, const struct config *config,
                                              const struct instance_extension *extension,
                                              struct plug_err *err)
{
  return create(image, loop, name, config_find(config, name), config, NULL, extension, err);
}

struct plugin_instance *instance_calling(const struct plug_host *host, const char *function,
                                         void **ctx)
{
  struct plugin_instance *instance = part_of(host);
  if (!border_is_home(instance, function) || !instance->extension ||
      instance_state(instance) != INSTANCE_RUNNING)
    return NULL;
  *ctx = instance->extension->ctx;
  return instance;
}

static void put_leak(char *out, size_t size, unsigned long long n, const char *one,
                     const char *many)
{
  size_t len = strlen(out);
  if (n)
    snprintf(out + len, size - len, "%s%llu %s", len ? ", " : "left open: ", n,
             n == 1 ? one : many);
}

/* [home] After stop has succeeded: what is left is named and taken away, and no upcall of this
 * instance gets through any more. */
static void audit(struct plugin_instance *instance)
{
  struct whole *whole = whole_of(instance);
  char *out = whole->leaked;
  size_t size = sizeof whole->leaked;
  atomic_store(&instance->closed, true);
  put_leak(out, size, host_io_close_watches(instance->io), "watch", "watches");
  put_leak(out, size, host_io_close_timers(instance->io), "timer", "timers");
  put_leak(out, size, op_pool_reclaim(instance->ops), "operation", "operations");
  put_leak(out, size, (unsigned long long)atomic_load(&instance->posted), "posted function",
           "posted functions");
  put_leak(out, size, (unsigned long long)atomic_load(&instance->jobs), "job in the work pool",
           "jobs in the work pool");
}

static void step_finish(struct instance_step *step, plug_status status, struct plug_str detail)
{
  struct plugin_instance *instance = step->instance;
  struct whole *whole = whole_of(instance);
  if (instance_state(instance) == INSTANCE_ABANDONED)
    return; /* too late: nobody waits, and nothing is taken away from it any more */
  if (step == &whole->stop && status != PLUG_ETIMEDOUT)
    audit(instance);
  uv_mutex_lock(&whole->lock);
  step->status = status;
  snprintf(step->detail, sizeof step->detail, "%.*s", STR_ARG(detail));
  step->finished = true;
  uv_cond_broadcast(&whole->changed);
  uv_mutex_unlock(&whole->lock);
}

static void step_done(void *arg, plug_status status, struct plug_str detail)
{
  step_finish(arg, status, detail);
}

static void step_run(struct loop_task *task)
{
  struct instance_step *step = container_of(task, struct instance_step, task);
  struct plugin_instance *instance = step->instance;
  if (!step->call) {
    step_finish(step, PLUG_OK, STR(""));
    return;
  }
  struct plug_op *op = op_new(instance, step->limit_ms, step_done, step);
  if (!op) {
    step_finish(step, PLUG_ENOMEM, STR("out of memory"));
    return;
  }
  struct instance_call call;
  instance_call_begin(&call, instance, step->name);
  plug_status status = op_offered(op, step->call(instance->self, op));
  instance_call_end(&call);
  if (status != PLUG_PENDING)
    step_finish(step, status, STR(""));
}

/* On its home, or on a thread that is in one of its functions. */
static bool hangs(const struct plugin_instance *instance)
{
  struct watch_record *records;
  size_t n = watch_records(&records);
  for (size_t i = 0; i < n; i++)
    if (atomic_load(&records[i].hangs) && atomic_load(&records[i].instance) == instance)
      return true;
  return loop_hangs(instance->loop);
}

/* PLUG_ETIMEDOUT: it does not finish; otherwise how it finished. */
static plug_status step_wait(struct instance_step *step)
{
  struct plugin_instance *instance = step->instance;
  struct whole *whole = whole_of(instance);
  /* What hangs already has had its time. */
  uint64_t limit_ms = hangs(instance) ? HANG_GRACE_MS : step->limit_ms + HANG_GRACE_MS;
  uint64_t deadline = clock_now_ms() + limit_ms;
  step->task.run = step_run;
  loop_post_task(instance->loop, &step->task);
  uv_mutex_lock(&whole->lock);
  uint64_t now;
  while (!step->finished && (now = clock_now_ms()) < deadline)
    uv_cond_timedwait(&whole->changed, &whole->lock, (deadline - now) * 1000000u);
  if (!step->finished)
    snprintf(step->detail, sizeof step->detail, "thread '%s' does not come back from it",
             loop_name(instance->loop));
  plug_status status = step->finished ? step->status : PLUG_ETIMEDOUT;
  uv_mutex_unlock(&whole->lock);
  return status;
}

/* False when operations or jobs are still open after that time. They are counted down on their way
 * home and on workers, so there is nobody who could be asked to wake this thread. */
static bool wait_for_ops(struct plugin_instance *instance, uint64_t deadline_ms)
{
  while (op_pool_alive(instance->ops) || atomic_load(&instance->jobs)) {
    if (clock_now_ms() >= deadline_ms)
      return false;
    uv_sleep(2);
  }
  return true;
}

/* False when there can be none. */
static bool move_home(struct plugin_instance *instance)
{
  if (!whole_of(instance)->wants_own_home || atomic_load(&instance->at_control))
    return true;
  struct loop *own = loop_start_own(instance->name, instance->loop);
  if (own)
    instance->loop = own;
  return own != NULL;
}

plug_status instance_start(struct plugin_instance *instance, struct plug_err *err)
{
  struct whole *whole = whole_of(instance);
  invariant(instance->loop && !whole->started);
  if (!move_home(instance)) {
    fault_at(err, NULL, 0, "[%s] cannot start: no thread can be started for it", instance->name);
    return err->code = PLUG_ENOMEM;
  }
  whole->started = true;
  plug_status status = step_wait(&whole->start);
  if (status == PLUG_OK) {
    atomic_store(&instance->state, INSTANCE_RUNNING);
    return PLUG_OK;
  }
  char detail[sizeof whole->start.detail];
  uv_mutex_lock(&whole->lock);
  memcpy(detail, whole->start.detail, sizeof detail);
  uv_mutex_unlock(&whole->lock);
  if (status == PLUG_ETIMEDOUT && !strcmp(detail, OP_TIMEOUT_DETAIL))
    fault_at(err, NULL, 0, "[%s] cannot start: not ready after %llu ms", instance->name,
             (unsigned long long)whole->start.limit_ms);
  else if (detail[0])
    fault_at(err, NULL, 0, "[%s] cannot start: %s", instance->name, detail);
  else
    fault_at(err, NULL, 0, "[%s] cannot start: status %d (%s) and no explanation", instance->name,
             status, op_status_text(status));
  err->code = status < 0 ? status : PLUG_EINTERNAL;
  return err->code;
}

static void cancel_all(void *arg)
{
  struct plugin_instance *instance = arg;
  op_pool_cancel_all(instance->ops);
}

plug_status instance_drain(struct plugin_instance *instance)
{
  struct whole *whole = whole_of(instance);
  if (instance_state(instance) != INSTANCE_RUNNING)
    return PLUG_ESTATE;
  atomic_store(&instance->state, INSTANCE_DRAINING);
  uint64_t deadline = clock_now_ms() + whole->drain.limit_ms;
  plug_status status = step_wait(&whole->drain);
  if (status == PLUG_OK && !wait_for_ops(instance, deadline))
    status = PLUG_ETIMEDOUT;
  if (status == PLUG_OK)
    return PLUG_OK;
  log_warn(instance->name, "drain ended with status %d and %lld operations open", status,
           (long long)op_pool_alive(instance->ops));
  loop_post(instance->loop, cancel_all, instance); /* stop is queued behind it */
  return status;
}

static void abandon(struct plugin_instance *instance, const char *why)
{
  atomic_store(&instance->state, INSTANCE_ABANDONED);
  atomic_store(&instance->closed, true);
  loop_pin(instance->loop);
  log_error(instance->name,
            "plugin %s %s within %llu ms and is abandoned: it keeps its memory and its threads "
            "until the server ends",
            instance->id, why, (unsigned long long)whole_of(instance)->stop.limit_ms);
  struct abandoned_entry *entry = malloc(sizeof *entry);
  if (entry) {
    entry->instance = instance;
    list_append(&abandoned, &entry->link);
  }
}

void instance_give_up(struct plugin_instance *instance)
{
  enum instance_state state = instance_state(instance);
  if (state != INSTANCE_STOPPED && state != INSTANCE_ABANDONED)
    abandon(instance, "was not reached at home");
}

static void nothing(void *arg)
{
  (void)arg;
}

void instance_stop(struct plugin_instance *instance)
{
  struct whole *whole = whole_of(instance);
  enum instance_state state = instance_state(instance);
  if (state == INSTANCE_STOPPED || state == INSTANCE_ABANDONED)
    return;
  if (!whole->started) {
    atomic_store(&instance->state, INSTANCE_STOPPED);
    return;
  }
  plug_status status = step_wait(&whole->stop);
  if (status == PLUG_ETIMEDOUT) {
    abandon(instance, "did not stop");
    return;
  }
  if (!wait_for_ops(instance, clock_now_ms() + whole->stop.limit_ms)) {
    abandon(instance, "stopped, but did not return from a call");
    return;
  }
  if (status != PLUG_OK)
    log_warn(instance->name, "stop ended with status %d: %s", status, whole->stop.detail);
  /* Tasks of this instance that were already on their way are done after this. */
  if (!loop_call_within(instance->loop, nothing, NULL, whole->stop.limit_ms)) {
    abandon(instance, "stopped, but its home thread did not come back");
    return;
  }
  atomic_store(&instance->state, INSTANCE_STOPPED);
  if (whole->leaked[0])
    border_violation(instance, "stop", whole->leaked);
}

void instance_destroy(struct plugin_instance *instance)
{
  if (!instance || instance_state(instance) == INSTANCE_ABANDONED)
    return;
  struct whole *whole = whole_of(instance);
  invariant(!whole->started || instance_state(instance) == INSTANCE_STOPPED);
  struct instance_call call;
  instance_call_begin(&call, instance, "destroy");
  instance->image->entry.destroy(instance->self);
  instance_call_end_within(&call, CREATE_LIMIT_MS);
  whole->leaked[0] = '\0';
  put_leak(whole->leaked, sizeof whole->leaked, held_reclaim(instance), "message", "messages");
  if (whole->leaked[0])
    border_violation(instance, "destroy", whole->leaked);
  if (loop_is_own(instance->loop))
    loop_stop(instance->loop); /* what was posted there before looks at the instance */
  instance_free(instance);
}

bool instance_any_abandoned(void)
{
  return !list_empty(&abandoned);
}

void instance_hold(struct plugin_instance *instance)
{
  atomic_fetch_add_explicit(&whole_of(instance)->holds, 1, memory_order_relaxed);
}

void instance_release(struct plugin_instance *instance)
{
  atomic_fetch_sub_explicit(&whole_of(instance)->holds, 1, memory_order_release);
}

bool instance_is_held(const struct plugin_instance *instance)
{
  return atomic_load_explicit(&whole_of(instance)->holds, memory_order_acquire) != 0;
}

enum instance_state instance_state(const struct plugin_instance *instance)
{
  return part_state(instance);
}

const char *instance_name(const struct plugin_instance *instance)
{
  return instance->name;
}

bool instance_is_younger(const struct plugin_instance *instance,
                         const struct plugin_instance *other)
{
  return instance->serial > other->serial && strcmp(instance->name, other->name) == 0;
}

void *instance_self(const struct plugin_instance *instance)
{
  return instance->self;
}

struct loop *instance_loop(const struct plugin_instance *instance)
{
  return instance->loop;
}

const struct plug_broker *instance_broker(const struct plugin_instance *instance)
{
  return instance->image->entry.broker;
}

const struct plug_auth *instance_auth(const struct plugin_instance *instance)
{
  return instance->image->entry.auth;
}

const struct plug_app *instance_app(const struct plugin_instance *instance)
{
  return instance->image->entry.app;
}

void instance_want_own_home(struct plugin_instance *instance)
{
  whole_of(instance)->wants_own_home = true;
}

void instance_set_limits(struct plugin_instance *instance, const struct instance_limits *limits)
{
  struct whole *whole = whole_of(instance);
  whole->start.limit_ms = limits->start_ms;
  whole->drain.limit_ms = limits->drain_ms;
  whole->stop.limit_ms = limits->stop_ms;
}

void instance_set_app_up(struct plugin_instance *instance, const struct instance_app_up *up)
{
  instance->app_up = *up;
}

void instance_set_presence_up(struct plugin_instance *instance,
                              const struct instance_presence_up *up)
{
  instance->presence_up = *up;
}

const void *instance_extension(const struct plugin_instance *instance, const char *id)
{
  const struct plug_plugin *entry = &instance->image->entry;
  return entry->extension ? entry->extension(instance->self, id) : NULL;
}

void instance_set_auth_up(struct plugin_instance *instance, const struct instance_auth_up *up)
{
  instance->auth_up = *up;
}

const struct plugin_image *instance_image(const struct plugin_instance *instance)
{
  return instance->image;
}

void instance_each_metric(struct plugin_instance *instance, metrics_fn fn, void *ctx)
{
  metrics_each(&whole_of(instance)->metrics, fn, ctx);
}
