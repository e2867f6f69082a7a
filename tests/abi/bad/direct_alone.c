/* expect: direct-alone.so: capability 'direct' takes 'echo', 'publish-any' and no 'cross-node' */
#include "parts.h"

static const struct plug_broker direct = {
    GOOD_BROKER,
    .caps = PLUG_CAP_DIRECT | PLUG_CAP_ECHO,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .broker = &direct,
};
