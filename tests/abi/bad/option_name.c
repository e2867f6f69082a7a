/* expect: option-name.so: option 0 has no name of the form [a-z0-9-]+ */
#include "parts.h"

static const struct plug_option options[] = {
    {"Max_Size", PLUG_OPT_INTEGER, 0, "1", NULL, "A number."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_REST,
    .options = options,
    .n_options = 1,
};
