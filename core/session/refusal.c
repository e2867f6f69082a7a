#include "session/refusal.h"

#include <stdio.h>

#include "base/counter.h"

const char *refusal_text(plug_status status)
{
  switch (status) {
  case PLUG_EUNAVAIL:
    return "the broker is unavailable";
  case PLUG_ESTATE:
    return "too many messages wait for the broker";
  case PLUG_ETIMEDOUT:
    return "the broker did not answer in time";
  case PLUG_EDENIED:
    return "the broker's backend refused it";
  case PLUG_ETOOBIG:
    return "the message is too large for the broker";
  case PLUG_EINVAL:
    return "the broker cannot carry this message";
  case PLUG_ENOTSUP:
    return "the broker does not support it";
  case PLUG_ECANCELED:
    return "the server is stopping";
  default:
    return "the broker failed";
  }
}

/* Rights of the backend (PLUG_EDENIED) are changed while clients run; what a message is, is not. */
bool refusal_passes(plug_status status)
{
  return status != PLUG_ETOOBIG && status != PLUG_EINVAL && status != PLUG_ENOTSUP;
}

void session_refuse(struct session *session, struct plug_str receipt, const char *what,
                    plug_status status)
{
  char message[160];
  bool passes = refusal_passes(status);
  snprintf(message, sizeof message, "%s failed: %s", what, refusal_text(status));
  struct session_error error = {
      .message = str_of(message),
      .receipt = &receipt,
      .stays = passes ? SESSION_STAYS_TRY_AGAIN : SESSION_STAYS,
      .hint = passes ? "The connection stays open; the request may be tried again."
                     : "The connection stays open; trying again will not help."};
  session_error(session, &error);
}

void session_ignore(struct session *session, const struct stomp_frame *frame,
                    const struct plug_str *destination)
{
  const struct plug_str *receipt = stomp_frame_header(frame, STR("receipt"));
  COUNT(ignored_destination);
  if (!receipt || (session->terms->spring && frame->command != STOMP_SEND))
    return;
  char message[160];
  snprintf(message, sizeof message, "%s: nobody has the destination '%.*s'",
           stomp_command_text(frame->command), session_shown(*destination), destination->ptr);
  struct session_error error = {.message = str_of(message),
                                .receipt = receipt,
                                .stays = SESSION_STAYS,
                                .hint = "It was ignored; the connection stays open."};
  session_error(session, &error);
}

void session_say_closed(struct session *session)
{
  COUNT(errors_out);
  session_queue(session, STR("ERROR\nmessage:Session closed.\ncontent-length:0\n\n\0"));
  session_close(session, CLOSE_PROTOCOL, "");
}
