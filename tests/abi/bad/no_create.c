/* expect: no-create.so: required function 'create' is missing */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    .broker = &good_broker,
    .destroy = good_destroy,
};
