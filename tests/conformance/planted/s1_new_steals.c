/* caught by: S1 — an instance that is started takes over from the one before, which then does nothing. */
#include "planted_broker.h"

static void *newest;

static plug_status start(void *self, struct plug_op *op)
{
  (void)op;
  newest = self;
  return PLUG_OK;
}

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  return self == newest ? base_publish(self, msg, op) : PLUG_OK;
}

#define START   start
#define PUBLISH publish
#include "planted_broker_entry.h"
