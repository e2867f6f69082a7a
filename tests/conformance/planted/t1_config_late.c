/* caught by: T1 — reads its configuration after create */
#include <plugboard/plugin.h>

static const struct plug_option options[] = {
    {"name", PLUG_OPT_STRING, 0, "good", NULL, "Its name."}};
#define PLANTED_OPTIONS   options
#define PLANTED_N_OPTIONS (sizeof options / sizeof options[0])
#define PLANTED_PUBLISH   publish
#include "../good.h"

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct good *good = self;
  struct plug_str name;
  good->host->cfg_str(good->host, "name", &name);
  return good_publish(self, msg, op);
}

PLANT_BROKER;
