/* caught by: A4 — an operation that is cancelled is completed at once, and once more by its answer. */
#include "planted_auth.h"

static void cancel(void *self, struct plug_op *op)
{
  struct base *base = self;
  base->host->op_done(op, PLUG_ECANCELED, text_of(""));
}

#define AUTHENTICATE later_authenticate
#define CANCEL       cancel
#include "planted_auth_entry.h"
