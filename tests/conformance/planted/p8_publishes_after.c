/* caught by: P8 — something is published when stop has completed. */
#include "planted_app.h"

static void publish(void *arg)
{
  struct base *base = arg;
  struct plug_app_message message = {.destination = text_of("/topic/gone"),
                                     .content_type = text_of("text/plain"),
                                     .body = text_of("")};
  base->host->app->publish(base->host, &message, NULL, NULL);
}

static plug_status stop(void *self, struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  base->ended = 1;
  return PLUG_OK;
}

static void destroy(void *self)
{
  publish(self);
  base_destroy(self);
}

#define STOP    stop
#define DESTROY destroy
#include "planted_app_entry.h"
