/* caught by: L2 — refuses an option, and has set self */
#include <plugboard/plugin.h>

static const struct plug_option options[] = {
    {"name", PLUG_OPT_STRING, 0, "good", NULL, "Its name."}};
#define PLANTED_OPTIONS   options
#define PLANTED_N_OPTIONS (sizeof options / sizeof options[0])
#define PLANTED_CREATE    create
#include "../good.h"

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct plug_str name = str("");
  host->cfg_str(host, "name", &name);
  if (name.len != 4) {
    good_create(host, self, err);
    snprintf(err->text, sizeof err->text, "name: must have four bytes");
    return PLUG_EINVAL;
  }
  return good_create(host, self, err);
}

PLANT_BROKER;
