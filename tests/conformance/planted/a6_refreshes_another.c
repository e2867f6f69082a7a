/* caught by: A6 — a REFRESH gives the session of one user to another. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  struct plug_auth_request blind = *request;
  blind.who = NULL;
  return base_authenticate(self, &blind, op);
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
