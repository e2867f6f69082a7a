/* One instance of a plugin: the tables copied from its image, its host services, its lifecycle.
 * Owns the plugin's self pointer, its watches, timers, operations and metrics. Functions are called
 * on the starting thread unless tagged; they wait for the control thread where need be. */
#ifndef PLUGIN_INSTANCE_H
#define PLUGIN_INSTANCE_H

#include "config/config.h"
#include "plugin/image.h"
#include "plugin/instance_call.h"
#include "plugin/instance_terms.h"
#include "plugin/loop.h"
#include "plugin/metrics.h"

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

/* What follows: between create and start. */

/* start gives it a thread that is its home alone, named like the instance, unless it has asked for
 * an extension that lives on the control thread. Not for brokers, which the server calls there. */
void instance_want_own_home(struct plugin_instance *instance);
/* How long each step may take, for whoever wants others than those named below. */
struct instance_limits {
  uint64_t start_ms, drain_ms, stop_ms;
};
void instance_set_limits(struct plugin_instance *instance, const struct instance_limits *limits);
void instance_set_app_up(struct plugin_instance *instance, const struct instance_app_up *up);
void instance_set_presence_up(struct plugin_instance *instance,
                              const struct instance_presence_up *up);
void instance_set_auth_up(struct plugin_instance *instance, const struct instance_auth_up *up);

/* start: waits for its completion, at most 10 s. drain, stop: at most 5 s each. stop is also right
 * after a failed start. The audit after stop names what leaked; fatal in debug builds. */
plug_status instance_start(struct plugin_instance *instance, struct plug_err *err);
plug_status instance_drain(struct plugin_instance *instance);
void instance_stop(struct plugin_instance *instance);
/* Instead of stop, when its home has not come back to somebody else's last work there: it counts as
 * one that would not stop, even if its home comes back now. */
void instance_give_up(struct plugin_instance *instance);
/* Frees it, and its home if that is its own (unless abandoned). Legal when CREATED or STOPPED. */
void instance_destroy(struct plugin_instance *instance);

/* Some instance was abandoned: what it may still use must not be taken apart, whatever it is. */
bool instance_any_abandoned(void);

/* [any] Somebody will still call it, who is not among its operations: for whoever may stop it while
 * the server runs. Nothing here waits for it. */
void instance_hold(struct plugin_instance *instance);
void instance_release(struct plugin_instance *instance);
bool instance_is_held(const struct plugin_instance *instance);

enum instance_state instance_state(const struct plugin_instance *instance);
const char *instance_name(const struct plugin_instance *instance);
/* Of two of one name: this one was made later. */
bool instance_is_younger(const struct plugin_instance *instance,
                         const struct plugin_instance *other);
void *instance_self(const struct plugin_instance *instance);
struct loop *instance_loop(const struct plugin_instance *instance);
const struct plug_broker *instance_broker(const struct plugin_instance *instance); /* or NULL */
const struct plug_auth *instance_auth(const struct plugin_instance *instance);     /* or NULL */
const struct plug_app *instance_app(const struct plugin_instance *instance);       /* or NULL */
/* The plugin's half of an extension, or NULL. Between create and destroy. */
const void *instance_extension(const struct plugin_instance *instance, const char *id);
const struct plugin_image *instance_image(const struct plugin_instance *instance);

/* Visits the plugin's metrics, under the names that the plugin gave. [any] */
void instance_each_metric(struct plugin_instance *instance, metrics_fn fn, void *ctx);

#endif
