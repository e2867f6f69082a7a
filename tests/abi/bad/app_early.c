/* expect: app-early.so: has an app table, which ABI 0.2 does not know */
#include "parts.h"

static const struct plug_app app = {.size = sizeof app, .claims = NULL};

const struct plug_plugin PLUG_ENTRY = {
    .magic = PLUG_MAGIC,
    .abi_minor = 2,
    .size = sizeof(struct plug_plugin),
    GOOD_NAMES,
    GOOD_LIFE,
    .app = &app,
};
