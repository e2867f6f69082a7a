/* caught by: B7 — after 65536 interests the next ones replace the oldest, and nobody is told. */
#include "planted_broker.h"

static plug_status subscribe(void *self, const struct plug_interest *v, size_t n,
                             struct plug_op *op)
{
  struct base *base = self;
  plug_status status = base_subscribe(self, v, n, op);
  struct interest **at = &base->interests;
  for (size_t i = 0; *at && i < 65536; i++)
    at = &(*at)->next;
  while (*at) {
    struct interest *gone = *at;
    *at = gone->next;
    free(gone);
  }
  return status;
}

#define SUBSCRIBE subscribe
#include "planted_broker_entry.h"
