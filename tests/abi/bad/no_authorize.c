/* expect: no-authorize.so: required function 'authorize' is missing in its auth table */
#include "parts.h"

static const struct plug_auth lacking = {
    .size = sizeof lacking,
    .authenticate = good_authenticate,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .auth = &lacking,
};
