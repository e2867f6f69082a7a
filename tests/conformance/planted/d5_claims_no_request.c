/* caught by: D5 — claims patterns, and answers no request */
#define PLANTED_REQUEST NULL
#include "../good.h"

PLANT_APP;
