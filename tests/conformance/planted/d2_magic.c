/* caught by: D2 — the magic number of something else */
#include "../good.h"

static const struct plug_broker broker = {
    .size = sizeof broker,
    .subscribe = good_interest,
    .unsubscribe = good_interest,
    .publish = good_publish,
    .health = good_health,
};

const struct plug_plugin PLUG_ENTRY = {
    .magic = 0x31474C50u,
    .abi_major = PLUG_ABI_MAJOR,
    .abi_minor = PLUG_ABI_MINOR,
    .size = sizeof(struct plug_plugin),
    .id = "org.example.planted",
    .version = "1",
    .summary = "good but for one bug",
    .broker = &broker,
    .create = good_create,
    .destroy = good_destroy,
};
