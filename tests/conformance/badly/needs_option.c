/* Needs what nobody can make up. */
#include <plugboard/plugin.h>

static const struct plug_option options[] = {
    {"key", PLUG_OPT_SECRET, PLUG_OPT_REQUIRED, NULL, NULL, "The key."},
    {"size", PLUG_OPT_INTEGER, PLUG_OPT_REQUIRED, NULL, "3..9", "The size."},
};
#define PLANTED_OPTIONS   options
#define PLANTED_N_OPTIONS 2
#include "../good.h"

PLANT_BROKER;
