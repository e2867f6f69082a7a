/* caught by: P3 — a message is published to what is no destination. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  struct plug_app_message message = {.destination = text_of("topic rooms"),
                                     .content_type = text_of("text/plain"),
                                     .body = request->body};
  struct plug_app_answer answer = {.size = sizeof answer, .publishes = &message, .n_publishes = 1};
  base->host->app->answer(op, &answer);
  return PLUG_PENDING;
}

#define REQUEST request
#include "planted_app_entry.h"
