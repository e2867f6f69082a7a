/* One broker's plugin at work: gives it what is published, keeps its interests in step with the
 * interest table, and says what happens while its backend is down. Owns the plugin instance's life
 * between engine_start and engine_stop, batches and the queue for bad times. Functions are tagged
 * [start], [worker], [home], [any].
 *
 * Publishing: with PLUG_CAP_PUBLISH_ANY the plugin is called on the worker's own thread; otherwise
 * messages are handed to the control thread, which publishes them in the order of their arrival:
 * one by one, or, where the plugin lives in a process of its own and answers at once, as workers
 * have encoded them (broker/lane.h). */
#ifndef BROKER_ENGINE_H
#define BROKER_ENGINE_H

#include "broker/health.h"
#include "broker/proof.h"
#include "hub/interest.h"
#include "plugin/instance.h"

struct both;
struct engine;
struct gate;
struct interest_group;

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

/* Where an engine stands: alone, or beside another one that it takes over from. */
struct engine_place {
  struct interest_group *group;
  unsigned slot;  /* in it, and its side of a gate */
  bool candidate; /* it takes over, if all goes well */
};

/* Who waits for the outcome of a publish, if anybody does. */
struct publish_to {
  struct inbox_item *answer; /* for inbox; NULL: nobody */
  struct inbox *inbox;
  struct both *both; /* instead of these: two brokers are asked */
  bool shared;       /* two brokers are given it, whether somebody waits or not */
  bool second;       /* and this is the one that does not count */
};

struct engine *engine_new(const struct broker_settings *settings,
                          const struct engine_place *place); /* [start] */
/* [start] Checks and creates the plugin's instance; err->text is complete. loop may be NULL for
 * --check. */
plug_status engine_create(struct engine *engine, struct plugin_image *image, struct loop *loop,
                          const char *name, const struct config_section *section,
                          struct plug_err *err);
/* [start] A candidate is given all interests of the other one from here on, whether it is up or
 * not; its readiness says that it has them. */
plug_status engine_start(struct engine *engine, struct plug_err *err);
/* [start] When nobody publishes any more: as broker_drain. */
void engine_drain(struct engine *engine);
void engine_stop(struct engine *engine); /* [start] after the last publish has returned */
/* [start] False: its plugin was abandoned, and may come back into all that it knows. */
bool engine_free(struct engine *engine);

/* [start] Does it refuse what the other one has? In words behind "the new broker cannot take
 * over:".
 */
bool engine_refuses(struct engine *engine, char *out, size_t size);
/* [any] What it brings passes a gate, or none. */
void engine_set_gate(struct engine *engine, struct gate *gate);
/* [home] Messages are given to both from here on, or no longer (NULL). Answers to subscribers are
 * of all that are required. */
void engine_pair(struct engine *engine, struct engine *twin);
void engine_require(struct engine *engine, bool required);
/* [home] No more interests, and none of its answers. After engine_drain. */
void engine_leave(struct engine *engine);
/* [home] What waits for its backend waits for that of another one, and is given to it if it is up.
 */
void engine_move_waiting(struct engine *engine, struct engine *to);

uint64_t engine_max_payload(const struct engine *engine); /* 0: no limit */
struct plugin_instance *engine_instance(const struct engine *engine);
/* [any] As those of broker.h. */
bool engine_ready(const struct engine *engine);
const struct proof *engine_proof(const struct engine *engine);
void engine_health_text(struct engine *engine, char out[HEALTH_TEXT_MAX]);
bool engine_unready(struct engine *engine, char *out, size_t size);
struct broker_load engine_load(const struct engine *engine);
bool engine_congested(const struct engine *engine);
uint32_t engine_caps(const struct engine *engine);
/* [worker] As broker_publish. */
plug_status engine_publish(struct engine *engine, const struct plug_msg *msg,
                           const struct publish_to *to);
bool engine_publish_unheard(struct engine *engine, uint64_t topic_hash, size_t payload_len);

#endif
