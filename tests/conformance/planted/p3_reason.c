/* caught by: P3 — the reason of an error is a copy of the body, whatever bytes that are. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  if (request->claim != 0)
    return base_request(self, request, op);
  struct plug_app_error error = {
      .size = sizeof error, .code = text_of("bad-body"), .reason = request->body};
  struct plug_app_answer answer = {.size = sizeof answer, .error = &error};
  base->host->app->answer(op, &answer);
  return PLUG_PENDING;
}

#define REQUEST request
#include "planted_app_entry.h"
