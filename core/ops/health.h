/* What probes and monitoring are answered: /live, /health and /metrics (/ready is older, and in
 * net/http_routes.c: it is asked by every balancer). Owns nothing but the mounts' context. */
#ifndef OPS_HEALTH_H
#define OPS_HEALTH_H

#include "net/mount.h"
#include "ops/admin_auth.h"
#include "ops/monitor.h"
#include "ops/sources.h"

struct health_mounts {
  const struct ops_sources *sources;
  struct monitor *monitor;
  struct admin_auth *operators; /* who may see what is there at the doors of [admin] */
};

/* [start] mine outlives the table. False when out of memory. */
bool health_mount(struct health_mounts *mine, struct mounts *mounts);

/* The body of /health; *ready: what it says. [any] */
bool health_put(const struct ops_sources *sources, struct monitor *monitor, struct buf *out,
                bool *ready);

#endif
