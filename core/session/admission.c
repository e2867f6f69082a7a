#include "session/admission.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <plugboard/secret.h>

#include "base/clock.h"
#include "base/counter.h"
#include "session/orders.h"
#include "session/session_waiter.h"
#include "session/transaction.h"
#include "session/user_destinations.h"
#include "stomp/stomp_encoder.h"

struct admission {
  struct subject *subject; /* NULL: the session has ended */
  struct session_agreement agreement;
  struct held_frame *pending; /* waits for a plugin's answer; owned, or NULL */
  uint64_t since_ms;          /* when the session began to await the verdict it awaits */
  bool decided, allowed;      /* that answer, for the frame that comes again */
  bool committing;
  bool warned;         /* the time to warn has come */
  char *events_id;     /* of the subscription to /plugboard/token; owned, or NULL */
  char *renew_receipt; /* of the renewal that is under way; owned, or NULL */
};

static const struct access_settings *settings_of(const struct session *session)
{
  return access_settings_of(access_of(session->env->access));
}

/* In Spring every ERROR ends with the same code. */
static void end_with(struct session *session, const struct session_error *error, uint16_t code)
{
  session_error(session, error);
  session_close(session, session->terms->spring ? CLOSE_PROTOCOL : code, "");
}

/* --- CONNECT ------------------------------------------------------------------------------ */

bool admission_is_credential(const struct session_env *env, struct plug_str name)
{
  const struct chain_credentials *all = &access_chain(access_of(env->access))->credentials;
  if (str_eq_nocase(name, STR("passcode")) || str_eq_nocase(name, STR("authorization")))
    return true;
  for (size_t i = 0; i < all->n_headers; i++)
    if (str_eq_nocase(name, all->headers[i]))
      return true;
  return false;
}

/* In the receive buffer, where the frame was read in place. */
static void wipe_credentials(const struct session *session, const struct stomp_frame *frame)
{
  for (size_t i = 0; i < frame->n_headers; i++)
    if (admission_is_credential(session->env, frame->headers[i].name))
      plug_secret_wipe((char *)(uintptr_t)frame->headers[i].value.ptr, frame->headers[i].value.len);
  if (frame->command == STOMP_SEND) /* a renewal: its body may be the token */
    plug_secret_wipe((char *)(uintptr_t)frame->body.ptr, frame->body.len);
}

void admission_begin(struct session *session, const struct stomp_frame *frame,
                     const struct session_agreement *agreement)
{
  struct access_worker *access = session->env->access;
  struct handshake *handshake = session->handshake;
  if (session->admission) { /* one CONNECT only: the carrier stops reading, but who knows */
    session_fail(session, frame, CLOSE_PROTOCOL, NULL, "the session is being connected already");
    return;
  }
  session->handshake = NULL;
  session->admission = calloc(1, sizeof *session->admission);
  struct subject *subject =
      session->admission ? subject_new(access, session->number, session) : NULL;
  if (!subject) {
    handshake_free(handshake);
    session_close(session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  session->admission->subject = subject;
  session->admission->agreement = *agreement;
  subject_use_rules(subject, !session->terms->no_rules);
  session->class_id = subject_class(subject);
  if (access_chain(access_of(access))->n == 0) { /* rules only */
    handshake_free(handshake);
    session_admit(session, agreement);
    return;
  }
  session->awaiting = subject_login(subject, PLUG_STAGE_CONNECT, frame, handshake);
  session->admission->since_ms = session->last_rx_ms;
  wipe_credentials(session, frame);
  if (!session->awaiting)
    session_close(session, CLOSE_INTERNAL, "out of memory");
}

void admission_leave(struct session *session)
{
  struct admission *admission = session->admission;
  handshake_free(session->handshake);
  session->handshake = NULL;
  if (!admission)
    return;
  subject_free(admission->subject);
  admission->subject = NULL;
}

void admission_free(struct session *session)
{
  struct admission *admission = session->admission;
  if (!admission)
    return;
  free(admission->pending);
  free(admission->events_id);
  free(admission->renew_receipt);
  free(admission);
  session->admission = NULL;
}

const struct plug_identity *admission_who(const struct session *session)
{
  const struct admission *admission = session->admission;
  return admission && admission->subject ? subject_who(admission->subject) : NULL;
}

struct identity *admission_identity(const struct session *session)
{
  const struct admission *admission = session->admission;
  return admission && admission->subject ? subject_identity(admission->subject) : NULL;
}

static struct session_error denial(const struct login_verdict *verdict)
{
  struct session_error error = {.code = verdict->code};
  bool expired = strcmp(verdict->code, PLUG_CODE_EXPIRED) == 0;
  error.message = verdict->reason[0] ? str_of(verdict->reason)
                  : expired          ? STR("token expired")
                                     : STR("authentication failed");
  if (expired)
    error.hint = "Get a new token before you connect again.";
  else if (verdict->result == LOGIN_FAILED)
    error.hint = "The same again may succeed later.";
  return error;
}

static uint16_t close_code_of(const struct login_verdict *verdict)
{
  if (strcmp(verdict->code, PLUG_CODE_EXPIRED) == 0)
    return CLOSE_EXPIRED;
  bool later = verdict->result == LOGIN_FAILED || strcmp(verdict->code, PLUG_CODE_BUSY) == 0;
  return later ? CLOSE_BUSY : CLOSE_DENIED;
}

/* Somebody has disconnected the user, who may not come back yet. */
static bool is_refused(struct session *session)
{
  char reason[REFUSED_REASON_MAX + 1];
  const struct plug_identity *who = admission_who(session);
  struct refused_users *refused = session->env->refused;
  if (!refused || !who || !refused_users_find(refused, who->user, clock_now_ms(), reason))
    return false;
  struct session_error error = {.message = reason[0] ? str_of(reason)
                                                     : STR("the user is refused for a while"),
                                .code = "refused",
                                .hint = "Try again later."};
  COUNT(refused_users);
  end_with(session, &error, CLOSE_DENIED);
  return true;
}

static void connect_judged(struct session *session, const struct login_verdict *verdict)
{
  struct admission *admission = session->admission;
  session->awaiting = false;
  if (verdict->result == LOGIN_GRANTED) {
    COUNT(auth_granted);
    if (!is_refused(session)) {
      session->class_id = subject_class(admission->subject);
      session_admit(session, &admission->agreement);
    }
  } else {
    struct session_error error = denial(verdict);
    end_with(session, &error, close_code_of(verdict));
  }
  session->env->wake(session);
}

/* --- denials ------------------------------------------------------------------------------ */

/* verb: what was denied. sub: a subscription that ends with it, or NULL. */
static void deny(struct session *session, const char *verb, const struct plug_str *receipt,
                 struct plug_str destination, struct subscription *sub)
{
  char message[160];
  const struct access_settings *settings = settings_of(session);
  COUNT(access_denied);
  snprintf(message, sizeof message, "%s: access denied to '%.*s'", verb, session_shown(destination),
           destination.ptr);
  struct session_error error = {
      .message = str_of(message), .code = "access-denied", .receipt = receipt};
  if (settings->close_denied) {
    end_with(session, &error, CLOSE_DENIED);
    return;
  }
  error.stays = SESSION_STAYS_TRY_AGAIN;
  error.hint = "The connection stays open.";
  session_error(session, &error);
  if (sub)
    session_drop_subscription(session, sub);
}

static bool ask(struct session *session, const struct stomp_frame *frame, unsigned action,
                struct plug_str destination, bool is_pattern, bool *allowed)
{
  struct admission *admission = session->admission;
  if (admission->committing) {
    *allowed = true;
    return true;
  }
  plug_status status =
      subject_ask(admission->subject, action, destination, is_pattern, str_from(NULL, 0), allowed);
  if (status == PLUG_OK)
    return true;
  if (status == PLUG_PENDING && (admission->pending = held_frame_new(frame))) {
    admission->since_ms = session->last_rx_ms;
    session->awaiting = true;
  } else {
    session_close(session, CLOSE_INTERNAL, "out of memory");
  }
  return false;
}

bool admission_is_overdue(const struct session *session, uint64_t now_ms, uint64_t timeout_ms)
{
  return session->awaiting && now_ms > session->admission->since_ms + timeout_ms;
}

bool admission_may(struct session *session, const struct stomp_frame *frame, unsigned action,
                   struct plug_str destination, bool is_pattern, bool *lasting)
{
  struct admission *admission = session->admission;
  bool allowed = admission->allowed;
  *lasting = false;
  if (!admission->decided) {
    enum rule_verdict verdict =
        subject_judge(admission->subject, action, destination, is_pattern, lasting);
    allowed = verdict == RULE_ALLOW;
    if (verdict == RULE_ASK && !ask(session, frame, action, destination, is_pattern, &allowed))
      return false;
  }
  admission->decided = false;
  if (!allowed)
    deny(session, stomp_command_text(frame->command), stomp_frame_header(frame, STR("receipt")),
         destination, NULL);
  return allowed;
}

void admission_commits(struct session *session, bool begins)
{
  if (session->admission)
    session->admission->committing = begins;
}

static void judge_again(struct session *session, struct subscription *sub, bool allowed)
{
  char verb[100], text[SESSION_RECEIPT_TEXT];
  struct plug_str id = subscription_id(sub), receipt = session_owed_receipt(sub, text);
  if (allowed)
    return;
  snprintf(verb, sizeof verb, "subscription '%.*s'", session_shown(id), id.ptr);
  struct buf shown = {0};
  deny(session, verb, receipt.len ? &receipt : NULL, user_shown_destination(session, sub, &shown),
       sub);
  buf_free(&shown);
}

static bool under_rules(void *owner)
{
  const struct session *session = owner;
  return !session->terms->no_rules;
}

static void on_renewed(void *owner)
{
  struct session *session = owner;
  struct admission *admission = session->admission;
  session->class_id = subject_class(admission->subject);
  struct list *node = session->subscriptions.next, *next;
  for (; session->state != SESSION_CLOSED && node != &session->subscriptions; node = next) {
    struct subscription *sub = container_of(node, struct subscription, link);
    struct buf shown = {0};
    struct plug_str destination = user_shown_destination(session, sub, &shown);
    bool is_pattern = user_is_plain(sub) && pattern_is(destination), lasting, allowed;
    next = user_next(session, node);
    enum rule_verdict verdict =
        subject_judge(admission->subject, ACTION_SUBSCRIBE, destination, is_pattern, &lasting);
    allowed = verdict == RULE_ALLOW;
    if (verdict == RULE_ASK) {
      plug_status status = subject_ask(admission->subject, ACTION_SUBSCRIBE, destination,
                                       is_pattern, subscription_id(sub), &allowed);
      allowed = status == PLUG_PENDING || (status == PLUG_OK && allowed);
    }
    buf_free(&shown);
    judge_again(session, sub, allowed);
  }
  if (session->state != SESSION_CONNECTING) /* who has not connected does not go before others */
    session->env->wake(session);
}

static void on_changed(void *owner)
{
  struct session *session = owner;
  session->admission->warned = false;
  on_renewed(session);
}

static void on_answered(void *owner, const struct ask_result *result)
{
  struct session *session = owner;
  struct admission *admission = session->admission;
  if (result->tag.len) { /* a live subscription */
    struct subscription *sub = hub_find(session->env->hub, session->number, result->tag);
    struct buf shown = {0};
    bool is_it = sub && str_eq(user_shown_destination(session, sub, &shown), result->destination);
    buf_free(&shown);
    if (is_it)
      judge_again(session, sub, result->answer.allowed);
    session->env->wake(session);
    return;
  }
  struct held_frame *held = admission->pending;
  admission->pending = NULL;
  session->awaiting = false;
  admission->decided = true;
  admission->allowed = result->answer.allowed;
  session_command(session, &held->frame);
  admission->decided = false;
  free(held);
  session->env->wake(session);
}

static void on_revoked(void *owner, const char *reason)
{
  struct session *session = owner;
  struct session_error error = {.message = *reason ? str_of(reason) : STR("access was withdrawn"),
                                .code = "session-revoked"};
  COUNT(closed_revoked);
  end_with(session, &error, CLOSE_DENIED);
  session->env->wake(session);
}

/* --- /plugboard/token --------------------------------------------------------------------- */

static void refuse(struct session *session, const struct plug_str *receipt, const char *code,
                   const char *message, enum session_stays stays)
{
  struct session_error error = {.message = str_of(message),
                                .code = code,
                                .receipt = receipt,
                                .stays = stays,
                                .hint = "The connection stays open."};
  session_error(session, &error);
}

static void renew(struct session *session, const struct stomp_frame *frame)
{
  struct admission *admission = session->admission;
  const struct plug_str *receipt = stomp_frame_header(frame, STR("receipt"));
  if (!subject_who(admission->subject)) {
    refuse(session, receipt, "nobody", "there is no identity to renew", SESSION_STAYS);
    return;
  }
  if (subject_logs_in(admission->subject)) {
    refuse(session, receipt, PLUG_CODE_BUSY, "a renewal is under way", SESSION_STAYS_TRY_AGAIN);
    return;
  }
  free(admission->renew_receipt);
  admission->renew_receipt = receipt ? str_dup(*receipt) : NULL;
  bool begun = (!receipt || admission->renew_receipt) &&
               subject_login(admission->subject, PLUG_STAGE_REFRESH, frame, NULL);
  wipe_credentials(session, frame);
  if (!begun)
    session_close(session, CLOSE_INTERNAL, "out of memory");
}

static void renewal_judged(struct session *session, const struct login_verdict *verdict)
{
  struct admission *admission = session->admission;
  char *text = admission->renew_receipt;
  struct plug_str receipt = str_of(text);
  admission->renew_receipt = NULL;
  if (session->state == SESSION_CONNECTED) {
    if (verdict->result != LOGIN_GRANTED) {
      struct session_error error = denial(verdict);
      error.stays = SESSION_STAYS_TRY_AGAIN;
      error.receipt = text ? &receipt : NULL;
      error.hint = "The connection stays open until the identity that it has ends.";
      session_error(session, &error);
    } else {
      COUNT(auth_renewed);
      if (text)
        session_receipt(session, receipt);
      on_changed(session);
    }
  }
  free(text);
}

static void on_login(void *owner, const struct login_verdict *verdict)
{
  struct session *session = owner;
  if (session->state == SESSION_CONNECTING)
    connect_judged(session, verdict);
  else
    renewal_judged(session, verdict);
}

const struct access_events admission_events = {
    .login = on_login,
    .answered = on_answered,
    .under_rules = under_rules,
    .renewed = on_renewed,
    .changed = on_changed,
    .revoked = on_revoked,
};

/* --- the end of an identity --------------------------------------------------------------- */

/* Not before half of the time is over: who renews when he is warned, with tokens that live no
 * longer than the warning is ahead, would do nothing else. */
static uint64_t warning_due_ms(const struct session *session)
{
  const struct admission *admission = session->admission;
  uint64_t expires = subject_expires_ms(admission->subject);
  uint64_t ahead = settings_of(session)->warning_ms;
  if (admission->warned || !ahead || expires == UINT64_MAX)
    return UINT64_MAX;
  uint64_t due = expires > ahead ? expires - ahead : 0;
  uint64_t half = subject_half_ms(admission->subject);
  return due > half ? due : half;
}

uint64_t admission_deadline_ms(const struct session *session)
{
  if (!session->admission->subject)
    return UINT64_MAX;
  uint64_t expires = subject_expires_ms(session->admission->subject);
  uint64_t warning = warning_due_ms(session);
  return warning < expires ? warning : expires;
}

static void warn(struct session *session, uint64_t now_ms)
{
  struct admission *admission = session->admission;
  const struct plug_identity *who = subject_who(admission->subject);
  uint64_t expires = subject_expires_ms(admission->subject);
  uint64_t left = expires > now_ms ? expires - now_ms : 0; /* it may end in this very turn */
  enum stomp_version version = (enum stomp_version)session->version;
  struct buf *out = &session->env->out;
  char id[64];
  out->len = 0;
  out->failed = false;
  snprintf(id, sizeof id, "token-%" PRIu64, session->number);
  stomp_put_command(out, STOMP_MESSAGE);
  stomp_put_header(out, version, STOMP_MESSAGE, STR("subscription"), str_of(admission->events_id));
  stomp_put_header(out, version, STOMP_MESSAGE, STR("destination"), STR(ACCESS_TOKEN_DESTINATION));
  stomp_put_header(out, version, STOMP_MESSAGE, STR("message-id"), str_of(id));
  stomp_put_header(out, version, STOMP_MESSAGE, STR("event"), STR("token-expires"));
  stomp_put_header_u64(out, STR("expires-at"), (uint64_t)who->expires_unix_ms);
  stomp_put_header_u64(out, STR("expires-in"), left);
  stomp_put_header_u64(out, STR("content-length"), 0);
  stomp_put_body(out, str_from(NULL, 0));
  if (out->failed)
    session_close(session, CLOSE_INTERNAL, "out of memory");
  else
    session_queue(session, str_from(out->data, out->len));
}

bool admission_tick(struct session *session, uint64_t now_ms)
{
  struct admission *admission = session->admission;
  if (!admission->subject || session->state == SESSION_CONNECTING)
    return false;
  if (now_ms >= subject_expires_ms(admission->subject)) {
    struct session_error error = {
        .message = STR("token expired"),
        .code = PLUG_CODE_EXPIRED,
        .hint = "Get a new token before you connect again; a SEND to " ACCESS_TOKEN_DESTINATION
                " renews it in time."};
    COUNT(closed_expired);
    end_with(session, &error, CLOSE_EXPIRED);
    return true;
  }
  if (now_ms >= warning_due_ms(session)) {
    admission->warned = true;
    if (admission->events_id)
      warn(session, now_ms);
  }
  return session->state == SESSION_CLOSED;
}

/* --- subscriptions to /plugboard/token ----------------------------------------------------- */

static void subscribe(struct session *session, const struct stomp_frame *frame)
{
  struct admission *admission = session->admission;
  const struct plug_str *id = stomp_frame_header(frame, STR("id"));
  const struct plug_str *ack = stomp_frame_header(frame, STR("ack"));
  const struct plug_str *receipt = stomp_frame_header(frame, STR("receipt"));
  if (!id && session->version == STOMP_1_0)
    id = stomp_frame_header(frame, STR("destination"));
  if (!id) {
    session_fail(session, frame, CLOSE_PROTOCOL, NULL, "SUBSCRIBE without a 'id' header");
    return;
  }
  if (ack && !str_eq(*ack, STR("auto"))) {
    session_fail(session, frame, CLOSE_PROTOCOL, NULL,
                 "SUBSCRIBE: '" ACCESS_TOKEN_DESTINATION "' knows the ack mode auto only");
    return;
  }
  if (admission->events_id || hub_find(session->env->hub, session->number, *id)) {
    session_fail(session, frame, CLOSE_PROTOCOL, NULL,
                 admission->events_id
                     ? "SUBSCRIBE: there is a subscription to '" ACCESS_TOKEN_DESTINATION "'"
                     : "SUBSCRIBE: the id is in use");
    return;
  }
  admission->events_id = str_dup(*id);
  if (!admission->events_id)
    session_close(session, CLOSE_INTERNAL, "out of memory");
  else if (receipt && !session->terms->spring)
    session_receipt(session, *receipt);
  if (admission->warned && session->state == SESSION_CONNECTED)
    warn(session, session->last_rx_ms);
}

bool admission_takes(struct session *session, const struct stomp_frame *frame)
{
  const struct plug_str *destination = stomp_frame_header(frame, STR("destination"));
  if (!destination || !str_eq(*destination, STR(ACCESS_TOKEN_DESTINATION)))
    return false;
  if (frame->command == STOMP_SEND)
    renew(session, frame);
  else
    subscribe(session, frame);
  return true;
}

bool admission_has_id(const struct session *session, struct plug_str id)
{
  const struct admission *admission = session->admission;
  return admission && admission->events_id && str_eq(str_of(admission->events_id), id);
}

bool admission_unsubscribe(struct session *session, struct plug_str id)
{
  if (!admission_has_id(session, id))
    return false;
  free(session->admission->events_id);
  session->admission->events_id = NULL;
  return true;
}
