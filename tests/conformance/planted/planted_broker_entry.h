/* The tables of a planted broker: what it has not named is the base's. */
#ifndef CAPS
#define CAPS (PLUG_CAP_ECHO | PLUG_CAP_ORDERED | PLUG_CAP_NO_GAPS | PLUG_CAP_ACK | PLUG_CAP_PATTERN)
#endif
#ifndef MAX_PAYLOAD
#define MAX_PAYLOAD 0
#endif
#ifndef CREATE
#define CREATE base_create
#endif
#ifndef START
#define START base_step
#endif
#ifndef DRAIN
#define DRAIN base_step
#endif
#ifndef STOP
#define STOP base_step
#endif
#ifndef DESTROY
#define DESTROY base_destroy
#endif
#ifndef SUBSCRIBE
#define SUBSCRIBE base_subscribe
#endif
#ifndef UNSUBSCRIBE
#define UNSUBSCRIBE base_unsubscribe
#endif
#ifndef PUBLISH
#define PUBLISH base_publish
#endif
#ifndef HEALTH
#define HEALTH base_health
#endif
#ifndef FLOW
#define FLOW base_flow
#endif
#ifndef EXTENSION
#define EXTENSION base_extension
#endif

static const struct plug_broker table = {
    .size = sizeof table,
    .caps = CAPS,
    .max_payload = MAX_PAYLOAD,
    .subscribe = SUBSCRIBE,
    .unsubscribe = UNSUBSCRIBE,
    .publish = PUBLISH,
    .health = HEALTH,
    .flow = FLOW,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,       .id = "org.example.broker.planted",
    .version = "0.1.0",     .summary = "a broker with one bug",
#ifdef OPTIONS
    .options = OPTIONS,     .n_options = sizeof OPTIONS / sizeof OPTIONS[0],
#endif
    .broker = &table,       .create = CREATE,
    .start = START,         .drain = DRAIN,
    .stop = STOP,           .destroy = DESTROY,
    .extension = EXTENSION,
};
