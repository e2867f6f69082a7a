/* One SEND or SUBSCRIBE on its way to an application and back. */
#include <inttypes.h>
#include <stdlib.h>

#include "app/app.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "plugin/answer.h"
#include "plugin/op.h"

struct app_call {
  struct inbox_call call;
  struct loop_task task;
  _Atomic uint32_t refs; /* the worker's until done, and the plugin's side's */
  struct app_worker *worker;
  struct list link;        /* worker only: app_worker_calls */
  uint64_t begun_ms;       /* worker only */
  bool given_up;           /* worker only: its answer was not waited for */
  struct inbox_item *item; /* the way back, made beforehand so that it cannot fail */
  app_done_fn done;
  void *owner; /* worker only */
  struct plugin_instance *instance;
  struct app_backlog *backlog; /* the instance's */
  struct identity *who;
  struct plug_app_request request;
  struct app_result result;
  int64_t bytes;
  uint64_t timeout_ms;
  struct plug_kv variables[PLUG_APP_VARIABLES_MAX];
  struct plug_kv headers[]; /* behind them the texts */
};

static void unref(struct app_call *call)
{
  if (atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) != 1)
    return;
  identity_unref(call->who);
  instance_release(call->instance);
  free(call->result.answer);
  free(call);
}

static void come_back(struct inbox_call *inbox_call)
{
  struct app_call *call = container_of(inbox_call, struct app_call, call);
  struct app_result result = call->result;
  list_remove(&call->link);
  app_count(call->backlog, -1, -call->bytes);
  if (!call->given_up) {
    call->result.answer = NULL;
    call->done(call->owner, call->worker, &result);
  }
  unref(call);
}

static void log_failure(const struct app_call *call, plug_status status, struct plug_str detail)
{
  static struct log_limit limit;
  uint64_t held;
  if (log_limit_pass(&limit, 1000, &held))
    log_error(
        instance_name(call->instance),
        "request for '%.*s' failed with status %d%s%.*s (%" PRIu64 " more before, not reported)",
        STR_ARG(call->request.destination), status, detail.len ? ": " : "", STR_ARG(detail), held);
}

static void give_up(struct app_call *call)
{
  void *owner = call->owner;
  struct app_result result = {.status = PLUG_ETIMEDOUT, .instance = call->result.instance};
  call->given_up = true;
  call->owner = NULL;
  log_failure(call, PLUG_ETIMEDOUT, STR("the plugin does not come back from a call"));
  call->done(owner, call->worker, &result);
}

void app_answer_overdue(struct app_worker *worker, uint64_t now_ms)
{
  struct list *head = app_worker_calls(worker), *next;
  for (struct list *node = head->next; node != head; node = next) {
    struct app_call *call = container_of(node, struct app_call, link);
    next = node->next;
    if (!call->given_up && now_ms >= call->begun_ms + call->timeout_ms &&
        loop_is_late(instance_loop(call->instance)))
      give_up(call);
  }
}

static void send_back(struct app_call *call)
{
  struct inbox *inbox = app_worker_inbox(call->worker);
  if (inbox_put(inbox, call->item))
    inbox->wake(inbox);
}

static void on_done(void *arg, plug_status status, struct plug_str detail)
{
  struct app_call *call = arg;
  call->result.status = status > PLUG_OK ? PLUG_OK : status;
  if (status == ANSWER_GIVEN) {
    /* The block goes with the operation. */
    size_t len;
    call->result.answer =
        answer_copy((const struct plug_app_answer *)(const void *)detail.ptr, &len);
    if (!call->result.answer)
      call->result.status = PLUG_ENOMEM;
  } else if (status > PLUG_OK) {
    call->result.status = PLUG_EINTERNAL; /* ALLOW and the like mean nothing here */
  }
  if (call->result.status < 0)
    log_failure(call, call->result.status, detail);
  send_back(call);
}

static void on_release(void *arg, plug_status status, struct plug_str detail)
{
  (void)status, (void)detail;
  unref(arg);
}

/* [home], or [any] for a plugin that says so. PLUG_PENDING: on_done follows. */
static plug_status run(struct app_call *call)
{
  struct plugin_instance *instance = call->instance;
  struct answer_catch catch;
  if (instance_state(instance) != INSTANCE_RUNNING)
    return PLUG_ESTATE;
  struct plug_op *op = op_new(instance, call->timeout_ms, on_done, call);
  if (!op)
    return PLUG_ENOMEM;
  op_on_release(op, on_release);
  op_takes(op, OP_TAKES_ANSWER);
  struct instance_call measured;
  instance_call_begin(&measured, instance, "request");
  answer_catch_begin(&catch, op);
  plug_status status = instance_app(instance)->request(instance_self(instance), &call->request, op);
  status = answer_catch_end(&catch, status);
  instance_call_end(&measured);
  if (status == PLUG_PENDING)
    return status;
  call->result.answer = catch.caught;
  call->result.status = status > PLUG_OK ? PLUG_EINTERNAL : status;
  if (call->result.status < 0)
    log_failure(call, status, str_from(NULL, 0));
  return call->result.status;
}

static void run_at_home(struct loop_task *task)
{
  struct app_call *call = container_of(task, struct app_call, task);
  plug_status status = run(call);
  if (status == PLUG_PENDING)
    return;
  call->result.status = status;
  send_back(call);
  unref(call);
}

/* --- making ------------------------------------------------------------------------------- */

static struct plug_str take(char **at, struct plug_str s)
{
  struct plug_str copy = str_from(*at, s.len);
  if (s.len)
    memcpy(*at, s.ptr, s.len);
  *at += s.len;
  return copy;
}

static size_t bytes_of(const struct app_request_init *init)
{
  size_t bytes = sizeof(struct app_call) + init->n_headers * sizeof(struct plug_kv) +
                 init->session_id.len + init->destination.len + init->content_type.len +
                 init->body.len;
  for (size_t i = 0; i < init->n_headers; i++)
    bytes += init->headers[i].key.len + init->headers[i].value.len;
  return bytes;
}

static void fill(struct app_call *call, const struct app_request_init *init)
{
  struct plug_app_request *request = &call->request;
  char *at = (char *)(call->headers + init->n_headers);
  for (size_t i = 0; i < init->n_headers; i++) {
    call->headers[i].key = take(&at, init->headers[i].key);
    call->headers[i].value = take(&at, init->headers[i].value);
  }
  *request = (struct plug_app_request){.size = sizeof *request,
                                       .action = init->action,
                                       .session = init->session,
                                       .session_id = take(&at, init->session_id),
                                       .who = init->who ? init->who->who : NULL,
                                       .destination = take(&at, init->destination),
                                       .claim = init->claim->number,
                                       .variables = call->variables,
                                       .n_variables = init->claim->n_variables,
                                       .headers = call->headers,
                                       .n_headers = init->n_headers,
                                       .content_type = take(&at, init->content_type),
                                       .body = take(&at, init->body)};
  size_t prefix = init->destination.len - init->path.len;
  request->path = str_from(request->destination.ptr + prefix, init->path.len);
  claim_variables(init->claim, request->path, call->variables);
}

static struct app_call *make(struct app_worker *worker, const struct app_request_init *init)
{
  size_t bytes = bytes_of(init);
  struct app_call *call = malloc(bytes);
  if (!call)
    return NULL;
  memset(call, 0, sizeof *call);
  call->item = inbox_item_new(INBOX_CALL, str_from(NULL, 0));
  if (!call->item) {
    free(call);
    return NULL;
  }
  call->item->waiter = &call->call;
  call->call.run = come_back;
  call->task.run = run_at_home;
  call->worker = worker;
  call->done = init->done;
  call->instance = init->claim->instance;
  call->bytes = (int64_t)bytes;
  call->begun_ms = clock_now_ms();
  list_init(&call->link);
  instance_hold(call->instance);
  call->backlog = app_backlog(app_of(worker), call->instance);
  call->timeout_ms = app_settings_of(app_of(worker))->timeout_ms;
  call->result.instance = instance_name(call->instance);
  atomic_init(&call->refs, 2);
  if (init->who) {
    call->who = init->who;
    identity_ref(init->who);
  }
  fill(call, init);
  return call;
}

/* Before it has run, or when its answer was there at once: nobody else knows it. */
static void discard(struct app_call *call)
{
  inbox_item_free(call->item);
  unref(call);
  unref(call);
}

/* Where a plugin hangs at home nothing more is sent; one that is asked here may answer here, but
 * what it answers later waits for its home. */
static plug_status may_ask(const struct app *app, const struct plugin_instance *instance)
{
  bool any = (instance_app(instance)->flags & PLUG_APP_ANY) != 0;
  if (app_is_full(app))
    return PLUG_EAGAIN;
  if (!loop_hangs(instance_loop(instance)))
    return PLUG_OK;
  if (!any)
    return PLUG_EUNAVAIL;
  return app_backlog_is_full(app, app_backlog(app, instance)) ? PLUG_EAGAIN : PLUG_OK;
}

plug_status app_request(struct app_worker *worker, const struct app_request_init *init,
                        struct app_call **out, struct app_result *result)
{
  struct app *app = app_of(worker);
  *result = (struct app_result){.instance = instance_name(init->claim->instance)};
  plug_status status = may_ask(app, init->claim->instance);
  if (status != PLUG_OK) {
    COUNT(app_refused);
    return result->status = status;
  }
  struct app_call *call = make(worker, init);
  if (!call)
    return result->status = PLUG_ENOMEM;
  COUNT(app_requests);
  app_count(call->backlog, 1, call->bytes);
  *out = call;
  list_append(app_worker_calls(worker), &call->link);
  if (!(instance_app(call->instance)->flags & PLUG_APP_ANY)) {
    loop_post_task(instance_loop(call->instance), &call->task);
    return PLUG_PENDING;
  }
  status = run(call);
  if (status == PLUG_PENDING)
    return status;
  list_remove(&call->link);
  app_count(call->backlog, -1, -call->bytes);
  result->status = status;
  result->answer = call->result.answer;
  call->result.answer = NULL;
  discard(call);
  *out = NULL;
  return status;
}

void app_call_own(struct app_call *call, void *owner)
{
  call->owner = owner;
}
