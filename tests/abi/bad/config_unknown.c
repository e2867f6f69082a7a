/* expect: test.ini:2: unknown key 'ports' in [broker.bad]; did you mean 'port'? */
/* config: ports = 80 */
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
