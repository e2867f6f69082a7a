/* Keeps a plugin's interests in step with the interest table: subscribes in batches what workers
 * want, unsubscribes after a grace period what nobody wants any more, and subscribes everything
 * again when the plugin reports that the backend has forgotten. What it knows of an interest is the
 * hold of its slot there; while one broker takes over from another there are two of them, in a
 * group (broker/interest_group.h). Owns the batches under way. Control thread only, but for init
 * and fini. */
#ifndef BROKER_INTEREST_SYNC_H
#define BROKER_INTEREST_SYNC_H

#include <uv.h>

#include "base/log.h"
#include "hub/interest.h"
#include "plugin/instance.h"

struct interest_group;

struct interest_sync {
  struct plugin_instance *instance;
  struct interest_table *table;
  struct interest_group *group;
  unsigned slot;
  uint64_t grace_ms, max_unused, timeout_ms;
  struct list known;   /* struct interest_hold.link, oldest first */
  struct list fresh;   /* struct interest_hold.ask: wanted for the first time, never kept waiting */
  struct list ask;     /* struct interest_hold.ask: to be asked again */
  struct list gone;    /* struct interest_hold.ask: removed by others, and to be given back */
  struct list grace;   /* struct interest_hold.grace, earliest first; none of them is in flight */
  struct list batches; /* struct batch.link: those that the plugin has */
  size_t n_grace;
  size_t n_unanswered; /* that nobody wants, but that are in flight */
  size_t n_asking;     /* interests in batches in flight */
  size_t n_restoring;  /* that the backend has forgotten and not confirmed again */
  struct log_limit refused_limit, unused_limit;
  bool local_patterns; /* it brings all messages, and is not asked for patterns */
  /* What it says of an interest is an answer to those who want it. Without, it is about to take
   * over, and keeps to itself what it refuses. */
  bool required;
  size_t n_refused;  /* then: how many it has refused */
  char refused[160]; /* and the first of these, in words */
  bool up;
  bool stopping;
  bool pumping;
  uv_timer_t *timer; /* for grace periods and retries */
};

struct interest_sync_limits {
  uint64_t grace_ms, max_unused, timeout_ms;
};

void interest_sync_init(struct interest_sync *sync, struct plugin_instance *instance,
                        struct interest_group *group, const struct interest_sync_limits *limits);
/* Opens the timer; called once the instance runs. */
plug_status interest_sync_start(struct interest_sync *sync);
/* No new calls into the plugin from now on; closes the timer. */
void interest_sync_stop(struct interest_sync *sync);

/* It is to have all that another one has, and asks for it once it is up. */
void interest_sync_mirror(struct interest_sync *sync, const struct interest_sync *other);
/* Lets go of everything, at once: what the plugin still answers is nobody's business. Stopped. */
void interest_sync_detach(struct interest_sync *sync);

/* What has become of an interest of the table. */
void interest_sync_change(struct interest_sync *sync, struct interest *interest,
                          enum interest_change change);
/* After some of these. */
void interest_sync_changed(struct interest_sync *sync);
/* The interest was removed from the table. */
void interest_sync_drop(struct interest_sync *sync, struct interest *interest);
void interest_sync_give_back(struct interest_sync *sync); /* what was dropped */
/* lost: the backend has forgotten everything. Until it is up again subscribers wait. */
void interest_sync_state(struct interest_sync *sync, bool up, bool lost);
/* The backend has everything that it had before it was lost. */
bool interest_sync_restored(const struct interest_sync *sync);

/* The plugin need not be asked for it. */
static inline bool interest_sync_is_local(const struct interest_sync *sync,
                                          const struct interest *interest)
{
  return interest->is_pattern && sync->local_patterns;
}

#endif
