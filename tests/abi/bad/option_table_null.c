/* expect: option-table-null.so: has 3 options, but no option table */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_REST,
    .n_options = 3,
};
