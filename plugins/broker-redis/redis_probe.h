/* The proof that Redis delivers: the node publishes to a channel of its own and must hear it back.
 * A connection that is merely open proves nothing. Owns a timer. [home] */
#ifndef REDIS_PROBE_H
#define REDIS_PROBE_H

#include "redis_conn.h"

enum { REDIS_PROBE_MAX = 48 }; /* bytes of a payload, and a NUL */

struct redis_progress {
  uint64_t commands, subscriptions; /* bytes received */
};

struct redis_probe_events {
  void (*send)(void *arg, struct plug_str payload);
  void (*heard)(void *arg, uint32_t rtt_us);
  void (*failed)(void *arg, const char *why);
  /* Another process probes under this node's name. Not for a single probe, which may be the last
   * one of a node whose place this one has taken. */
  void (*namesake)(void *arg);
  /* Reads what has arrived but was not looked at yet, and tells how many bytes came so far on the
   * two connections. It may find them lost, and stop the probe. */
  void (*progress)(void *arg, struct redis_progress *out);
};

struct redis_probe {
  const struct redis_env *env;
  const struct redis_probe_events *events;
  void *arg;
  struct plug_timer *timer;
  uint64_t interval_ms, timeout_ms;
  uint64_t nonce, seq, sent_us;
  uint64_t foreign_ms;            /* when a foreign probe was heard; 0: never */
  struct redis_progress progress; /* when the timer was set */
  unsigned n_extended;
  bool waiting, answered;
};

/* Makes the timer; nonce tells this instance from others of the same process, which are no
 * namesakes, and from other nodes. False: no memory. */
bool redis_probe_init(struct redis_probe *probe, const struct redis_env *env, uint64_t interval_ms,
                      uint64_t timeout_ms, const struct redis_probe_events *events, void *arg);
void redis_probe_fini(struct redis_probe *probe);

/* The first probe goes out at once. */
void redis_probe_start(struct redis_probe *probe);
void redis_probe_stop(struct redis_probe *probe);
/* Redis has taken the current probe. */
void redis_probe_answered(struct redis_probe *probe);
/* What the last one said; points into text. */
struct plug_str redis_probe_payload(const struct redis_probe *probe, char text[REDIS_PROBE_MAX]);
/* Is that the probe under way? */
bool redis_probe_is_awaited(const struct redis_probe *probe, struct plug_str payload);
/* Something arrived on the channel; what is no probe and late ones are ignored. */
void redis_probe_receive(struct redis_probe *probe, struct plug_str payload);

#endif
