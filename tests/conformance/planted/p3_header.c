/* caught by: P3 — a reply has a header that only the server writes. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  struct plug_kv header = {text_of("message-id"), text_of("7")};
  struct plug_app_message reply = {.destination = request->destination,
                                   .content_type = text_of("text/plain"),
                                   .body = text_of(""),
                                   .headers = &header,
                                   .n_headers = 1};
  struct plug_app_answer answer = {.size = sizeof answer, .reply = &reply};
  base->host->app->answer(op, &answer);
  return PLUG_PENDING;
}

#define REQUEST request
#include "planted_app_entry.h"
