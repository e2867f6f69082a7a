/* expect: caps-unknown.so: unknown capabilities 0x80000100 in its broker table, which ABI 0.4 does not know */
#include "parts.h"

static const struct plug_broker broker = {
    GOOD_BROKER,
    .caps = PLUG_CAP_ECHO | 1u << 8 | 1u << 31,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .broker = &broker,
};
