/* The STOMP commands between CONNECTED and DISCONNECT: SEND, SUBSCRIBE and their kin. */
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
#include "session/session.h"
#include "session/session_waiter.h"
#include "session/transaction.h"
#include "session/user_destinations.h"

static const struct plug_str *need_header(struct session *session, const struct stomp_frame *frame,
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

/* The frame's destination if it may be used and somebody handles it; else the session has failed,
 * or the frame is ignored. */
static const struct plug_str *known_destination(struct session *session,
                                                const struct stomp_frame *frame,
                                                enum destination_kind *kind)
{
  struct session_env *env = session->env;
  const char *verb = stomp_command_text(frame->command), *why;
  const struct plug_str *destination = need_header(session, frame, STR("destination"));
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

/* --- SEND --------------------------------------------------------------------------------- */

/* Those that are the sender's own business (DEV-4), in any case: proxies and people vary it. */
static bool is_private(struct plug_str name)
{
  switch (name.len) {
  case 5:
    return str_eq_nocase(name, STR("login"));
  case 7:
    return str_eq_nocase(name, STR("receipt"));
  case 8:
    return str_eq_nocase(name, STR("passcode"));
  case 11:
    return str_eq_nocase(name, STR("transaction"));
  case 13:
    return str_eq_nocase(name, STR("authorization"));
  default:
    return false;
  }
}

static bool is_forwarded(const struct session *session, struct plug_str name)
{
  const struct session_env *env = session->env;
  return !message_is_servers_header(name) && /* DEV-5 */
         (session->terms->spring || !is_private(name)) &&
         !(env->access && admission_is_credential(env, name));
}

/* Where in the worker's cache a destination that clients may SEND to is kept. */
static struct session_sendable *sendable_slot(const struct session *session,
                                              struct plug_str destination)
{
  uint64_t tail = 0;
  if (destination.len >= sizeof tail)
    memcpy(&tail, destination.ptr + destination.len - sizeof tail, sizeof tail);
  else
    memcpy(&tail, destination.ptr, destination.len);
  uint64_t mixed = (tail ^ destination.len ^ session->class_id << 8) * 0x9e3779b97f4a7c15u;
  return &session->env->sendable[mixed >> (64 - SESSION_SENDABLES_BITS)];
}

static bool is_cacheable(const struct plug_str *destination)
{
  return destination && destination->len && destination->len <= SESSION_SENDABLE_BYTES;
}

static bool slot_holds(const struct session_sendable *slot, const struct session *session,
                       struct plug_str destination)
{
  return slot->class_id == session->class_id && slot->door == session->terms->number &&
         slot->len == destination.len && memcmp(slot->text, destination.ptr, destination.len) == 0;
}

/* Where a SEND goes; checked. */
struct target {
  const struct plug_str *destination;
  uint64_t hash; /* of its text; of the broker's only */
  enum destination_kind kind;
};

static const struct plug_msg *make_message(struct session *session, const struct stomp_frame *frame,
                                           const struct target *target)
{
  struct session_env *env = session->env;
  const struct plug_str *type = stomp_frame_header(frame, STR("content-type"));
  struct plug_msg_init init = {
      .size = sizeof init, .topic = *target->destination, .payload = frame->body};
  if (type)
    init.content_type = *type;
  for (size_t i = 0; i < frame->n_headers; i++) {
    const struct stomp_header *header = &frame->headers[i];
    if (is_forwarded(session, header->name))
      env->kv[init.n_headers++] = (struct plug_kv){header->name, header->value};
  }
  init.headers = env->kv;
  return message_new_hashed(&init, target->hash);
}

plug_status session_publish(struct session_env *env, const struct plug_msg *msg,
                            struct session_waiter *waiter)
{
  struct inbox_item *answer = NULL;
  if (waiter) {
    answer = inbox_item_new(INBOX_PUBLISHED, str_from(NULL, 0));
    if (!answer)
      return PLUG_ENOMEM;
    answer->waiter = waiter;
    waiter->remaining++;
  }
  plug_status status = env->publish(env, msg, answer);
  if (answer && status != PLUG_PENDING) {
    waiter->remaining--;
    inbox_item_free(answer);
  }
  return status;
}

/* Publishes; with a waiter, its count of remaining answers rises if one is to come. */
static plug_status publish(struct session *session, const struct plug_msg *msg,
                           struct session_waiter *waiter)
{
  plug_status status = session_publish(session->env, msg, waiter);
  if (status == PLUG_EAGAIN || session->env->congested)
    session->slow_down = true;
  if (status == PLUG_EAGAIN)
    status = PLUG_OK;
  return status;
}

static void send_now(struct session *session, const struct stomp_frame *frame,
                     const struct target *target, struct session_waiter *waiter);

static void send_to_user(struct session *session, const struct stomp_frame *frame,
                         struct plug_str destination, struct session_waiter *waiter)
{
  struct buf topic = {0};
  if (user_put_destination(session->env->users, destination, &topic)) {
    struct plug_str text = str_from(topic.data, topic.len);
    struct target target = {&text, hash_bytes(text.ptr, text.len), DESTINATION_BROKER};
    send_now(session, frame, &target, waiter);
  } else {
    session_close(session, CLOSE_INTERNAL, "out of memory");
  }
  buf_free(&topic);
}

/* waiter: for the receipt of this SEND or of the COMMIT that it is part of, or NULL. */
static void send_now(struct session *session, const struct stomp_frame *frame,
                     const struct target *target, struct session_waiter *waiter)
{
  struct session_env *env = session->env;
  if (target->kind != DESTINATION_BROKER) {
    if (target->kind == DESTINATION_APP)
      applications_send(session, frame, *target->destination, waiter);
    else
      send_to_user(session, frame, *target->destination, waiter);
    return;
  }
  if (env->publish_unheard && env->publish_unheard(env, target->hash, frame->body.len))
    return;
  const struct plug_msg *msg = make_message(session, frame, target);
  if (!msg) {
    session_close(session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  plug_status status = publish(session, msg, waiter);
  message_unref(msg);
  if (waiter && status < 0)
    waiter->status = status;
}

static void handle_send(struct session *session, const struct stomp_frame *frame,
                        const struct target *target)
{
  const struct plug_str *receipt = stomp_frame_header(frame, STR("receipt"));
  if (!receipt) {
    send_now(session, frame, target, NULL);
    return;
  }
  struct session_waiter *waiter = session_waiter_new(session, "SEND", *receipt);
  if (!waiter) {
    session_close(session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  waiter->refusals_only = session->terms->spring;
  send_now(session, frame, target, waiter);
  session_waiter_done(waiter, PLUG_OK);
}

static void __attribute__((cold)) refuse_target(struct session *session,
                                                const struct stomp_frame *frame,
                                                struct plug_str destination)
{
  struct buf prefixes = {0};
  destination_put_prefixes(&prefixes, &session->terms->destinations->client_send);
  session_fail(session, frame, CLOSE_PROTOCOL,
               "client-send, in [destinations] or of the listener, lists what is open.",
               "clients may not SEND to '%.*s'; they may to %.*s", session_shown(destination),
               destination.ptr, prefixes.len ? (int)prefixes.len : 7,
               prefixes.len ? prefixes.data : "nothing");
  buf_free(&prefixes);
}

/* As find_target, for a destination that the cache does not hold. */
static bool __attribute__((noinline)) check_target(struct session *session,
                                                   const struct stomp_frame *frame,
                                                   struct target *target)
{
  struct session_env *env = session->env;
  if (env->access && admission_takes(session, frame))
    return false;
  enum destination_kind kind;
  const struct plug_str *destination = known_destination(session, frame, &kind);
  bool lasting = true;
  if (!destination)
    return false;
  if (kind != DESTINATION_APP &&
      !destination_may_send(session->terms->destinations, *destination)) {
    refuse_target(session, frame, *destination);
    return false;
  }
  if (env->access && !admission_may(session, frame, ACTION_SEND, *destination, false, &lasting))
    return false;
  if (kind == DESTINATION_APP && !applications_claim(session, frame, *destination, PLUG_APP_SEND))
    return false;
  target->destination = destination;
  target->kind = kind;
  if (kind != DESTINATION_BROKER)
    return true;
  target->hash = hash_bytes(destination->ptr, destination->len);
  if (is_cacheable(destination) && lasting) {
    struct session_sendable *slot = sendable_slot(session, *destination);
    slot->class_id = session->class_id;
    slot->hash = target->hash;
    slot->door = session->terms->number;
    slot->len = (uint8_t)destination->len;
    memcpy(slot->text, destination->ptr, destination->len);
  }
  return true;
}

/* Fills target, or the session has failed. */
static inline bool find_target(struct session *session, const struct stomp_frame *frame,
                               struct target *target)
{
  const struct plug_str *destination = stomp_frame_header(frame, STR("destination"));
  if (is_cacheable(destination)) {
    const struct session_sendable *slot = sendable_slot(session, *destination);
    if (slot_holds(slot, session, *destination)) {
      *target = (struct target){destination, slot->hash, DESTINATION_BROKER};
      return true;
    }
  }
  return check_target(session, frame, target);
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
  const struct plug_str *destination = known_destination(session, frame, &kind);
  bool lasting;
  if (!destination)
    return;
  const struct plug_str *id = stomp_frame_header(frame, STR("id"));
  if (!id && session->version == STOMP_1_0)
    id = destination; /* 1.0: the id is optional, the destination names the subscription */
  if (!id) {
    need_header(session, frame, STR("id"));
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
    need_header(session, frame, STR("id"));
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
  const struct plug_str *id =
      need_header(session, frame, session->version >= STOMP_1_2 ? STR("id") : STR("message-id"));
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
  const struct plug_str *id = need_header(session, frame, STR("transaction"));
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
    struct target target;
    if (held->frame.command != STOMP_SEND)
      ack_now(session, &held->frame);
    else if (find_target(session, &held->frame, &target))
      send_now(session, &held->frame, &target, waiter);
    free(held);
  }
  admission_commits(session, false);
}

static void handle_end(struct session *session, const struct stomp_frame *frame)
{
  const struct plug_str *id = need_header(session, frame, STR("transaction"));
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
  struct target target;
  if (is_ignored(session, frame->command))
    return;
  switch (frame->command) {
  case STOMP_SEND:
    if (find_target(session, frame, &target) && !hold(session, frame))
      handle_send(session, frame, &target);
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
