#include "ops/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/counter.h"
#include "base/str.h"
#include "message/message.h"
#include "ops/metric_plugins.h"
#include "ops/metric_text.h"
#include "ops/node_state.h"
#include "ops/process_stats.h"
#include "tls/tls_contexts.h"

#define PREFIX "plugboard_"

/* --- counters ------------------------------------------------------------------------------ */

/* Base units go before what counts, and a counter ends in _total. */
static void counter_metric_name(enum counter which, char out[96])
{
  const char *name = counter_name(which);
  size_t len = strlen(name);
  bool total = len > 6 && strcmp(name + len - 6, "_total") == 0;
  if (which == COUNTER_bytes_in)
    name = "received_bytes";
  else if (which == COUNTER_bytes_out)
    name = "sent_bytes";
  snprintf(out, 96, PREFIX "%s%s", name, total || counter_is_gauge(which) ? "" : "_total");
}

static void put_counters(struct metric_out *out)
{
  for (int i = 0; i < COUNTER_COUNT; i++) {
    enum counter which = (enum counter)i;
    char name[96];
    counter_metric_name(which, name);
    metric_single(out, name, counter_is_gauge(which) ? "gauge" : "counter", counter_help(which),
                  counter_read(which));
  }
}

static void put_histograms(struct metric_out *out)
{
  for (int i = 0; i < HISTOGRAM_COUNT; i++) {
    struct histogram_counts counts;
    char name[96];
    histogram_read((enum histogram)i, &counts);
    snprintf(name, sizeof name, PREFIX "%s_seconds", histogram_name((enum histogram)i));
    metric_histogram(out, name, histogram_help((enum histogram)i), &counts);
  }
}

/* --- workers ------------------------------------------------------------------------------- */

static int64_t share_of(const struct worker *worker, enum counter which)
{
  return counter_read_of(atomic_load_explicit(&worker->counters, memory_order_acquire), which);
}

static int64_t worker_connections(const struct worker *worker)
{
  return share_of(worker, COUNTER_connections);
}

static int64_t worker_sessions(const struct worker *worker)
{
  return share_of(worker, COUNTER_sessions);
}

static int64_t worker_subscriptions(const struct worker *worker)
{
  return share_of(worker, COUNTER_subscriptions);
}

static int64_t worker_inbox_messages(const struct worker *worker)
{
  return (int64_t)inbox_load_items(atomic_load_explicit(&worker->inbox.load, memory_order_relaxed));
}

static int64_t worker_inbox_bytes(const struct worker *worker)
{
  return (int64_t)inbox_load_bytes(atomic_load_explicit(&worker->inbox.load, memory_order_relaxed));
}

static int64_t worker_turns(const struct worker *worker)
{
  return (int64_t)atomic_load_explicit(&worker->turns, memory_order_relaxed);
}

static uint64_t thread_cpu_us(const struct worker *worker)
{
  clockid_t clock;
  struct timespec used;
  if (pthread_getcpuclockid(worker->thread, &clock) != 0 || clock_gettime(clock, &used) != 0)
    return 0;
  return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

static void put_workers(struct metric_out *out, const struct ops_sources *sources)
{
  static const struct {
    const char *name, *type, *help;
    int64_t (*read)(const struct worker *worker);
  } rows[] = {
      {PREFIX "worker_connections", "gauge", "open connections of a worker", worker_connections},
      {PREFIX "worker_sessions", "gauge", "STOMP sessions of a worker", worker_sessions},
      {PREFIX "worker_subscriptions", "gauge", "subscriptions of a worker", worker_subscriptions},
      {PREFIX "worker_inbox_messages", "gauge", "messages and answers that wait for a worker",
       worker_inbox_messages},
      {PREFIX "worker_inbox_bytes", "gauge", "bytes of messages that wait for a worker",
       worker_inbox_bytes},
      {PREFIX "worker_turns_total", "counter", "turns of a worker's loop", worker_turns},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    metric_family(out, rows[i].name, rows[i].type, rows[i].help);
    for (unsigned w = 0; w < sources->n_workers; w++) {
      metric_name(out, rows[i].name);
      metric_label_number(out, "worker", w);
      metric_value(out, rows[i].read(&sources->workers[w]));
    }
  }
  metric_family(out, PREFIX "worker_cpu_seconds_total", "counter",
                "CPU time that a worker's thread has used");
  for (unsigned w = 0; w < sources->n_workers; w++) {
    metric_name(out, PREFIX "worker_cpu_seconds_total");
    metric_label_number(out, "worker", w);
    metric_value_us(out, thread_cpu_us(&sources->workers[w]));
  }
}

/* --- doors --------------------------------------------------------------------------------- */

/* Can anybody come in there by that? */
static bool is_served(const struct settings *settings, size_t door, enum transport transport)
{
  if (!transport_name(transport))
    return false;
  if (door == 0)
    return transport == CARRIED_BY_TCP && settings->n_tcp_listen + settings->n_tcp_tls_listen;
  const struct settings_endpoint *endpoint = &settings->endpoints[door - 1];
  if (transport == CARRIED_BY_TCP || !(settings->n_http_listen + settings->n_http_tls_listen))
    return false;
  return transport == CARRIED_BY_WEBSOCKET ? endpoint->websocket || endpoint->sockjs
                                           : endpoint->sockjs;
}

static void put_doors_of(struct metric_out *out, const struct ops_sources *sources,
                         const char *name, bool total)
{
  const struct settings *settings = sources->settings;
  for (size_t door = 0; door < 1 + settings->n_endpoints; door++)
    for (int t = 0; t < (int)CARRIED_BY_COUNT; t++) {
      int64_t n = 0;
      if (!is_served(settings, door, (enum transport)t))
        continue;
      for (unsigned w = 0; w < sources->n_workers; w++) {
        const struct census_cell *cell = &sources->workers[w].env.census.doors[door][t];
        n += atomic_load_explicit(total ? &cell->total : &cell->open, memory_order_relaxed);
      }
      metric_name(out, name);
      metric_label(out, "endpoint", str_of(door ? settings->endpoints[door - 1].path : "tcp"));
      metric_label(out, "transport", str_of(transport_name((enum transport)t)));
      metric_value(out, n);
    }
}

static void put_doors(struct metric_out *out, const struct ops_sources *sources)
{
  metric_family(out, PREFIX "endpoint_connections", "gauge",
                "open connections and SockJS sessions that carry STOMP, by endpoint and transport");
  put_doors_of(out, sources, PREFIX "endpoint_connections", false);
  metric_family(out, PREFIX "endpoint_connections_total", "counter",
                "those that there were since the start, by the transport they began with");
  put_doors_of(out, sources, PREFIX "endpoint_connections_total", true);
}

/* --- prefixes ------------------------------------------------------------------------------ */

static struct plug_str prefix_name(const struct ops_sources *sources, unsigned i)
{
  const struct settings *settings = sources->settings;
  if (i == HUB_PREFIX_OTHER)
    return STR("other");
  if (i == HUB_PREFIX_USER)
    return str_of(settings->user_prefix);
  return settings->broker_prefixes.items[i - HUB_PREFIX_FIRST];
}

static void put_prefixes_of(struct metric_out *out, const struct ops_sources *sources,
                            const char *name, bool delivered)
{
  unsigned n_prefixes = hub_prefixes_count(&sources->workers[0].env.hub.prefixes);
  for (unsigned i = 0; i < n_prefixes; i++) {
    struct plug_str prefix = prefix_name(sources, i);
    int64_t n = 0;
    if (!prefix.len)
      continue; /* there are no user destinations */
    for (unsigned w = 0; w < sources->n_workers; w++) {
      const struct hub_prefixes *prefixes = &sources->workers[w].env.hub.prefixes;
      n += atomic_load_explicit(delivered ? &prefixes->counts[i].delivered
                                          : &prefixes->counts[i].subscriptions,
                                memory_order_relaxed);
    }
    metric_name(out, name);
    metric_label(out, "prefix", prefix);
    metric_value(out, n);
  }
}

static void put_prefixes(struct metric_out *out, const struct ops_sources *sources)
{
  metric_family(out, PREFIX "prefix_subscriptions", "gauge",
                "subscriptions below a prefix of [destinations]");
  put_prefixes_of(out, sources, PREFIX "prefix_subscriptions", false);
  metric_family(out, PREFIX "prefix_delivered_total", "counter",
                "MESSAGE frames queued for subscriptions below a prefix of [destinations]");
  put_prefixes_of(out, sources, PREFIX "prefix_delivered_total", true);
}

/* --- the broker, the node, the process ------------------------------------------------------ */

static void put_of_broker(struct metric_out *out, const char *name, const char *help,
                          struct plug_str broker, int64_t value)
{
  metric_family(out, name, "gauge", help);
  metric_name(out, name);
  metric_label(out, "broker", broker);
  metric_value(out, value);
}

static void put_broker(struct metric_out *out, const struct ops_sources *sources)
{
  struct plug_str name = ops_broker_name(sources);
  struct broker_load load = broker_load(sources->broker);
  put_of_broker(out, PREFIX "broker_up",
                "1 while the broker is up and has all topics that this node listens to", name,
                broker_ready(sources->broker));
  put_of_broker(out, PREFIX "broker_untaken_messages",
                "messages given to the broker that its backend has not taken yet", name,
                (int64_t)load.untaken);
  put_of_broker(out, PREFIX "broker_untaken_bytes", "bytes of these", name,
                (int64_t)load.untaken_bytes);
  put_of_broker(out, PREFIX "broker_waiting_messages",
                "messages that wait for a backend that is away", name, (int64_t)load.waiting);
  put_of_broker(out, PREFIX "broker_waiting_bytes", "bytes of these", name,
                (int64_t)load.waiting_bytes);
}

static void put_node(struct metric_out *out, const struct ops_sources *sources,
                     struct monitor *monitor)
{
  char why[NODE_WHY_SIZE], hanging[ROLLCALL_REASON_MAX], abi[16];
  metric_family(out, PREFIX "build_info", "gauge", "1; what runs here is in the labels");
  metric_name(out, PREFIX "build_info");
  snprintf(abi, sizeof abi, "%d.%d", PLUG_ABI_MAJOR, PLUG_ABI_MINOR);
  metric_label(out, "version", STR(PLUGBOARD_VERSION));
  metric_label(out, "abi", str_of(abi));
  metric_label(out, "node", str_of(sources->settings->node));
  metric_label(out, "broker", ops_broker_name(sources));
  metric_value(out, 1);
  metric_single(out, PREFIX "ready", "gauge", "1 while /ready answers 200",
                node_state(sources->broker, sources->leaving, why) == NODE_READY);
  metric_single(out, PREFIX "live", "gauge", "1 while /live answers 200",
                !monitor_hangs(monitor, hanging, sizeof hanging));
}

static void put_tls(struct metric_out *out, const struct ops_sources *sources)
{
  char remark[TLS_REMARK_MAX];
  metric_single(out, PREFIX "tls_certificate_end_seconds", "gauge",
                "when the first of the certificates in use ends, since 1970; 0 without TLS",
                sources->tls ? tls_contexts_end(sources->tls, remark) : 0);
}

/* The names that Prometheus' own clients give. */
static void put_process(struct metric_out *out)
{
  struct process_stats stats;
  process_stats_read(&stats);
  metric_family(out, "process_cpu_seconds_total", "counter", "CPU time, user and system");
  metric_name(out, "process_cpu_seconds_total");
  metric_value_us(out, stats.cpu_us);
  metric_single(out, "process_resident_memory_bytes", "gauge", "memory in use",
                (int64_t)stats.resident_bytes);
  metric_single(out, "process_virtual_memory_bytes", "gauge", "address space in use",
                (int64_t)stats.virtual_bytes);
  metric_single(out, "process_open_fds", "gauge", "open file descriptors", (int64_t)stats.open_fds);
  metric_single(out, "process_max_fds", "gauge", "file descriptors that may be open",
                (int64_t)stats.max_fds);
  metric_single(out, "process_threads", "gauge", "threads", (int64_t)stats.threads);
  metric_family(out, "process_start_time_seconds", "gauge", "when the process started, since 1970");
  metric_name(out, "process_start_time_seconds");
  metric_value_us(out, stats.start_unix_ms * 1000);
}

void metrics_write(const struct ops_sources *sources, struct monitor *monitor, struct buf *buf)
{
  struct metric_out out = {.buf = buf};
  buf_reserve(buf, 65536);
  put_node(&out, sources, monitor);
  put_counters(&out);
  put_workers(&out, sources);
  put_doors(&out, sources);
  put_prefixes(&out, sources);
  put_broker(&out, sources);
  put_tls(&out, sources);
  put_histograms(&out);
  metric_plugins_put(&out, sources);
  put_process(&out);
}
