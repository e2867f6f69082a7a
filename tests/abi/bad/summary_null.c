/* expect: summary-null.so: its summary string is missing */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD, .id = "org.example.bad", .version = "1", .broker = &good_broker, GOOD_LIFE,
};
