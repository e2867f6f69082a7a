/* expect: no-claims.so: required function 'claims' is missing in its app table */
#include "parts.h"

static const struct plug_app lacking = {.size = sizeof lacking};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .app = &lacking,
};
