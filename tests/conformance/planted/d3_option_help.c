/* caught by: D3 — an option without help */
#include <plugboard/plugin.h>

static const struct plug_option options[] = {{"size", PLUG_OPT_INTEGER, 0, "1", "0..9", NULL}};
#define PLANTED_OPTIONS   options
#define PLANTED_N_OPTIONS 1
#include "../good.h"

PLANT_BROKER;
