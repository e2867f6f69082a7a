/* caught by: P4 — the byte behind a body is looked at, to see whether it ends there. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  if (request->body.ptr)
    base->n_asked += ((const volatile char *)request->body.ptr)[request->body.len] == '\0';
  return base_request(self, request, op);
}

#define REQUEST request
#include "planted_app_entry.h"
