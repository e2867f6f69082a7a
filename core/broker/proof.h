/* The proof that the broker delivers, not only that it is connected: the node publishes a message
 * to itself again and again, on a topic that is its own and that no client reaches, and waits for
 * it to come back. A broker that only delivers within the node needs none; one that proves it by
 * itself (plugboard/ext/proof.h) is believed. Owns a timer. Control thread only, but for what is
 * tagged. */
#ifndef BROKER_PROOF_H
#define BROKER_PROOF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include <plugboard/ext/proof.h>

#include "hub/interest.h"
#include "plugin/instance.h"

/* Behind it the node's name. */
#define PROOF_TOPIC "plugboard:proof:"

enum proof_kind {
  PROOF_OFF,      /* probe-interval is 0 */
  PROOF_TRIVIAL,  /* publish is deliver */
  PROOF_ITS_OWN,  /* the plugin's */
  PROOF_BY_PROBES /* ours */
};

struct proof {
  struct plugin_instance *instance;
  struct interest_table *interests;
  const struct plug_broker_proof *own; /* the plugin's, or NULL */
  enum proof_kind kind;
  uint64_t interval_ms, limit_ms, retry_ms;
  char topic[sizeof PROOF_TOPIC + 64];
  uint64_t nonce; /* tells this process from another of the same name */
  uv_timer_t *timer;
  bool complained;
  bool echoes;                /* else it is proven when the broker has taken it */
  _Atomic uint64_t number;    /* of the probe that is awaited; 0: none */
  _Atomic uint64_t sent_us;   /* of that */
  _Atomic uint64_t since_ms;  /* since when none has come back although one should have; 0: all is
                                 well */
  _Atomic uint64_t proven_ms; /* when the last one came back; 0: none has */
  _Atomic uint64_t rtt_us;    /* what it took */
};

/* [start] caps: of the broker. */
void proof_init(struct proof *proof, struct plugin_instance *instance,
                struct interest_table *interests, uint32_t caps, uint64_t interval_ms,
                uint64_t limit_ms);
/* The plugin runs, whatever its state. */
void proof_open(struct proof *proof);
void proof_close(struct proof *proof); /* also when it was never opened */
/* The broker is up from now on: what came back before proves nothing any more. */
void proof_begin(struct proof *proof);
/* It is not up, and is not asked. */
void proof_pause(struct proof *proof);

/* [any] True: msg is one of the probes, and nobody else's business. */
bool proof_hear(struct proof *proof, const struct plug_msg *msg);

/* [any] What it wants in proof, in words behind "the broker"; false: nothing. For a broker that
 * is up. */
bool proof_fault(const struct proof *proof, char *out, size_t size);
/* [any] When the last message came back; 0: none has, or none needs to. */
uint64_t proof_proven_ms(const struct proof *proof);

#endif
