/* One instance of a plugin: the tables copied from its image, its host services, its lifecycle.
 * Owns the plugin's self pointer, its watches, timers, operations and metrics. Functions are called
 * on the starting thread unless tagged; they wait for the control thread where need be. */
#ifndef PLUGIN_INSTANCE_H
#define PLUGIN_INSTANCE_H

#include <plugboard/ext/presence.h>

#include "config/config.h"
#include "plugin/image.h"
#include "plugin/loop.h"
#include "plugin/watch.h"

enum instance_state {
  INSTANCE_CREATED,
  INSTANCE_RUNNING,
  INSTANCE_DRAINING,
  INSTANCE_STOPPED,
  INSTANCE_ABANDONED, /* would not stop: never destroyed */
};

/* What the server does with the upcalls of a broker; called with ctx. */
struct instance_broker_up {
  plug_status (*deliver)(void *ctx, uint64_t interest, const struct plug_msg *msg); /* [any] */
  void (*state)(void *ctx, int32_t state, uint32_t flags, struct plug_str why);     /* [home] */
  void *ctx;
};

/* What the server does with "plug.host.auth/1"; called with ctx. [any] */
struct instance_auth_up {
  plug_status (*invalidate)(void *ctx, struct plug_str user, uint64_t session, uint32_t flags,
                            struct plug_str reason); /* user empty: that session */
  plug_status (*update)(void *ctx, const struct plug_identity *who);
  void *ctx;
};

/* What the server does with the upcalls of an application; called with ctx. [any] */
struct instance_app_up {
  /* message: one publish; taken over. */
  plug_status (*publish)(void *ctx, struct plug_app_answer *message, plug_app_published_fn done,
                         void *arg);
  plug_status (*publish_local)(void *ctx, struct plug_app_answer *message, uint64_t session,
                               struct plug_str subscription);
  plug_status (*check)(void *ctx, const struct plug_app_message *message);
  void *ctx;
};

/* What the server does with "plug.broker.presence/1"; called with ctx. [home] */
struct instance_presence_up {
  void (*user)(struct plug_op *op, struct plug_str user, struct plug_str info, uint64_t members);
  void (*total)(struct plug_op *op, uint64_t users, uint64_t members, struct plug_position pos);
  void (*changed)(void *ctx, const struct plug_presence_change *change);
  void (*lost)(void *ctx);
  void *ctx;
};

/* An extension that another part of the server gives to an instance, and that outlives it. */
struct instance_extension {
  const char *id;
  const void *table;
  void *ctx;
};

struct plugin_instance;

/* Checks section (may be NULL) against the plugin's options, then calls create. name is the
 * instance's ("broker.redis"). up may be NULL for plugins that are no brokers. loop may be NULL for
 * --check, which never starts the instance. On failure err->text is complete, with FILE:LINE. */
struct plugin_instance *instance_create(struct plugin_image *image, struct loop *loop,
                                        const char *name, const struct config_section *section,
                                        const struct instance_broker_up *up, struct plug_err *err);

/* The same for a plugin that may have sections "[NAME ...]" beside its own, and an extension (or
 * NULL) from elsewhere. */
struct plugin_instance *instance_create_named(struct plugin_image *image, struct loop *loop,
                                              const char *name, const struct config *config,
                                              const struct instance_extension *extension,
                                              struct plug_err *err);
/* For the functions of such an extension's table: whose call it is. NULL: not at home, which is a
 * violation, or not between start and drain; *ctx is the extension's. */
struct plugin_instance *instance_calling(const struct plug_host *host, const char *function,
                                         void **ctx);

/* Between create and start. */
void instance_set_app_up(struct plugin_instance *instance, const struct instance_app_up *up);
void instance_set_presence_up(struct plugin_instance *instance,
                              const struct instance_presence_up *up);
void instance_set_auth_up(struct plugin_instance *instance, const struct instance_auth_up *up);

/* start: waits for its completion, at most 10 s. drain, stop: at most 5 s each. stop is also right
 * after a failed start. The audit after stop names what leaked; fatal in debug builds. */
plug_status instance_start(struct plugin_instance *instance, struct plug_err *err);
plug_status instance_drain(struct plugin_instance *instance);
void instance_stop(struct plugin_instance *instance);
/* Frees it (unless abandoned). Legal when CREATED or STOPPED. */
void instance_destroy(struct plugin_instance *instance);

/* Some instance was abandoned: what it may still use must not be taken apart, whatever it is. */
bool instance_any_abandoned(void);

/* [any] Somebody will still call it, who is not among its operations: for whoever may stop it while
 * the server runs. Nothing here waits for it. */
void instance_hold(struct plugin_instance *instance);
void instance_release(struct plugin_instance *instance);
bool instance_is_held(const struct plugin_instance *instance);
/* Has it ever used its extension? Then others know it, and it is held to the end. */
bool instance_has_called(const struct plugin_instance *instance);

enum instance_state instance_state(const struct plugin_instance *instance);
const char *instance_name(const struct plugin_instance *instance);
void *instance_self(const struct plugin_instance *instance);
struct loop *instance_loop(const struct plugin_instance *instance);
const struct plug_broker *instance_broker(const struct plugin_instance *instance); /* or NULL */
const struct plug_auth *instance_auth(const struct plugin_instance *instance);     /* or NULL */
const struct plug_app *instance_app(const struct plugin_instance *instance);       /* or NULL */
/* The plugin's half of an extension, or NULL. Between create and destroy. */
const void *instance_extension(const struct plugin_instance *instance, const char *id);
const struct plugin_image *instance_image(const struct plugin_instance *instance);

/* [home] Stands around every call into the plugin: it is known by name while it lasts (watch.h),
 * and logged when it took longer than its limit. function: static text. */
struct instance_call {
  struct plugin_instance *instance;
  const char *function;
  uint64_t begin_us;
  struct watch_call watch;
};
void instance_call_begin(struct instance_call *call, struct plugin_instance *instance,
                         const char *function);
void instance_call_end(const struct instance_call *call);

/* Visits the plugin's metrics, under the names that the plugin gave. [any] */
typedef void (*instance_metric_fn)(void *ctx, const char *name, const char *help, int is_gauge,
                                   int64_t value);
void instance_each_metric(struct plugin_instance *instance, instance_metric_fn fn, void *ctx);

#endif
