#include "session/restart.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/counter.h"
#include "base/str.h"
#include "stomp/stomp_encoder.h"

bool restart_is_asked_for(struct plug_str notices)
{
  struct plug_str item;
  while (str_split(&notices, ',', &item))
    if (str_eq(item, STR("restart")))
      return true;
  return false;
}

bool restart_owes(const struct session *session)
{
  return session->awaiting || !list_empty(&session->waiters) || !list_empty(&session->app_waits);
}

void restart_notify(struct session *session, uint32_t reconnect_ms, uint64_t closes_in_ms)
{
  enum stomp_version version = (enum stomp_version)session->version;
  struct buf *out = &session->env->out;
  char id[64];
  out->len = 0;
  out->failed = false;
  snprintf(id, sizeof id, "server-%" PRIu64, session->number);
  stomp_put_command(out, STOMP_MESSAGE);
  stomp_put_header(out, version, STOMP_MESSAGE, STR("subscription"), STR("plugboard"));
  stomp_put_header(out, version, STOMP_MESSAGE, STR("destination"), STR(RESTART_DESTINATION));
  stomp_put_header(out, version, STOMP_MESSAGE, STR("message-id"), str_of(id));
  stomp_put_header(out, version, STOMP_MESSAGE, STR("event"), STR("restart"));
  if (reconnect_ms)
    stomp_put_header_u64(out, STR("reconnect-in"), reconnect_ms);
  stomp_put_header_u64(out, STR("closes-in"), closes_in_ms);
  stomp_put_header_u64(out, STR("content-length"), 0);
  stomp_put_body(out, str_from(NULL, 0));
  COUNT(drain_notices);
  if (out->failed)
    session_close(session, CLOSE_INTERNAL, "out of memory");
  else
    session_queue(session, str_from(out->data, out->len));
}

/* Who has not got as far as CONNECTED, or speaks no STOMP, learns by the close alone, and so does
 * whoever expects what Spring does when it stops. */
void restart_close(struct session *session, uint32_t reconnect_ms)
{
  bool spring = session->terms->spring;
  char hint[64];
  if (session->state == SESSION_CLOSED)
    return;
  COUNT(closed_drain);
  if (!spring && session->version) {
    struct session_error error = {.message = STR("the server is restarting"),
                                  .code = "restarting",
                                  .reconnect_ms = reconnect_ms,
                                  .noted = true};
    if (reconnect_ms) {
      snprintf(hint, sizeof hint, "Connect again in %" PRIu32 " ms.", reconnect_ms);
      error.hint = hint;
    } else {
      error.hint = "Connect again.";
    }
    session_error(session, &error);
  }
  session_close(session, spring ? CLOSE_GOING : CLOSE_RESTART, RESTART_REASON);
}
