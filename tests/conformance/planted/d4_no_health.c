/* caught by: D4 — a broker without health */
#define PLANTED_HEALTH NULL
#include "../good.h"

PLANT_BROKER;
