#include "net/renewal.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"

/* Sessions of a worker that are judged again in one go: a millisecond of its clients' time. */
#define JUDGE_AT_ONCE 256

struct leg { /* one worker's */
  struct inbox_call call;
  struct renewal *renewal;
  struct worker *worker;
  struct inbox_item *item; /* the way there */
  bool followed;
};

struct renewal {
  const struct generation *generation;
  sem_t done; /* once for each worker, when it has counted itself */
  _Atomic unsigned n_followed;
  unsigned n, n_done; /* n_done: of these done */
  struct leg legs[];
};

/* [worker] */
static void run(struct inbox_call *call)
{
  struct leg *leg = container_of(call, struct leg, call);
  struct renewal *renewal = leg->renewal;
  struct net_env *env = &leg->worker->env;
  if (!leg->followed) {
    generation_follow(env, renewal->generation);
    worker_renew_doors(leg->worker);
    leg->followed = true;
  }
  while (env->session.access && access_worker_judge_again(env->session.access, JUDGE_AT_ONCE))
    if (hub_call_later(&env->hub, &leg->call))
      return;
  atomic_fetch_add_explicit(&renewal->n_followed, 1, memory_order_release);
  sem_post(&renewal->done);
}

struct renewal *renewal_new(struct worker *workers, unsigned n)
{
  struct renewal *renewal = calloc(1, sizeof *renewal + n * sizeof *renewal->legs);
  if (!renewal)
    return NULL;
  sem_init(&renewal->done, 0, 0);
  renewal->n = n;
  for (unsigned i = 0; i < n; i++) {
    struct leg *leg = &renewal->legs[i];
    *leg = (struct leg){.call = {run}, .renewal = renewal, .worker = &workers[i]};
    leg->item = inbox_item_new(INBOX_CALL, str_from(NULL, 0));
    if (!leg->item) {
      renewal_free(renewal);
      return NULL;
    }
    leg->item->waiter = &leg->call;
  }
  return renewal;
}

void renewal_send(struct renewal *renewal, const struct generation *generation)
{
  renewal->generation = generation;
  for (unsigned i = 0; i < renewal->n; i++) {
    struct inbox *inbox = &renewal->legs[i].worker->inbox;
    struct inbox_item *item = renewal->legs[i].item;
    renewal->legs[i].item = NULL; /* the worker's */
    if (inbox_put(inbox, item))
      inbox->wake(inbox);
  }
}

bool renewal_wait(struct renewal *renewal, uint64_t deadline_ms)
{
  struct timespec until = clock_timespec(deadline_ms);
  while (renewal->n_done < renewal->n) {
    if (sem_clockwait(&renewal->done, CLOCK_MONOTONIC, &until) == 0)
      renewal->n_done++;
    else if (errno != EINTR)
      return false;
  }
  /* What workers have done with the former generation lies before what becomes of that. */
  return atomic_load_explicit(&renewal->n_followed, memory_order_acquire) == renewal->n;
}

void renewal_free(struct renewal *renewal)
{
  if (!renewal)
    return;
  for (unsigned i = 0; i < renewal->n; i++)
    if (renewal->legs[i].item)
      inbox_item_free(renewal->legs[i].item);
  sem_destroy(&renewal->done);
  free(renewal);
}
