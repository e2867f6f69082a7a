/* What the measured server has used so far, as the kernel counts it. Owns nothing. Any thread. */
#ifndef BENCH_LOAD_PROCESS_H
#define BENCH_LOAD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process_usage {
  uint64_t run_ns;             /* time on a CPU, all threads, including softirq work done there */
  uint64_t wait_ns;            /* runnable, but something else had the CPU */
  uint64_t user_ms, system_ms; /* in clock ticks, so coarse */
  uint64_t rss_bytes;
};

/* Sums over all pids. False when one of them cannot be read. */
bool process_usage_read(const pid_t *pids, size_t n, struct process_usage *out);

#endif
