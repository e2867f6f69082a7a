/* caught by: D3 — a default outside of its own range */
#include <plugboard/plugin.h>

static const struct plug_option options[] = {
    {"size", PLUG_OPT_INTEGER, 0, "10", "0..9", "The size."}};
#define PLANTED_OPTIONS   options
#define PLANTED_N_OPTIONS (sizeof options / sizeof options[0])
#include "../good.h"

PLANT_BROKER;
