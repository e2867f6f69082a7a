/* A broker that does all at once, at home. */
#include "../good.h"

PLANT_BROKER;
