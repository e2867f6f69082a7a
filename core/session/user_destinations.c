#include "session/user_destinations.h"

#include "session/admission.h"
#include "session/applications.h"
#include "session/memory.h"
#include "session/session_waiter.h"

#define TWIN (UINT64_C(1) << 63) /* of a session's number */

bool user_destination_check(struct session *session, const struct stomp_frame *frame,
                            struct plug_str destination)
{
  const struct user_names *names = session->env->users;
  struct plug_str name, rest;
  const char *verb = stomp_command_text(frame->command);
  if (frame->command == STOMP_SEND) {
    if (user_split(names, destination, &name, &rest))
      return true;
    session_fail(session, frame, CLOSE_PROTOCOL, NULL,
                 "%s: '%.*s' is not of the form %.*s/NAME/DESTINATION", verb,
                 session_shown(destination), destination.ptr, STR_ARG(names->prefix));
    return false;
  }
  if (destination.len <= names->prefix.len + 1) {
    session_fail(session, frame, CLOSE_PROTOCOL, NULL, "%s: nothing follows '%.*s'", verb,
                 STR_ARG(names->prefix));
    return false;
  }
  if (pattern_is(destination)) {
    session_fail(session, frame, CLOSE_PROTOCOL, NULL,
                 "%s: there are no patterns of user destinations: '%.*s'", verb,
                 session_shown(destination), destination.ptr);
    return false;
  }
  return true;
}

static plug_status subscribe_one(struct session *session, const struct hub_subscribe *request,
                                 struct plug_str name, uint64_t number, struct subscription **sub)
{
  const struct user_names *names = session->env->users;
  struct plug_str rest = str_from(request->destination.ptr + names->prefix.len,
                                  request->destination.len - names->prefix.len);
  struct hub_subscribe one = *request;
  struct buf topic = {0};
  user_put_topic(names, name, rest, &topic);
  one.destination = str_from(topic.data, topic.len);
  one.session = number;
  plug_status status = topic.failed ? PLUG_ENOMEM : hub_subscribe(session->env->hub, &one, sub);
  buf_free(&topic);
  return status;
}

size_t user_subscribe(struct session *session, const struct hub_subscribe *request,
                      struct subscription *subs[2], plug_status statuses[2])
{
  char text[SESSION_ID_TEXT];
  struct plug_str id = session_id_text(session, text);
  const struct plug_identity *who = admission_who(session);
  statuses[0] = subscribe_one(session, request, who ? who->user : id, request->session, &subs[0]);
  if (statuses[0] < 0)
    return 0;
  if (!who)
    return 1;
  statuses[1] = subscribe_one(session, request, id, request->session | TWIN, &subs[1]);
  if (statuses[1] >= 0)
    return 2;
  hub_unsubscribe(session->env->hub, subs[0]);
  return 0;
}

bool user_is_plain(const struct subscription *sub)
{
  struct plug_str topic = subscription_topic(sub);
  return topic.len == 0 || topic.ptr[0] == '/';
}

/* The twin of one, the one of a twin; NULL: there is none. */
static struct subscription *other(const struct session *session, const struct subscription *sub)
{
  if (user_is_plain(sub))
    return NULL;
  return hub_find(session->env->hub, sub->session ^ TWIN, subscription_id(sub));
}

struct plug_str user_shown_destination(const struct session *session,
                                       const struct subscription *sub, struct buf *shown)
{
  struct plug_str topic = subscription_topic(sub);
  if (user_is_plain(sub))
    return topic;
  const char *slash = memchr(topic.ptr, '/', topic.len);
  size_t skip = slash ? (size_t)(slash - topic.ptr) : topic.len;
  buf_put_str(shown, session->env->users->prefix);
  buf_put(shown, topic.ptr + skip, topic.len - skip);
  return shown->failed ? str_from("", 0) : str_from(shown->data, shown->len);
}

void user_end(struct session *session, struct subscription *sub)
{
  struct subscription *twin = other(session, sub);
  applications_unsubscribed(session, sub);
  session->n_subscriptions--;
  if (twin) {
    session_subscribed(twin, PLUG_OK);
    session_end_subscription(session, twin);
  }
  session_end_subscription(session, sub);
}

void user_forget_waiter(struct session *session, struct subscription *sub)
{
  struct subscription *twin = other(session, sub);
  sub->waiter = NULL;
  if (twin)
    twin->waiter = NULL;
}

void user_pass_waiter(const struct subscription *sub, struct session_waiter *waiter)
{
  struct subscription *twin = waiter->remaining > 1 ? other(sub->owner, sub) : NULL;
  if (twin && twin->waiter == waiter)
    waiter->sub = twin;
}

bool user_ack(struct session *session, struct subscription *sub, struct plug_str message_id)
{
  if (!sub)
    return false;
  if (hub_ack(sub, message_id))
    return true;
  struct subscription *twin = other(session, sub);
  return twin && hub_ack(twin, message_id);
}

struct list *user_next(const struct session *session, struct list *node)
{
  const struct subscription *twin = other(session, container_of(node, struct subscription, link));
  return twin && node->next == &twin->link ? node->next->next : node->next;
}
