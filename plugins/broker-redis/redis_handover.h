/* From one connection for subscriptions to the next without a gap, for layout single. A Redis that
 * is silent, or has thrown out the publisher only, still has the node's subscription, and what
 * others publish meanwhile still comes by it, however late. So that connection is kept, and
 * delivered from, until a new one has caught up: both hear the node's next probe, at the same place
 * in the one order that Redis has, and there the node goes over.
 *
 *   old connection   m1 m2 m3 PROBE          delivered up to the probe
 *   new connection         m3 PROBE m4 m5    delivered from the probe on
 *
 * Whichever comes to the probe first stands still until the other is there; an old one that is cut
 * off is given up after a while. Owns the old connection and a timer. [home] */
#ifndef REDIS_HANDOVER_H
#define REDIS_HANDOVER_H

#include "redis_conn.h"
#include "redis_probe.h"

struct redis_handover_events {
  /* Something on the old connection, to be delivered. */
  void (*message)(void *arg, struct plug_str channel, struct plug_str payload);
  /* Is that the probe that the new connection waits for? */
  bool (*is_awaited)(void *arg, struct plug_str channel, struct plug_str payload);
  /* What redis_handover_reach has asked to wait for is over; the new connection reads again.
   * gapless: the old one has brought everything. */
  void (*over)(void *arg, bool gapless);
};

enum redis_handover_state {
  REDIS_HANDOVER_NONE,   /* no old connection */
  REDIS_HANDOVER_OLD,    /* it delivers; the new one is ignored */
  REDIS_HANDOVER_AHEAD,  /* it has come to the probe and stands still */
  REDIS_HANDOVER_BEHIND, /* the new one has, and stands still */
};

struct redis_handover {
  const struct redis_env *env;
  const struct redis_handover_events *events;
  void *arg;
  enum redis_handover_state state;
  struct redis_conn *old_conn, *new_conn;
  struct plug_timer *timer;
  char mark[REDIS_PROBE_MAX]; /* BEHIND: the probe */
  size_t mark_len;
  uint64_t received; /* BEHIND: by the old one, when the timer was set */
  unsigned n_extended;
};

/* False: out of memory. */
bool redis_handover_init(struct redis_handover *h, const struct redis_env *env,
                         const struct redis_handover_events *events, void *arg);
void redis_handover_fini(struct redis_handover *h);

/* Takes over the subscribed connection of a link that is given up. */
void redis_handover_keep(struct redis_handover *h, struct redis_conn *conn);
/* The new link is given up, too, or was never up: the old one goes on. */
void redis_handover_fall_back(struct redis_handover *h);
/* Are messages on the new connection still the old one's to bring? */
bool redis_handover_ignores(const struct redis_handover *h);
/* The new connection has come to its probe. True: the old one too, or there is none (*gapless tells
 * which); false: over follows, and conn stands still until then. */
bool redis_handover_reach(struct redis_handover *h, struct redis_conn *conn, struct plug_str mark,
                          bool *gapless);

#endif
