/* expect: bad-magic.so: not a plugin for this server: bad magic 0x00000007 */
#include "parts.h"

const struct plug_plugin PLUG_ENTRY = {
    .magic = 7,
    .abi_minor = PLUG_ABI_MINOR,
    .size = sizeof(struct plug_plugin),
    GOOD_REST,
};
