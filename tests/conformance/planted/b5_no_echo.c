/* caught by: B5 — ECHO is declared, and the node's own messages do not come back; also fails: B1, B2, B3, B4 */
#include "planted_broker.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  (void)self, (void)msg, (void)op;
  return PLUG_OK;
}

#define PUBLISH publish
#include "planted_broker_entry.h"
