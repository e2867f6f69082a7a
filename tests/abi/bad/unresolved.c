/* expect: unresolved.so: cannot load: undefined symbol: a_function_that_nobody_has; link plugins with -Wl,-z,defs, so that the linker finds this */
#include "parts.h"

extern int a_function_that_nobody_has(void);

static void calling_destroy(void *self)
{
  (void)self;
  a_function_that_nobody_has();
}

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,           GOOD_NAMES, .broker = &good_broker, .create = good_create,
    .destroy = calling_destroy,
};
