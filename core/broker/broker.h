/* The broker as the server sees it: publishes for the workers, keeps the plugin's interests in step
 * with the interest table, and says what happens while the backend is down. Owns the plugin
 * instance's life between broker_start and broker_stop, batches and the queue for bad times.
 * Functions are tagged [start], [worker], [any].
 *
 * Publishing: with PLUG_CAP_PUBLISH_ANY the plugin is called on the worker's own thread; otherwise
 * messages are handed to the control thread, which publishes them in the order of their arrival. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "broker/health.h"
#include "broker/proof.h"
#include "hub/interest.h"
#include "plugin/instance.h"

struct broker;

struct broker_settings {
  bool queue_when_down; /* false: publishes are refused while the backend is down */
  uint64_t down_queue_messages, down_queue_bytes, down_queue_ms;
  uint64_t down_queue_delay_ms; /* that what waited still waits when the backend is back */
  uint64_t unsubscribe_grace_ms, operation_timeout_ms;
  uint64_t max_unused_topics; /* in their grace period; as many that the plugin has not answered */
  uint64_t probe_interval_ms; /* 0: delivery is not proven */
  uint64_t publish_queue;     /* messages that the backend has not taken yet */
};

/* [start] Then interest_table_new with broker_on_change, then broker_create. */
struct broker *broker_new(const struct broker_settings *settings);
void broker_on_change(void *broker); /* for interest_table_new: [any] */

/* [start] Loads, checks and creates the plugin's instance; err->text is complete. loop may be NULL
 * for --check. */
plug_status broker_create(struct broker *broker, struct plugin_image *image, struct loop *loop,
                          const char *name, const struct config_section *section,
                          struct interest_table *interests, struct plug_err *err);
plug_status broker_start(struct broker *broker, struct plug_err *err);
/* [start] When no worker publishes any more: what was published until now has been answered, and is
 * in the workers' inboxes as far as it comes back here, when this returns; at most 5 s. */
void broker_drain(struct broker *broker);
/* [start] After the workers have ended. */
void broker_stop(struct broker *broker);
void broker_free(struct broker *broker);

uint64_t broker_max_payload(const struct broker *broker); /* 0: no limit */
struct plugin_instance *broker_instance(const struct broker *broker);
/* [any] Up, and the backend has every interest that it had before it was lost. */
bool broker_ready(const struct broker *broker);
/* [any] What proves that it delivers, and what its plugin says of itself. */
const struct proof *broker_proof(const struct broker *broker);
void broker_health_text(struct broker *broker, char out[HEALTH_TEXT_MAX]);
/* [any] Why it is not ready, in words for an operator; false and an empty text when it is. */
bool broker_unready(struct broker *broker, char *out, size_t size);
/* [any] What has not reached the backend yet. */
struct broker_load {
  uint64_t untaken, untaken_bytes; /* given to the plugin, or on the way there */
  uint64_t waiting, waiting_bytes; /* for a backend that is away */
};
struct broker_load broker_load(const struct broker *broker);
/* [any] Publishers should wait: the backend, the control thread or a worker is behind. */
bool broker_congested(const struct broker *broker);

/* [worker] Publishes msg. answer: NULL, or an item of kind INBOX_PUBLISHED for inbox.
 *
 * PLUG_OK, PLUG_EAGAIN: taken by the backend (EAGAIN: slow down); answer stays the caller's.
 * PLUG_PENDING: answer was taken over and will come back through inbox with the status; without an
 *   answer: accepted, nothing follows.
 * otherwise: not published; answer stays the caller's. Counted here. */
plug_status broker_publish(struct broker *broker, const struct plug_msg *msg,
                           struct inbox_item *answer, struct inbox *inbox);

/* [worker] True: a message of that topic and size counts as published, successfully, although it
 * was not made, because nobody would ever see it. topic_hash: as message_topic_hash. */
bool broker_publish_unheard(struct broker *broker, uint64_t topic_hash, size_t payload_len);

#endif
