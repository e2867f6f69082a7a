/* expect: flags-unknown.so: unknown flags 0x00000100 in its descriptor */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .flags = 0x100,
    GOOD_REST,
};
