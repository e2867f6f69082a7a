/* expect: option-range.so: option 'size': default: 9 is out of range 10..20 */
#include "parts.h"

static const struct plug_option options[] = {
    {"size", PLUG_OPT_INTEGER, 0, "9", "10..20", "A number."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_REST,
    .options = options,
    .n_options = 1,
};
