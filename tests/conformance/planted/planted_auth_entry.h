/* The tables of a planted auth plugin: what it has not named is the base's. */
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
#ifndef AUTHENTICATE
#define AUTHENTICATE base_authenticate
#endif
#ifndef CANCEL
#define CANCEL NULL
#endif
#ifndef AUTHORIZE
#define AUTHORIZE base_authorize
#endif
#ifndef SESSION_END
#define SESSION_END base_session_end
#endif

static const struct plug_auth table = {
    .size = sizeof table,
    .authenticate = AUTHENTICATE,
    .authorize = AUTHORIZE,
    .session_end = SESSION_END,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,   .id = "org.example.auth.planted",
    .version = "0.1.0", .summary = "an auth plugin with one bug",
    .auth = &table,     .create = CREATE,
    .start = START,     .stop = STOP,
    .destroy = DESTROY, .cancel = CANCEL,
};
