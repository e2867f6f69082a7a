/* Carries out requests of the API whose bodies are complete, and answers when the broker has taken
 * what they ask for. What waits for the broker outlives its client. */
#include <stdio.h>
#include <stdlib.h>

#include "api/api_publish.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"
#include "broker/broker.h"
#include "net/api_routes.h"
#include "net/api_service.h"
#include "net/control.h"
#include "net/http_conn.h"
#include "session/refusal.h"
#include "session/session_waiter.h"

/* One message that the broker has been given. */
struct api_sent {
  struct api_wait *wait;
};

/* A request that the broker has not answered yet. */
struct api_wait {
  struct net_env *env;
  struct http_conn *http; /* NULL: its client has gone */
  struct api_memory_entry *entry;
  enum api_operation operation;
  bool parked, single;
  size_t n, n_open; /* messages; those without an answer, and one more until all are given */
  size_t n_failed, first_failed;
  plug_status status; /* of that one */
  struct api_sent sent[];
};

static struct api_task *task_of(const struct http_conn *http)
{
  return container_of(http_conn_task(http), struct api_task, task);
}

/* --- answers ------------------------------------------------------------------------------- */

#define NO_STORE "cache-control: no-store\r\n"

void api_answer(struct http_conn *http, uint16_t status, const char *lines, struct buf *text)
{
  struct http_answer head = {
      .status = status, .headers = lines ? lines : NO_STORE, .type = "application/json"};
  struct plug_str out = str_from(text->data, text->len);
  if (text->failed) {
    head.status = 503;
    out = STR("{\"code\":\"out-of-memory\",\"message\":\"the server is out of memory\"}\n");
  }
  (void)http_conn_answer(http, &head, out);
  buf_free(text);
}

void api_answer_fault(struct http_conn *http, const struct api_fault *fault)
{
  struct buf text = {0};
  COUNT(api_refused);
  api_fault_put(fault, &text);
  bool later = fault->status == 503 || fault->status == 409;
  api_answer(http, fault->status, later ? NO_STORE "retry-after: 1\r\n" : NULL, &text);
}

static void answer_published(struct http_conn *http, uint64_t n, bool again)
{
  struct buf text = {0};
  buf_putf(&text, "{\"published\":%llu}\n", (unsigned long long)n);
  api_answer(http, 200, again ? NO_STORE "idempotency-replayed: true\r\n" : NULL, &text);
}

static void answer_ordered(struct http_conn *http)
{
  struct buf text = {0};
  buf_put_str(&text, STR("{\"accepted\":true}\n"));
  api_answer(http, 202, NULL, &text);
}

/* What the broker had against it. */
static void describe(const struct api_wait *wait, struct api_fault *fault)
{
  uint16_t status = wait->status == PLUG_ETIMEDOUT                                ? 504
                    : wait->status == PLUG_ETOOBIG                                ? 413
                    : wait->status == PLUG_EINVAL || wait->status == PLUG_ENOTSUP ? 422
                    : wait->status == PLUG_EDENIED                                ? 403
                                                                                  : 503;
  const char *code = wait->status == PLUG_EUNAVAIL    ? "broker-down"
                     : wait->status == PLUG_ETIMEDOUT ? "timeout"
                     : wait->status == PLUG_ESTATE    ? "busy"
                     : wait->status == PLUG_ECANCELED ? "stopping"
                     : status == 413                  ? "too-large"
                     : status == 422                  ? "not-carried"
                     : status == 403                  ? "denied"
                                                      : "failed";
  char path[96] = "";
  if (wait->operation == API_PUBLISH && !wait->single)
    snprintf(path, sizeof path, "messages[%zu]", wait->first_failed);
  if (wait->n == 1)
    (void)api_refuse(fault, status, code, path, "%s", refusal_text(wait->status));
  else
    (void)api_refuse(fault, status, code, path,
                     "%s; %zu of %zu messages failed, the first of them is named, the others are "
                     "published",
                     refusal_text(wait->status), wait->n_failed, wait->n);
}

/* --- waiting for the broker ----------------------------------------------------------------- */

static void finish(struct api_wait *wait)
{
  struct http_conn *http = wait->http;
  struct api_service *service = wait->env->api;
  struct api_fault fault;
  atomic_fetch_sub_explicit(&service->in_flight, (int64_t)wait->n, memory_order_relaxed);
  COUNT_BY(api_in_flight, -(int64_t)wait->n);
  if (wait->operation == API_PUBLISH)
    COUNT_BY(api_published, wait->n - wait->n_failed);
  api_memory_end(service->memory, wait->entry, !wait->n_failed, wait->n);
  if (http) {
    task_of(http)->wait = NULL;
    if (wait->parked)
      http_conn_unpark_one(http);
    if (wait->n_failed) {
      describe(wait, &fault);
      api_answer_fault(http, &fault);
    } else if (wait->operation == API_PUBLISH) {
      answer_published(http, wait->n, false);
    } else {
      answer_ordered(http);
    }
  }
  free(wait);
}

static void on_answered(struct session_waiter *waiter)
{
  struct api_sent *sent = waiter->arg;
  struct api_wait *wait = sent->wait;
  size_t i = (size_t)(sent - wait->sent);
  if (waiter->status != PLUG_OK) {
    if (!wait->n_failed || i < wait->first_failed) {
      wait->first_failed = i;
      wait->status = waiter->status;
    }
    wait->n_failed++;
  }
  if (--wait->n_open == 0)
    finish(wait);
}

void api_forget(struct api_wait *wait)
{
  if (wait)
    wait->http = NULL;
}

/* Room for n messages, counted in; NULL: the request has been refused. */
static struct api_wait *wait_new(struct net_env *env, struct http_conn *http, size_t n)
{
  struct api_service *service = env->api;
  struct api_fault fault;
  struct api_task *task = task_of(http);
  struct api_wait *wait = calloc(1, sizeof *wait + n * sizeof *wait->sent);
  int64_t max = (int64_t)env->settings->api_max_in_flight;
  if (!wait) {
    (void)api_refuse(&fault, 503, "out-of-memory", NULL, "the server is out of memory");
  } else if (atomic_fetch_add_explicit(&service->in_flight, (int64_t)n, memory_order_relaxed) +
                 (int64_t)n >
             max) {
    COUNT(api_refused_in_flight);
    atomic_fetch_sub_explicit(&service->in_flight, (int64_t)n, memory_order_relaxed);
    (void)api_refuse(&fault, 503, "busy", NULL,
                     "more than max-in-flight messages wait for the broker");
    free(wait);
    wait = NULL;
  }
  if (!wait) {
    api_answer_fault(http, &fault);
    return NULL;
  }
  COUNT_BY(api_in_flight, n);
  *wait = (struct api_wait){
      .env = env, .http = http, .operation = task->operation, .n = n, .n_open = n + 1};
  task->wait = wait;
  return wait;
}

/* What message i waits for; NULL: out of memory, and noted as failed. */
static struct session_waiter *waiter_for(struct api_wait *wait, size_t i)
{
  struct session_waiter *waiter = session_waiter_new(NULL, "publish", str_from(NULL, 0));
  wait->sent[i].wait = wait;
  if (waiter) {
    waiter->done = on_answered;
    waiter->arg = &wait->sent[i];
    return waiter;
  }
  wait->status = wait->n_failed ? wait->status : PLUG_ENOMEM;
  wait->first_failed = wait->n_failed ? wait->first_failed : i;
  wait->n_failed++;
  wait->n_open--;
  return NULL;
}

/* All has been given to the broker. */
static void wait_for_all(struct api_wait *wait)
{
  if (--wait->n_open == 0) {
    finish(wait);
    return;
  }
  wait->parked = true;
  http_conn_park(wait->http, &wait->env->api_waiting);
}

/* A broker that cannot be reached takes nothing: said before anything is given to it, so that no
 * part of a batch is. */
static bool is_down(const struct net_env *env, struct api_fault *fault)
{
  if (broker_ready(env->broker) || env->settings->when_down == WHEN_DOWN_QUEUE)
    return false;
  (void)api_refuse(fault, 503, "broker-down", NULL, "the broker is unavailable");
  return true;
}

/* Who publishes on a connection of his own is read no further for a while; a request is refused as
 * a whole, for what a full worker cannot hold would be dropped. */
static bool is_congested(const struct net_env *env, struct api_fault *fault)
{
  if (!broker_congested(env->broker))
    return false;
  COUNT(api_refused_congested);
  (void)api_refuse(fault, 503, "busy", NULL, "the node is congested");
  return true;
}

/* --- operations ----------------------------------------------------------------------------- */

/* False: it has been answered. */
static bool begin_once(struct net_env *env, struct http_conn *http, struct plug_str body,
                       struct api_memory_entry **entry)
{
  const struct api_task *task = task_of(http);
  struct api_fault fault;
  uint64_t n = 0;
  *entry = NULL;
  if (!task->idempotency)
    return true;
  switch (api_memory_begin(env->api->memory, str_of(task->key_name), str_of(task->idempotency),
                           body, env->now_ms, entry, &n)) {
  case API_MEMORY_NEW:
    return true;
  case API_MEMORY_DONE:
    COUNT(api_repeated);
    answer_published(http, n, true);
    return false;
  case API_MEMORY_UNDER_WAY:
    (void)api_refuse(&fault, 409, "under-way", NULL,
                     "a request with this Idempotency-Key is under way");
    break;
  case API_MEMORY_OTHER:
    (void)api_refuse(&fault, 422, "key-reused", NULL,
                     "this Idempotency-Key was used for another request");
    break;
  }
  api_answer_fault(http, &fault);
  return false;
}

static void publish_all(struct net_env *env, struct api_wait *wait, struct api_batch *batch)
{
  for (size_t i = 0; i < batch->n; i++) {
    struct session_waiter *waiter = waiter_for(wait, i);
    if (!waiter)
      continue;
    plug_status status = session_publish(&env->session, batch->msgs[i], waiter);
    session_waiter_done(waiter, status == PLUG_PENDING || status == PLUG_EAGAIN ? PLUG_OK : status);
  }
}

static void serve_publish(struct net_env *env, struct http_conn *http, struct plug_str body)
{
  const struct session_env *session = &env->session;
  const struct api_world world = {.destinations = session->terms.destinations,
                                  .users = session->users,
                                  .max_destination = (size_t)session->max_destination_length,
                                  .max_batch = (size_t)env->settings->api_max_batch,
                                  .max_payload = broker_max_payload(env->broker),
                                  .kv = session->kv,
                                  .n_kv = STOMP_HEADERS_CAP};
  struct api_batch batch;
  struct api_fault fault;
  struct api_memory_entry *entry;
  if (!api_publish_read(&world, body, &batch, &fault)) {
    api_answer_fault(http, &fault);
    return;
  }
  if (begin_once(env, http, body, &entry)) {
    struct api_wait *wait = NULL;
    if (is_down(env, &fault) || is_congested(env, &fault))
      api_answer_fault(http, &fault);
    else
      wait = wait_new(env, http, batch.n);
    if (wait) {
      wait->entry = entry;
      wait->single = batch.single;
      publish_all(env, wait, &batch);
      wait_for_all(wait);
    } else {
      api_memory_end(env->api->memory, entry, false, 0);
    }
  }
  api_batch_free(&batch);
}

static void log_order(const struct api_task *task, const struct api_order *order)
{
  char from[NET_PEER_TEXT_MAX];
  struct plug_str whom = str_of(order->user[0] ? order->user : order->session);
  net_peer_text(&task->task.peer, from);
  if (order->kind == API_ORDER_DISCONNECT)
    log_info("api", "key '%s' of %s asks to disconnect %s '%.*s', refused for %u s", task->key_name,
             from, order->user[0] ? "user" : "session", STR_ARG(whom), order->refuse_s);
  else
    log_info("api", "key '%s' of %s asks to take '%s' from %s '%.*s'", task->key_name, from,
             order->destination, order->user[0] ? "user" : "session", STR_ARG(whom));
}

static void serve_order(struct net_env *env, struct http_conn *http, struct plug_str body)
{
  const struct api_task *task = task_of(http);
  struct api_order order;
  struct api_fault fault;
  struct api_wait *wait = NULL;
  bool well = api_order_read(task->operation == API_DISCONNECT ? API_ORDER_DISCONNECT
                                                               : API_ORDER_UNSUBSCRIBE,
                             body, (size_t)env->settings->max_destination_length, &order, &fault);
  if (well && order.user[0] && !env->session.access)
    well =
        api_refuse(&fault, 400, "no-users", "user",
                   "nobody is asked who they are here ([auth] plugins): only sessions have names");
  if (!well || is_down(env, &fault))
    api_answer_fault(http, &fault);
  else
    wait = wait_new(env, http, 1);
  if (wait) {
    log_order(task, &order);
    struct session_waiter *waiter = waiter_for(wait, 0);
    if (waiter) {
      plug_status status = control_give_order(env, &order, waiter);
      session_waiter_done(waiter,
                          status == PLUG_PENDING || status == PLUG_EAGAIN ? PLUG_OK : status);
    }
    wait_for_all(wait);
  }
  api_order_fini(&order);
}

void api_serve(struct net_env *env, struct http_conn *http)
{
  struct plug_str body = str_from(http_conn_task(http)->body.data, http_conn_task(http)->body.len);
  if (task_of(http)->operation == API_PRESENCE)
    api_serve_presence(env, http);
  else if (task_of(http)->operation == API_PUBLISH)
    serve_publish(env, http, body);
  else
    serve_order(env, http, body);
}
