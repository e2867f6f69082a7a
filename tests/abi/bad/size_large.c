/* expect: size-large.so: descriptor says that it is 4096 bytes, but it has 144; the plugin was miscompiled */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    .magic = PLUG_MAGIC,
    .abi_minor = PLUG_ABI_MINOR,
    .size = 4096,
    GOOD_REST,
};
