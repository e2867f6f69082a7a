/* A broker that answers in the next turn of the loop, and can be asked to cancel. */
#define PLANTED_PUBLISH later_publish
#include "../good.h"

PLANT_BROKER;
