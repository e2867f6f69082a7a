/* caught by: A8 — a name is copied to where 64 bytes have room. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  char *name = malloc(64);
  volatile char *at = name;
  for (size_t i = 0; name && i < request->login.len; i++)
    at[i] = request->login.ptr[i];
  free(name);
  return base_authenticate(self, request, op);
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
