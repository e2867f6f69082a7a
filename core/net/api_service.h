/* The HTTP API of a node: what has been answered, how much is under way. Shared by
 * all workers; made before they run. Owns its parts. Any thread. */
#ifndef NET_API_SERVICE_H
#define NET_API_SERVICE_H

#include "api/api_keyring.h"
#include "api/api_memory.h"
#include "config/settings.h"
#include "net/addresses.h"

struct loop;
struct presence;

struct api_service {
  struct api_memory *memory;
  struct addresses *failures; /* wrong keys, by the address that they came from */
  struct presence *presence;  /* NULL: the broker keeps none; not owned */
  struct loop *loop;          /* where that is at home */
  _Atomic int64_t in_flight;  /* messages that the broker has not taken yet */
  bool everywhere;            /* it has no doors of its own: it is served where clients connect */
};

/* Who may use it, by these settings, whose names are borrowed. NULL when out of memory. */
struct api_keyring *api_service_keys(const struct settings *settings);

/* NULL when out of memory. */
struct api_service *api_service_new(const struct settings *settings);
void api_service_free(struct api_service *service); /* NULL is nothing */

#endif
