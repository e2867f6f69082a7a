#include "session/send.h"

#include "base/counter.h"
#include "base/hash.h"
#include "message/message.h"
#include "message/message_rules.h"
#include "session/admission.h"
#include "session/applications.h"
#include "session/session_waiter.h"

/* Of the slots that this thread has filled: none has the number of another one, ever. */
static _Thread_local uint64_t sendable_serial;

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

static inline bool slot_is_for(const struct session_sendable *slot, const struct session *session)
{
  return slot->class_id == session->class_id && slot->door == session->terms->number;
}

static bool slot_holds(const struct session_sendable *slot, const struct session *session,
                       struct plug_str destination)
{
  return slot_is_for(slot, session) && slot->len == destination.len &&
         memcmp(slot->text, destination.ptr, destination.len) == 0;
}

/* Bits of the headers that go on to subscribers. */
static uint32_t forwarded_of(const struct session *session, const struct stomp_frame *frame)
{
  uint32_t bits = 0;
  for (size_t i = 0; i < frame->n_headers; i++)
    bits |= (uint32_t)is_forwarded(session, frame->headers[i].name) << i;
  return bits;
}

static const struct plug_msg *make_message(struct session *session, const struct stomp_frame *frame,
                                           const struct send_target *target)
{
  struct session_env *env = session->env;
  const struct stomp_head *head = target->head;
  struct plug_msg_init init = {
      .size = sizeof init, .topic = *target->destination, .payload = frame->body};
  if (head) {
    if (head->content_type >= 0)
      init.content_type = frame->headers[head->content_type].value;
    for (uint32_t bits = head->note.bits; bits; bits &= bits - 1) {
      const struct stomp_header *header = &frame->headers[__builtin_ctz(bits)];
      env->kv[init.n_headers++] = (struct plug_kv){header->name, header->value};
    }
  } else {
    const struct plug_str *type = stomp_frame_header(frame, STR("content-type"));
    if (type)
      init.content_type = *type;
    for (size_t i = 0; i < frame->n_headers; i++) {
      const struct stomp_header *header = &frame->headers[i];
      if (is_forwarded(session, header->name))
        env->kv[init.n_headers++] = (struct plug_kv){header->name, header->value};
    }
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

static void send_to_user(struct session *session, const struct stomp_frame *frame,
                         struct plug_str destination, struct session_waiter *waiter)
{
  struct buf topic = {0};
  if (user_put_destination(session->env->users, destination, &topic)) {
    struct plug_str text = str_from(topic.data, topic.len);
    struct send_target target = {&text, hash_bytes(text.ptr, text.len), DESTINATION_BROKER, NULL};
    send_now(session, frame, &target, waiter);
  } else {
    session_close(session, CLOSE_INTERNAL, "out of memory");
  }
  buf_free(&topic);
}

static inline void send_to_broker(struct session *session, const struct stomp_frame *frame,
                                  const struct send_target *target, struct session_waiter *waiter)
{
  struct session_env *env = session->env;
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

void send_now(struct session *session, const struct stomp_frame *frame,
              const struct send_target *target, struct session_waiter *waiter)
{
  if (target->kind == DESTINATION_BROKER)
    send_to_broker(session, frame, target, waiter);
  else if (target->kind == DESTINATION_APP)
    applications_send(session, frame, *target->destination, waiter);
  else
    send_to_user(session, frame, *target->destination, waiter);
}

void send_handle(struct session *session, const struct stomp_frame *frame,
                 const struct send_target *target)
{
  const struct plug_str *receipt =
      target->head && target->head->receipt < 0 ? NULL : stomp_frame_header(frame, STR("receipt"));
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

/* As send_find_target, for a destination that the cache does not hold. */
static bool __attribute__((noinline)) check_target(struct session *session,
                                                   const struct stomp_frame *frame,
                                                   struct send_target *target)
{
  struct session_env *env = session->env;
  if (env->access && admission_takes(session, frame))
    return false;
  enum destination_kind kind;
  const struct plug_str *destination = session_known_destination(session, frame, &kind);
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
    slot->serial = ++sendable_serial;
    slot->class_id = session->class_id;
    slot->hash = target->hash;
    slot->door = session->terms->number;
    slot->len = (uint8_t)destination->len;
    memcpy(slot->text, destination->ptr, destination->len);
  }
  return true;
}

/* That all SENDs with this head, as far as they are this slot's, go there and carry these headers.
 */
static void note_slot(const struct session *session, const struct session_sendable *slot,
                      const struct stomp_frame *frame)
{
  frame->head->note = (struct stomp_head_note){.serial = slot->serial,
                                               .at = (uint32_t)(slot - session->env->sendable),
                                               .bits = forwarded_of(session, frame)};
}

/* What was noted of its head holds as long as the slot is what it was. */
static inline bool find_noted(const struct session *session, const struct stomp_frame *frame,
                              struct send_target *target)
{
  struct stomp_head *head = frame->head;
  const struct session_sendable *slot = &session->env->sendable[head->note.at];
  if (!head->note.serial || slot->serial != head->note.serial || !slot_is_for(slot, session))
    return false;
  *target = (struct send_target){&frame->headers[head->destination].value, slot->hash,
                                 DESTINATION_BROKER, head};
  return true;
}

bool send_find_target(struct session *session, const struct stomp_frame *frame,
                      struct send_target *target)
{
  if (frame->head && find_noted(session, frame, target))
    return true;
  target->head = NULL;
  const struct plug_str *destination = stomp_frame_header(frame, STR("destination"));
  if (is_cacheable(destination)) {
    const struct session_sendable *slot = sendable_slot(session, *destination);
    if (slot_holds(slot, session, *destination)) {
      *target = (struct send_target){destination, slot->hash, DESTINATION_BROKER, NULL};
      if (frame->head)
        note_slot(session, slot, frame);
      return true;
    }
  }
  return check_target(session, frame, target);
}

bool send_known(struct session *session, const struct stomp_frame *frame)
{
  const struct stomp_head *head = frame->head;
  struct send_target target;
  if (head->receipt >= 0 || head->transaction >= 0 || !find_noted(session, frame, &target))
    return false;
  send_to_broker(session, frame, &target, NULL);
  return true;
}
