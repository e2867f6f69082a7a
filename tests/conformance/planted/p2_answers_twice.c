/* caught by: P2 — a request is answered twice. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  base_request(self, request, op);
  answer_text(self, op, "once more");
  return PLUG_PENDING;
}

#define REQUEST request
#include "planted_app_entry.h"
