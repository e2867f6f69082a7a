/* expect: other-major.so: built for plugin ABI 2, this server speaks 0.4; rebuild it against the headers of this server */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    .magic = PLUG_MAGIC,
    .abi_major = 2,
    .size = sizeof(struct plug_plugin),
    GOOD_REST,
};
