#include "net/poller.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/counter.h"

/* What is put into the inbox before the flag is cleared is taken in the turn that follows; what
 * comes later wakes anew. Nothing is read: the descriptor is edge-triggered and tells of each
 * write, and to count to its end takes 2^64 of them. */
static void on_wake(struct watch *watch, uint32_t events)
{
  struct poller *poller = (struct poller *)(void *)((char *)watch - offsetof(struct poller, wake));
  (void)events;
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

/* --- those who stand in line -------------------------------------------------------------- */

enum { NOT_IN_LINE = -2, NOBODY = -1 };

/* Each stands in one line, and there once; whoever stands there already keeps the place. */
static void put_in_line(struct poller *poller, struct poller_line *line, int fd, uint32_t events)
{
  struct poller_place *place = &poller->places[fd];
  place->ready |= events;
  if (place->next != NOT_IN_LINE)
    return;
  place->next = NOBODY;
  if (line->first == NOBODY)
    line->first = fd;
  else
    poller->places[line->last].next = fd;
  line->last = fd;
}

static struct poller_place *take_first(struct poller *poller, struct poller_line *line)
{
  struct poller_place *place = &poller->places[line->first];
  line->first = place->next;
  place->next = NOT_IN_LINE;
  return place;
}

/* --- handing out -------------------------------------------------------------------------- */

static void call(struct watch *watch, uint32_t ready)
{
  /* What is waited for may have changed since the wait. */
  uint32_t events =
      ready & (watch->events | (watch->events ? (uint32_t)(EPOLLERR | EPOLLHUP) : 0u));
  if (events)
    watch->ready(watch, events);
}

/* What does not pass by being read: whoever has read before this goes on until there is nothing
 * left. */
#define LASTING ((uint32_t)(EPOLLRDHUP | EPOLLHUP | EPOLLERR))

/* Those who are not served now stand before others in the next turn. */
static void serve_line(struct poller *poller, struct poller_line *line, int most)
{
  int last = line->last;
  for (int n = 0; line->first != NOBODY && n < most;) {
    int fd = line->first;
    struct poller_place *place = take_first(poller, line);
    struct watch *watch = place->watch;
    uint32_t ready = place->ready;
    place->ready = 0;
    if (ready) { /* or else it has left, or what it waits for has changed */
      n++;
      if (ready & LASTING)
        put_in_line(poller, line, fd, ready);
      call(watch, ready);
    }
    if (fd == last)
      break;
  }
}

static void clear_lines(struct poller *poller)
{
  poller->newcomers = poller->again = (struct poller_line){NOBODY, NOBODY};
}

int poller_init(struct poller *poller)
{
  poller->n = 0;
  poller->places = NULL;
  poller->n_places = 0;
  clear_lines(poller);
  atomic_store(&poller->woken, 0);
  poller->wake = (struct watch){.fd = -1, .ready = on_wake};
  poller->fd = epoll_create1(EPOLL_CLOEXEC);
  if (poller->fd < 0)
    return errno;
  poller->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (poller->wake.fd < 0 || !poller_add(poller, &poller->wake, EPOLLIN | (uint32_t)EPOLLET)) {
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
  if (poller->fd >= 0)
    close(poller->fd);
  poller->fd = poller->wake.fd = -1;
  free(poller->places);
  poller->places = NULL;
  poller->n_places = 0;
  clear_lines(poller);
}

/* The kernel reports anew what is there, so what stands in line for it counts no more. */
static bool control(struct poller *poller, int what, struct watch *watch, uint32_t events)
{
  struct epoll_event event = {.events = events, .data = {.fd = watch->fd}};
  if (watch->shared && what == EPOLL_CTL_ADD)
    event.events |= (uint32_t)EPOLLEXCLUSIVE;
  bool edge = watch->newcomer && events;
  if (edge)
    event.events |= (uint32_t)EPOLLET | (events & EPOLLIN ? (uint32_t)EPOLLRDHUP : 0u);
  if (epoll_ctl(poller->fd, what, watch->fd, &event) != 0)
    return false;
  watch->events = (uint16_t)events;
  watch->edge = edge;
  poller->places[watch->fd].ready = 0;
  return true;
}

static bool make_room(struct poller *poller, int fd)
{
  if (fd < 0) {
    errno = EBADF;
    return false;
  }
  if (fd < poller->n_places)
    return true;
  int n = fd < 512 ? 1024 : fd * 2;
  struct poller_place *places = realloc(poller->places, (size_t)n * sizeof *places);
  if (!places)
    return false;
  for (int i = poller->n_places; i < n; i++)
    places[i] = (struct poller_place){.next = NOT_IN_LINE};
  poller->places = places;
  poller->n_places = n;
  return true;
}

bool poller_add(struct poller *poller, struct watch *watch, uint32_t events)
{
  watch->events = 0;
  if (!make_room(poller, watch->fd) || (events && !control(poller, EPOLL_CTL_ADD, watch, events)))
    return false;
  poller->places[watch->fd].watch = watch;
  if (watch->newcomer)
    COUNT(newcomers);
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

void poller_again(struct poller *poller, struct watch *watch, uint32_t events)
{
  if (watch->edge)
    put_in_line(poller, watch->newcomer ? &poller->newcomers : &poller->again, watch->fd, events);
}

bool poller_settle(struct poller *poller, struct watch *watch)
{
  if (!watch->newcomer)
    return true;
  watch->newcomer = false;
  COUNT_BY(newcomers, -1);
  /* Who has left something, or has to wait for room to write, should not do so amid newcomers. */
  if (watch->events == EPOLLIN && !poller->places[watch->fd].ready)
    return true;
  return !watch->events || control(poller, EPOLL_CTL_MOD, watch, watch->events);
}

void poller_move(struct poller *poller, struct watch *from, struct watch *to)
{
  to->events = from->events;
  to->newcomer = from->newcomer;
  to->edge = from->edge;
  from->events = 0;
  to->tls = from->tls;
  from->tls = NULL;
  poller->places[to->fd].watch = to;
}

void poller_remove(struct poller *poller, struct watch *watch)
{
  watch->events = 0;
  if (watch->fd < 0 || watch->fd >= poller->n_places || poller->places[watch->fd].watch != watch)
    return;
  poller->places[watch->fd].watch = NULL;
  poller->places[watch->fd].ready = 0;
  if (watch->newcomer)
    COUNT_BY(newcomers, -1);
}

void poller_wait(struct poller *poller, int timeout_ms)
{
  bool idle = poller->newcomers.first == NOBODY && poller->again.first == NOBODY;
  int n = epoll_wait(poller->fd, poller->events, POLLER_EVENTS, idle ? timeout_ms : 0);
  invariant(n >= 0 || errno == EINTR);
  poller->n = n < 0 ? 0 : n;
}

void poller_dispatch(struct poller *poller)
{
  serve_line(poller, &poller->again, INT_MAX); /* who joins it from here on is served next time */
  for (int i = 0; i < poller->n; i++) {
    const struct epoll_event *event = &poller->events[i];
    struct watch *watch = poller->places[event->data.fd].watch;
    if (!watch)
      continue; /* removed in this turn; or else it is somebody else's by now, who will see */
    if (watch->newcomer) {
      put_in_line(poller, &poller->newcomers, event->data.fd, event->events);
      continue;
    }
    if (watch->edge && event->events & LASTING)
      put_in_line(poller, &poller->again, event->data.fd, event->events);
    call(watch, event->events);
  }
  poller->n = 0;
  serve_line(poller, &poller->newcomers, POLLER_NEWCOMERS);
}
