#include "broker/both.h"

#include <pthread.h>
#include <stdlib.h>

struct both {
  pthread_mutex_t mutex;
  struct inbox_item *answer; /* NULL: has been given */
  struct inbox *inbox;
  plug_status status[2];
  bool known[2];
};

struct both *both_new(struct inbox_item *answer, struct inbox *inbox)
{
  struct both *both = calloc(1, sizeof *both);
  if (!both)
    return NULL;
  pthread_mutex_init(&both->mutex, NULL);
  both->answer = answer;
  both->inbox = inbox;
  return both;
}

static bool is_success(plug_status status)
{
  return status >= 0 || status == PLUG_EAGAIN;
}

/* Under the mutex. False: it cannot be said yet. */
static bool judge(const struct both *both, plug_status *status)
{
  if (!both->known[0])
    return false;
  *status = both->status[0];
  if (is_success(*status))
    return true;
  if (both->known[1] && is_success(both->status[1]))
    *status = both->status[1];
  return both->known[1];
}

void both_finish(struct both *both, unsigned place, plug_status status)
{
  struct inbox_item *answer = NULL;
  struct inbox *inbox = both->inbox;
  pthread_mutex_lock(&both->mutex);
  both->status[place] = status;
  both->known[place] = true;
  if (both->answer && judge(both, &status)) {
    answer = both->answer;
    answer->status = status == PLUG_EAGAIN ? PLUG_OK : status;
    both->answer = NULL;
  }
  bool last = both->known[0] && both->known[1];
  pthread_mutex_unlock(&both->mutex);
  if (last) {
    pthread_mutex_destroy(&both->mutex);
    free(both);
  }
  if (answer && inbox_put(inbox, answer))
    inbox->wake(inbox);
}
