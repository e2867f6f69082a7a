/* caught by: O1 — forgets an operation that is cancelled */
#define PLANTED_PUBLISH later_publish
#define PLANTED_CANCEL  cancel
#include "../good.h"

static void cancel(void *self, struct plug_op *op)
{
  struct good *good = self;
  for (struct later *later = good->laters; later; later = later->next)
    if (later->op == op)
      later->op = NULL;
}

PLANT_BROKER;
