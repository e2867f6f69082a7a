/* caught by: P6 — the body of a request is looked at when the next has come; also fails: P4 */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  if (base->kept.len)
    base->n_asked += *(const volatile char *)base->kept.ptr == 123;
  base->kept = request->body;
  return base_request(self, request, op);
}

#define REQUEST request
#include "planted_app_entry.h"
