/* SPDX-License-Identifier: MIT
 *
 * plugboard/ext/metrics.h: extension "plug.host.metrics/1", counters and gauges of a plugin.
 *
 * Names are [a-z0-9_]+; the server puts the instance before them. A counter only rises, a gauge is
 * set. Both are read by the server at any time from any thread.
 */
#ifndef PLUGBOARD_EXT_METRICS_H
#define PLUGBOARD_EXT_METRICS_H

#include <plugboard/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUG_EXT_METRICS "plug.host.metrics/1"

struct plug_metric; /* owned by the server, lives as long as the instance */

struct plug_metrics {
  uint32_t size, reserved;
  /* [create] The same name gives the same metric. NULL when out of memory or the name is bad. */
  struct plug_metric *(*counter)(const struct plug_host *, const char *name,
                                 const char *help)PLUG_NOEXCEPT;
  struct plug_metric *(*gauge)(const struct plug_host *, const char *name,
                               const char *help)PLUG_NOEXCEPT;
  void (*add)(struct plug_metric *, int64_t) PLUG_NOEXCEPT; /* [any] lock-free */
  void (*set)(struct plug_metric *, int64_t) PLUG_NOEXCEPT; /* [any] lock-free */
};

#ifdef __cplusplus
}
#endif
#endif
