/* caught by: P4 — each bracket of a body takes a stack frame of its own. */
#include "planted_app.h"

static const char *skip(const char *at, const char *end, unsigned char *deepest)
{
  volatile unsigned char frame[256];
  frame[at < end ? (unsigned char)*at : 0] = *deepest;
  while (at < end && *at != 93)
    at = *at == 91 ? skip(at + 1, end, deepest) : at + 1;
  *deepest = frame[0];
  return at < end ? at + 1 : at;
}

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  unsigned char deepest = 0;
  skip(request->body.ptr, request->body.ptr + request->body.len, &deepest);
  return base_request(self, request, op);
}

#define REQUEST request
#include "planted_app_entry.h"
