/* expect: test.ini:2: [broker.bad] port: 'http' is not a whole number */
/* config: port = http */
#include "parts.h"

static const struct plug_option options[] = {
    {"port", PLUG_OPT_INTEGER, 0, "1", "1..65535", "A port."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_REST,
    .options = options,
    .n_options = 1,
};
