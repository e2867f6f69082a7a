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
  host->instance = "mock";
  host->node = "node-1";
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

static void free_mock(struct plug_mock *mock)
{
  while (mock->ops) {
    struct plug_op *next = mock->ops->next;
    free(mock->ops);
    mock->ops = next;
  }
  while (mock->msgs) {
    struct mock_msg *next = mock->msgs->next;
    free(mock->msgs->bytes);
    free(mock->msgs->headers);
    free(mock->msgs->wire);
    free(mock->msgs);
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

struct plug_mock *plug_mock_new(const struct plug_plugin *plugin, const char *const *options,
                                struct plug_err *err)
{
  struct plug_mock *mock = (struct plug_mock *)mock_must(calloc(1, sizeof *mock));
  memset(err, 0, sizeof *err);
  mock->plugin = plugin;
  mock->options = options;
  mock->home = pthread_self();
  pthread_mutex_init(&mock->lock, NULL);
  mock->calls_end = &mock->calls;
  mock->now_ms = 1000000;
  mock->state = -1;
  fill_host(mock);
  err->code = PLUG_EINVAL;
  if (options_are_good(mock, err)) {
    mock->in_create = 1;
    err->code = plugin->create(&mock->host, &mock->self, err);
    if (err->code == PLUG_OK && plugin->app && plugin->app->claims) {
      mock->claims.size = (uint32_t)sizeof mock->claims;
      plugin->app->claims(mock->self, &mock->claims);
    }
    if (err->code == PLUG_OK && plugin->auth &&
        plugin->auth->size > offsetof(struct plug_auth, credentials) && plugin->auth->credentials) {
      struct plug_credentials credentials;
      memset(&credentials, 0, sizeof credentials);
      credentials.size = (uint32_t)sizeof credentials;
      plugin->auth->credentials(mock->self, &credentials);
    }
    mock->in_create = 0;
  }
  if (err->code == PLUG_OK)
    return mock;
  free_mock(mock);
  return NULL;
}

void *plug_mock_self(const struct plug_mock *mock)
{
  return mock->self;
}

static plug_status run_step(struct plug_mock *mock,
                            plug_status (*step)(void *self, struct plug_op *) PLUG_NOEXCEPT,
                            uint64_t limit_ms)
{
  if (!step)
    return PLUG_OK;
  struct plug_op *op = mock_new_op(mock, limit_ms);
  return mock_wait_for(op, step(mock->self, op));
}

plug_status plug_mock_start(struct plug_mock *mock)
{
  mock->phase = PHASE_RUNNING;
  return run_step(mock, mock->plugin->start, OP_LIMIT_MS);
}

plug_status plug_mock_drain(struct plug_mock *mock)
{
  return run_step(mock, mock->plugin->drain, STOP_LIMIT_MS);
}

static void check_nothing_left(struct plug_mock *mock)
{
  for (const struct plug_timer *timer = mock->timers; timer; timer = timer->next)
    if (!timer->freed)
      mock_breach_locked(mock, "a timer is left after stop");
  for (const struct plug_io *io = mock->ios; io; io = io->next)
    if (!io->closed)
      mock_breach_locked(mock, "a watch is left after stop");
  for (const struct plug_op *op = mock->ops; op; op = op->next)
    if (op->offered && !op->done)
      mock_breach_locked(mock, "an operation is left after stop");
}

size_t plug_mock_free(struct plug_mock *mock)
{
  if (mock->phase == PHASE_RUNNING) {
    if (run_step(mock, mock->plugin->stop, STOP_LIMIT_MS) < 0)
      mock_breach(mock, "stop fails");
    plug_mock_turn(mock, 0);
    pthread_mutex_lock(&mock->lock);
    mock->phase = PHASE_STOPPED;
    check_nothing_left(mock);
    pthread_mutex_unlock(&mock->lock);
  }
  mock->plugin->destroy(mock->self);
  for (const struct mock_msg *m = mock->msgs; m; m = m->next)
    if (m->refs > m->kept)
      mock_breach(mock, "a message is left after destroy");
  size_t n = mock->n_breaches;
  free_mock(mock);
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
    if (call->published)
      call->published(call->arg, PLUG_OK);
    else
      call->fn(call->arg);
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
    if (what && !ios[i]->closed && ios[i]->want)
      ios[i]->fn(ios[i]->arg, ios[i]->fd, what);
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
    first->fn(first->arg);
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
  return mock_wait_for(op, mock->plugin->broker->subscribe(mock->self, interest, 1, op));
}

plug_status plug_mock_unsubscribe(struct plug_mock *mock, const struct plug_interest *interest)
{
  struct plug_op *op = mock_new_op(mock, OP_LIMIT_MS);
  return mock_wait_for(op, mock->plugin->broker->unsubscribe(mock->self, interest, 1, op));
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
  plug_status status = mock_wait_for(op, mock->plugin->broker->publish(mock->self, msg, op));
  mock->host.msg_unref(msg);
  return status;
}

void plug_mock_deliver_status(struct plug_mock *mock, plug_status status)
{
  pthread_mutex_lock(&mock->lock);
  mock->deliver_status = status;
  pthread_mutex_unlock(&mock->lock);
}

size_t plug_mock_deliveries(const struct plug_mock *mock)
{
  return mock->n_deliveries;
}

const struct plug_msg *plug_mock_delivery(const struct plug_mock *mock, size_t i,
                                          uint64_t *interest)
{
  if (i >= mock->n_deliveries)
    abort();
  if (interest)
    *interest = mock->deliveries[i].interest;
  return mock->deliveries[i].msg;
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
  out->status = mock_wait_for(op, mock->plugin->auth->authenticate(mock->self, request, op));
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
  plug_status status =
      mock_wait_for(op, mock->plugin->auth->authorize(mock->self, request, &decision, op));
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
  out->status = mock_wait_for(op, mock->plugin->app->request(mock->self, request, op));
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
