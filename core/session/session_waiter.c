#include "session/session_waiter.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "session/applications.h"
#include "session/memory.h"
#include "session/refusal.h"
#include "session/user_destinations.h"

static void waiter_free(struct session_waiter *waiter)
{
  list_remove(&waiter->link);
  list_remove(&waiter->by_age);
  free(waiter->refusal);
  if (waiter->session)
    session_release(waiter->session, sizeof *waiter + waiter->receipt_len);
  free(waiter);
}

void session_waiters_drop_subscribes(struct session *session)
{
  struct list *node = session->waiters.next, *next;
  for (; node != &session->waiters; node = next) {
    next = node->next;
    struct session_waiter *waiter = container_of(node, struct session_waiter, link);
    if (!waiter->sub)
      continue;
    waiter->sub->waiter = NULL;
    waiter_free(waiter);
  }
}

void session_waiters_drop(struct session *session)
{
  struct list *node;
  session_waiters_drop_subscribes(session);
  while ((node = list_first(&session->waiters))) {
    struct session_waiter *waiter = container_of(node, struct session_waiter, link);
    list_remove(node);
    list_remove(&waiter->by_age);
    waiter->session = NULL;
  }
}

/* Among those whose answer may be overdue, the oldest first. */
static void enlist(struct session *session, struct session_waiter *waiter)
{
  struct list *waiting = &session->env->waiting;
  if (!waiting->next)
    list_init(waiting);
  list_append(waiting, &waiter->by_age);
}

struct session_waiter *session_waiter_new(struct session *session, const char *what,
                                          struct plug_str receipt)
{
  size_t bytes = sizeof(struct session_waiter) + receipt.len;
  bool kept = !session || session_keep(session, &receipt, bytes);
  struct session_waiter *waiter = kept ? malloc(bytes) : NULL;
  if (!waiter) {
    if (session)
      session_release(session, bytes);
    return NULL;
  }
  *waiter = (struct session_waiter){.session = session, .what = what, .remaining = 1};
  waiter->receipt_len = receipt.len;
  if (receipt.len)
    memcpy(waiter->receipt, receipt.ptr, receipt.len);
  if (!session) {
    list_init(&waiter->link);
    list_init(&waiter->by_age);
    return waiter;
  }
  list_append(&session->waiters, &waiter->link);
  list_init(&waiter->by_age);
  waiter->since_ms = session->last_rx_ms;
  enlist(session, waiter);
  return waiter;
}

void session_waiter_expect(struct session_waiter *waiter)
{
  if (!waiter->session || !list_empty(&waiter->by_age))
    return;
  waiter->since_ms = clock_now_ms();
  enlist(waiter->session, waiter);
}

void session_waiter_done(struct session_waiter *waiter, plug_status status)
{
  if (status < 0 && status != PLUG_EAGAIN)
    waiter->status = status;
  if (--waiter->remaining)
    return;
  struct session *session = waiter->session;
  list_remove(&waiter->link); /* now: the last one lets a session leave */
  if (waiter->done) {
    waiter->done(waiter);
  } else if (session && session->state != SESSION_CLOSED) {
    struct plug_str receipt = str_from(waiter->receipt, waiter->receipt_len);
    if (waiter->refusal)
      applications_refuse(session, receipt, waiter->refusal);
    else if (waiter->status == PLUG_OK && !waiter->refusals_only)
      session_receipt(session, receipt);
    else if (waiter->status != PLUG_OK)
      session_refuse(session, receipt, waiter->what, waiter->status);
    if (session->state == SESSION_LEAVING && list_empty(&session->waiters))
      session_leave(session);
  }
  waiter_free(waiter);
}

void session_published(void *waiter, plug_status status)
{
  session_waiter_done(waiter, status);
}

void session_subscribed(struct subscription *sub, plug_status status)
{
  struct session_waiter *waiter = sub->waiter;
  sub->waiter = NULL;
  if (!waiter)
    return;
  user_pass_waiter(sub, waiter);
  session_waiter_done(waiter, status);
}

void session_interest(struct subscription *sub, plug_status status)
{
  struct session *session = sub->owner;
  bool told = sub->waiter != NULL;
  session_subscribed(sub, status);
  if (status == PLUG_OK) {
    applications_subscribed(session, sub);
    return;
  }
  if (!told && session->state == SESSION_CONNECTED) {
    char message[256];
    snprintf(message, sizeof message, "subscription '%.*s' failed: %s",
             session_shown(subscription_id(sub)), subscription_id(sub).ptr, refusal_text(status));
    struct session_error error = {.message = str_of(message),
                                  .stays = refusal_passes(status) ? SESSION_STAYS_TRY_AGAIN
                                                                  : SESSION_STAYS,
                                  .hint = "The connection stays open."};
    session_error(session, &error);
  }
  user_end(session, sub);
}

/* The waiter stays until the broker's answer comes, which then goes to nobody. */
static void refuse_late(struct session_waiter *waiter)
{
  struct session *session = waiter->session;
  list_remove(&waiter->by_age);
  list_remove(&waiter->link);
  session_release(session, sizeof *waiter + waiter->receipt_len);
  waiter->session = NULL;
  session_refuse(session, str_from(waiter->receipt, waiter->receipt_len), waiter->what,
                 PLUG_ETIMEDOUT);
  if (session->state == SESSION_LEAVING && list_empty(&session->waiters))
    session_leave(session);
}

void session_answer_overdue(struct session_env *env, uint64_t now_ms, uint64_t timeout_ms)
{
  struct list *node;
  while (env->waiting.next && (node = list_first(&env->waiting))) {
    struct session_waiter *waiter = container_of(node, struct session_waiter, by_age);
    if (now_ms < waiter->since_ms + timeout_ms)
      return;
    if (waiter->sub)
      session_interest(waiter->sub, PLUG_ETIMEDOUT);
    else
      refuse_late(waiter);
  }
}

void session_drop_subscription(struct session *session, struct subscription *sub)
{
  struct session_waiter *waiter = sub->waiter;
  if (waiter) {
    user_forget_waiter(session, sub);
    waiter_free(waiter);
  }
  user_end(session, sub);
}
