/* expect: no-authenticate.so: required function 'authenticate' is missing in its auth table */
#include "parts.h"

static const struct plug_auth lacking = {
    .size = sizeof lacking,
    .authorize = good_authorize,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .auth = &lacking,
};
