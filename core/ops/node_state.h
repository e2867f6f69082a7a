/* How the node is, as /ready has it: ready, not ready, or about to stop. Owns nothing. Any thread.
 */
#ifndef OPS_NODE_STATE_H
#define OPS_NODE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "broker/broker.h"

enum node_state { NODE_READY, NODE_NOT_READY, NODE_DRAINING };

/* why: in one line; empty for NODE_READY. leaving: the server is about to stop. */
#define NODE_WHY_SIZE 300
enum node_state node_state(struct broker *broker, const _Atomic bool *leaving,
                           char why[NODE_WHY_SIZE]);
const char *node_state_text(enum node_state state);

#endif
