/* caught by: B10 — health fills its text to the last byte. */
#include "planted_broker.h"

static void health(void *self, struct plug_health *out)
{
  base_health(self, out);
  memset(out->text, 'x', sizeof out->text);
}

#define HEALTH health
#include "planted_broker_entry.h"
