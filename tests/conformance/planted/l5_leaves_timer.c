/* caught by: L5 — a start without a backend leaves a timer */
#include <plugboard/plugin.h>

static const struct plug_option options[] = {
    {"server", PLUG_OPT_HOSTPORT, 0, "127.0.0.1:1", NULL, "The backend, there by default."}};
#define PLANTED_OPTIONS   options
#define PLANTED_N_OPTIONS (sizeof options / sizeof options[0])
#define PLANTED_CREATE    create
#define PLANTED_START     start
#include "../good.h"

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct plug_str server = str("");
  plug_status status = good_create(host, self, err);
  host->cfg_str(host, "server", &server);
  /* At its default the backend is there; nobody else is. */
  ((struct good *)*self)->spare = server.len == 11 ? NULL : *self;
  return status;
}

static void fire(void *self)
{
  (void)self;
}

static plug_status start(void *self, struct plug_op *op)
{
  struct good *good = self;
  (void)op;
  if (!good->spare)
    return PLUG_OK;
  struct plug_timer *retry = good->host->timer_new(good->host, fire, good);
  if (retry)
    good->host->timer_set(retry, 1000);
  return PLUG_EUNAVAIL;
}

PLANT_BROKER;
