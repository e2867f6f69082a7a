/* An application that publishes what it is sent, on any thread. */
#define PLANTED_APP_FLAGS PLUG_APP_ANY
#include "../good.h"

PLANT_APP;
