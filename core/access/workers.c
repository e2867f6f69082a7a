#include "access/workers.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "plugin/grant.h"

#define REASON_MAX LOGIN_REASON_MAX

struct access_worker *workers_add(struct access_workers *workers, struct access *access,
                                  unsigned index, struct inbox *inbox,
                                  const struct access_events *events)
{
  struct access_worker **items = realloc(workers->items, (workers->n + 1) * sizeof *items);
  if (!items)
    return NULL;
  workers->items = items;
  struct access_worker *worker = calloc(1, sizeof *worker);
  if (!worker)
    return NULL;
  worker->access = access;
  worker->events = events;
  worker->inbox = inbox;
  worker->index = index;
  list_init(&worker->all);
  items[workers->n++] = worker;
  return worker;
}

void workers_fini(struct access_workers *workers)
{
  free(workers->items);
  *workers = (struct access_workers){0};
}

static void workers_remove(struct access_workers *workers, const struct access_worker *worker)
{
  for (size_t i = 0; i < workers->n; i++)
    if (workers->items[i] == worker) {
      workers->items[i] = workers->items[--workers->n];
      return;
    }
}

void access_worker_free(struct access_worker *worker)
{
  if (!worker)
    return;
  map_fini(&worker->classes);
  map_fini(&worker->users);
  map_fini(&worker->subjects);
  workers_remove(access_workers_of(worker->access), worker);
  free(worker);
}

const struct access *access_of(const struct access_worker *worker)
{
  return worker->access;
}

/* One worker's copy of a notice. */
struct delivery {
  struct inbox_call call;
  struct access_worker *worker;
  struct notice notice;
  void *identity; /* owned, or NULL */
  char text[];    /* user and reason */
};

static void run(struct inbox_call *call)
{
  struct delivery *delivery = container_of(call, struct delivery, call);
  subject_notice(delivery->worker, &delivery->notice);
  free(delivery->identity);
  free(delivery);
}

static struct inbox_item *prepare(struct access_worker *worker, const struct notice *notice)
{
  size_t reason = utf8_cut(notice->reason.ptr, notice->reason.len, REASON_MAX), len;
  struct delivery *delivery = calloc(1, sizeof *delivery + notice->user.len + reason);
  struct inbox_item *item = inbox_item_new(INBOX_CALL, str_from(NULL, 0));
  if (!delivery || !item)
    goto free_both;
  if (notice->who && !(delivery->identity = grant_copy_identity(notice->who, 0, &len)))
    goto free_both;
  delivery->call.run = run;
  delivery->worker = worker;
  delivery->notice = *notice;
  delivery->notice.who = delivery->identity;
  if (notice->user.len)
    memcpy(delivery->text, notice->user.ptr, notice->user.len);
  if (reason)
    memcpy(delivery->text + notice->user.len, notice->reason.ptr, reason);
  delivery->notice.user = str_from(delivery->text, notice->user.len);
  delivery->notice.reason = str_from(delivery->text + notice->user.len, reason);
  item->waiter = &delivery->call;
  return item;

free_both:
  if (item)
    inbox_item_free(item);
  free(delivery);
  return NULL;
}

static void discard(struct inbox_item *item)
{
  struct delivery *delivery =
      container_of((struct inbox_call *)item->waiter, struct delivery, call);
  free(delivery->identity);
  free(delivery);
  inbox_item_free(item);
}

plug_status workers_notify(struct access_workers *workers, const struct notice *notice)
{
  struct inbox_item **items = calloc(workers->n + 1, sizeof(struct inbox_item *));
  size_t n = 0;
  if (!items)
    return PLUG_ENOMEM;
  while (n < workers->n && (items[n] = prepare(workers->items[n], notice)))
    n++;
  bool all = n == workers->n;
  for (size_t i = 0; i < n; i++) {
    struct inbox *inbox = workers->items[i]->inbox;
    if (!all)
      discard(items[i]);
    else if (inbox_put(inbox, items[i]))
      inbox->wake(inbox);
  }
  free(items);
  return all ? PLUG_OK : PLUG_ENOMEM;
}
