/* expect: id-empty.so: its id is empty */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,       .id = "",  .version = "1", .summary = "broken on purpose",
    .broker = &good_broker, GOOD_LIFE,
};
