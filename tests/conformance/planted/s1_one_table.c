/* caught by: S1 — all instances have one list of interests, which the first that is destroyed frees. */
#include "planted_broker.h"

static struct interest *shared;

static plug_status subscribe(void *self, const struct plug_interest *v, size_t n,
                             struct plug_op *op)
{
  struct base *base = self;
  base->interests = shared;
  plug_status status = base_subscribe(self, v, n, op);
  shared = base->interests;
  base->interests = NULL;
  return status;
}

static plug_status unsubscribe(void *self, const struct plug_interest *v, size_t n,
                               struct plug_op *op)
{
  struct base *base = self;
  base->interests = shared;
  plug_status status = base_unsubscribe(self, v, n, op);
  shared = base->interests;
  base->interests = NULL;
  return status;
}

/* Once each, whoever has it. */
static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct base *base = self;
  uint64_t last = 0;
  (void)op;
  for (const struct interest *i = shared; i; i = i->next)
    if (wants(i, msg->topic) && i->id != last) {
      base->host->broker->deliver(base->host, i->id, msg);
      last = i->id;
    }
  return PLUG_OK;
}

static void destroy(void *self)
{
  while (shared) {
    struct interest *next = shared->next;
    free(shared);
    shared = next;
  }
  free(self);
}

#define SUBSCRIBE   subscribe
#define UNSUBSCRIBE unsubscribe
#define PUBLISH     publish
#define DESTROY     destroy
#include "planted_broker_entry.h"
