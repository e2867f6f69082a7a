/* An auth plugin that lets in whoever has a login, and decides on any thread. */
#define PLANTED_AUTH_FLAGS PLUG_AUTHORIZE_ANY
#include "../good.h"

PLANT_AUTH;
