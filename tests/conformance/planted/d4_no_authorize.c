/* caught by: D4 — an auth plugin without authorize */
#define PLANTED_AUTHORIZE NULL
#include "../good.h"

PLANT_AUTH;
