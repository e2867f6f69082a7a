#include "access/ask.h"

#include <inttypes.h>
#include <stdlib.h>

#include "access/rule.h"
#include "base/log.h"
#include "base/str.h"
#include "plugin/grant.h"
#include "plugin/op.h"

struct ask {
  struct inbox_call call;
  struct loop_task task;
  _Atomic uint32_t refs; /* the worker's until done, and the plugin's side's */
  struct inbox *inbox;
  struct inbox_item *item;
  ask_fn done;
  void *owner; /* worker only */
  uint64_t timeout_ms;
  struct identity *who;
  struct plug_authz_request request;
  struct plug_decision decision; /* filled by a plugin that answers at once */
  struct ask_result result;
  char text[];
};

static void unref(struct ask *ask)
{
  if (atomic_fetch_sub_explicit(&ask->refs, 1, memory_order_acq_rel) != 1)
    return;
  identity_unref(ask->who);
  free(ask);
}

static void come_back(struct inbox_call *call)
{
  struct ask *ask = container_of(call, struct ask, call);
  ask->done(ask->owner, &ask->result);
  unref(ask);
}

static void log_failure(const struct ask *ask, plug_status status)
{
  static struct log_limit limit;
  uint64_t held;
  char more[LOG_HELD_MAX];
  if (log_limit_pass(&limit, 1000, &held))
    log_error(instance_name(identity_instance(ask->who)),
              "authorize for '%.*s' failed with status %d: denied%s", STR_ARG(ask->request.topic),
              status, log_held(held, more));
}

static void set_answer(struct ask *ask, plug_status status, const struct plug_decision *decision)
{
  struct ask_answer *answer = &ask->result.answer;
  answer->allowed = status == PLUG_ALLOW;
  answer->failed = status != PLUG_ALLOW && status != PLUG_DENY && status != PLUG_DEFER;
  answer->decision = *decision;
  if (answer->failed)
    log_failure(ask, status);
}

static void on_done(void *arg, plug_status status, struct plug_str detail)
{
  struct ask *ask = arg;
  struct grant_decision said = {.verdict = status};
  if (status == GRANT_DECISION)
    memcpy(&said, detail.ptr, sizeof said);
  set_answer(ask, said.verdict, &said.decision);
  if (inbox_put(ask->inbox, ask->item))
    ask->inbox->wake(ask->inbox);
}

static void on_release(void *arg, plug_status status, struct plug_str detail)
{
  (void)status, (void)detail;
  unref(arg);
}

/* [home], or [any] for a plugin that says so. PLUG_PENDING: on_done follows. */
static plug_status call(struct ask *ask)
{
  struct plugin_instance *instance = identity_instance(ask->who);
  if (instance_state(instance) != INSTANCE_RUNNING)
    return PLUG_ESTATE;
  struct plug_op *op = op_new(instance, ask->timeout_ms, on_done, ask);
  if (!op)
    return PLUG_ENOMEM;
  op_on_release(op, on_release);
  op_takes(op, OP_TAKES_VERDICT);
  ask->decision = (struct plug_decision){.size = sizeof ask->decision};
  struct instance_call measured;
  instance_call_begin(&measured, instance, "authorize");
  plug_status status = instance_auth(instance)->authorize(instance_self(instance), &ask->request,
                                                          &ask->decision, op);
  status = op_offered(op, status);
  instance_call_end(&measured);
  return status;
}

static void run_at_home(struct loop_task *task)
{
  struct ask *ask = container_of(task, struct ask, task);
  plug_status status = call(ask);
  if (status == PLUG_PENDING)
    return;
  set_answer(ask, status, &ask->decision);
  if (inbox_put(ask->inbox, ask->item))
    ask->inbox->wake(ask->inbox);
  unref(ask);
}

static struct plug_str take(char **at, struct plug_str s)
{
  struct plug_str copy = str_from(*at, s.len);
  if (s.len)
    memcpy(*at, s.ptr, s.len);
  *at += s.len;
  return copy;
}

static struct ask *make(const struct ask_init *init)
{
  struct ask *ask = calloc(1, sizeof *ask + init->destination.len + init->tag.len);
  if (!ask)
    return NULL;
  ask->item = inbox_item_new(INBOX_CALL, str_from(NULL, 0));
  if (!ask->item) {
    free(ask);
    return NULL;
  }
  char *at = ask->text;
  ask->item->waiter = &ask->call;
  ask->call.run = come_back;
  ask->task.run = run_at_home;
  atomic_init(&ask->refs, 2);
  ask->inbox = init->inbox;
  ask->done = init->done;
  ask->owner = init->owner;
  ask->timeout_ms = init->timeout_ms;
  ask->who = init->who;
  identity_ref(ask->who);
  ask->result.action = init->action;
  ask->result.is_pattern = init->is_pattern;
  ask->result.destination = take(&at, init->destination);
  ask->result.tag = take(&at, init->tag);
  ask->request = (struct plug_authz_request){.size = sizeof ask->request,
                                             .action = init->action == ACTION_SEND ? PLUG_PUBLISH
                                                                                   : PLUG_SUBSCRIBE,
                                             .session = init->session,
                                             .who = ask->who->who,
                                             .topic = ask->result.destination,
                                             .flags = init->is_pattern ? PLUG_AUTHZ_PATTERN : 0};
  return ask;
}

plug_status ask_begin(const struct ask_init *init, struct ask **out, struct ask_answer *answer)
{
  struct ask *ask = make(init);
  if (!ask)
    return PLUG_ENOMEM;
  struct plugin_instance *instance = identity_instance(ask->who);
  *out = ask;
  if (!(instance_auth(instance)->flags & PLUG_AUTHORIZE_ANY)) {
    loop_post_task(instance_loop(instance), &ask->task);
    return PLUG_PENDING;
  }
  plug_status status = call(ask);
  if (status == PLUG_PENDING)
    return PLUG_PENDING;
  set_answer(ask, status, &ask->decision);
  *answer = ask->result.answer;
  inbox_item_free(ask->item);
  unref(ask);
  unref(ask);
  *out = NULL;
  return PLUG_OK;
}
