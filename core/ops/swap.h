/* Another broker in the place of the one that runs, while clients stay: started beside it, given
 * all interests, for a time given all messages too, and then alone (broker/broker_swap.h). Steps of
 * the main thread between its other duties; what may fail leaves the old broker as it was. Owns
 * what a swap under way needs. Functions are tagged [main] or [any]. */
#ifndef OPS_SWAP_H
#define OPS_SWAP_H

#include <pthread.h>

#include "broker/broker.h"
#include "config/settings.h"
#include "net/worker.h"
#include "ops/monitor.h"
#include "presence/presence.h"

enum swap_phase {
  SWAP_NONE,
  SWAP_MARKING,     /* what comes by the old one is noted from now on */
  SWAP_SUBSCRIBING, /* the new one runs, and is given all interests */
  SWAP_JOINING,     /* messages go to both from now on */
  SWAP_SETTLING,    /* what went to the old one alone comes in */
  SWAP_OVERLAP,     /* both carry all messages */
  SWAP_SWITCHING,   /* the new one is the broker from now on */
  SWAP_LEAVING,     /* what the old one has taken comes in */
  SWAP_CANCELLING,  /* the old one is alone from now on */
  SWAP_TAIL         /* it is over; what came by both is still known */
};

struct swap_plan {
  const struct settings *settings; /* of whoever names the plugin; its folder, and its line */
  const struct config *config;
  const char *plugin;
  uint64_t overlap_ms;
  bool by_file; /* settings name the plugin, and not an operator's word */
};

/* How it ended; why: NULL, or a sentence that says why all is as it was. */
struct swap_end {
  const char *from, *to, *why;
  bool mistaken; /* the configuration is to blame, or the name */
  uint64_t took_ms, overlap_ms;
};
typedef void (*swap_end_fn)(void *ctx, const struct swap_end *end); /* [main] */

struct swap_status {
  const char *kind; /* "broker", "auth", "app" */
  char from[64], to[64];
  const char *phase;
};

struct swap {
  /* Set by the owner. */
  struct broker *broker;
  struct worker *workers;
  unsigned n_workers;
  struct loop *loop;
  struct monitor *monitor;
  struct presence *presence; /* NULL: there is none */
  /* Private. */
  pthread_mutex_t mutex; /* protects status; nothing is called under it */
  struct swap_status status;
  enum swap_phase phase;
  uint64_t began_ms, until_ms, overlap_ms;
  uint64_t up_ms; /* for the new broker to come up, and to take all interests */
  uint64_t turns[INTEREST_WORKERS_MAX]; /* of the workers, at the beginning of a quiet point */
  char why[300];
  swap_end_fn done;
  void *ctx;
};

void swap_init(struct swap *swap); /* [main] the owner's members stay as they are */
void swap_fini(struct swap *swap); /* [main] */

/* [main] Begins one; done is called once, perhaps before this returns. */
void swap_begin(struct swap *swap, const struct swap_plan *plan, swap_end_fn done, void *ctx);
/* [main] Goes on with it. Returns in how many ms it is to be called again; UINT64_MAX: never. */
uint64_t swap_tend(struct swap *swap);
/* [main] The server ends: it is brought to an end, the shorter way. Workers still run. */
void swap_stop(struct swap *swap);

/* [main] One is under way: of all kinds there is one at a time. */
bool swap_is_under_way(const struct swap *swap);
/* [main] One of another kind, which is over when whoever does it calls swap_shown: for swap_status.
 */
void swap_show(struct swap *swap, const char *kind, const char *to);
void swap_shown(struct swap *swap);

/* [any] False: none is under way. */
bool swap_status(struct swap *swap, struct swap_status *out);

#endif
