/* expect: test.ini:1: [broker.bad] create failed with status -11 (internal error) and no explanation */
#include "parts.h"

static plug_status bad_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  (void)host, (void)self, (void)err;
  return PLUG_EINTERNAL;
}

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,        GOOD_NAMES, .broker = &good_broker, .create = bad_create,
    .destroy = good_destroy,
};
