#include "net/poller.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

/* What is put into the inbox before the flag is cleared is taken in the turn that follows; what
 * comes later wakes anew. */
static void on_wake(struct watch *watch, uint32_t events)
{
  struct poller *poller = (struct poller *)(void *)((char *)watch - offsetof(struct poller, wake));
  uint64_t times;
  (void)events;
  (void)!read(watch->fd, &times, sizeof times);
  atomic_store(&poller->woken, 0);
}

void poller_wake(struct poller *poller)
{
  const uint64_t once = 1;
  if (atomic_exchange(&poller->woken, 1))
    return;
  while (write(poller->wake.fd, &once, sizeof once) < 0 && errno == EINTR)
    ;
}

static void call(struct poller *poller, const struct epoll_event *event)
{
  struct watch *watch = poller->watches[event->data.fd];
  if (!watch)
    return; /* removed in this turn; or else it is somebody else's by now, who will see */
  /* What is waited for may have changed since the wait. */
  uint32_t events =
      event->events & (watch->events | (watch->events ? (uint32_t)(EPOLLERR | EPOLLHUP) : 0u));
  if (events)
    watch->ready(watch, events);
}

/* Those who are not served now stand before others in the next turn. */
static void on_hall(struct watch *watch, uint32_t events)
{
  struct poller *poller = (struct poller *)(void *)((char *)watch - offsetof(struct poller, hall));
  struct epoll_event ready[POLLER_HALL_EVENTS];
  (void)events;
  int n = epoll_wait(watch->fd, ready, POLLER_HALL_EVENTS, 0);
  invariant(n >= 0 || errno == EINTR);
  for (int i = 0; i < n; i++)
    call(poller, &ready[i]);
}

int poller_init(struct poller *poller)
{
  poller->n = 0;
  poller->watches = NULL;
  poller->n_watches = 0;
  atomic_store(&poller->woken, 0);
  poller->wake = (struct watch){.fd = -1, .ready = on_wake};
  poller->hall = (struct watch){.fd = -1, .ready = on_hall};
  poller->fd = epoll_create1(EPOLL_CLOEXEC);
  if (poller->fd < 0)
    return errno;
  poller->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  poller->hall.fd = epoll_create1(EPOLL_CLOEXEC);
  if (poller->wake.fd < 0 || poller->hall.fd < 0 || !poller_add(poller, &poller->wake, EPOLLIN) ||
      !poller_add(poller, &poller->hall, EPOLLIN)) {
    int why = errno;
    poller_fini(poller);
    return why;
  }
  return 0;
}

void poller_fini(struct poller *poller)
{
  if (poller->wake.fd >= 0)
    close(poller->wake.fd);
  if (poller->hall.fd >= 0)
    close(poller->hall.fd);
  if (poller->fd >= 0)
    close(poller->fd);
  poller->fd = poller->wake.fd = poller->hall.fd = -1;
  free(poller->watches);
  poller->watches = NULL;
  poller->n_watches = 0;
}

static bool control(struct poller *poller, int what, struct watch *watch, uint32_t events)
{
  struct epoll_event event = {.events = events, .data = {.fd = watch->fd}};
  if (epoll_ctl(watch->newcomer ? poller->hall.fd : poller->fd, what, watch->fd, &event) != 0)
    return false;
  watch->events = events;
  return true;
}

static bool make_room(struct poller *poller, int fd)
{
  if (fd < 0) {
    errno = EBADF;
    return false;
  }
  if (fd < poller->n_watches)
    return true;
  int n = fd < 512 ? 1024 : fd * 2;
  struct watch **watches = realloc(poller->watches, (size_t)n * sizeof(struct watch *));
  if (!watches)
    return false;
  memset(watches + poller->n_watches, 0, (size_t)(n - poller->n_watches) * sizeof(struct watch *));
  poller->watches = watches;
  poller->n_watches = n;
  return true;
}

bool poller_add(struct poller *poller, struct watch *watch, uint32_t events)
{
  watch->events = 0;
  if (!make_room(poller, watch->fd) || (events && !control(poller, EPOLL_CTL_ADD, watch, events)))
    return false;
  poller->watches[watch->fd] = watch;
  return true;
}

bool poller_want(struct poller *poller, struct watch *watch, uint32_t events)
{
  if (watch->events == events)
    return true;
  /* epoll reports errors and hang-ups of what it has at all: who waits for nothing is taken out. */
  return control(poller,
                 !events          ? EPOLL_CTL_DEL
                 : !watch->events ? EPOLL_CTL_ADD
                                  : EPOLL_CTL_MOD,
                 watch, events);
}

bool poller_settle(struct poller *poller, struct watch *watch)
{
  uint32_t events = watch->events;
  if (!watch->newcomer)
    return true;
  if (events && !control(poller, EPOLL_CTL_DEL, watch, 0))
    return false;
  watch->newcomer = false;
  return !events || control(poller, EPOLL_CTL_ADD, watch, events);
}

void poller_move(struct poller *poller, struct watch *from, struct watch *to)
{
  to->events = from->events;
  to->newcomer = from->newcomer;
  from->events = 0;
  poller->watches[to->fd] = to;
}

void poller_remove(struct poller *poller, struct watch *watch)
{
  watch->events = 0;
  if (watch->fd >= 0 && watch->fd < poller->n_watches && poller->watches[watch->fd] == watch)
    poller->watches[watch->fd] = NULL;
}

void poller_wait(struct poller *poller, int timeout_ms)
{
  int n = epoll_wait(poller->fd, poller->events, POLLER_EVENTS, timeout_ms);
  invariant(n >= 0 || errno == EINTR);
  poller->n = n < 0 ? 0 : n;
}

void poller_dispatch(struct poller *poller)
{
  for (int i = 0; i < poller->n; i++)
    call(poller, &poller->events[i]);
  poller->n = 0;
}
