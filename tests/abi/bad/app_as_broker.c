/* expect: app-as-broker.so: org.example.bad is an app plugin and cannot be used as broker */
#include "parts.h"

static void claims_nothing(void *self, struct plug_app_claims *out)
{
  (void)self, (void)out;
}

static const struct plug_app app = {.size = sizeof app, .claims = claims_nothing};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    GOOD_NAMES,
    GOOD_LIFE,
    .app = &app,
};
