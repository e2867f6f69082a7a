/* One attempt at one NATS server: a connection on which the node has heard its own probe, or why
 * there is none, in words for an operator. Owns nothing. Blocks; the writer's thread. */
#ifndef NATS_DIAL_H
#define NATS_DIAL_H

#include "nats_config.h"
#include "nats_gate.h"

/* Whoever asks may have lost patience, and says so then. */
struct nats_patience {
  bool (*is_over)(void *arg);
  void *arg;
};

/* The caller closes and destroys it; it holds the gate until it says that it is closed. NULL with
 * why. */
natsConnection *nats_dial(const struct nats_config *config, const struct nats_server *server,
                          struct nats_gate *gate, const struct nats_patience *patience,
                          char why[NATS_WHY_MAX]);
/* What a status means, with what the library says of it. detail may be NULL. */
void nats_dial_explain(natsStatus status, const char *detail, char why[NATS_WHY_MAX]);

#endif
