/* The message: immutable once made, counted, shared by all workers. One allocation holds the public
 * struct plug_msg, its headers and all bytes. Owns itself. Any thread. */
#ifndef MESSAGE_MESSAGE_H
#define MESSAGE_MESSAGE_H

#include <plugboard/host.h>

/* Names the node as origin of messages, once, before threads start; copied. */
void message_set_node(const char *node);
/* Once, before threads start; without it they begin at 1. By the time, so that a node which has
 * been restarted by the same name gives no id again: unix_ms since 1970, a million ids a second. */
void message_set_ids(uint64_t unix_ms);
const char *message_node(void);

/* A message that this node is the origin of: gets an id (unique while the process lives, never 0,
 * rising per thread), and PLUG_MSG_BINARY when the payload is not UTF-8. init->size says how much
 * of init is read. One reference, the caller's. NULL: out of memory, or an empty topic. */
const struct plug_msg *message_new(const struct plug_msg_init *init);

/* The same for who knows hash_bytes of the topic already. */
const struct plug_msg *message_new_hashed(const struct plug_msg_init *init, uint64_t topic_hash);

/* The same with a given origin and id, for messages that came from elsewhere. */
const struct plug_msg *message_new_from(const struct plug_msg_init *init, struct plug_str origin,
                                        uint64_t id);

uint64_t message_topic_hash(const struct plug_msg *msg); /* hash_bytes of its topic */
/* Room within the message for whoever comes first and has something to remember for as long as he
 * has a reference; NULL: somebody was faster. */
#define MESSAGE_SLOT_BYTES 48
void *message_take_slot(const struct plug_msg *msg);
const void *message_slot(const struct plug_msg *msg); /* where that is */

/* What it takes in memory, headers and all. */
size_t message_bytes(const struct plug_msg *msg);

/* A few messages are followed on their way, to tell how long it takes: when this node accepted it,
 * on the clock of clock_now_us; 0: this one is not followed. */
void message_follow(const struct plug_msg *msg, uint64_t accepted_us);
uint64_t message_accepted_us(const struct plug_msg *msg);

/* It is looked at soon: on another core it may be long in coming. */
static inline void message_prefetch(const struct plug_msg *msg)
{
  const char *at = (const char *)msg;
  __builtin_prefetch(at);
  __builtin_prefetch(at + 64);
  __builtin_prefetch(at + 128);
  __builtin_prefetch(at + 256); /* its strings; the line between is the counter's */
  __builtin_prefetch(at + 320);
}

void message_ref(const struct plug_msg *msg);
void message_unref(const struct plug_msg *msg);

/* The cluster envelope (envelope.h) of this message, made once and kept with it; empty when out of
 * memory. */
struct plug_str message_encoded(const struct plug_msg *msg);

/* Messages alive in the process, for the audit at the end and for tests. Counted in debug builds
 * only (the sanitizer builds are), because the count is one that all threads write; else -1. */
int64_t message_count_alive(void);

#endif
