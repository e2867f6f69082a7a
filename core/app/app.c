#include "app/app_inner.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/counter.h"
#include "config/fault.h"

/* --- life --------------------------------------------------------------------------------- */

static plug_status link_instance(struct app *app, size_t i, struct plug_err *err)
{
  struct plugin_instance *instance = app->chain.instances[i];
  struct app_link *link = aligned_alloc(_Alignof(struct app_link), sizeof *link);
  if (!link)
    return fault_no_memory(err);
  *link = (struct app_link){.shared = app->shared, .instance = instance};
  app->links[i] = link;
  app_publish_offer(link);
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
 * successors' already. False: the control thread hangs, and it is to be tried again. */
static bool forget(struct app *app)
{
  const struct instance_extension *extension = app->settings.chain.extension;
  for (size_t i = 0; extension && extension->forget && i < app->chain.n; i++)
    if (!app->chain.foreign[i] && !extension->forget(extension->ctx, app->chain.instances[i]))
      return false;
  return true;
}

static bool stop(struct app *app)
{
  chain_drain(&app->chain);
  if (!forget(app))
    return false;
  if (app->started)
    chain_stop(&app->chain);
  app->started = false;
  app->stopped = true;
  return true;
}

void app_abandon(struct app *app)
{
  app->settled = true; /* no worker has ever gone over to it */
  (void)stop(app);     /* or app_tend does; what it has published may be on its way */
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
      if (stop(former) && any)
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
