/* The tables of a planted application: what it has not named is the base's. */
#ifndef CREATE
#define CREATE base_create
#endif
#ifndef START
#define START base_step
#endif
#ifndef STOP
#define STOP base_step
#endif
#ifndef DESTROY
#define DESTROY base_destroy
#endif
#ifndef CANCEL
#define CANCEL NULL
#endif
#ifndef CLAIMS
#define CLAIMS base_claims
#endif
#ifndef REQUEST
#define REQUEST base_request
#endif
#ifndef EVENT
#define EVENT base_event
#endif

static const struct plug_app table = {
    .size = sizeof table,
    .claims = CLAIMS,
    .request = REQUEST,
    .event = EVENT,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,   .id = "org.example.app.planted",
    .version = "0.1.0", .summary = "an application with one bug",
    .app = &table,      .create = CREATE,
    .start = START,     .stop = STOP,
    .destroy = DESTROY, .cancel = CANCEL,
};
