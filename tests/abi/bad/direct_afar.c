/* expect: direct-afar.so: its broker is direct without echo and publish-any, or with cross-node */
#include "parts.h"

static const struct plug_broker direct = {
    GOOD_BROKER,
    .caps = PLUG_CAP_DIRECT | PLUG_CAP_ECHO | PLUG_CAP_PUBLISH_ANY | PLUG_CAP_CROSS_NODE,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .broker = &direct,
};
