#include "session/answer.h"

#include "stomp/stomp_encoder.h"

/* Ends the session at the next flush: an answer may be queued while the hub walks its lists, where
 * no subscription may vanish. */
static void give_up(struct session *session)
{
  session->no_memory = true;
  session->out.overflow = true;
  outq_mark_dirty(&session->env->hub->outqs, &session->out);
}

void session_queue(struct session *session, struct plug_str bytes)
{
  struct frame *frame = frame_new(FRAME_WS_TEXT, false, &bytes, 1);
  if (!frame) {
    give_up(session);
    return;
  }
  outq_push(&session->env->hub->outqs, &session->out, frame);
  frame_unref(frame);
}

void answer_queue(struct session *session)
{
  struct buf *out = &session->env->out;
  if (out->failed)
    give_up(session);
  else
    session_queue(session, str_from(out->data, out->len));
}

struct buf *answer_begin(struct session *session, enum stomp_command command)
{
  struct buf *out = &session->env->out;
  out->len = 0;
  out->failed = false;
  stomp_put_command(out, command);
  return out;
}

void answer_put(struct session *session, enum stomp_command command, struct plug_str name,
                struct plug_str value)
{
  /* Before CONNECT the client's version is unknown; 1.2 escapes whatever could break the frame. */
  enum stomp_version version = session->version ? (enum stomp_version)session->version : STOMP_1_2;
  stomp_put_header(&session->env->out, version, command, name, value);
}

void session_receipt(struct session *session, struct plug_str receipt)
{
  struct buf *out = answer_begin(session, STOMP_RECEIPT);
  answer_put(session, STOMP_RECEIPT, STR("receipt-id"), receipt);
  stomp_put_body(out, str_from(NULL, 0));
  answer_queue(session);
}
