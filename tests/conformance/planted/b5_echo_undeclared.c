/* caught by: B5 — the node's own messages come back, and ECHO is not declared. */
#include "planted_broker.h"

#define CAPS PLUG_CAP_ORDERED
#include "planted_broker_entry.h"
