/* expect: broker-small.so: broker table is 24 bytes, at least 56 needed for ABI 0.4 */
#include "parts.h"

static const struct plug_broker small = {.size = 24};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .broker = &small,
};
