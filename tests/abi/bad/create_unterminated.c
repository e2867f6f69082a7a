/* expect: test.ini:1: [broker.bad] xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx */
#include "parts.h"

static plug_status bad_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  (void)host, (void)self, (void)err;
  for (size_t i = 0; i < sizeof err->text; i++)
    err->text[i] = 'x';
  return PLUG_EINVAL;
}

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,        GOOD_NAMES, .broker = &good_broker, .create = bad_create,
    .destroy = good_destroy,
};
