/* B6: unsubscribing one interest ends another of the same topic. */
#include "planted_broker.h"

static plug_status unsubscribe(void *self, const struct plug_interest *v, size_t n,
                               struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  for (size_t k = 0; k < n; k++)
    for (struct interest **at = &base->interests; *at;)
      if (same((*at)->topic, v[k].topic)) {
        struct interest *gone = *at;
        *at = gone->next;
        free(gone);
      } else {
        at = &(*at)->next;
      }
  return PLUG_OK;
}

#define UNSUBSCRIBE unsubscribe
#include "planted_broker_entry.h"
