/* expect: test.ini:1: [broker.bad] needs the key 'url' */
#include "parts.h"

static const struct plug_option options[] = {
    {"url", PLUG_OPT_STRING, PLUG_OPT_REQUIRED, NULL, NULL, "An address."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_REST,
    .options = options,
    .n_options = 1,
};
