#include "sockjs/sockjs_session.h"

void sockjs_session_init(struct sockjs_session *session, const struct sockjs_limits *limits,
                         enum sockjs_transport transport, uint64_t now_ms)
{
  *session = (struct sockjs_session){
      .limits = limits, .absent_ms = now_ms, .transport = (uint8_t)transport};
}

enum sockjs_welcome sockjs_session_attach(struct sockjs_session *session,
                                          enum sockjs_transport transport, bool pending)
{
  if (session->limits->same_transport && session->transport != transport)
    return SOCKJS_WELCOME_OTHER;
  if (session->state == SOCKJS_CLOSED && !pending)
    return SOCKJS_WELCOME_CLOSED;
  if (session->received)
    return SOCKJS_WELCOME_BUSY;
  enum sockjs_welcome welcome =
      session->state == SOCKJS_NEW ? SOCKJS_WELCOME_OPEN : SOCKJS_WELCOME_WAIT;
  if (session->state == SOCKJS_NEW)
    session->state = SOCKJS_OPENED;
  session->transport = (uint8_t)transport;
  session->received = true;
  session->sent = 0;
  return welcome;
}

void sockjs_session_detach(struct sockjs_session *session, uint64_t now_ms)
{
  session->received = false;
  session->absent_ms = now_ms;
}

void sockjs_session_sent(struct sockjs_session *session, size_t len)
{
  session->sent += len;
}

bool sockjs_session_is_full(const struct sockjs_session *session)
{
  return session->sent >= session->limits->stream_bytes;
}

void sockjs_session_close(struct sockjs_session *session)
{
  session->state = SOCKJS_CLOSED;
}

uint64_t sockjs_session_deadline_ms(const struct sockjs_session *session, uint64_t last_ms,
                                    bool quiet)
{
  if (!session->received)
    return session->absent_ms + session->limits->disconnect_ms;
  if (quiet || !session->limits->heartbeat_ms || session->state == SOCKJS_CLOSED)
    return UINT64_MAX;
  return last_ms + session->limits->heartbeat_ms;
}

enum sockjs_due sockjs_session_tick(const struct sockjs_session *session, uint64_t last_ms,
                                    bool quiet, uint64_t now_ms)
{
  if (now_ms < sockjs_session_deadline_ms(session, last_ms, quiet))
    return SOCKJS_DUE_NOTHING;
  return session->received ? SOCKJS_DUE_BEAT : SOCKJS_DUE_EXPIRED;
}
