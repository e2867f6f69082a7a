#include "session/applications.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/counter.h"
#include "base/log.h"
#include "message/message.h"
#include "message/message_rules.h"
#include "session/admission.h"
#include "session/session_waiter.h"
#include "stomp/stomp_encoder.h"

/* subscription.owner_flags */
#define TOLD  1u /* an application knows it */
#define BEGUN 2u /* it has taken effect */

/* A request whose answer is awaited. */
struct wait {
  struct list link;
  struct session *session; /* NULL: gone meanwhile */
  struct session_env *env;
  struct session_waiter *waiter; /* for the receipt, or NULL */
  bool subscribes;
  size_t id_len, destination_len;
  char text[]; /* the id of the SUBSCRIBE, the destination */
};

/* What is done with an answer. */
struct target {
  struct session *session; /* or NULL */
  struct session_env *env;
  struct session_waiter *waiter; /* or NULL */
  struct plug_str destination;
  struct plug_str id; /* of a SUBSCRIBE; ptr NULL: it was a SEND */
};

/* --- messages ----------------------------------------------------------------------------- */

/* NULL: status says why. */
static const struct plug_msg *make_message(struct session_env *env,
                                           const struct plug_app_message *message,
                                           struct plug_str topic, plug_status *status)
{
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = topic,
                               .content_type = message->content_type,
                               .payload = message->body};
  for (size_t i = 0; i < message->n_headers && init.n_headers < STOMP_HEADERS_CAP; i++)
    if (message->headers[i].key.len && !message_is_servers_header(message->headers[i].key))
      env->kv[init.n_headers++] = message->headers[i];
  init.headers = env->kv;
  if (message_breaks_frames(&init) || message_over_limit(&init)) {
    *status = PLUG_ETOOBIG;
    return NULL;
  }
  const struct plug_msg *msg = message_new(&init);
  *status = msg ? PLUG_OK : PLUG_ENOMEM;
  return msg;
}

static plug_status deliver_local(struct session_env *env, const struct app_local *local,
                                 const struct plug_msg *msg)
{
  return local->session ? hub_deliver_one(local->inbox, session_worker_number(local->session),
                                          local->subscription, msg)
                        : hub_deliver_node(env->hub, msg);
}

/* local NULL: by the broker. */
static plug_status publish(struct session_env *env, const struct plug_app_message *message,
                           const struct app_local *local, struct session_waiter *waiter)
{
  struct buf topic = {0};
  struct plug_str text = message->destination;
  const char *why;
  plug_status status = PLUG_EINVAL;
  if (!destination_valid(text, env->max_destination_length, &why))
    return status;
  switch (destination_classify(env->terms.destinations, text)) {
  case DESTINATION_BROKER:
    break;
  case DESTINATION_USER:
    if (!user_put_destination(env->users, text, &topic))
      goto free_topic;
    text = str_from(topic.data, topic.len);
    break;
  default:
    return status;
  }
  const struct plug_msg *msg = make_message(env, message, text, &status);
  if (msg) {
    status = local ? deliver_local(env, local, msg) : session_publish(env, msg, waiter);
    message_unref(msg);
  }

free_topic:
  buf_free(&topic);
  return status;
}

/* To what this session alone has subscribed to as /user and the message's destination. */
static plug_status send_to_session(struct session *session, const struct plug_app_message *message)
{
  struct session_env *env = session->env;
  char text[SESSION_ID_TEXT];
  struct buf topic = {0};
  user_put_topic(env->users, session_id_text(session, text), message->destination, &topic);
  plug_status status = PLUG_ENOMEM;
  const struct plug_msg *msg =
      topic.failed ? NULL : make_message(env, message, str_from(topic.data, topic.len), &status);
  if (msg) {
    hub_deliver_here(env->hub, msg);
    message_unref(msg);
  }
  buf_free(&topic);
  return status;
}

/* The one MESSAGE that answers a SUBSCRIBE. */
static plug_status answer_subscribe(struct session *session, const struct target *to,
                                    const struct plug_app_message *message)
{
  enum stomp_version version = (enum stomp_version)session->version;
  struct session_env *env = session->env;
  struct buf *out = &env->out;
  plug_status status;
  const struct plug_msg *msg = make_message(env, message, to->destination, &status);
  char id[128];
  if (status == PLUG_ETOOBIG)
    return status;
  out->len = 0;
  out->failed = !msg;
  if (msg) {
    snprintf(id, sizeof id, "%.64s-%llu", message_node(), (unsigned long long)msg->id);
    stomp_put_command(out, STOMP_MESSAGE);
    stomp_put_header(out, version, STOMP_MESSAGE, STR("subscription"), to->id);
    stomp_put_header(out, version, STOMP_MESSAGE, STR("destination"), to->destination);
    stomp_put_header(out, version, STOMP_MESSAGE, STR("message-id"), str_of(id));
    if (msg->content_type.len)
      stomp_put_header(out, version, STOMP_MESSAGE, STR("content-type"), msg->content_type);
    for (size_t i = 0; i < msg->n_headers; i++)
      stomp_put_header(out, version, STOMP_MESSAGE, msg->headers[i].key, msg->headers[i].value);
    stomp_put_header_u64(out, STR("content-length"), msg->payload.len);
    stomp_put_body(out, msg->payload);
    message_unref(msg);
  }
  if (out->failed)
    session_close(session, CLOSE_INTERNAL, "out of memory");
  else
    session_queue(session, str_from(out->data, out->len));
  return PLUG_OK;
}

/* --- errors for the sender ---------------------------------------------------------------- */

static void put_text(char *out, size_t size, struct plug_str text)
{
  size_t len = utf8_cut(text.ptr, text.len, size - 1);
  if (len)
    memcpy(out, text.ptr, len);
  out[len] = '\0';
}

static bool is_code(struct plug_str code)
{
  for (size_t i = 0; i < code.len; i++)
    if (!((code.ptr[i] >= 'a' && code.ptr[i] <= 'z') || code.ptr[i] == '-' ||
          (code.ptr[i] >= '0' && code.ptr[i] <= '9')))
      return false;
  return code.len > 0 && code.len <= 32;
}

static void describe(const struct app_result *result, struct session_refusal *refusal)
{
  const struct plug_app_error *error = result->answer ? result->answer->error : NULL;
  const char *code = "application-failed", *reason = "the application failed";
  switch (result->status) {
  case PLUG_OK:
    code = "refused";
    reason = "the application refused it";
    break;
  case PLUG_EAGAIN:
    code = "busy";
    reason = "too many requests wait for the applications";
    break;
  case PLUG_ETIMEDOUT:
    code = "timeout";
    reason = "the application did not answer in time";
    break;
  case PLUG_EUNAVAIL:
    code = "unavailable";
    reason = "the application is unavailable";
    break;
  case PLUG_ESTATE:
  case PLUG_ECANCELED:
    code = "stopping";
    reason = "the server is stopping";
    break;
  default:
    break;
  }
  put_text(refusal->code, sizeof refusal->code,
           error && is_code(error->code) ? error->code : str_of(code));
  bool own = error && error->reason.len && utf8_valid(error->reason.ptr, error->reason.len);
  put_text(refusal->reason, sizeof refusal->reason, own ? error->reason : str_of(reason));
}

void applications_refuse(struct session *session, struct plug_str receipt,
                         const struct session_refusal *refusal)
{
  struct session_error error = {.message = str_of(refusal->reason),
                                .receipt = &receipt,
                                .code = refusal->code,
                                .stays = SESSION_STAYS_TRY_AGAIN,
                                .hint = "The connection stays open."};
  session_error(session, &error);
}

static void tell_error(struct session *session, struct plug_str destination,
                       const struct session_refusal *refusal)
{
  json_t *json = json_pack("{s:s%, s:s, s:s}", "destination", destination.ptr, destination.len,
                           "code", refusal->code, "message", refusal->reason);
  char *body = json ? json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
  struct plug_kv code = {STR("error-code"), str_of(refusal->code)};
  struct plug_app_message message = {.destination = STR(APPLICATIONS_ERRORS),
                                     .content_type = STR("application/json"),
                                     .body = str_of(body),
                                     .headers = &code,
                                     .n_headers = 1};
  if (body)
    send_to_session(session, &message);
  free(body);
  json_decref(json);
}

/* What the application says to the log alone; a client may cause it with each SEND. */
static void log_refusal(const struct target *to, const struct app_result *result,
                        const struct session_refusal *refusal)
{
  static struct log_limit limit;
  const struct plug_str detail = result->answer->error->detail;
  char id[SESSION_ID_TEXT], more[LOG_HELD_MAX];
  uint64_t held;
  if (!log_limit_pass_some(&limit, 5, 10000, &held))
    return;
  struct plug_str session = to->session ? session_id_text(to->session, id) : STR("");
  log_info(result->instance, "refused a request of session '%.*s' for '%.*s': %s: %.*s%s",
           STR_ARG(session), STR_ARG(to->destination), refusal->code, STR_ARG(detail),
           log_held(held, more));
}

static void refuse(const struct target *to, const struct app_result *result)
{
  struct session *session = to->session;
  struct session_refusal refusal;
  const struct plug_app_error *error = result->answer ? result->answer->error : NULL;
  COUNT(app_errors);
  describe(result, &refusal);
  if (error && error->detail.len)
    log_refusal(to, result, &refusal);
  if (to->waiter && !to->waiter->refusal &&
      (to->waiter->refusal = malloc(sizeof *to->waiter->refusal)))
    *to->waiter->refusal = refusal;
  else if (to->waiter && !to->waiter->refusal)
    to->waiter->status = PLUG_EINTERNAL;
  if (!session || session->state == SESSION_CLOSED)
    return;
  if (session->env->users->prefix.len)
    tell_error(session, to->destination, &refusal);
  if (app_settings_of(app_of(session->env->app))->close_on_error) {
    struct session_error fatal = {.message = str_of(refusal.reason), .code = refusal.code};
    struct plug_str receipt = STR("");
    if (to->waiter) {
      receipt = str_from(to->waiter->receipt, to->waiter->receipt_len);
      fatal.receipt = &receipt;
    }
    session_error(session, &fatal);
    session_close(session, CLOSE_PROTOCOL, "");
  }
}

/* --- answers ------------------------------------------------------------------------------ */

/* It cannot be sent: the application's fault, so that its operator is told. */
static void log_unsent(const struct app_result *result, struct plug_str destination,
                       plug_status status)
{
  static struct log_limit limit;
  uint64_t held;
  if ((status == PLUG_EINVAL || status == PLUG_ETOOBIG) && log_limit_pass(&limit, 1000, &held))
    log_error(result->instance,
              "answered with a message to '%.*s', which %s (%llu more before, not reported)",
              STR_ARG(destination),
              status == PLUG_EINVAL ? "is neither the broker's nor a user's"
                                    : "is over a limit of messages or has headers that are no text",
              (unsigned long long)held);
}

static void act(const struct target *to, struct app_result *result)
{
  const struct plug_app_answer *answer = result->answer;
  struct session *session = to->session;
  if (result->status != PLUG_OK || (answer && answer->error)) {
    refuse(to, result);
    return;
  }
  for (size_t i = 0; answer && i < answer->n_publishes; i++) {
    plug_status status = publish(to->env, &answer->publishes[i], NULL, to->waiter);
    if (session && (status == PLUG_EAGAIN || to->env->congested))
      session->slow_down = true;
    if (status < 0 && status != PLUG_EAGAIN) {
      log_unsent(result, answer->publishes[i].destination, status);
      if (to->waiter)
        to->waiter->status = status;
    }
  }
  if (!answer || !answer->reply || !session || session->state != SESSION_CONNECTED)
    return;
  plug_status status = PLUG_OK;
  if (to->id.ptr)
    status = answer_subscribe(session, to, answer->reply);
  else if (answer->reply->destination.len && answer->reply->destination.ptr[0] == '/')
    status = send_to_session(session, answer->reply);
  if (status == PLUG_ETOOBIG) {
    log_unsent(result, to->destination, status);
    if (to->waiter)
      to->waiter->status = status;
  }
}

static void on_answer(void *owner, struct app_worker *worker, struct app_result *result)
{
  struct wait *wait = owner;
  (void)worker;
  if (!wait) {
    free(result->answer);
    return;
  }
  struct session *session = wait->session;
  struct target to = {.session = session,
                      .env = wait->env,
                      .waiter = wait->waiter,
                      .destination = str_from(wait->text + wait->id_len, wait->destination_len)};
  if (wait->subscribes)
    to.id = str_from(wait->text, wait->id_len);
  list_remove(&wait->link);
  if (session && session->state != SESSION_CLOSED && wait->waiter)
    session_waiter_expect(wait->waiter); /* now the broker's time begins */
  act(&to, result);
  if (wait->waiter)
    session_waiter_done(wait->waiter, PLUG_OK);
  free(result->answer);
  free(wait);
}

static struct wait *wait_new(const struct target *to)
{
  struct wait *wait = calloc(1, sizeof *wait + to->id.len + to->destination.len);
  if (!wait)
    return NULL;
  wait->session = to->session;
  wait->env = to->env;
  wait->waiter = to->waiter;
  wait->subscribes = to->id.ptr != NULL;
  wait->id_len = to->id.len;
  wait->destination_len = to->destination.len;
  if (to->id.len)
    memcpy(wait->text, to->id.ptr, to->id.len);
  memcpy(wait->text + to->id.len, to->destination.ptr, to->destination.len);
  return wait;
}

/* --- requests ----------------------------------------------------------------------------- */

bool applications_claim(struct session *session, const struct stomp_frame *frame,
                        struct plug_str destination, uint32_t action)
{
  struct session_env *env = session->env;
  const char *verb = stomp_command_text(frame->command);
  struct plug_str path = destination_app_path(session->terms->destinations, destination);
  if (env->app && !pattern_is(destination) &&
      claims_find(app_claims(app_of(env->app)), path, action))
    return true;
  COUNT(app_unclaimed);
  if (env->app && app_settings_of(app_of(env->app))->ignore_unclaimed) {
    const struct plug_str *receipt = stomp_frame_header(frame, STR("receipt"));
    if (receipt && !session->terms->spring)
      session_receipt(session, *receipt);
    return false;
  }
  struct buf hint = {0};
  if (env->app) {
    struct plug_str prefix = str_from(destination.ptr, destination.len - path.len);
    buf_put_str(&hint, STR("They answer "));
    claims_put_list(app_claims(app_of(env->app)), prefix, action, 300, &hint);
    buf_put_str(&hint, STR("."));
  }
  buf_put_char(&hint, '\0');
  session_fail(session, frame, CLOSE_PROTOCOL, env->app && !hint.failed ? hint.data : NULL,
               "%s: no application answers '%.*s'", verb, session_shown(destination),
               destination.ptr);
  buf_free(&hint);
  return false;
}

static bool is_shown(const struct session_env *env, struct plug_str name)
{
  if (str_eq_nocase(name, STR("login")) || str_eq_nocase(name, STR("passcode")) ||
      str_eq_nocase(name, STR("authorization")))
    return false;
  return !(env->access && admission_is_credential(env, name));
}

static void request(struct session *session, const struct stomp_frame *frame,
                    const struct target *to, uint32_t action)
{
  struct session_env *env = session->env;
  char id[SESSION_ID_TEXT];
  const struct plug_str *type = stomp_frame_header(frame, STR("content-type"));
  struct plug_str path = destination_app_path(session->terms->destinations, to->destination);
  struct app_request_init init = {.claim = claims_find(app_claims(app_of(env->app)), path, action),
                                  .action = action,
                                  .session = session_node_number(session),
                                  .session_id = session_id_text(session, id),
                                  .who = admission_identity(session),
                                  .destination = to->destination,
                                  .path = path,
                                  .headers = env->kv,
                                  .body = frame->body,
                                  .done = on_answer};
  if (type)
    init.content_type = *type;
  for (size_t i = 0; i < frame->n_headers; i++)
    if (is_shown(env, frame->headers[i].name))
      env->kv[init.n_headers++] = (struct plug_kv){frame->headers[i].name, frame->headers[i].value};
  struct app_call *call;
  struct app_result result;
  if (app_request(env->app, &init, &call, &result) != PLUG_PENDING) {
    act(to, &result);
    free(result.answer);
    return;
  }
  struct wait *wait = wait_new(to);
  app_call_own(call, wait);
  if (!wait) {
    session_close(session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  list_append(&session->app_waits, &wait->link);
  if (to->waiter) {
    to->waiter->remaining++;
    list_remove(&to->waiter->by_age); /* the application has a deadline of its own */
  }
  if (app_congested(app_of(env->app)))
    session->slow_down = true;
}

void applications_send(struct session *session, const struct stomp_frame *frame,
                       struct plug_str destination, struct session_waiter *waiter)
{
  struct target to = {
      .session = session, .env = session->env, .waiter = waiter, .destination = destination};
  request(session, frame, &to, PLUG_APP_SEND);
}

void applications_subscribe(struct session *session, const struct stomp_frame *frame,
                            struct plug_str destination, struct plug_str id)
{
  struct target to = {
      .session = session, .env = session->env, .destination = destination, .id = id};
  if (!applications_claim(session, frame, destination, PLUG_APP_SUBSCRIBE))
    return;
  const struct plug_str *receipt = stomp_frame_header(frame, STR("receipt"));
  if (receipt && !session->terms->spring &&
      !(to.waiter = session_waiter_new(session, "SUBSCRIBE", *receipt))) {
    session_close(session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  request(session, frame, &to, PLUG_APP_SUBSCRIBE);
  if (to.waiter)
    session_waiter_done(to.waiter, PLUG_OK);
}

/* --- subscriptions ------------------------------------------------------------------------ */

static bool tell_those(struct session *session, uint32_t kind, struct plug_str id,
                       struct plug_str destination, const struct app *former)
{
  char text[SESSION_ID_TEXT];
  struct app_tell_init init = {.kind = kind,
                               .session = session_node_number(session),
                               .session_id = session_id_text(session, text),
                               .who = admission_identity(session),
                               .subscription = id,
                               .destination = destination,
                               .former = former};
  bool told = app_tell(session->env->app, &init);
  if (told && app_congested(app_of(session->env->app)))
    session->slow_down = true;
  return told;
}

static bool tell(struct session *session, uint32_t kind, struct plug_str id,
                 struct plug_str destination)
{
  return tell_those(session, kind, id, destination, NULL);
}

static bool is_told_of(struct plug_str topic)
{
  return topic.len && topic.ptr[0] == '/' && !pattern_is(topic);
}

void applications_subscribed(struct session *session, struct subscription *sub)
{
  struct plug_str topic = subscription_topic(sub);
  sub->owner_flags |= BEGUN;
  if (!session->env->app || sub->owner_flags & TOLD || !is_told_of(topic))
    return;
  if (tell(session, PLUG_APP_SUBSCRIBED, subscription_id(sub), topic)) {
    sub->owner_flags |= TOLD;
    session->watched = true;
  }
}

void applications_unsubscribed(struct session *session, struct subscription *sub)
{
  if (!(sub->owner_flags & TOLD))
    return;
  sub->owner_flags &= ~TOLD;
  tell(session, PLUG_APP_UNSUBSCRIBED, subscription_id(sub), subscription_topic(sub));
}

void applications_follow(struct session *session, const struct app *former)
{
  for (struct list *node = session->subscriptions.next; node != &session->subscriptions;
       node = node->next) {
    struct subscription *sub = container_of(node, struct subscription, link);
    struct plug_str topic = subscription_topic(sub);
    if (!(sub->owner_flags & BEGUN) || !is_told_of(topic) ||
        !tell_those(session, PLUG_APP_SUBSCRIBED, subscription_id(sub), topic, former))
      continue;
    sub->owner_flags |= TOLD;
    session->watched = true;
  }
}

void applications_leave(struct session *session)
{
  struct list *node;
  while ((node = list_first(&session->app_waits))) {
    container_of(node, struct wait, link)->session = NULL;
    list_remove(node);
  }
  if (session->watched)
    tell(session, PLUG_APP_DISCONNECTED, str_from(NULL, 0), str_from(NULL, 0));
  session->watched = false;
}

/* --- publishing unasked ------------------------------------------------------------------- */

static void on_published(struct session_waiter *waiter)
{
  app_published(waiter->arg, waiter->status);
}

void applications_publish(void *ctx, const struct plug_app_message *message,
                          struct app_publish *out)
{
  struct session_env *env = ctx;
  struct session_waiter *waiter = session_waiter_new(NULL, "publish", str_from(NULL, 0));
  if (!waiter) {
    app_published(out, PLUG_ENOMEM);
    return;
  }
  waiter->done = on_published;
  waiter->arg = out;
  plug_status status = publish(env, message, app_publish_local(out), waiter);
  session_waiter_done(waiter, status == PLUG_PENDING ? PLUG_OK : status);
}
