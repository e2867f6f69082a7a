/* What a node does once a second for those who run it: it takes samples of the counters for rates,
 * looks for what has to be warned of, and tells the other nodes of itself when it is time. Lives on
 * the first worker's thread; owns nothing but its own members. Functions are tagged [start],
 * [worker] (the first one) or [any].
 *
 * A node tells the others how it is every beat-interval while somebody wants to know: it has
 * [admin] itself, or has heard from one that has. So whoever has no [admin] anywhere pays nothing.
 */
#ifndef OPS_PULSE_H
#define OPS_PULSE_H

#include "net/env.h"
#include "ops/nodes.h"
#include "ops/warnings.h"

enum pulse_rate { PULSE_IN, PULSE_OUT, PULSE_CONNECTS, PULSE_RATES };

#define PULSE_SAMPLES  61 /* the last minute, by seconds */
#define PULSE_COUNTERS 8

struct pulse {
  const struct settings *settings;
  struct nodes *nodes;
  struct warnings *warnings;
  char instance[NODE_INSTANCE_LEN + 1];
  char host[NODE_TEXT_SHOWN + 1];
  uint64_t started_ms;
  bool wants; /* there is an [admin] here */
  /* [any] in thousandths */
  _Atomic uint64_t rates[PULSE_RATES];
  /* [worker] */
  struct net_env *env;
  struct timer timer;
  int64_t samples[PULSE_SAMPLES][PULSE_COUNTERS];
  uint64_t sampled_ms[PULSE_SAMPLES];
  size_t n_samples; /* taken until now */
  uint64_t next_beat_ms, wanted_until_ms;
  uint64_t certificates_ms;  /* when they are looked at again */
  int64_t certificates_read; /* how often they had been read by then */
};

/* [start] nodes and warnings are the caller's. */
void pulse_init(struct pulse *pulse, const struct settings *settings, struct nodes *nodes,
                struct warnings *warnings);
/* [worker] Before its first turn. */
void pulse_begin(struct pulse *pulse, struct net_env *env);
/* [any worker] True: it is a beat. All workers hear it; the first one remembers. */
bool pulse_hear(struct pulse *pulse, struct net_env *env, const struct plug_msg *msg);
/* [any worker] Writes down how this node is now among the nodes. */
void pulse_note_self(struct pulse *pulse, const struct net_env *env);
/* [any] */
double pulse_per_s(const struct pulse *pulse, enum pulse_rate rate);

#endif
