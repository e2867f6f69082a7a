/* The broker as the server sees it: what all others point at, while the plugin behind it, an engine
 * (broker/engine.h), may be another tomorrow. Owns the engine. Functions are tagged [start],
 * [worker], [any]. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "broker/engine.h"

struct broker;

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
