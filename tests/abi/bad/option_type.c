/* expect: option-type.so: option 'size': unknown type */
#include "parts.h"

static const struct plug_option options[] = {
    {"size", 77, 0, "1", NULL, "A number."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_REST,
    .options = options,
    .n_options = 1,
};
