/* SPDX-License-Identifier: MIT */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* clock_gettime, when compiled with -std=c11 */
#endif
#include "mock_internal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long the server waits for an operation of each kind. */
enum { OP_LIMIT_MS = 10000, STOP_LIMIT_MS = 5000 };
enum { MAX_POLLED = 64 };

/* ---- The instance ---- */

static void fill_host(struct plug_mock *mock)
{
  struct plug_host *host = &mock->host;
  host->size = (uint32_t)sizeof *host;
  host->abi_major = PLUG_ABI_MAJOR;
  host->abi_minor = PLUG_ABI_MINOR;
  host->server = "plug_mock_host";
  mock_fill_services(host);
  mock_fill_messages(host);
  mock_fill_upcalls(host, mock->plugin);
}

/* What the server checks of the configuration before create, but for ranges. */
static int options_are_good(const struct plug_mock *mock, struct plug_err *err)
{
  int64_t number;
  for (const char *const *o = mock->options; o && *o; o += 2)
    if (!mock_find_option(mock->plugin, o[0])) {
      snprintf(err->text, sizeof err->text, "%s: no such option", o[0]);
      return 0;
    }
  for (size_t i = 0; i < mock->plugin->n_options; i++) {
    const struct plug_option *option = &mock->plugin->options[i];
    const char *value = mock_value_of(mock, option);
    if (!value && (option->flags & PLUG_OPT_REQUIRED)) {
      snprintf(err->text, sizeof err->text, "%s: is missing", option->name);
      return 0;
    }
    if (value && mock_is_number(option->type) && !mock_read_number(option->type, value, &number)) {
      snprintf(err->text, sizeof err->text, "%s: cannot be read: %s", option->name, value);
      return 0;
    }
  }
  return 1;
}

static void free_lent(struct plug_mock *mock, void *lent)
{
  if (mock->kit && lent)
    mock->kit->free_lent(mock, lent);
  else
    free(lent);
}

void mock_free(struct plug_mock *mock)
{
  while (mock->ops) {
    struct plug_op *next = mock->ops->next;
    free(mock->ops);
    mock->ops = next;
  }
  while (mock->msgs) {
    struct mock_msg *next = mock->msgs->next;
    free_lent(mock, mock->msgs->wire);
    free_lent(mock, mock->msgs);
    mock->msgs = next;
  }
  while (mock->calls) {
    struct mock_call *next = mock->calls->next;
    free(mock->calls);
    mock->calls = next;
  }
  while (mock->timers) {
    struct plug_timer *next = mock->timers->next;
    free(mock->timers);
    mock->timers = next;
  }
  while (mock->ios) {
    struct plug_io *next = mock->ios->next;
    free(mock->ios);
    mock->ios = next;
  }
  free(mock->deliveries);
  free(mock->log);
  pthread_mutex_destroy(&mock->lock);
  free(mock);
}

static plug_status create(struct plug_mock *mock, struct plug_err *err)
{
  const struct plug_plugin *plugin = mock->plugin;
  mock->in_create = 1;
  mock_enter(mock, "create");
  plug_status status = plugin->create(&mock->host, &mock->self, err);
  mock_leave(mock);
  if (status == PLUG_OK && plugin->app && plugin->app->claims) {
    mock->claims.size = (uint32_t)sizeof mock->claims;
    mock_enter(mock, "claims");
    plugin->app->claims(mock->self, &mock->claims);
    mock_leave(mock);
  }
  if (status == PLUG_OK && plugin->auth &&
      plugin->auth->size > offsetof(struct plug_auth, credentials) && plugin->auth->credentials) {
    struct plug_credentials credentials;
    memset(&credentials, 0, sizeof credentials);
    credentials.size = (uint32_t)sizeof credentials;
    mock_enter(mock, "credentials");
    plugin->auth->credentials(mock->self, &credentials);
    mock_leave(mock);
  }
  mock->in_create = 0;
  return status;
}

struct plug_mock *mock_new(const struct plug_plugin *plugin, const char *const *options,
                           const struct mock_kit *kit, void *kit_data, const char *instance,
                           const char *node, struct plug_err *err)
{
  struct plug_mock *mock = (struct plug_mock *)mock_must(calloc(1, sizeof *mock));
  memset(err, 0, sizeof *err);
  mock->kit = kit;
  mock->kit_data = kit_data;
  mock->plugin = plugin;
  mock->options = options;
  mock->home = pthread_self();
  pthread_mutex_init(&mock->lock, NULL);
  mock->calls_end = &mock->calls;
  mock->now_ms = 1000000;
  mock->state = -1;
  mock->host.instance = instance;
  mock->host.node = node;
  fill_host(mock);
  err->code = PLUG_EINVAL;
  if (options_are_good(mock, err))
    err->code = create(mock, err);
  if (err->code == PLUG_OK)
    return mock;
  if (mock->self && kit)
    mock_breach(mock, MOCK_USE, "create fails, and has set self");
  mock_free(mock);
  return NULL;
}

struct plug_mock *plug_mock_new(const struct plug_plugin *plugin, const char *const *options,
                                struct plug_err *err)
{
  return mock_new(plugin, options, NULL, NULL, "mock", "node-1", err);
}

void *plug_mock_self(const struct plug_mock *mock)
{
  return mock->self;
}

static plug_status run_step(struct plug_mock *mock, const char *name,
                            plug_status (*step)(void *self, struct plug_op *) PLUG_NOEXCEPT,
                            uint64_t limit_ms)
{
  if (!step)
    return PLUG_OK;
  struct plug_op *op = mock_new_op(mock, limit_ms);
  mock_enter(mock, name);
  plug_status status = step(mock->self, op);
  mock_leave(mock);
  return mock_wait_for(op, status);
}

plug_status plug_mock_start(struct plug_mock *mock)
{
  mock->phase = PHASE_RUNNING;
  return run_step(mock, "start", mock->plugin->start, OP_LIMIT_MS);
}

plug_status plug_mock_drain(struct plug_mock *mock)
{
  return run_step(mock, "drain", mock->plugin->drain, STOP_LIMIT_MS);
}

static void check_nothing_left(struct plug_mock *mock)
{
  for (const struct plug_timer *timer = mock->timers; timer; timer = timer->next)
    if (!timer->freed)
      mock_breach_locked(mock, MOCK_LEFT, "a timer is left after stop");
  for (const struct plug_io *io = mock->ios; io; io = io->next)
    if (!io->closed)
      mock_breach_locked(mock, MOCK_LEFT, "a watch is left after stop");
  for (const struct plug_op *op = mock->ops; op; op = op->next)
    if (op->offered && !op->done)
      mock_breach_locked(mock, MOCK_LEFT, "an operation is left after stop");
}

plug_status mock_stop(struct plug_mock *mock)
{
  plug_status status = run_step(mock, "stop", mock->plugin->stop, STOP_LIMIT_MS);
  plug_mock_turn(mock, 0);
  pthread_mutex_lock(&mock->lock);
  mock->phase = PHASE_STOPPED;
  pthread_mutex_unlock(&mock->lock);
  return status;
}

void mock_audit(struct plug_mock *mock)
{
  pthread_mutex_lock(&mock->lock);
  check_nothing_left(mock);
  pthread_mutex_unlock(&mock->lock);
}

void mock_destroy(struct plug_mock *mock)
{
  mock_enter(mock, "destroy");
  mock->plugin->destroy(mock->self);
  mock_leave(mock);
  for (const struct mock_msg *m = mock->msgs; m; m = m->next)
    if (m->refs > m->kept)
      mock_breach(mock, MOCK_LEFT, "a message is left after destroy");
}

size_t plug_mock_free(struct plug_mock *mock)
{
  if (mock->phase == PHASE_RUNNING) {
    if (mock_stop(mock) < 0)
      mock_breach(mock, MOCK_USE, "stop fails");
    mock_audit(mock);
  }
  mock_destroy(mock);
  size_t n = mock->n_breaches;
  mock_free(mock);
  return n;
}

size_t plug_mock_breaches(const struct plug_mock *mock)
{
  return mock->n_breaches;
}

/* ---- The loop ---- */

static void run_calls(struct plug_mock *mock)
{
  pthread_mutex_lock(&mock->lock);
  struct mock_call *call = mock->calls;
  mock->calls = NULL;
  mock->calls_end = &mock->calls;
  pthread_mutex_unlock(&mock->lock);
  while (call) {
    struct mock_call *next = call->next;
    mock_enter(mock, call->published ? "a function told of a publish" : "a posted function");
    if (call->published)
      call->published(call->arg, PLUG_OK);
    else
      call->fn(call->arg);
    mock_leave(mock);
    free(call);
    call = next;
  }
}

void plug_mock_turn(struct plug_mock *mock, int wait_ms)
{
  struct pollfd fds[MAX_POLLED];
  struct plug_io *ios[MAX_POLLED];
  nfds_t n = 0;
  run_calls(mock);
  for (struct plug_io *io = mock->ios; io && n < MAX_POLLED; io = io->next) {
    if (io->closed || !io->want)
      continue;
    ios[n] = io;
    fds[n].fd = io->fd;
    fds[n].events =
        (short)((io->want & PLUG_IO_READ ? POLLIN : 0) | (io->want & PLUG_IO_WRITE ? POLLOUT : 0));
    fds[n++].revents = 0;
  }
  /* Nobody is woken by a post from another thread: it is seen in the next turn. */
  int ready = poll(fds, n, wait_ms);
  for (nfds_t i = 0; ready > 0 && i < n; i++) {
    uint32_t what = (fds[i].revents & (POLLIN | POLLERR | POLLHUP) ? PLUG_IO_READ : 0) |
                    (fds[i].revents & POLLOUT ? PLUG_IO_WRITE : 0);
    if (!what || ios[i]->closed || !ios[i]->want)
      continue;
    mock_enter(mock, "a watch");
    ios[i]->fn(ios[i]->arg, ios[i]->fd, what);
    mock_leave(mock);
  }
  run_calls(mock);
}

static void set_clock(struct plug_mock *mock, uint64_t now_ms)
{
  pthread_mutex_lock(&mock->lock);
  mock->now_ms = now_ms;
  pthread_mutex_unlock(&mock->lock);
}

void plug_mock_advance(struct plug_mock *mock, uint64_t ms)
{
  uint64_t end = mock->now_ms + ms, after = mock->next_turn;
  for (;;) {
    struct plug_timer *first = NULL;
    for (struct plug_timer *timer = mock->timers; timer; timer = timer->next)
      if (timer->armed && timer->due_ms <= end &&
          /* One that is set to 0 ms by its own callback waits for the clock to move. */
          (timer->turn < after || timer->due_ms > timer->set_ms) &&
          (!first || timer->due_ms < first->due_ms ||
           (timer->due_ms == first->due_ms && timer->turn < first->turn)))
        first = timer;
    if (!first)
      break;
    if (first->due_ms > mock->now_ms)
      set_clock(mock, first->due_ms);
    first->armed = 0;
    mock_enter(mock, "a timer");
    first->fn(first->arg);
    mock_leave(mock);
    plug_mock_turn(mock, 0);
  }
  set_clock(mock, end);
  plug_mock_turn(mock, 0);
}

/* ---- What tests look at and call ---- */

const char *plug_mock_log(const struct plug_mock *mock)
{
  return mock->log ? mock->log : "";
}

int64_t plug_mock_metric(const struct plug_mock *mock, const char *name)
{
  for (size_t i = 0; i < mock->n_metrics; i++)
    if (strcmp(mock->metrics[i].name, name) == 0)
      return mock->metrics[i].value;
  return -1;
}

plug_status plug_mock_subscribe(struct plug_mock *mock, const struct plug_interest *interest)
{
  struct plug_op *op = mock_new_op(mock, OP_LIMIT_MS);
  mock_enter(mock, "subscribe");
  plug_status status = mock->plugin->broker->subscribe(mock->self, interest, 1, op);
  mock_leave(mock);
  return mock_wait_for(op, status);
}

plug_status plug_mock_unsubscribe(struct plug_mock *mock, const struct plug_interest *interest)
{
  struct plug_op *op = mock_new_op(mock, OP_LIMIT_MS);
  mock_enter(mock, "unsubscribe");
  plug_status status = mock->plugin->broker->unsubscribe(mock->self, interest, 1, op);
  mock_leave(mock);
  return mock_wait_for(op, status);
}

plug_status plug_mock_publish(struct plug_mock *mock, const char *topic, struct plug_str payload)
{
  struct plug_msg_init init;
  memset(&init, 0, sizeof init);
  init.size = (uint32_t)sizeof init;
  init.topic = plug_mock_str(topic);
  init.payload = payload;
  const struct plug_msg *msg = mock->host.msg_make(&mock->host, &init);
  if (!msg)
    return PLUG_EINVAL;
  struct plug_op *op = mock_new_op(mock, OP_LIMIT_MS);
  mock_enter(mock, "publish");
  plug_status status = mock->plugin->broker->publish(mock->self, msg, op);
  mock_leave(mock);
  status = mock_wait_for(op, status);
  mock->host.msg_unref(msg);
  return status;
}

void plug_mock_deliver_status(struct plug_mock *mock, plug_status status)
{
  pthread_mutex_lock(&mock->lock);
  mock->deliver_status = status;
  pthread_mutex_unlock(&mock->lock);
}

/* Threads of a broker may be delivering meanwhile. */
size_t plug_mock_deliveries(const struct plug_mock *mock)
{
  pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&mock->lock;
  pthread_mutex_lock(lock);
  size_t n = mock->n_deliveries;
  pthread_mutex_unlock(lock);
  return n;
}

const struct plug_msg *plug_mock_delivery(const struct plug_mock *mock, size_t i,
                                          uint64_t *interest)
{
  pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&mock->lock;
  pthread_mutex_lock(lock);
  if (i >= mock->n_deliveries)
    abort();
  struct mock_delivery delivery = mock->deliveries[i];
  pthread_mutex_unlock(lock);
  if (interest)
    *interest = delivery.interest;
  return delivery.msg;
}

int32_t plug_mock_state(const struct plug_mock *mock)
{
  return mock->state;
}

void plug_mock_authenticate(struct plug_mock *mock, struct plug_auth_request *request,
                            struct plug_mock_verdict *out)
{
  struct plug_op *op = mock_new_op(mock, OP_LIMIT_MS);
  memset(out, 0, sizeof *out);
  request->size = (uint32_t)sizeof *request;
  op->verdict = out;
  mock_enter(mock, "authenticate");
  plug_status status = mock->plugin->auth->authenticate(mock->self, request, op);
  mock_leave(mock);
  out->status = mock_wait_for(op, status);
  op->verdict = NULL;
}

plug_status plug_mock_authorize(struct plug_mock *mock, struct plug_authz_request *request,
                                struct plug_decision *out)
{
  struct plug_decision decision;
  struct plug_op *op = mock_new_op(mock, OP_LIMIT_MS);
  memset(&decision, 0, sizeof decision);
  decision.size = (uint32_t)sizeof decision;
  request->size = (uint32_t)sizeof *request;
  op->decision = &decision;
  mock_enter(mock, "authorize");
  plug_status status = mock->plugin->auth->authorize(mock->self, request, &decision, op);
  mock_leave(mock);
  status = mock_wait_for(op, status);
  op->decision = NULL;
  if (out)
    *out = decision;
  return status;
}

void plug_mock_request(struct plug_mock *mock, struct plug_app_request *request,
                       struct plug_mock_answer *out)
{
  struct plug_op *op = mock_new_op(mock, OP_LIMIT_MS);
  memset(out, 0, sizeof *out);
  request->size = (uint32_t)sizeof *request;
  op->answer = out;
  mock_enter(mock, "request");
  plug_status status = mock->plugin->app->request(mock->self, request, op);
  mock_leave(mock);
  out->status = mock_wait_for(op, status);
  op->answer = NULL;
}

const struct plug_app_claims *plug_mock_claims(const struct plug_mock *mock)
{
  return &mock->claims;
}

const struct plug_mock_message *plug_mock_published(const struct plug_mock *mock, size_t i)
{
  return i < mock->n_published ? &mock->published[i] : NULL;
}
