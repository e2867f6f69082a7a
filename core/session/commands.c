/* The STOMP commands between CONNECTED and DISCONNECT but for what SEND does (send.h). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/counter.h"
#include "base/hash.h"
#include "message/message.h"
#include "message/message_rules.h"
#include "session/admission.h"
#include "session/applications.h"
#include "session/memory.h"
#include "session/refusal.h"
#include "session/send.h"
#include "session/session.h"
#include "session/session_waiter.h"
#include "session/transaction.h"
#include "session/user_destinations.h"

const struct plug_str *session_need_header(struct session *session, const struct stomp_frame *frame,
                                           struct plug_str name)
{
  const struct plug_str *value = stomp_frame_header(frame, name);
  if (!value)
    session_fail(session, frame, CLOSE_PROTOCOL, NULL, "%s without a '%.*s' header",
                 stomp_command_text(frame->command), STR_ARG(name));
  return value;
}

static void acknowledge(struct session *session, const struct stomp_frame *frame)
{
  const struct plug_str *receipt = stomp_frame_header(frame, STR("receipt"));
  if (receipt && !session->terms->spring)
    session_receipt(session, *receipt);
}

const struct plug_str *session_known_destination(struct session *session,
                                                 const struct stomp_frame *frame,
                                                 enum destination_kind *kind)
{
  struct session_env *env = session->env;
  const char *verb = stomp_command_text(frame->command), *why;
  const struct plug_str *destination = session_need_header(session, frame, STR("destination"));
  if (!destination)
    return NULL;
  if (!destination_valid(*destination, env->max_destination_length, &why)) {
    if (destination->len > env->max_destination_length)
      COUNT(refused_destination);
    session_fail(session, frame, CLOSE_PROTOCOL, NULL, "%s: bad destination '%.*s': %s", verb,
                 session_shown(*destination), destination->ptr ? destination->ptr : "", why);
    return NULL;
  }
  struct buf prefixes = {0};
  *kind = destination_classify(session->terms->destinations, *destination);
  bool nobodys = *kind == DESTINATION_NONE || (*kind == DESTINATION_APP && !env->app);
  if (nobodys && session->terms->ignore_unknown) {
    session_ignore(session, frame, destination);
    return NULL;
  }
  switch (*kind) {
  case DESTINATION_BROKER:
    return destination;
  case DESTINATION_APP:
    return destination;
  case DESTINATION_USER:
    return user_destination_check(session, frame, *destination) ? destination : NULL;
  case DESTINATION_NONE:
    break;
  }
  destination_put_prefixes(&prefixes, &session->terms->destinations->broker);
  session_fail(session, frame, CLOSE_PROTOCOL, NULL,
               "%s: destination '%.*s' is outside every prefix; there are %.*s", verb,
               session_shown(*destination), destination->ptr, (int)prefixes.len,
               prefixes.data ? prefixes.data : "");
  buf_free(&prefixes);
  return NULL;
}

/* --- SUBSCRIBE, UNSUBSCRIBE --------------------------------------------------------------- */

static bool parse_ack_mode(const struct plug_str *text, enum ack_mode *mode)
{
  *mode = ACK_AUTO;
  if (!text || str_eq(*text, STR("auto")))
    return true;
  *mode = ACK_CLIENT;
  if (str_eq(*text, STR("client")))
    return true;
  *mode = ACK_CLIENT_INDIVIDUAL;
  return str_eq(*text, STR("client-individual"));
}

/* The receipt of a SUBSCRIBE, now or when all that it consists of is active. */
static void answer_subscribe(struct session *session, struct plug_str receipt,
                             struct subscription *const *subs, const plug_status *statuses,
                             size_t n)
{
  struct session_waiter *waiter = NULL;
  for (size_t i = 0; i < n; i++) {
    if (statuses[i] == PLUG_OK)
      continue;
    if (waiter) {
      waiter->remaining++;
    } else if ((waiter = session_waiter_new(session, "SUBSCRIBE", receipt))) {
      waiter->sub = subs[i];
    } else {
      session_close(session, CLOSE_INTERNAL, "out of memory");
      return;
    }
    subs[i]->waiter = waiter;
  }
  if (!waiter)
    session_receipt(session, receipt);
}

static void handle_subscribe(struct session *session, const struct stomp_frame *frame)
{
  struct session_env *env = session->env;
  if (env->access && admission_takes(session, frame))
    return;
  enum destination_kind kind;
  const struct plug_str *destination = session_known_destination(session, frame, &kind);
  bool lasting;
  if (!destination)
    return;
  const struct plug_str *id = stomp_frame_header(frame, STR("id"));
  if (!id && session->version == STOMP_1_0)
    id = destination; /* 1.0: the id is optional, the destination names the subscription */
  if (!id) {
    session_need_header(session, frame, STR("id"));
    return;
  }
  const struct plug_str *ack = stomp_frame_header(frame, STR("ack"));
  struct hub_subscribe request = {.session = session->number,
                                  .owner = session,
                                  .queue = &session->out,
                                  .list = &session->subscriptions,
                                  .session_unacked = &session->n_unacked,
                                  .id = *id,
                                  .destination = *destination,
                                  .version = (enum stomp_version)session->version};
  if (!parse_ack_mode(ack, &request.ack)) {
    session_fail(session, frame, CLOSE_PROTOCOL, "Use auto, client or client-individual.",
                 "SUBSCRIBE: unknown ack mode '%.*s'", session_shown(*ack), ack->ptr);
    return;
  }
  if ((session->n_subscriptions && hub_find(env->hub, session->number, *id)) ||
      admission_has_id(session, *id)) {
    if (id == destination) { /* nobody chose that id, and what the client wants is so already */
      acknowledge(session, frame);
      return;
    }
    session_fail(session, frame, CLOSE_PROTOCOL, "UNSUBSCRIBE first, or choose another id.",
                 "SUBSCRIBE: the id '%.*s' is in use", session_shown(*id), id->ptr);
    return;
  }
  if (session->n_subscriptions >= env->max_subscriptions) {
    COUNT(refused_subscriptions);
    session_fail_limit(session, frame, CLOSE_PROTOCOL, NULL,
                       "SUBSCRIBE: more than max-subscriptions (%" PRIu64 ")",
                       env->max_subscriptions);
    return;
  }
  bool is_pattern = kind == DESTINATION_BROKER && pattern_is(*destination);
  if (is_pattern && !session->terms->patterns) {
    session_fail(session, frame, CLOSE_PROTOCOL, "[destinations] patterns = on allows them.",
                 "SUBSCRIBE: pattern subscriptions are switched off: '%.*s'",
                 session_shown(*destination), destination->ptr);
    return;
  }
  if (env->access &&
      !admission_may(session, frame, ACTION_SUBSCRIBE, *destination, is_pattern, &lasting))
    return;
  if (kind == DESTINATION_APP) {
    applications_subscribe(session, frame, *destination, *id);
    return;
  }
  if (is_pattern) {
    struct plug_err err = {0};
    request.pattern = pattern_compile(*destination, &err);
    if (!request.pattern) {
      session_fail(session, frame, CLOSE_PROTOCOL, NULL, "SUBSCRIBE: bad pattern '%.*s': %s",
                   session_shown(*destination), destination->ptr, err.text);
      return;
    }
  }
  struct subscription *subs[2];
  plug_status statuses[2];
  size_t n = 1;
  if (kind == DESTINATION_USER)
    n = user_subscribe(session, &request, subs, statuses);
  else
    statuses[0] = hub_subscribe(env->hub, &request, &subs[0]);
  if (n == 0 || statuses[0] < 0) {
    session_close(session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  session->n_subscriptions++;
  const struct plug_str *receipt = stomp_frame_header(frame, STR("receipt"));
  size_t bytes = 0;
  for (size_t i = 0; i < n; i++)
    bytes += subscription_bytes(subs[i]);
  if (!session_keep(session, receipt, bytes))
    return;
  if (statuses[0] == PLUG_OK && kind == DESTINATION_BROKER)
    applications_subscribed(session, subs[0]);
  if (receipt && !session->terms->spring)
    answer_subscribe(session, *receipt, subs, statuses, n);
}

static void handle_unsubscribe(struct session *session, const struct stomp_frame *frame)
{
  const struct plug_str *id = stomp_frame_header(frame, STR("id"));
  if (!id && session->version == STOMP_1_0)
    id = stomp_frame_header(frame, STR("destination"));
  if (!id) {
    session_need_header(session, frame, STR("id"));
    return;
  }
  if (admission_unsubscribe(session, *id)) {
    acknowledge(session, frame);
    return;
  }
  /* An unknown id is no fault: what the client wants is so already. */
  struct subscription *sub = hub_find(session->env->hub, session->number, *id);
  if (sub) {
    session_subscribed(sub, PLUG_OK);
    user_end(session, sub);
  }
  acknowledge(session, frame);
}

/* --- ACK, NACK ---------------------------------------------------------------------------- */

/* 1.2 names the delivery by the ack header of its MESSAGE, "<message-id>/<subscription id>"; 1.1 by
 * message-id and subscription; 1.0 by message-id alone. Clients that came to 1.1 from 1.0 leave the
 * subscription out, or name the destination there: the message-id says enough. */
static bool find_delivery(struct session *session, const struct stomp_frame *frame)
{
  struct hub *hub = session->env->hub;
  if (session->version >= STOMP_1_2) {
    const struct plug_str *id = stomp_frame_header(frame, STR("id"));
    const char *slash = id->len ? memchr(id->ptr, '/', id->len) : NULL;
    if (!slash)
      return false;
    size_t len = (size_t)(slash - id->ptr);
    struct subscription *sub =
        hub_find(hub, session->number, str_from(slash + 1, id->len - len - 1));
    return user_ack(session, sub, str_from(id->ptr, len));
  }
  const struct plug_str *message_id = stomp_frame_header(frame, STR("message-id"));
  const struct plug_str *sub_id = stomp_frame_header(frame, STR("subscription"));
  if (sub_id) {
    struct subscription *sub = hub_find(hub, session->number, *sub_id);
    if (user_ack(session, sub, *message_id))
      return true;
  }
  for (struct list *node = session->subscriptions.next; node != &session->subscriptions;
       node = node->next)
    if (hub_ack(container_of(node, struct subscription, link), *message_id))
      return true;
  return false;
}

/* False: the session has failed. */
static bool ack_now(struct session *session, const struct stomp_frame *frame)
{
  const struct plug_str *id = session_need_header(
      session, frame, session->version >= STOMP_1_2 ? STR("id") : STR("message-id"));
  if (!id)
    return false;
  if (find_delivery(session, frame))
    return true;
  session_fail(session, frame, CLOSE_PROTOCOL, NULL, "%s: no message '%.*s' waits for it",
               stomp_command_text(frame->command), session_shown(*id), id->ptr ? id->ptr : "");
  return false;
}

/* --- transactions ------------------------------------------------------------------------- */

static void handle_begin(struct session *session, const struct stomp_frame *frame)
{
  struct session_env *env = session->env;
  const struct plug_str *id = session_need_header(session, frame, STR("transaction"));
  if (!id)
    return;
  if (transaction_find(&session->transactions, *id)) {
    session_fail(session, frame, CLOSE_PROTOCOL, NULL, "BEGIN: transaction '%.*s' is open already",
                 session_shown(*id), id->ptr);
    return;
  }
  if (session->n_transactions >= env->max_transactions) {
    COUNT(refused_transactions);
    session_fail_limit(session, frame, CLOSE_PROTOCOL, NULL,
                       "BEGIN: more than max-transactions (%" PRIu64 ") are open",
                       env->max_transactions);
    return;
  }
  struct transaction *transaction = transaction_new(*id);
  if (!transaction) {
    session_close(session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  list_append(&session->transactions, &transaction->link);
  session->n_transactions++;
  acknowledge(session, frame);
}

static void end_transaction(struct session *session, struct transaction *transaction)
{
  session->n_transactions--;
  session->transaction_bytes -= transaction->bytes;
  transaction_free(transaction);
}

static void commit(struct session *session, struct transaction *transaction,
                   struct session_waiter *waiter)
{
  struct list *node;
  admission_commits(session, true);
  while (session->state == SESSION_CONNECTED && (node = list_first(&transaction->held))) {
    struct held_frame *held = container_of(node, struct held_frame, link);
    list_remove(node);
    struct send_target target;
    if (held->frame.command != STOMP_SEND)
      ack_now(session, &held->frame);
    else if (send_find_target(session, &held->frame, &target))
      send_now(session, &held->frame, &target, waiter);
    free(held);
  }
  admission_commits(session, false);
}

static void handle_end(struct session *session, const struct stomp_frame *frame)
{
  const struct plug_str *id = session_need_header(session, frame, STR("transaction"));
  if (!id)
    return;
  struct transaction *transaction = transaction_find(&session->transactions, *id);
  if (!transaction) {
    session_fail(session, frame, CLOSE_PROTOCOL, NULL, "%s: no transaction '%.*s' is open",
                 stomp_command_text(frame->command), session_shown(*id), id->ptr ? id->ptr : "");
    return;
  }
  if (frame->command == STOMP_ABORT) {
    end_transaction(session, transaction);
    acknowledge(session, frame);
    return;
  }
  const struct plug_str *receipt = stomp_frame_header(frame, STR("receipt"));
  struct session_waiter *waiter = NULL;
  if (receipt && !(waiter = session_waiter_new(session, "COMMIT", *receipt))) {
    session_close(session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  /* Out of the session's reach first: a fault in a held frame closes the session and with it all
   * transactions that it still has. */
  list_remove(&transaction->link);
  session->n_transactions--;
  session->transaction_bytes -= transaction->bytes;
  commit(session, transaction, waiter);
  transaction_free(transaction);
  if (waiter)
    session_waiter_done(waiter, PLUG_OK);
}

static void __attribute__((noinline)) hold_in(struct session *session,
                                              const struct stomp_frame *frame,
                                              const struct plug_str *id)
{
  struct session_env *env = session->env;
  struct transaction *transaction = transaction_find(&session->transactions, *id);
  if (!transaction) {
    session_fail(session, frame, CLOSE_PROTOCOL, NULL, "%s: no transaction '%.*s' is open",
                 stomp_command_text(frame->command), session_shown(*id), id->ptr ? id->ptr : "");
    return;
  }
  uint64_t bytes = transaction_frame_bytes(frame);
  if (session->transaction_bytes + bytes > env->max_transaction_bytes) {
    COUNT(refused_transactions);
    session_fail_limit(session, frame, CLOSE_PROTOCOL, NULL,
                       "open transactions hold more than max-transaction-size (%" PRIu64 " bytes)",
                       env->max_transaction_bytes);
    return;
  }
  if (!transaction_hold(transaction, frame)) {
    session_close(session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  session->transaction_bytes += bytes;
  acknowledge(session, frame);
}

/* True if the frame belongs to a transaction: it is held, or the session has failed. */
static inline bool hold(struct session *session, const struct stomp_frame *frame)
{
  if (frame->head && frame->head->transaction < 0)
    return false;
  const struct plug_str *id = stomp_frame_header(frame, STR("transaction"));
  if (!id || session->terms->spring)
    return false;
  hold_in(session, frame, id);
  return true;
}

/* Spring's simple broker takes these and does nothing. */
static bool is_ignored(const struct session *session, enum stomp_command command)
{
  return session->terms->spring &&
         (command == STOMP_ACK || command == STOMP_NACK || command == STOMP_BEGIN ||
          command == STOMP_COMMIT || command == STOMP_ABORT);
}

void session_command(struct session *session, struct stomp_frame *frame)
{
  struct send_target target;
  if (is_ignored(session, frame->command))
    return;
  switch (frame->command) {
  case STOMP_SEND:
    if (send_find_target(session, frame, &target) && !hold(session, frame))
      send_handle(session, frame, &target);
    break;
  case STOMP_SUBSCRIBE:
    handle_subscribe(session, frame);
    break;
  case STOMP_UNSUBSCRIBE:
    handle_unsubscribe(session, frame);
    break;
  case STOMP_ACK:
  case STOMP_NACK:
    if (!hold(session, frame) && ack_now(session, frame))
      acknowledge(session, frame);
    break;
  case STOMP_BEGIN:
    handle_begin(session, frame);
    break;
  case STOMP_COMMIT:
  case STOMP_ABORT:
    handle_end(session, frame);
    break;
  default: /* CONNECT, STOMP, DISCONNECT and the servers' commands are session.c's */
    break;
  }
}
