/* caught by: P9 — what cannot be published is tried again until it can. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  struct plug_app_message message = {.destination = text_of("/topic/rooms"),
                                     .content_type = text_of("text/plain"),
                                     .body = text_of("")};
  while (base->host->app->publish(base->host, &message, NULL, NULL) != PLUG_OK)
    ;
  return base_request(self, request, op);
}

#define REQUEST request
#include "planted_app_entry.h"
