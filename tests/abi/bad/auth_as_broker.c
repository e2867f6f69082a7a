/* expect: auth-as-broker.so: org.example.bad is an auth plugin and cannot be used as broker */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .auth = &good_auth,
};
