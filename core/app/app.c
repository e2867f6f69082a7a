#include "app/app.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/hash.h"
#include "config/fault.h"
#include "hub/hub.h"
#include "message/message_rules.h"

struct app_worker {
  struct app *app;
  struct app_shared *shared;
  struct inbox *inbox;
  struct list calls; /* that have not come back, the oldest first */
  void (*publish)(void *ctx, const struct plug_app_message *message, struct app_publish *publish);
  void *ctx;
};

struct app_shared {
  unsigned refs;                                /* apps */
  struct list former;                           /* struct app.link */
  const struct destination_rules *destinations; /* which stay, and so do users */
  struct user_names users;
  _Atomic uint64_t max_destination;
  struct app_worker **workers;
  size_t n_workers;
  _Atomic bool draining;
};

struct app {
  struct app_settings settings;
  struct app_shared *shared;
  struct chain chain;
  struct claims claims;
  struct app_link **links; /* one per instance of the chain, whose owner's it is */
  bool started;
  bool in_force;
  struct list link; /* in app_shared.former, once it is in force no more, or never will be */
  bool settled;     /* all workers have gone over to a later one: nobody begins anything here */
  bool stopped;
};

/* What an instance's calls of publish come with, and what waits for it. */
struct app_link {
  struct app_backlog backlog;
  struct app_shared *shared;
  struct plugin_instance *instance;
};

/* --- publishing unasked ------------------------------------------------------------------- */

struct app_publish {
  struct inbox_call call;
  struct loop_task task;
  bool is_local;
  struct app_local local;
  struct app_worker *worker;
  struct plugin_instance *instance;
  struct plug_app_answer *message; /* owned */
  plug_app_published_fn done;
  void *arg;
  plug_status status;
  char text[]; /* local.subscription */
};

const struct app_local *app_publish_local(const struct app_publish *publish)
{
  return publish->is_local ? &publish->local : NULL;
}

static void publish_free(struct app_publish *publish)
{
  instance_release(publish->instance);
  free(publish->message);
  free(publish);
}

static void done_at_home(struct loop_task *task)
{
  struct app_publish *publish = container_of(task, struct app_publish, task);
  if (instance_state(publish->instance) < INSTANCE_STOPPED) {
    struct instance_call call;
    instance_call_begin(&call, publish->instance, "published");
    publish->done(publish->arg, publish->status);
    instance_call_end(&call);
  }
  publish_free(publish);
}

void app_published(struct app_publish *publish, plug_status status)
{
  publish->status = status == PLUG_EAGAIN ? PLUG_OK : status;
  if (!publish->done) {
    publish_free(publish);
    return;
  }
  publish->task.run = done_at_home;
  loop_post_task(instance_loop(publish->instance), &publish->task);
}

static void publish_on_worker(struct inbox_call *call)
{
  struct app_publish *publish = container_of(call, struct app_publish, call);
  struct app_worker *worker = publish->worker;
  worker->publish(worker->ctx, &publish->message->publishes[0], publish);
}

static uint64_t max_destination(const struct app_shared *shared)
{
  return atomic_load_explicit(&shared->max_destination, memory_order_relaxed);
}

static bool is_publishable(const struct app_shared *shared, struct plug_str destination)
{
  const char *why;
  struct plug_str name, rest;
  if (!destination_valid(destination, max_destination(shared), &why))
    return false;
  switch (destination_classify(shared->destinations, destination)) {
  case DESTINATION_BROKER:
    return true;
  case DESTINATION_USER:
    return user_split(&shared->users, destination, &name, &rest);
  default:
    return false;
  }
}

/* Always the same worker for one destination, so that the order stays. template: all that is known
 * but for the worker; the message is taken over. */
static plug_status hand_over(struct app_shared *shared, const struct app_publish *template)
{
  struct plug_app_answer *message = template->message;
  struct plug_str destination = message->publishes[0].destination;
  struct plug_str subscription = template->local.subscription;
  plug_status status = !is_publishable(shared, destination)                   ? PLUG_EINVAL
                       : atomic_load(&shared->draining) || !shared->n_workers ? PLUG_ESTATE
                                                                              : PLUG_OK;
  struct app_publish *publish = status ? NULL : calloc(1, sizeof *publish + subscription.len);
  struct inbox_item *item = publish ? inbox_item_new(INBOX_CALL, str_from(NULL, 0)) : NULL;
  if (!item) {
    free(publish);
    free(message);
    return status ? status : PLUG_ENOMEM;
  }
  *publish = *template;
  instance_hold(publish->instance);
  if (subscription.len)
    memcpy(publish->text, subscription.ptr, subscription.len);
  publish->local.subscription.ptr = publish->text;
  publish->worker =
      shared->workers[hash_bytes(destination.ptr, destination.len) % shared->n_workers];
  publish->call.run = publish_on_worker;
  item->waiter = &publish->call;
  struct inbox *inbox = publish->worker->inbox;
  if (inbox_put(inbox, item))
    inbox->wake(inbox);
  return PLUG_OK;
}

static plug_status on_publish(void *ctx, struct plug_app_answer *message,
                              plug_app_published_fn done, void *arg)
{
  const struct app_link *link = ctx;
  struct app_publish template = {
      .instance = link->instance, .message = message, .done = done, .arg = arg};
  return hand_over(link->shared, &template);
}

static plug_status on_publish_local(void *ctx, struct plug_app_answer *message, uint64_t session,
                                    struct plug_str subscription)
{
  const struct app_link *link = ctx;
  struct app_shared *shared = link->shared;
  struct app_publish template = {.instance = link->instance,
                                 .message = message,
                                 .is_local = true,
                                 .local = {.session = session}};
  if (session) {
    size_t worker = session_worker(session);
    if (worker >= shared->n_workers) {
      free(message);
      return PLUG_EINVAL;
    }
    template.local.inbox = shared->workers[worker]->inbox;
    template.local.subscription = subscription;
  }
  return hand_over(shared, &template);
}

static plug_status on_check(void *ctx, const struct plug_app_message *message)
{
  const struct app_link *link = ctx;
  struct plug_kv headers[64];
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = message->destination,
                               .content_type = message->content_type,
                               .payload = message->body,
                               .headers = headers};
  /* Those that only the server writes are left out when it is published. */
  for (size_t i = 0; i < message->n_headers; i++) {
    if (!message->headers[i].key.len || message_is_servers_header(message->headers[i].key))
      continue;
    if (init.n_headers == sizeof headers / sizeof *headers)
      return PLUG_ETOOBIG;
    headers[init.n_headers++] = message->headers[i];
  }
  /* What goes to users has a topic that may be longer than its destination by a hash. */
  const struct app_shared *shared = link->shared;
  bool is_broker =
      destination_classify(shared->destinations, message->destination) == DESTINATION_BROKER;
  if (message_breaks_frames(&init) || message_over_limit(&init) ||
      (!is_broker && message->destination.len + USER_TOPIC_ADDS > max_destination(shared)))
    return PLUG_ETOOBIG;
  return is_publishable(shared, message->destination) ? PLUG_OK : PLUG_EINVAL;
}

/* --- life --------------------------------------------------------------------------------- */

static plug_status link_instance(struct app *app, size_t i, struct plug_err *err)
{
  struct plugin_instance *instance = app->chain.instances[i];
  struct app_link *link = aligned_alloc(_Alignof(struct app_link), sizeof *link);
  if (!link)
    return fault_no_memory(err);
  *link = (struct app_link){.shared = app->shared, .instance = instance};
  app->links[i] = link;
  struct instance_app_up up = {on_publish, on_publish_local, on_check, link};
  instance_set_app_up(instance, &up);
  return PLUG_OK;
}

/* former: NULL, or where instances come from that are foreign here. */
static plug_status load_claims(struct app *app, const struct app *former, struct plug_err *err)
{
  const struct app_settings *settings = &app->settings;
  struct plug_err why = {0};
  app->links = calloc(app->chain.n + 1, sizeof(struct app_link *));
  if (!app->links)
    return fault_no_memory(err);
  for (size_t i = 0; i < app->chain.n; i++) {
    struct plugin_instance *instance = app->chain.instances[i];
    plug_status status = app->chain.foreign[i] ? PLUG_OK : link_instance(app, i, err);
    if (status != PLUG_OK)
      return status;
    status = app->chain.foreign[i] ? claims_copy(&app->claims, &former->claims, instance, &why)
                                   : claims_add(&app->claims, instance, &why);
    if (status != PLUG_OK)
      return fault_at(err, settings->chain.file, settings->chain.line, "%s", why.text);
  }
  if (app->claims.n_claims && !settings->destinations->app.n)
    return fault_at(err, settings->chain.file, settings->chain.line,
                    "[app] plugins: nothing reaches them: [destinations] app is empty");
  return PLUG_OK;
}

static struct app_shared *shared_new(const struct app_settings *settings)
{
  struct app_shared *shared = calloc(1, sizeof *shared);
  if (!shared)
    return NULL;
  list_init(&shared->former);
  shared->destinations = settings->destinations;
  shared->users = settings->users;
  atomic_init(&shared->max_destination, settings->max_destination);
  return shared;
}

static struct app *make(const struct app_settings *settings, const struct app *former,
                        struct plug_err *err)
{
  struct app *app = calloc(1, sizeof *app);
  struct app_shared *shared = former ? former->shared : shared_new(settings);
  if (!app || !shared) {
    free(app);
    if (!former)
      free(shared);
    fault_no_memory(err);
    return NULL;
  }
  shared->refs++;
  list_init(&app->link);
  app->shared = shared;
  app->settings = *settings;
  app->settings.chain.kind = "app";
  app->settings.chain.named = true;
  return app;
}

struct app *app_new(const struct app_settings *settings, const struct config *config,
                    struct loop *loop, struct plug_err *err)
{
  struct app *app = make(settings, NULL, err);
  if (!app)
    return NULL;
  plug_status status = chain_create(&app->chain, &app->settings.chain, config, loop, err);
  if (status == PLUG_OK)
    status = load_claims(app, NULL, err);
  app->in_force = true;
  if (status == PLUG_OK)
    return app;
  app_free(app);
  return NULL;
}

/* What the instances have left with the services that applications are offered goes, or is their
 * successors' already. */
static void forget(struct app *app)
{
  const struct instance_extension *extension = app->settings.chain.extension;
  for (size_t i = 0; extension && extension->forget && i < app->chain.n; i++)
    if (!app->chain.foreign[i])
      extension->forget(extension->ctx, app->chain.instances[i]);
}

static void stop(struct app *app)
{
  chain_drain(&app->chain);
  forget(app);
  if (app->started)
    chain_stop(&app->chain);
  app->started = false;
  app->stopped = true;
}

void app_abandon(struct app *app)
{
  stop(app); /* what it has published may be on its way */
  list_append(&app->shared->former, &app->link);
}

struct app *app_renewed(const struct app *former, const struct app_settings *settings,
                        const struct config *config, bool (*renew)(void *ctx, const char *name),
                        void *ctx, struct plug_err *err)
{
  struct app *app = make(settings, former, err);
  if (!app)
    return NULL;
  app->settings.destinations = former->settings.destinations;
  plug_status status =
      chain_create_next(&app->chain, &app->settings.chain, config, &former->chain, renew, ctx, err);
  if (status == PLUG_OK)
    status = load_claims(app, former, err);
  if (status == PLUG_OK)
    status = app_start(app, err);
  if (status == PLUG_OK)
    return app;
  app_abandon(app);
  return NULL;
}

bool app_has_new(const struct app *app)
{
  for (size_t i = 0; i < app->chain.n; i++)
    if (!app->chain.foreign[i])
      return true;
  return false;
}

void app_take_over(struct app *app, struct app *former)
{
  for (size_t i = 0; i < app->chain.n; i++)
    for (size_t k = 0; k < former->chain.n; k++)
      if (app->chain.instances[i] == former->chain.instances[k])
        app->links[i] = former->links[k];
  chain_pass_on(&former->chain, &app->chain);
  atomic_store_explicit(&app->shared->max_destination, app->settings.max_destination,
                        memory_order_relaxed);
  list_append(&app->shared->former, &former->link);
  former->in_force = false;
  app->in_force = true;
}

static struct app *former_at(struct list *node)
{
  return container_of(node, struct app, link);
}

bool app_tend(struct app *app)
{
  struct list *head = &app->shared->former;
  bool more = false;
  for (struct list *node = head->next; node != head; node = node->next) {
    struct app *former = former_at(node);
    if (former->stopped || !former->settled)
      continue;
    if (chain_is_idle(&former->chain)) {
      bool any = app_has_new(former); /* what the next one has of it is foreign here */
      stop(former);
      if (any)
        log_info("app", "the applications of a former configuration have stopped");
    }
    more = more || !former->stopped;
  }
  return more;
}

void app_settle(struct app *app)
{
  struct list *head = &app->shared->former, *next;
  for (struct list *node = head->next; node != head; node = next) {
    struct app *former = former_at(node);
    next = node->next;
    if (former->stopped && chain_is_idle(&former->chain))
      app_free(former);
    else
      former->settled = true;
  }
}

bool app_can_renew(const struct app *app, const char *section)
{
  struct plug_str name = str_from(section, strcspn(section, " "));
  for (size_t i = 0; i < app->chain.n; i++)
    if (str_eq(str_of(instance_name(app->chain.instances[i])), name))
      return true;
  return false;
}

size_t app_n_instances(const struct app *app)
{
  size_t n = app->chain.n;
  const struct list *head = &app->shared->former;
  for (struct list *node = head->next; node != head; node = node->next)
    for (size_t i = 0; i < former_at(node)->chain.n && !former_at(node)->stopped; i++)
      n += !former_at(node)->chain.foreign[i];
  return n;
}

plug_status app_start(struct app *app, struct plug_err *err)
{
  app->started = true;
  return chain_start(&app->chain, err);
}

/* One per worker; behind all that was in its inbox. Whoever comes last frees it: the worker, or who
 * waits and may give up. */
struct settle {
  struct inbox_call call;
  sem_t done;
  _Atomic int refs;
};

static void settle_unref(struct settle *at)
{
  if (atomic_fetch_sub(&at->refs, 1) > 1)
    return;
  sem_destroy(&at->done);
  free(at);
}

static void on_settle(struct inbox_call *call)
{
  struct settle *at = container_of(call, struct settle, call);
  sem_post(&at->done);
  settle_unref(at);
}

static void settle(struct app_worker *worker, uint64_t deadline_ms)
{
  struct settle *at = calloc(1, sizeof *at);
  struct inbox_item *item = at ? inbox_item_new(INBOX_CALL, str_from(NULL, 0)) : NULL;
  struct timespec until = clock_timespec(deadline_ms);
  if (!item) {
    free(at);
    return;
  }
  sem_init(&at->done, 0, 0);
  atomic_init(&at->refs, 2);
  at->call.run = on_settle;
  item->waiter = &at->call;
  if (inbox_put(worker->inbox, item))
    worker->inbox->wake(worker->inbox);
  while (sem_clockwait(&at->done, CLOCK_MONOTONIC, &until) != 0 && errno == EINTR)
    ;
  settle_unref(at);
}

void app_drain(struct app *app, uint64_t deadline_ms)
{
  struct app_shared *shared = app->shared;
  if (!app->started)
    return;
  for (size_t i = 0; i < shared->n_workers; i++) /* what they have is on its way to the plugins */
    settle(shared->workers[i], deadline_ms);
  chain_settle(&app->chain, deadline_ms); /* and has reached them */
  for (struct list *node = shared->former.next; node != &shared->former; node = node->next)
    chain_drain(&former_at(node)->chain);
  chain_drain(&app->chain);
  atomic_store(&shared->draining, true);
  for (size_t i = 0; i < shared->n_workers; i++)
    settle(shared->workers[i], deadline_ms);
}

void app_stop(struct app *app)
{
  struct list *head = &app->shared->former;
  for (struct list *node = head->next; node != head; node = node->next) {
    if (former_at(node)->started)
      chain_stop(&former_at(node)->chain);
    former_at(node)->started = false;
  }
  if (app->started)
    chain_stop(&app->chain);
  app->started = false;
}

void app_free(struct app *app)
{
  if (!app)
    return;
  struct app_shared *shared = app->shared;
  struct list *node;
  while (app->in_force && (node = list_first(&shared->former)))
    app_free(former_at(node));
  list_remove(&app->link);
  claims_fini(&app->claims);
  for (size_t i = 0; app->links && i < app->chain.n; i++)
    if (!app->chain.foreign[i])
      free(app->links[i]);
  chain_free(&app->chain);
  free(app->links);
  free(app);
  if (--shared->refs == 0) {
    free(shared->workers);
    free(shared);
  }
}

const struct app_settings *app_settings_of(const struct app *app)
{
  return &app->settings;
}

const struct claims *app_claims(const struct app *app)
{
  return &app->claims;
}

const struct chain *app_chain(const struct app *app)
{
  return &app->chain;
}

struct app *app_of(const struct app_worker *worker)
{
  return worker->app;
}

bool app_has(const struct app *app, const struct plugin_instance *instance)
{
  for (size_t i = 0; i < app->chain.n; i++)
    if (app->chain.instances[i] == instance)
      return true;
  return false;
}

bool app_worker_renew(struct app_worker *worker, struct app *app)
{
  const struct app *former = worker->app;
  bool any = false;
  worker->app = app;
  for (size_t i = 0; app != former && i < app->chain.n; i++)
    any = any || (claims_watch(&app->claims, app->chain.instances[i]) &&
                  !app_has(former, app->chain.instances[i]));
  return any;
}

struct inbox *app_worker_inbox(const struct app_worker *worker)
{
  return worker->inbox;
}

struct list *app_worker_calls(struct app_worker *worker)
{
  return &worker->calls;
}

struct app_worker *app_worker_new(struct app *app, struct inbox *inbox,
                                  void (*publish)(void *ctx, const struct plug_app_message *message,
                                                  struct app_publish *publish),
                                  void *ctx)
{
  struct app_shared *shared = app->shared;
  struct app_worker **workers = realloc(shared->workers, (shared->n_workers + 1) * sizeof *workers);
  struct app_worker *worker = workers ? malloc(sizeof *worker) : NULL;
  if (workers)
    shared->workers = workers;
  if (!worker)
    return NULL;
  *worker = (struct app_worker){
      .app = app, .shared = shared, .inbox = inbox, .publish = publish, .ctx = ctx};
  list_init(&worker->calls);
  shared->workers[shared->n_workers++] = worker;
  return worker;
}

void app_worker_free(struct app_worker *worker)
{
  free(worker);
}

/* --- what waits --------------------------------------------------------------------------- */

struct app_backlog *app_backlog(const struct app *app, const struct plugin_instance *instance)
{
  for (size_t i = 0; i < app->chain.n; i++)
    if (app->chain.instances[i] == instance)
      return &app->links[i]->backlog;
  invariant(false); /* claims are those of the chain's instances */
  return NULL;
}

void app_count(struct app_backlog *backlog, int64_t n, int64_t bytes)
{
  atomic_fetch_add_explicit(&backlog->n, n, memory_order_relaxed);
  atomic_fetch_add_explicit(&backlog->bytes, bytes, memory_order_relaxed);
  COUNT_BY(app_waiting, n);
}

static bool waits(const struct app *app, uint64_t max, uint64_t max_bytes)
{
  int64_t n = 0, bytes = 0;
  for (size_t i = 0; i < app->chain.n; i++) {
    const struct app_backlog *backlog = &app->links[i]->backlog;
    if (loop_hangs(instance_loop(app->chain.instances[i])))
      continue;
    n += atomic_load_explicit(&backlog->n, memory_order_relaxed);
    bytes += atomic_load_explicit(&backlog->bytes, memory_order_relaxed);
  }
  return n >= (int64_t)max || bytes >= (int64_t)max_bytes;
}

bool app_congested(const struct app *app)
{
  return waits(app, app->settings.queue / 2 + 1, app->settings.queue_bytes / 2);
}

bool app_is_full(const struct app *app)
{
  return waits(app, app->settings.queue, app->settings.queue_bytes);
}

bool app_backlog_is_full(const struct app *app, const struct app_backlog *backlog)
{
  return atomic_load_explicit(&backlog->n, memory_order_relaxed) >= (int64_t)app->settings.queue ||
         atomic_load_explicit(&backlog->bytes, memory_order_relaxed) >=
             (int64_t)app->settings.queue_bytes;
}
