/* expect: option-default.so: option 'wait': default: 'soon' is not a duration (examples: 250ms, 10s, 5m, 1h) */
#include "parts.h"

static const struct plug_option options[] = {
    {"wait", PLUG_OPT_DURATION, 0, "soon", NULL, "How long to wait."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_REST,
    .options = options,
    .n_options = 1,
};
