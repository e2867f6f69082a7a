#include "session/session.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "session/admission.h"
#include "session/answer.h"
#include "session/applications.h"
#include "session/connect.h"
#include "session/memory.h"
#include "session/refusal.h"
#include "session/send.h"
#include "session/session_parser.h"
#include "session/session_waiter.h"
#include "session/transaction.h"
#include "session/user_destinations.h"
#include "stomp/stomp_encoder.h"

void session_init(struct session *session, struct session_env *env, uint64_t now_ms)
{
  memset(session, 0, sizeof *session);
  outq_init(&session->out);
  session->env = env;
  session->number = ++env->session_number;
  list_init(&session->subscriptions);
  list_init(&session->waiters);
  list_init(&session->transactions);
  list_init(&session->app_waits);
  session->opened_ms = session->last_rx_ms = session->last_tx_ms = now_ms;
  session_enter(session, &env->terms);
}

void session_follow(struct session *session)
{
  const struct session_terms *terms = session->terms;
  session->out.more_bytes =
      terms->queue_bytes
          ? (int32_t)((int64_t)terms->queue_bytes - (int64_t)session->env->hub->outqs.max_bytes)
          : 0;
}

void session_enter(struct session *session, const struct session_terms *terms)
{
  session->terms = terms;
  session_follow(session);
}

void session_begin_plain(struct session *session)
{
  session->state = SESSION_CONNECTED;
  COUNT(sessions);
}

static void drop_subscriptions(struct session *session)
{
  struct list *node;
  while ((node = list_first(&session->subscriptions))) {
    struct subscription *sub = container_of(node, struct subscription, link);
    applications_unsubscribed(session, sub);
    session_end_subscription(session, sub);
  }
  session->n_subscriptions = 0;
}

static void drop_transactions(struct session *session)
{
  struct list *node;
  while ((node = list_first(&session->transactions)))
    transaction_free(container_of(node, struct transaction, link));
  session->n_transactions = 0;
  session->transaction_bytes = 0;
}

void session_close(struct session *session, uint16_t code, const char *reason)
{
  if (session->state == SESSION_CLOSED)
    return;
  if (session->state != SESSION_CONNECTING)
    COUNT_BY(sessions, -1);
  session->state = SESSION_CLOSED;
  session->close_code = code;
  session->close_reason = reason;
  session_waiters_drop(session);
  drop_subscriptions(session);
  drop_transactions(session);
  free(session->leave_receipt);
  session->leave_receipt = NULL;
  session->awaiting = false;
  const struct plug_identity *who = session->env->keeps_end ? admission_who(session) : NULL;
  if (who)
    session->end_user = str_dup(who->user);
  applications_leave(session);
  admission_leave(session);
  outq_mark_dirty(&session->env->hub->outqs, &session->out);
}

void session_fini(struct session *session)
{
  session_close(session, CLOSE_NORMAL, "");
  free(session->end_user);
  free(session->end_why);
  admission_free(session);
  session_parser_drop(session);
  outq_fini(&session->out);
}

/* --- errors ------------------------------------------------------------------------------- */

static void note_error(struct session *session, const struct session_error *error, bool stays)
{
  const struct session_env *env = session->env;
  if (env->refused_frame && !error->noted)
    env->refused_frame(session, error->message, stays);
  if (env->keeps_end && !stays && !session->end_why)
    session->end_why = str_dup(error->message);
}

void session_error(struct session *session, const struct session_error *error)
{
  struct plug_str message = error->message;
  if (session->erred) /* it ends for the first one */
    return;
  struct buf *out = answer_begin(session, STOMP_ERROR);
  COUNT(errors_out);
  answer_put(session, STOMP_ERROR, STR("message"), message);
  if (error->code)
    answer_put(session, STOMP_ERROR, STR("error-code"), str_of(error->code));
  if (error->receipt)
    answer_put(session, STOMP_ERROR, STR("receipt-id"), *error->receipt);
  bool stays = error->stays && !session->terms->errors_end;
  note_error(session, error, stays);
  if (stays)
    answer_put(session, STOMP_ERROR, STR("recoverable"),
               error->stays == SESSION_STAYS ? STR("false") : STR("true"));
  if (error->reconnect_ms)
    stomp_put_header_u64(out, STR("reconnect-in"), error->reconnect_ms);
  if (error->with_versions)
    answer_put(session, STOMP_ERROR, STR("version"), STR("1.0,1.1,1.2"));
  answer_put(session, STOMP_ERROR, STR("content-type"), STR("text/plain;charset=UTF-8"));
  char body[512];
  const char *hint = error->stays && !stays ? NULL : error->hint; /* it says that it stays open */
  int n = snprintf(body, sizeof body, "%.*s.%s%s\n", STR_ARG(message), hint ? " " : "",
                   hint ? hint : "");
  size_t len = n < 0 ? 0 : (size_t)n < sizeof body ? (size_t)n : sizeof body - 1;
  stomp_put_header_u64(out, STR("content-length"), len);
  stomp_put_body(out, str_from(body, len));
  answer_queue(session);
  if (error->stays && !stays) {
    session->erred = true;
    session->out.overflow = true;
    outq_mark_dirty(&session->env->hub->outqs, &session->out);
  }
}

static void note_limit(const struct session *session, const char *why)
{
  if (session->env->limited)
    session->env->limited(session, why);
}

static void fail(struct session *session, const struct stomp_frame *frame, uint16_t code,
                 const char *hint, bool limit, const char *format, va_list args)
{
  char message[320];
  int n = vsnprintf(message, sizeof message, format, args);
  size_t len = n < 0 ? 0 : (size_t)n < sizeof message ? (size_t)n : sizeof message - 1;
  while (len && !utf8_valid(message, len)) /* cut within a character */
    len--;
  if (session->state == SESSION_CLOSED)
    return;
  message[len] = '\0';
  if (limit)
    note_limit(session, message);
  const struct plug_str *receipt = frame ? stomp_frame_header(frame, STR("receipt")) : NULL;
  struct session_error error = {
      .message = str_from(message, len), .receipt = receipt, .hint = hint, .noted = limit};
  session_error(session, &error);
  session_close(session, code, "");
}

void session_fail(struct session *session, const struct stomp_frame *frame, uint16_t code,
                  const char *hint, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fail(session, frame, code, hint, false, format, args);
  va_end(args);
}

void session_fail_limit(struct session *session, const struct stomp_frame *frame, uint16_t code,
                        const char *hint, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fail(session, frame, code, hint, true, format, args);
  va_end(args);
}

void session_fault(struct session *session, uint16_t code, const char *message)
{
  session_fail(session, NULL, code, NULL, "%s", message);
}

void session_overflow(struct session *session)
{
  if (session->state == SESSION_CLOSED)
    return;
  if (session->no_memory) {
    session_close(session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  if (session->erred) {
    session_close(session, CLOSE_PROTOCOL, "");
    return;
  }
  if (session->unacked_full) {
    COUNT(refused_unacked);
    session->out.overflow = false;
    session_fail_limit(session, NULL, CLOSE_PROTOCOL,
                       "Acknowledge messages with ACK, or raise [limits] max-unacked.",
                       "more than max-unacked (%" PRIu64 ") messages wait for an ACK",
                       session->env->hub->max_unacked);
    return;
  }
  if (session->costly) {
    session->out.overflow = false;
    session_fail_limit(
        session, NULL, CLOSE_PROTOCOL,
        "Use simpler patterns or fewer of them, or raise [limits] max-pattern-steps.",
        "the patterns take more than max-pattern-steps (%" PRIu32 ") for one message",
        session->env->hub->max_pattern_steps);
    return;
  }
  COUNT(closed_queue);
  note_limit(session, "its queue is over queue-size or queue-messages");
  session_close(session, CLOSE_SLOW, "Failed to send message within the configured send limit");
}

void session_unacked_full(struct subscription *sub)
{
  struct session *session = sub->owner;
  session->unacked_full = true;
  session->out.overflow = true;
  outq_mark_dirty(&session->env->hub->outqs, &session->out);
}

void session_costly(struct subscription *sub)
{
  struct session *session = sub->owner;
  session->costly = true;
  session->out.overflow = true;
  outq_mark_dirty(&session->env->hub->outqs, &session->out);
}

/* --- DISCONNECT --------------------------------------------------------------------------- */

void session_leave(struct session *session)
{
  if (session->leave_receipt)
    session_receipt(session, str_of(session->leave_receipt));
  session_close(session, CLOSE_NORMAL, "");
}

static void handle_disconnect(struct session *session, const struct stomp_frame *frame)
{
  const struct plug_str *receipt = stomp_frame_header(frame, STR("receipt"));
  if (session->terms->spring && !receipt) {
    session_say_closed(session);
    return;
  }
  if (receipt && !(session->leave_receipt = str_dup(*receipt))) {
    session_close(session, CLOSE_INTERNAL, "out of memory");
    return;
  }
  /* Receipts for subscriptions that end here are answered by the DISCONNECT's own. */
  session_waiters_drop_subscribes(session);
  drop_subscriptions(session);
  drop_transactions(session);
  session->state = SESSION_LEAVING;
  session->read_timeout_ms = 0; /* its client has nothing more to say */
  if (list_empty(&session->waiters))
    session_leave(session);
}

/* --- bytes and time ----------------------------------------------------------------------- */

static void handle_frame(struct session *session, struct stomp_frame *frame)
{
  COUNT(frames_in);
  session->n_frames++;
  if (frame->head && session->state == SESSION_CONNECTED && send_known(session, frame))
    return;
  if (stomp_command_is_server(frame->command)) {
    session_fail(session, frame, CLOSE_PROTOCOL, NULL, "%s frames are sent by servers only",
                 stomp_command_text(frame->command));
  } else if (frame->command == STOMP_CONNECT || frame->command == STOMP_STOMP) {
    COUNT(connects_in);
    connect_handle(session, frame);
  } else if (session->state == SESSION_CONNECTING) {
    session_fail(session, frame, CLOSE_PROTOCOL, "The first frame must be CONNECT or STOMP.",
                 "%s before CONNECT", stomp_command_text(frame->command));
  } else if (frame->command == STOMP_DISCONNECT) {
    COUNT(disconnects_in);
    handle_disconnect(session, frame);
  } else {
    session_command(session, frame);
  }
}

static void handle_parse_error(struct session *session, const struct stomp_parse_error *error)
{
  if (error->limit == STOMP_LIMIT_FRAME)
    COUNT(refused_frame_size);
  else if (error->limit == STOMP_LIMIT_HEADERS)
    COUNT(refused_headers);
  struct stomp_header header = {STR("receipt"), error->receipt};
  struct stomp_frame frame = {.headers = &header, .n_headers = error->receipt.len ? 1 : 0};
  uint16_t code = error->limit == STOMP_LIMIT_FRAME ? CLOSE_TOO_BIG : CLOSE_PROTOCOL;
  if (error->limit != STOMP_LIMIT_NONE)
    session_fail_limit(session, &frame, code, NULL, "%s", error->message);
  else
    session_fail(session, &frame, code, NULL, "%s", error->message);
}

static size_t read_frames(struct session *session, struct stomp_parser *parser, bool may_stop)
{
  struct stomp_frame frame;
  struct stomp_parse_error error;
  while (session->state < SESSION_LEAVING && !session->erred) {
    switch (stomp_parser_next(parser, &frame, &error)) {
    case STOMP_EVENT_MORE:
      return 0;
    case STOMP_EVENT_FRAME:
      handle_frame(session, &frame);
      if (may_stop && (session->slow_down || session->awaiting))
        return stomp_parser_take_back(parser);
      if (stomp_parser_is_done(parser))
        return 0;
      break;
    case STOMP_EVENT_HEARTBEAT:
      break;
    case STOMP_EVENT_ERROR:
      handle_parse_error(session, &error);
      return 0;
    }
  }
  return 0;
}

static size_t receive(struct session *session, char *chunk, size_t len, uint64_t now_ms,
                      bool may_stop)
{
  if (session->awaiting)
    return len;
  session->last_rx_ms = now_ms;
  if (session->state >= SESSION_LEAVING || session->erred) /* what was left is not looked at */
    return 0;
  struct stomp_parser *parser = session_parser_take(session);
  if (!parser) {
    session_close(session, CLOSE_INTERNAL, "out of memory");
    return 0;
  }
  parser->source = session->number;
  stomp_parser_feed(parser, chunk, len);
  size_t rest = read_frames(session, parser, may_stop);
  session_parser_give(session);
  return rest;
}

void session_receive(struct session *session, char *chunk, size_t len, uint64_t now_ms)
{
  receive(session, chunk, len, now_ms, false);
}

size_t session_receive_some(struct session *session, char *chunk, size_t len, uint64_t now_ms)
{
  return receive(session, chunk, len, now_ms, true);
}

/* A beat goes out a tenth early, so that it is there in time whatever the timer's grain. */
static uint64_t beat_due_ms(const struct session *session)
{
  return session->last_tx_ms + session->write_interval_ms - session->write_interval_ms / 10;
}

void session_tick(struct session *session, uint64_t now_ms)
{
  if (session->state == SESSION_CLOSED)
    return;
  if (session->admission && admission_tick(session, now_ms))
    return;
  if (session->state == SESSION_CONNECTING) {
    if (now_ms >= session_deadline_ms(session)) {
      COUNT(closed_connect_timeout);
      session_fail(session, NULL, CLOSE_PROTOCOL, NULL, "no CONNECT frame within %" PRIu64 " ms",
                   session->env->connect_timeout_ms);
    }
    return;
  }
  if (session->read_timeout_ms && !session->deaf &&
      now_ms >= session->last_rx_ms + session->read_timeout_ms) {
    COUNT(closed_heartbeat);
    if (session->terms->spring)
      session_say_closed(session);
    session_fail(session, NULL, CLOSE_PROTOCOL, NULL,
                 "nothing received for %" PRIu64 " ms although heart-beats were agreed",
                 now_ms - session->last_rx_ms);
    return;
  }
  if (session->write_interval_ms && now_ms >= beat_due_ms(session)) {
    if (session->out.count == 0 && !session->out.blocked)
      session_queue(session, STR("\n"));
    session->last_tx_ms = now_ms; /* a blocked session has bytes on their way; no beat piles up */
    outq_trim(&session->out);
  }
}

uint64_t session_deadline_ms(const struct session *session)
{
  uint64_t deadline = UINT64_MAX;
  if (session->state == SESSION_CLOSED)
    return deadline;
  if (session->state == SESSION_CONNECTING) /* a verdict has a deadline of its own */
    return session->awaiting ? deadline : session->opened_ms + session->env->connect_timeout_ms;
  if (session->admission)
    deadline = admission_deadline_ms(session);
  if (session->read_timeout_ms && !session->deaf &&
      session->last_rx_ms + session->read_timeout_ms < deadline)
    deadline = session->last_rx_ms + session->read_timeout_ms;
  if (session->write_interval_ms && beat_due_ms(session) < deadline)
    deadline = beat_due_ms(session);
  return deadline;
}
