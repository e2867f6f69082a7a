/* expect: size-small.so: descriptor is 40 bytes, at least 144 needed for ABI 0.4; the plugin was miscompiled */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    .magic = PLUG_MAGIC,
    .abi_minor = PLUG_ABI_MINOR,
    .size = 40,
    GOOD_REST,
};
