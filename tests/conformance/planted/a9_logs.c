/* caught by: A9 — the password of a client that is refused is written to the log. */
#include "planted_auth.h"

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  struct base *base = self;
  char line[128];
  int n = snprintf(line, sizeof line, "refused: %.*s", (int)(request->passcode.len & 63),
                   request->passcode.len ? request->passcode.ptr : "");
  for (int i = 0; i < n; i++)
    if ((unsigned char)line[i] < 32)
      line[i] = 63;
  if (!is_right(request))
    base->host->log(base->host, PLUG_LOG_DEBUG, (struct plug_str){line, (size_t)n});
  return base_authenticate(self, request, op);
}

#define AUTHENTICATE authenticate
#include "planted_auth_entry.h"
