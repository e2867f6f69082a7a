/* expect: no-health.so: required function 'health' is missing in its broker table */
#include "parts.h"

static const struct plug_broker lacking = {
    .size = sizeof lacking,
    .subscribe = good_interest,
    .unsubscribe = good_interest,
    .publish = good_publish,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .broker = &lacking,
};
