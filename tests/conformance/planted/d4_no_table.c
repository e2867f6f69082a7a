/* caught by: D4 — neither a broker nor an auth nor an app table */
#include "../good.h"

UNUSED static const struct plug_broker broker = {
    .size = sizeof broker,
    .subscribe = good_interest,
    .unsubscribe = good_interest,
    .publish = good_publish,
    .health = good_health,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,      .id = "org.example.planted",
    .version = "1",        .summary = "good but for one bug",
    .create = good_create, .destroy = good_destroy,
};
