/* caught by: D3 — an option that is there twice */
#include <plugboard/plugin.h>

static const struct plug_option options[] = {
    {"size", PLUG_OPT_INTEGER, 0, "1", "0..9", "The size."},
    {"size", PLUG_OPT_INTEGER, 0, "2", "0..9", "The size again."}};
#define PLANTED_OPTIONS   options
#define PLANTED_N_OPTIONS (sizeof options / sizeof options[0])
#include "../good.h"

PLANT_BROKER;
