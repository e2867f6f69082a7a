#include "session/orders.h"

#include <stdio.h>

#include "base/counter.h"
#include "session/admission.h"
#include "session/session_waiter.h"
#include "session/user_destinations.h"

bool session_is_of(const struct session *session, struct plug_str user, struct plug_str id)
{
  char text[SESSION_ID_TEXT];
  if (!session->version || session->state == SESSION_CLOSED)
    return false; /* it is not one of STOMP, or was never admitted */
  if (!user.len)
    return str_eq(session_id_text(session, text), id);
  const struct plug_identity *who = admission_who(session);
  return who && str_eq(who->user, user);
}

void session_disconnect(struct session *session, struct plug_str reason)
{
  struct session_error error = {.message = reason.len ? reason : STR("disconnected by an operator"),
                                .code = "disconnected"};
  COUNT(closed_disconnected);
  session_error(session, &error);
  session_close(session, session->terms->spring ? CLOSE_PROTOCOL : CLOSE_DENIED, "");
}

struct plug_str session_owed_receipt(const struct subscription *sub, char out[SESSION_RECEIPT_TEXT])
{
  const struct session_waiter *waiter = sub->waiter;
  if (!waiter || waiter->receipt_len > SESSION_RECEIPT_TEXT)
    return STR("");
  memcpy(out, waiter->receipt, waiter->receipt_len);
  return str_from(out, waiter->receipt_len);
}

static void take_away(struct session *session, struct subscription *sub, struct plug_str reason)
{
  char message[400], text[SESSION_RECEIPT_TEXT];
  struct plug_str id = subscription_id(sub), receipt = session_owed_receipt(sub, text);
  snprintf(message, sizeof message, "subscription '%.*s' was ended%s%.*s", session_shown(id),
           id.ptr ? id.ptr : "", reason.len ? ": " : "", STR_ARG(reason));
  struct session_error error = {.message = str_of(message),
                                .receipt = receipt.len ? &receipt : NULL,
                                .code = "unsubscribed",
                                .stays = SESSION_STAYS,
                                .hint = "The connection stays open."};
  COUNT(api_unsubscribed);
  session_error(session, &error);
  session_drop_subscription(session, sub);
}

size_t session_take_away(struct session *session, struct plug_str destination,
                         struct plug_str reason)
{
  struct list *node = session->subscriptions.next, *next;
  size_t n = 0;
  for (; session->state == SESSION_CONNECTED && node != &session->subscriptions; node = next) {
    struct subscription *sub = container_of(node, struct subscription, link);
    struct buf shown = {0};
    bool is_it = str_eq(user_shown_destination(session, sub, &shown), destination);
    buf_free(&shown);
    next = user_next(session, node);
    if (!is_it)
      continue;
    take_away(session, sub, reason);
    n++;
  }
  return n;
}
