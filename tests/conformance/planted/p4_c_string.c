/* caught by: P4 — a body is read up to a NUL that it does not have. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  const volatile char *at = request->body.ptr;
  while (request->body.len && *at)
    at++;
  return base_request(self, request, op);
}

#define REQUEST request
#include "planted_app_entry.h"
