/* expect: id-characters.so: its id 'Org.Example_1' has characters other than a-z, 0-9, '.' and '-' */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,       .id = "Org.Example_1",
    .version = "1",         .summary = "broken on purpose",
    .broker = &good_broker, GOOD_LIFE,
};
