#include "ops/orders.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"

bool orders_init(struct orders *orders, const sigset_t *signals)
{
  *orders = (struct orders){.last = NULL};
  orders->last = &orders->first;
  orders->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
  orders->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (orders->signal_fd >= 0 && orders->event_fd >= 0)
    return true;
  orders_fini(orders);
  return false;
}

void orders_fini(struct orders *orders)
{
  orders_close(orders);
  if (orders->signal_fd >= 0)
    close(orders->signal_fd);
  if (orders->event_fd >= 0)
    close(orders->event_fd);
  orders->signal_fd = orders->event_fd = -1;
}

static void take_posted(struct orders *orders)
{
  for (struct mpsc_node *node = mpsc_take(&orders->posted), *next; node; node = next) {
    struct order *order = container_of(node, struct order, queued);
    next = node->next;
    order->next = NULL;
    *orders->last = order;
    orders->last = &order->next;
  }
}

static struct order *take_first(struct orders *orders)
{
  struct order *order = orders->first;
  if (!order)
    return NULL;
  orders->first = order->next;
  if (!orders->first)
    orders->last = &orders->first;
  return order;
}

bool orders_post(struct orders *orders, struct order *order)
{
  uint64_t one = 1;
  if (atomic_load(&orders->closed))
    return false;
  /* Who has read `closed` before it was set may come after the last look into the queue; what it
   * posts then is told so by orders_fini, when no thread that posts is left. */
  if (mpsc_push(&orders->posted, &order->queued))
    (void)!write(orders->event_fd, &one, sizeof one);
  return true;
}

void orders_close(struct orders *orders)
{
  struct order *order;
  atomic_store(&orders->closed, true);
  take_posted(orders);
  while ((order = take_first(orders)))
    orders_answer(order, PLUG_ECANCELED, "the server is stopping");
}

void orders_answer(struct order *order, plug_status status, const char *text)
{
  if (order->answered)
    order->answered(order, status, text);
}

static enum order_kind kind_of(int number)
{
  return number == SIGHUP ? ORDER_RELOAD : number == SIGUSR1 ? ORDER_STATS : ORDER_DRAIN;
}

/* The kernel gives the lowest number first: whoever sends SIGHUP without end would keep SIGTERM
 * away. So all that are there are read, and the end goes before everything else. */
static struct order *take_signal(struct orders *orders)
{
  static const enum order_kind rank[] = {ORDER_DRAIN, ORDER_RELOAD, ORDER_STATS};
  struct signalfd_siginfo infos[ORDER_KINDS + 1]; /* there are two signals for the end */
  ssize_t n = read(orders->signal_fd, infos, sizeof infos);
  for (ssize_t i = 0; i < n / (ssize_t)sizeof *infos; i++)
    orders->signals[kind_of((int)infos[i].ssi_signo)] = (int)infos[i].ssi_signo;
  for (size_t i = 0; i < ORDER_KINDS; i++) {
    int number = orders->signals[rank[i]];
    if (!number)
      continue;
    orders->signals[rank[i]] = 0;
    orders->from_signal = (struct order){.kind = rank[i], .signal_number = number};
    return &orders->from_signal;
  }
  return NULL;
}

struct order *orders_wait(struct orders *orders, uint64_t timeout_ms)
{
  uint64_t now_ms = clock_now_ms();
  uint64_t end_ms = timeout_ms > UINT64_MAX - now_ms ? UINT64_MAX : now_ms + timeout_ms;
  for (;;) {
    uint64_t count;
    struct order *order = take_signal(orders);
    if (order)
      return order;
    (void)!read(orders->event_fd, &count, sizeof count);
    take_posted(orders);
    if ((order = take_first(orders)))
      return order;
    now_ms = clock_now_ms();
    if (now_ms >= end_ms)
      return NULL;
    struct pollfd fds[] = {{.fd = orders->signal_fd, .events = POLLIN},
                           {.fd = orders->event_fd, .events = POLLIN}};
    uint64_t left_ms = end_ms - now_ms;
    if (poll(fds, 2,
             end_ms == UINT64_MAX ? -1
             : left_ms > INT_MAX  ? INT_MAX
                                  : (int)left_ms) < 0 &&
        errno != EINTR)
      return NULL;
  }
}
