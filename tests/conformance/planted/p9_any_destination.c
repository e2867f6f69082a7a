/* caught by: P9 — it publishes unasked to what is no destination. */
#include "planted_app.h"

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  struct base *base = self;
  struct plug_app_message message = {
      .destination = text_of("rooms"), .content_type = text_of("text/plain"), .body = text_of("")};
  base->host->app->publish(base->host, &message, NULL, NULL);
  return base_request(self, request, op);
}

#define REQUEST request
#include "planted_app_entry.h"
