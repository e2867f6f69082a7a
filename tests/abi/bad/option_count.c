/* expect: option-count.so: has 100000 options, at most 256 are possible */
#include "parts.h"

static const struct plug_option options[1];

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_REST,
    .options = options,
    .n_options = 100000,
};
