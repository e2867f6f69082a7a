/* expect: id-null.so: its id is missing */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,       .version = "1", .summary = "broken on purpose",
    .broker = &good_broker, GOOD_LIFE,
};
