/* expect: id-long.so: its id is longer than 64 bytes */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "org.example.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    .version = "1",
    .summary = "broken on purpose",
    .broker = &good_broker,
    GOOD_LIFE,
};
