/* expect: no-subscribe.so: required function 'subscribe' is missing in its broker table */
#include "parts.h"

static const struct plug_broker lacking = {
    .size = sizeof lacking,
    .unsubscribe = good_interest,
    .publish = good_publish,
    .health = good_health,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .broker = &lacking,
};
