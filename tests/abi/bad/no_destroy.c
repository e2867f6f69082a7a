/* expect: no-destroy.so: required function 'destroy' is missing */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    .broker = &good_broker,
    .create = good_create,
};
