/* caught by: B3 — more than max_payload says is taken, and delivered. */
#include "planted_broker.h"

#define MAX_PAYLOAD 4096
#include "planted_broker_entry.h"
