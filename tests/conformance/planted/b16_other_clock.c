/* caught by: B16 — with a backend: its proof is on a clock of its own */
#include "planted_net.h"

#include <plugboard/ext/proof.h>
#include <time.h>

static uint64_t proven_ms(void *self)
{
  (void)self;
  return (uint64_t)time(NULL) * 1000;
}

static const struct plug_broker_proof proof = {.size = sizeof proof, .proven_ms = proven_ms};

static const void *extension(void *self, const char *id)
{
  (void)self;
  return strcmp(id, PLUG_EXT_BROKER_PROOF) == 0 ? &proof : NULL;
}

#define EXTENSION extension
#include "planted_net_entry.h"
