/* caught by: A10 — a password is compared up to its first wrong byte. */
#include "planted_auth.h"

static int differs(struct plug_str a, struct plug_str b)
{
  volatile size_t i = 0;
  if (a.len != b.len)
    return 1;
  while (i < a.len && a.ptr[i] == b.ptr[i])
    i++;
  return i < a.len;
}

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  if (!request->login.len)
    return PLUG_DEFER;
  if (!knows(request->login) || differs(request->passcode, text_of(THE_PASSCODE)))
    return refuse(self, op, PLUG_CODE_FAILED, text_of(""));
  return base_authenticate(self, request, op);
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
