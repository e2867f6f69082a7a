/* caught by: P4 — the first byte of a body is looked at, also when there is none. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  base->n_asked += *(const volatile char *)request->body.ptr == 123;
  return base_request(self, request, op);
}

#define REQUEST request
#include "planted_app_entry.h"
