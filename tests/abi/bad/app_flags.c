/* expect: app-flags.so: unknown flags 0x00000002 in its app table, which ABI 0.4 does not know */
#include "parts.h"

static void claims_nothing(void *self, struct plug_app_claims *out)
{
  (void)self, (void)out;
}

static const struct plug_app app = {
    .size = sizeof app, .flags = PLUG_APP_ANY | 2u, .claims = claims_nothing};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .app = &app,
};
