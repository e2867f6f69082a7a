#include "ops/node_state.h"

#include <stdio.h>

enum node_state node_state(struct broker *broker, const _Atomic bool *leaving,
                           char why[NODE_WHY_SIZE])
{
  why[0] = '\0';
  if (atomic_load_explicit(leaving, memory_order_relaxed)) {
    snprintf(why, NODE_WHY_SIZE, "the server is stopping");
    return NODE_DRAINING;
  }
  return broker_unready(broker, why, NODE_WHY_SIZE) ? NODE_NOT_READY : NODE_READY;
}

const char *node_state_text(enum node_state state)
{
  return state == NODE_READY ? "ready" : state == NODE_DRAINING ? "draining" : "not-ready";
}
