/* caught by: P4 — a body is copied to where 256 bytes have room. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  char *copy = malloc(256);
  volatile char *at = copy;
  for (size_t i = 0; copy && i < request->body.len; i++)
    at[i] = request->body.ptr[i];
  free(copy);
  return base_request(self, request, op);
}

#define REQUEST request
#include "planted_app_entry.h"
