/* What a run has counted and measured, and the JSON object that says so. */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include "cli/latencies.h"
#include "load_bulk.h"
#include "load_options.h"
#include "load_order.h"
#include "load_process.h"
#include "load_storm.h"

/* A publish as it goes over the wire, of one topic; only the stamp changes. */
struct frame {
  struct bytes bytes;
  size_t stamp_at, stamp_phase;
};

struct run {
  struct options options;
  struct load load;
  struct frame *frames, *fenced; /* per topic */
  struct conn **publishers;
  struct bulk *bulks;   /* per publisher, with --bulk */
  struct bytes *blocks; /* per topic, with --bulk */
  uint32_t n_slots;     /* publishers per topic, at least 1 */
  uint32_t *next_seq;   /* per topic and slot */
  struct order order;   /* a stream per subscriber and slot */
  uint64_t published, expected, delivered, fences_expected;
  uint64_t lost, doubled, foreign, reordered;
  uint64_t measured_from_ns;
  struct latencies latency;
  struct storm storm;
  struct latencies storm_latency; /* of messages that were due while clients came back */
  struct process_usage storm_from, storm_to;
  struct latencies late; /* open loop: from when a message was due until it was published */
};

/* What one run has shown, apart from what is counted in struct run. */
struct measured {
  double idle_s, subscribe_s, hold_s, run_s, generator_cpu_s;
  struct process_usage at_start, at_idle, at_ready, hold_from, hold_to, from, to;
  struct process_usage close_from, close_to;
  uint64_t deliveries, publishes, bytes, beats_sent, beats_received;
};

/* One object on stdout. */
void report_print(const struct run *run, const struct measured *m);

#endif
