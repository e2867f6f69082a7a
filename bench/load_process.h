/* What the measured server has used so far, as the kernel counts it. Owns nothing. Any thread. */
#ifndef BENCH_LOAD_PROCESS_H
#define BENCH_LOAD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESS_PIDS_MAX = 64, PROCESS_THREADS_MAX = 256 };

struct thread_usage {
  pid_t tid;
  uint64_t run_ns;
};

struct process_usage {
  uint64_t run_ns;             /* time on a CPU, all threads, including softirq work done there */
  uint64_t wait_ns;            /* runnable, but something else had the CPU */
  uint64_t user_ms, system_ms; /* in clock ticks, so coarse */
  uint64_t rss_bytes;
  uint64_t pid_run_ns[PROCESS_PIDS_MAX]; /* run_ns, by process */
  struct thread_usage threads[PROCESS_THREADS_MAX];
  size_t n_threads;
};

/* Sums over all pids. False when one of them cannot be read. */
bool process_usage_read(const pid_t *pids, size_t n, struct process_usage *out);

/* Descriptors that they have open, all together; 0: that cannot be read. */
size_t process_files(const pid_t *pids, size_t n);

/* What the thread that ran most between the two readings has used: where each thread has a core of
 * its own it is what ends the growth. */
uint64_t process_busiest_ns(const struct process_usage *from, const struct process_usage *to);

#endif
