/* caught by: D5 — direct, and carries to other nodes */
#define PLANTED_CAPS (PLUG_CAP_DIRECT | PLUG_CAP_ECHO | PLUG_CAP_PUBLISH_ANY | PLUG_CAP_CROSS_NODE)
#include "../good.h"

PLANT_BROKER;
