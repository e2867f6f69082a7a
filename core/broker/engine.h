/* One broker's plugin at work: gives it what is published, keeps its interests in step with the
 * interest table, and says what happens while its backend is down. Owns the plugin instance's life
 * between engine_start and engine_stop, batches and the queue for bad times. Functions are tagged
 * [start], [worker], [home], [any].
 *
 * Publishing: with PLUG_CAP_PUBLISH_ANY the plugin is called on the worker's own thread; otherwise
 * messages are handed to the control thread, which publishes them in the order of their arrival. */
#ifndef BROKER_ENGINE_H
#define BROKER_ENGINE_H

#include "broker/health.h"
#include "broker/proof.h"
#include "hub/interest.h"
#include "plugin/instance.h"

struct engine;

struct broker_settings {
  bool queue_when_down; /* false: publishes are refused while the backend is down */
  uint64_t down_queue_messages, down_queue_bytes, down_queue_ms;
  uint64_t down_queue_delay_ms; /* that what waited still waits when the backend is back */
  uint64_t unsubscribe_grace_ms, operation_timeout_ms;
  uint64_t max_unused_topics; /* in their grace period; as many that the plugin has not answered */
  uint64_t probe_interval_ms; /* 0: delivery is not proven */
  uint64_t publish_queue;     /* messages that the backend has not taken yet */
};

/* [any] What has not reached the backend yet. */
struct broker_load {
  uint64_t untaken, untaken_bytes; /* given to the plugin, or on the way there */
  uint64_t waiting, waiting_bytes; /* for a backend that is away */
};

struct engine *engine_new(const struct broker_settings *settings); /* [start] */
void engine_on_change(struct engine *engine);                      /* [any] */
/* [start] Loads, checks and creates the plugin's instance; err->text is complete. loop may be NULL
 * for --check. */
plug_status engine_create(struct engine *engine, struct plugin_image *image, struct loop *loop,
                          const char *name, const struct config_section *section,
                          struct interest_table *interests, struct plug_err *err);
plug_status engine_start(struct engine *engine, struct plug_err *err); /* [start] */
/* [start] When nobody publishes any more: as broker_drain. */
void engine_drain(struct engine *engine);
void engine_stop(struct engine *engine); /* [start] after the last publish has returned */
void engine_free(struct engine *engine); /* [start] */

uint64_t engine_max_payload(const struct engine *engine); /* 0: no limit */
struct plugin_instance *engine_instance(const struct engine *engine);
/* [any] As those of broker.h. */
bool engine_ready(const struct engine *engine);
const struct proof *engine_proof(const struct engine *engine);
void engine_health_text(struct engine *engine, char out[HEALTH_TEXT_MAX]);
bool engine_unready(struct engine *engine, char *out, size_t size);
struct broker_load engine_load(const struct engine *engine);
bool engine_congested(const struct engine *engine);
plug_status engine_publish(struct engine *engine, const struct plug_msg *msg,
                           struct inbox_item *answer, struct inbox *inbox); /* [worker] */
bool engine_publish_unheard(struct engine *engine, uint64_t topic_hash, size_t payload_len);

#endif
