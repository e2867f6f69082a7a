/* caught by: D5 — gives its table for every id */
#define PLANTED_EXTENSION extension
#include <plugboard/ext/presence.h>

#include "../good.h"

static const struct plug_broker_presence table = {.size = sizeof table};

static const void *extension(void *self, const char *id)
{
  (void)self, (void)id;
  return &table;
}

PLANT_BROKER;
