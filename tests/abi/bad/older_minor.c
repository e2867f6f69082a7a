/* expect: older-minor.so: built for plugin ABI 0.0, this server speaks 0.4; before 1.0 only the exact version loads; rebuild it */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    .magic = PLUG_MAGIC,
    .abi_minor = 0,
    .size = sizeof(struct plug_plugin),
    GOOD_REST,
};
