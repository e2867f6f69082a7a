/* caught by: A1 — a refusal has a code that is a sentence. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  if (is_right(request))
    return base_authenticate(self, request, op);
  return refuse(self, op, "Wrong password!", text_of(""));
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
