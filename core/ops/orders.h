/* What operators ask of the server as a whole: to end, to read its configuration again, to log its
 * counters. Brings signals and requests of other threads to the main thread, one after the other.
 * Owns a signalfd and an eventfd, and the orders between their post and their answer. Functions are
 * tagged [main] or [any]. */
#ifndef OPS_ORDERS_H
#define OPS_ORDERS_H

#include <signal.h>
#include <stdbool.h>

#include <plugboard/abi.h>

#include "base/mpsc.h"

enum order_kind {
  ORDER_DRAIN,  /* SIGTERM, SIGINT; the second one comes as such again */
  ORDER_RELOAD, /* SIGHUP; answered as ops/reload.h says */
  ORDER_STATS,  /* SIGUSR1 */
  ORDER_SWAP    /* no signal; answered as server_swap.c says */
};

#define ORDER_KINDS 3 /* that signals ask for */

#define ORDER_PLUGIN_MAX     63
#define ORDER_OVERLAP_MAX_MS (24u * 60 * 60 * 1000)

struct order {
  struct mpsc_node queued;
  struct order *next; /* of those that have come and were not taken */
  enum order_kind kind;
  int signal_number; /* 0: another thread posted it */
  /* [main] Called once: status, and a JSON object that says more, or a sentence where status is no
   * success (but for ORDER_RELOAD with PLUG_EINVAL and ORDER_SWAP with that or PLUG_ESTATE, an
   * object too); text is gone afterwards. The
   * order is whoever posted it's again. NULL: nobody waits. */
  void (*answered)(struct order *order, plug_status status, const char *text);
  void *ctx; /* of whoever posts */
  /* ORDER_SWAP */
  const char *swap_kind;             /* "broker", "auth", "app" */
  char plugin[ORDER_PLUGIN_MAX + 1]; /* its name */
  char former[ORDER_PLUGIN_MAX + 1]; /* the auth plugin whose place it takes, or "" */
  uint64_t overlap_ms;               /* of brokers */
};

struct orders {
  struct mpsc posted;
  struct order *first, **last; /* taken out of posted */
  struct order from_signal;    /* what the last signal asked for */
  int signal_fd, event_fd;
  int signals[ORDER_KINDS]; /* numbers of those that were read and wait; 0: none */
  _Atomic bool closed;
};

/* [main] signals are blocked in all threads. False: no descriptors are left. */
bool orders_init(struct orders *orders, const sigset_t *signals);
/* [main] Who waits is told PLUG_ECANCELED. No order may be posted any more. */
void orders_fini(struct orders *orders);

/* [any] order lives until it is answered. False: the server is ending, and nothing is called. */
bool orders_post(struct orders *orders, struct order *order);
/* [main] From here on orders are refused, and those that wait are told PLUG_ECANCELED. */
void orders_close(struct orders *orders);

/* [main] The next order, after at most timeout_ms; UINT64_MAX is for ever. NULL: nothing came. */
struct order *orders_wait(struct orders *orders, uint64_t timeout_ms);
/* [main] */
void orders_answer(struct order *order, plug_status status, const char *text);

#endif
