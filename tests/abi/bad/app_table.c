/* expect: app-table.so: has an app table, which ABI 0.2 does not know */
#include "parts.h"

static const char app[64];

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_REST,
    .app = (const struct plug_app *)app,
};
