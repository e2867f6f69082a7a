/* expect: other-minor.so: built for plugin ABI 0.7, this server speaks 0.4 and loads plugins from 0.1 on; rebuild it */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    .magic = PLUG_MAGIC,
    .abi_minor = 7,
    .size = sizeof(struct plug_plugin),
    GOOD_REST,
};
