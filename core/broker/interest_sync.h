/* Keeps the plugin's interests in step with the interest table: subscribes in batches what workers
 * want, unsubscribes after a grace period what nobody wants any more, and subscribes everything
 * again when the plugin reports that the backend has forgotten. Owns the batches under way. Control
 * thread only, but for init and fini. */
#ifndef BROKER_INTEREST_SYNC_H
#define BROKER_INTEREST_SYNC_H

#include <uv.h>

#include "base/log.h"
#include "hub/interest.h"
#include "plugin/instance.h"

struct interest_sync {
  struct plugin_instance *instance;
  struct interest_table *table;
  uint64_t grace_ms, max_unused, timeout_ms;
  struct list known; /* struct interest.link, oldest first */
  struct list fresh; /* struct interest.ask: wanted for the first time, never kept waiting */
  struct list ask;   /* struct interest.ask: to be asked again */
  struct list grace; /* struct interest.grace, earliest first; none of them is in flight */
  size_t n_grace;
  size_t n_unanswered; /* that nobody wants, but that are in flight */
  size_t n_asking;     /* interests in batches in flight */
  size_t n_restoring;  /* that the backend has forgotten and not confirmed again */
  struct log_limit refused_limit, unused_limit;
  bool up;
  bool stopping;
  bool pumping;
  uv_timer_t *timer; /* for grace periods and retries */
};

void interest_sync_init(struct interest_sync *sync, struct plugin_instance *instance,
                        struct interest_table *table, uint64_t grace_ms, uint64_t max_unused,
                        uint64_t timeout_ms);
/* Opens the timer; called once the instance runs. */
plug_status interest_sync_start(struct interest_sync *sync);
/* No new calls into the plugin from now on; closes the timer. */
void interest_sync_stop(struct interest_sync *sync);

/* The table has changes. */
void interest_sync_changes(struct interest_sync *sync);
/* lost: the backend has forgotten everything. Until it is up again subscribers wait. */
void interest_sync_state(struct interest_sync *sync, bool up, bool lost);
/* The backend has everything that it had before it was lost. */
bool interest_sync_restored(const struct interest_sync *sync);

#endif
