/* expect: app-small.so: app table is 8 bytes, at least 32 needed for ABI 0.4 */
#include "parts.h"

static const struct plug_app small = {.size = 8};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .app = &small,
};
