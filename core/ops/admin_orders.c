/* POST /admin/api/kick, drain, reload and swap: what operators tell the node to do. A kick goes to
 * all nodes by the broker; the others are for the main thread, and their answers come back to the
 * worker that was asked. What is under way outlives its client. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_json.h"
#include "api/api_order.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"
#include "ops/admin_inner.h"
#include "session/refusal.h"
#include "session/session_waiter.h"

/* --- kick ---------------------------------------------------------------------------------- */

struct kick {
  struct mount_request *request; /* NULL: its client has left */
};

static void answer_kick(struct mount_request *request, plug_status status)
{
  if (status == PLUG_OK)
    admin_answer(request, 202, json_pack("{s:b}", "accepted", 1));
  else
    admin_refuse_with(request, status == PLUG_ETIMEDOUT ? 504 : 503,
                      status == PLUG_EUNAVAIL    ? "broker-down"
                      : status == PLUG_ETIMEDOUT ? "timeout"
                                                 : "failed",
                      "%s", refusal_text(status));
}

static void on_kicked(struct session_waiter *waiter)
{
  struct kick *kick = waiter->arg;
  if (kick->request)
    answer_kick(kick->request, waiter->status);
  free(kick);
}

static void on_kick_gone(void *arg)
{
  struct kick *kick = arg;
  kick->request = NULL;
}

static void log_kick(const struct mount_request *request, const struct api_order *order)
{
  char from[NET_PEER_TEXT_MAX] = "its socket";
  if (!request->local)
    net_peer_text(request->peer, from);
  log_info("admin", "an operator at %s disconnects %s '%s', refused for %u s", from,
           order->user[0] ? "user" : "session", order->user[0] ? order->user : order->session,
           order->refuse_s);
}

void admin_kick(struct admin *admin, struct mount_request *request)
{
  struct net_env *env = request->env;
  struct api_order order;
  struct api_fault fault;
  bool well = api_order_read_kick(request->body, &order, &fault);
  (void)admin;
  if (well && order.user[0] && !env->session.access)
    well = api_refuse(&fault, 400, "no-users", "user",
                      "nobody is asked who they are here ([auth] plugins): only sessions have "
                      "names");
  if (!well) {
    admin_refuse(request, &fault);
    return;
  }
  struct kick *kick = calloc(1, sizeof *kick);
  struct session_waiter *waiter =
      kick ? session_waiter_new(NULL, "publish", str_from(NULL, 0)) : NULL;
  if (!waiter) {
    free(kick);
    admin_no_memory(request);
    return;
  }
  waiter->done = on_kicked;
  waiter->arg = kick;
  kick->request = request;
  log_kick(request, &order);
  mount_wait(request, on_kick_gone, kick);
  plug_status status = control_give_order(env, &order, waiter);
  session_waiter_done(waiter, status == PLUG_PENDING || status == PLUG_EAGAIN ? PLUG_OK : status);
  api_order_fini(&order);
}

/* --- drain, reload and swap
 * ----------------------------------------------------------------------- */

struct command {
  struct order order;
  struct inbox_call call;
  struct inbox_item *back; /* brings call to the worker; made before, so that it certainly can */
  struct net_env *env;
  struct mount_request *request; /* NULL: its client has left */
  plug_status status;
  char *text; /* of the answer; NULL: out of memory */
};

static void command_free(struct command *command)
{
  if (command->back)
    inbox_item_free(command->back);
  free(command->text);
  free(command);
}

/* The main thread. */
static void on_answered(struct order *order, plug_status status, const char *text)
{
  struct command *command = container_of(order, struct command, order);
  struct inbox *inbox = command->env->inbox;
  struct inbox_item *back = command->back;
  command->status = status;
  command->text = str_dup(str_of(text));
  command->back = NULL;
  if (inbox_put(inbox, back))
    inbox->wake(inbox);
}

static void answer_failed(struct command *command, const char *text)
{
  struct mount_request *request = command->request;
  switch (command->status) {
  case PLUG_ECANCELED:
  case PLUG_ESTATE:
    admin_refuse_with(request, 503, "stopping", "%s", text);
    return;
  default:
    admin_refuse_with(request, 500, "failed", "%s", text);
  }
}

static void on_back(struct inbox_call *call)
{
  struct command *command = container_of(call, struct command, call);
  struct mount_request *request = command->request;
  json_t *json = command->text ? json_loads(command->text, 0, NULL) : NULL;
  bool failed = command->status != PLUG_OK;
  if (!request) {
    json_decref(json);
  } else if (!command->text) {
    json_decref(json);
    admin_no_memory(request);
  } else if (failed && json_is_object(json)) {
    COUNT(admin_refused);
    admin_answer(request,
                 command->status == PLUG_EINVAL   ? 422
                 : command->status == PLUG_ESTATE ? 409
                                                  : 500,
                 json);
  } else if (failed) {
    json_decref(json);
    answer_failed(command, command->text);
  } else if (command->order.kind == ORDER_DRAIN) {
    json_decref(json);
    admin_answer(request, 202, json_pack("{s:b}", "accepted", 1));
  } else {
    admin_answer(request, 200, json ? json : json_object());
  }
  command_free(command);
}

static void on_command_gone(void *arg)
{
  struct command *command = arg;
  command->request = NULL;
}

/* False: the request has been refused. */
static bool check_empty(struct mount_request *request)
{
  struct api_fault fault;
  if (!str_trim(request->body).len)
    return true;
  json_t *json = json_loadb(request->body.ptr, request->body.len, 0, NULL);
  bool well = json_is_object(json) && json_object_size(json) == 0;
  json_decref(json);
  if (well)
    return true;
  (void)api_refuse(&fault, 400, "bad-json", NULL, "the body is to be empty, or {}");
  admin_refuse(request, &fault);
  return false;
}

static void give(struct admin *admin, struct mount_request *request, const struct order *order)
{
  struct command *command = calloc(1, sizeof *command);
  if (command)
    command->back = inbox_item_new(INBOX_CALL, str_from(NULL, 0));
  if (!command || !command->back) {
    free(command);
    admin_no_memory(request);
    return;
  }
  command->back->waiter = &command->call;
  command->call.run = on_back;
  command->order = *order;
  command->order.answered = on_answered;
  command->env = request->env;
  command->request = request;
  mount_wait(request, on_command_gone, command);
  if (orders_post(admin->parts.orders, &command->order))
    return;
  command_free(command);
  admin_refuse_with(request, 503, "stopping", "the server is stopping");
}

void admin_drain(struct admin *admin, struct mount_request *request)
{
  if (!check_empty(request))
    return;
  log_info("admin", "an operator drains this node");
  give(admin, request, &(struct order){.kind = ORDER_DRAIN});
}

void admin_reload(struct admin *admin, struct mount_request *request)
{
  if (check_empty(request))
    give(admin, request, &(struct order){.kind = ORDER_RELOAD});
}

/* The name of a plugin is part of a file's, and not a way to it. */
static bool is_plugin_name(struct plug_str name)
{
  for (size_t i = 0; i < name.len; i++)
    if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", name.ptr[i]) ||
        !name.ptr[i])
      return false;
  return name.len != 0;
}

/* Absent: text is empty. */
static bool read_text(const json_t *json, const char *member, struct plug_str *text,
                      struct api_fault *fault)
{
  return api_json_text(json, -1, member, ORDER_PLUGIN_MAX, text, fault);
}

static bool read_needed(const json_t *json, const char *member, struct plug_str *text,
                        struct api_fault *fault)
{
  if (!json_object_get(json, member))
    return api_refuse(fault, 400, "missing", member, "'%s' is missing", member);
  return read_text(json, member, text, fault);
}

static bool read_kind(const json_t *json, struct order *order, struct api_fault *fault)
{
  static const char *const kinds[] = {"broker", "auth", "app"};
  struct plug_str kind;
  if (!read_needed(json, "kind", &kind, fault))
    return false;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (str_eq(kind, str_of(kinds[i])))
      order->swap_kind = kinds[i];
  return order->swap_kind || api_refuse(fault, 400, "bad-value", "kind",
                                        "'kind' is to be \"broker\", \"auth\" or \"app\"");
}

static bool read_overlap(const json_t *json, struct order *order, struct api_fault *fault)
{
  static const char name[] = "overlap_ms";
  const json_t *value = json_object_get(json, name);
  if (!value)
    return true;
  if (!json_is_integer(value))
    return api_refuse(fault, 400, "bad-type", name, "'%s' is to be a whole number", name);
  json_int_t overlap_ms = json_integer_value(value);
  if (overlap_ms && strcmp(order->swap_kind, "broker") != 0)
    return api_refuse(fault, 400, "bad-value", name,
                      "'%s' is for brokers: nothing else is published twice", name);
  if (overlap_ms < 0 || overlap_ms > (json_int_t)ORDER_OVERLAP_MAX_MS)
    return api_refuse(fault, 400, "bad-value", name,
                      "'%s' is to be between 0 and %u, which is a day", name, ORDER_OVERLAP_MAX_MS);
  order->overlap_ms = (uint64_t)overlap_ms;
  return true;
}

/* False: fault is filled. */
static bool read_members(const json_t *json, struct order *order, struct api_fault *fault)
{
  static const char *const members[] = {"kind", "plugin", "for", "overlap_ms"};
  struct plug_str plugin, former;
  if (!api_json_known(json, -1, members, sizeof members / sizeof *members, fault) ||
      !read_kind(json, order, fault) || !read_needed(json, "plugin", &plugin, fault) ||
      !read_text(json, "for", &former, fault))
    return false;
  if (!is_plugin_name(plugin))
    return api_refuse(fault, 400, "bad-value", "plugin",
                      "'plugin' is to be a name, as in [%s] plugin%s; a path is for the file, and "
                      "a reload",
                      order->swap_kind, strcmp(order->swap_kind, "broker") == 0 ? "" : "s");
  if (former.len && (strcmp(order->swap_kind, "auth") != 0 || !is_plugin_name(former)))
    return api_refuse(fault, 400, "bad-value", "for",
                      "'for' is for auth plugins only, and names the one whose place is taken");
  snprintf(order->plugin, sizeof order->plugin, "%.*s", STR_ARG(plugin));
  snprintf(order->former, sizeof order->former, "%.*s", STR_ARG(former));
  return read_overlap(json, order, fault);
}

static bool read_swap(struct plug_str body, struct order *order, struct api_fault *fault)
{
  json_t *json = api_json_read(body, fault);
  bool well = json && read_members(json, order, fault);
  json_decref(json);
  return well;
}

void admin_swap(struct admin *admin, struct mount_request *request)
{
  struct order order = {.kind = ORDER_SWAP};
  struct api_fault fault;
  if (!read_swap(request->body, &order, &fault)) {
    admin_refuse(request, &fault);
    return;
  }
  log_info("admin", "an operator swaps: %s %s%s%s", order.swap_kind, order.plugin,
           order.former[0] ? " for " : "", order.former);
  give(admin, request, &order);
}
