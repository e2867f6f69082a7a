#include "net/control.h"

#include <stdlib.h>

#include "base/counter.h"
#include "base/log.h"
#include "message/message.h"
#include "net/conn.h"
#include "net/env.h"
#include "session/orders.h"

#define RETRY_MS 60000u

static struct plug_str topic(void)
{
  return STR(API_ORDER_TOPIC);
}

/* --- obeying ------------------------------------------------------------------------------- */

struct heard {
  struct inbox_call call;
  struct net_env *env;
  const struct plug_msg *msg; /* a reference */
};

static void refuse_user(struct net_env *env, const struct api_order *order)
{
  if (!refused_users_add(env->session.refused, str_of(order->user), str_of(order->reason),
                         env->now_ms, env->now_ms + UINT64_C(1000) * order->refuse_s))
    COUNT(api_unrefused);
}

/* All connections are looked at: orders are rare, and an index by user would be paid for by all who
 * come and go. */
static void obey(struct net_env *env, const struct api_order *order)
{
  struct plug_str user = str_of(order->user), id = str_of(order->session);
  struct plug_str reason = str_of(order->reason);
  struct list *node = env->conns.next, *next;
  if (order->refuse_s && user.len)
    refuse_user(env, order);
  for (; node != &env->conns; node = next) {
    struct session *session = &container_of(node, struct conn, link)->session;
    next = node->next;
    if (!session_is_of(session, user, id))
      continue;
    if (order->kind == API_ORDER_DISCONNECT)
      session_disconnect(session, reason);
    else
      session_take_away(session, str_of(order->destination), reason);
    env->session.wake(session);
  }
}

static void on_heard(struct inbox_call *call)
{
  struct heard *heard = container_of(call, struct heard, call);
  struct net_env *env = heard->env;
  struct api_order order;
  static struct log_limit limit;
  uint64_t held;
  switch (api_order_hear(heard->msg->payload, env->settings->max_destination_length, &order)) {
  case API_ORDER_HEARD:
    COUNT(api_orders);
    obey(env, &order);
    api_order_fini(&order);
    break;
  case API_ORDER_FOREIGN:
    if (!env->hooks || !env->hooks->heard(env->hooks->ctx, env, heard->msg))
      COUNT(api_bad_orders);
    break;
  case API_ORDER_BAD:
    COUNT(api_bad_orders);
    if (log_limit_pass(&limit, 10000, &held))
      log_warn("api", "an order about sessions that came from node '%.*s' is not understood",
               STR_ARG(heard->msg->origin));
    break;
  }
  message_unref(heard->msg);
  free(heard);
}

static void on_message(struct hub *hub, const struct plug_msg *msg)
{
  struct heard *heard = malloc(sizeof *heard);
  if (!heard) {
    COUNT(api_bad_orders);
    return;
  }
  *heard =
      (struct heard){.call = {on_heard}, .env = container_of(hub, struct net_env, hub), .msg = msg};
  message_ref(msg);
  if (hub_call_later(hub, &heard->call))
    return;
  COUNT(api_bad_orders);
  message_unref(msg);
  free(heard);
}

/* --- listening ------------------------------------------------------------------------------ */

static void listen_to(struct net_env *env)
{
  if (interest_join(env->hub.interests, env->hub.worker, topic(), false) < 0)
    timers_arm(&env->timers, &env->control.retry, env->now_ms + RETRY_MS);
}

static void on_retry(struct timer *timer, uint64_t now_ms)
{
  struct net_env *env =
      container_of(container_of(timer, struct control, retry), struct net_env, control);
  (void)now_ms;
  interest_leave(env->hub.interests, env->hub.worker, topic(), false);
  listen_to(env);
}

static void on_interest(struct hub *hub, plug_status status)
{
  struct net_env *env = container_of(hub, struct net_env, hub);
  static struct log_limit limit;
  uint64_t held;
  if (status >= 0)
    return;
  if (log_limit_pass(&limit, 60000, &held))
    log_warn("api",
             "the broker does not let this node listen to '%.*s': sessions here are neither "
             "disconnected nor unsubscribed by other nodes",
             STR_ARG(topic()));
  timers_arm(&env->timers, &env->control.retry, env->now_ms + RETRY_MS);
}

void control_start(struct net_env *env)
{
  timer_init(&env->control.retry, on_retry);
  env->hub.control = topic();
  env->hub.on_control = on_message;
  env->hub.on_control_interest = on_interest;
  listen_to(env);
}

static plug_status tell(struct net_env *env, struct plug_str json, struct session_waiter *waiter)
{
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = topic(),
                               .content_type = STR("application/json"),
                               .payload = json};
  const struct plug_msg *msg = message_new(&init);
  if (!msg)
    return PLUG_ENOMEM;
  plug_status status = session_publish(&env->session, msg, waiter);
  message_unref(msg);
  return status;
}

plug_status control_tell(struct net_env *env, struct plug_str json)
{
  return tell(env, json, NULL);
}

plug_status control_give_order(struct net_env *env, const struct api_order *order,
                               struct session_waiter *waiter)
{
  struct buf text = {0};
  plug_status status = PLUG_ENOMEM;
  if (api_order_put(order, &text))
    status = tell(env, str_from(text.data, text.len), waiter);
  buf_free(&text);
  return status;
}
