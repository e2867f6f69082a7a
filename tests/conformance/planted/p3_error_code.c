/* caught by: P3 — the code of an error is a sentence. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  if (request->body.len)
    return base_request(self, request, op);
  answer_error(self, op, "Bad request.");
  return PLUG_PENDING;
}

#define REQUEST request
#include "planted_app_entry.h"
