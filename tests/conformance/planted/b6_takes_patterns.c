/* caught by: B6 — an unsubscribe ends the patterns, too, that match its topic. */
#include "planted_broker.h"

static plug_status unsubscribe(void *self, const struct plug_interest *v, size_t n,
                               struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  for (size_t k = n; k-- > 0;)
    for (struct interest **at = &base->interests; *at;) {
      struct interest *gone = *at;
      if (gone->id != v[k].id && !(gone->flags && wants(gone, v[k].topic))) {
        at = &gone->next;
        continue;
      }
      int only = gone->id == v[k].id && n > 1;
      *at = gone->next;
      free(gone);
      if (only)
        break;
    }
  return PLUG_OK;
}

#define UNSUBSCRIBE unsubscribe
#include "planted_broker_entry.h"
