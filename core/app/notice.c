/* What becomes of subscriptions, told to the applications that watch them. */
#include <stdlib.h>

#include "app/app.h"
#include "base/counter.h"
#include "base/log.h"

struct notice {
  struct loop_task task;
  struct app_backlog *backlog; /* the instance's */
  struct plugin_instance *instance;
  struct identity *who;
  struct plug_app_event event;
  int64_t bytes;
  struct plug_kv variables[PLUG_APP_VARIABLES_MAX];
  char text[];
};

static void tell_at_home(struct loop_task *task)
{
  struct notice *notice = container_of(task, struct notice, task);
  struct plugin_instance *instance = notice->instance;
  if (instance_state(instance) == INSTANCE_RUNNING) {
    struct instance_call call;
    instance_call_begin(&call, instance, "event");
    instance_app(instance)->event(instance_self(instance), &notice->event);
    instance_call_end(&call);
  }
  app_count(notice->backlog, -1, -notice->bytes);
  instance_release(instance);
  identity_unref(notice->who);
  free(notice);
}

static struct plug_str take(char **at, struct plug_str s)
{
  struct plug_str copy = str_from(*at, s.len);
  if (s.len)
    memcpy(*at, s.ptr, s.len);
  *at += s.len;
  return copy;
}

/* Clients are not slowed down for one that hangs, which nobody else is to suffer from; so there is
 * an end to what is kept for it. */
static void lose(const struct plugin_instance *instance, struct app_backlog *backlog)
{
  uint64_t held;
  char more[LOG_HELD_MAX];
  COUNT(app_lost);
  if (log_limit_pass(&backlog->lost, 10000, &held))
    log_error(instance_name(instance),
              "it hangs, and is not told of subscriptions: [app] queue is full%s",
              log_held(held, more));
}

/* claim NULL: of a whole session. */
static void tell_one(struct app *app, struct plugin_instance *instance, const struct claim *claim,
                     const struct app_tell_init *init)
{
  struct app_backlog *backlog = app_backlog(app, instance);
  size_t bytes =
      sizeof(struct notice) + init->session_id.len + init->subscription.len + init->destination.len;
  if (app_backlog_is_full(app, backlog) && loop_hangs(instance_loop(instance))) {
    lose(instance, backlog);
    return;
  }
  struct notice *notice = calloc(1, bytes);
  if (!notice)
    return;
  char *at = notice->text;
  notice->task.run = tell_at_home;
  notice->backlog = backlog;
  instance_hold(instance);
  notice->instance = instance;
  notice->bytes = (int64_t)bytes;
  notice->who = init->who;
  if (init->who)
    identity_ref(init->who);
  notice->event = (struct plug_app_event){.size = sizeof notice->event,
                                          .kind = init->kind,
                                          .session = init->session,
                                          .session_id = take(&at, init->session_id),
                                          .who = init->who ? init->who->who : NULL,
                                          .subscription = take(&at, init->subscription),
                                          .destination = take(&at, init->destination),
                                          .variables = notice->variables,
                                          .flags = init->former ? PLUG_APP_STANDING : 0};
  if (claim) {
    notice->event.watch = claim->number;
    notice->event.n_variables = claim->n_variables;
    claim_variables(claim, notice->event.destination, notice->variables);
  }
  app_count(backlog, 1, notice->bytes);
  loop_post_task(instance_loop(instance), &notice->task);
}

bool app_tell(struct app_worker *worker, const struct app_tell_init *init)
{
  struct app *app = app_of(worker);
  const struct claims *claims = app_claims(app);
  const struct chain *chain = app_chain(app);
  bool any = false;
  for (size_t i = 0; i < chain->n; i++) {
    struct plugin_instance *instance = chain->instances[i];
    if (init->former && app_has(init->former, instance))
      continue;
    bool whole = init->kind == PLUG_APP_DISCONNECTED;
    const struct claim *claim =
        whole ? NULL : claims_find_watch(claims, instance, init->destination);
    if (!claim && !(whole && claims_watch(claims, instance)))
      continue;
    tell_one(app, instance, claim, init);
    any = true;
  }
  return any;
}
