/* expect: version-null.so: its version string is missing */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "org.example.bad",
    .summary = "broken on purpose",
    .broker = &good_broker,
    GOOD_LIFE,
};
