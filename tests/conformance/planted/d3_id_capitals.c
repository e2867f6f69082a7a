/* caught by: D3 — capitals in its id */
#include "../good.h"

static const struct plug_broker broker = {
    .size = sizeof broker,
    .subscribe = good_interest,
    .unsubscribe = good_interest,
    .publish = good_publish,
    .health = good_health,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,        .id = "org.example.Planted",
    .version = "1",          .summary = "good but for one bug",
    .broker = &broker,       .create = good_create,
    .destroy = good_destroy,
};
