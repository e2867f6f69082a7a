/* caught by: B5 — DIRECT is declared, and publish delivers under interests of its own. */
#include "planted_broker.h"

#define CAPS (PLUG_CAP_ECHO | PLUG_CAP_PUBLISH_ANY | PLUG_CAP_DIRECT)
#include "planted_broker_entry.h"
