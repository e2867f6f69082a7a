/* expect: auth-flags.so: unknown flags 0x00000002 in its auth table, which ABI 0.4 does not know */
#include "parts.h"

static const struct plug_auth auth = {
    .size = sizeof auth,
    .flags = PLUG_AUTHORIZE_ANY | 1u << 1,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .auth = &auth,
};
