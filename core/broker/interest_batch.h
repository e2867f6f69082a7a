/* A batch of interests with a plugin: subscribed or given back in one call, answered once, however
 * late. Private to interest_sync.c and interest_batch.c, as are the helpers below. Control thread
 * only. */
#ifndef BROKER_INTEREST_BATCH_H
#define BROKER_INTEREST_BATCH_H

#include "broker/interest_group.h"

#define BATCH_RETRY_MS 1000

/* v and what it points at are lent to the plugin until it completes the operation, which may be
 * after the deadline has given the members their answer: so the names are the batch's own. */
struct batch {
  struct list link;           /* while the plugin has it */
  struct interest_sync *sync; /* NULL: has let go of it */
  bool subscribe;
  bool owed; /* a subscribe whose members have been told that there is no answer */
  size_t n, cap;
  struct interest **members;
  char *names;
  struct plug_interest v[];
};

struct batch *batch_new(struct interest_sync *sync, bool subscribe, size_t cap); /* or NULL */
void batch_free(struct batch *batch); /* which was not called */
void batch_add(struct batch *batch, struct interest *interest);
/* Gives it to the plugin, and is gone. Returns the plugin's answer, PLUG_PENDING included. */
plug_status batch_call(struct batch *batch);
/* The same for one that unsubscribes, where the plugin is up. */
void batch_give_back(struct batch *batch);
/* The backend is away or slow, as against: it refuses this very interest. */
bool batch_is_passing(plug_status status);

/* --- what interest_sync.c does for batches ------------------------------------------------- */

void interest_sync_pump(struct interest_sync *sync);
void interest_sync_arm(struct interest_sync *sync, uint64_t after_ms);
void interest_sync_no_grace(struct interest_sync *sync, struct interest *interest);
void interest_sync_release(struct interest_sync *sync, struct interest *interest);

/* --- holds --------------------------------------------------------------------------------- */

#define HOLD(sync, interest) (&(interest)->holds[(sync)->slot])

/* The interest whose hold has that node as its list's. */
#define INTEREST_BY(sync, node, list)                                                          \
  container_of(container_of(node, struct interest_hold, list) - (sync)->slot, struct interest, \
               holds[0])

static inline void set_restoring(struct interest_sync *sync, struct interest *interest,
                                 bool restoring)
{
  if (HOLD(sync, interest)->restoring == restoring)
    return;
  HOLD(sync, interest)->restoring = restoring;
  if (restoring)
    sync->n_restoring++;
  else
    sync->n_restoring--;
}

static inline void set_unanswered(struct interest_sync *sync, struct interest *interest,
                                  bool unanswered)
{
  if (HOLD(sync, interest)->unanswered == unanswered)
    return;
  HOLD(sync, interest)->unanswered = unanswered;
  if (unanswered)
    sync->n_unanswered++;
  else
    sync->n_unanswered--;
}

#endif
