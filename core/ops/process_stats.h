/* What the system says of this process: memory, time, descriptors. Owns nothing. Any thread. */
#ifndef OPS_PROCESS_STATS_H
#define OPS_PROCESS_STATS_H

#include <stdint.h>

struct process_stats {
  uint64_t cpu_us; /* user and system */
  uint64_t resident_bytes, virtual_bytes;
  uint64_t open_fds, max_fds; /* max_fds 0: no limit */
  uint64_t threads;
  uint64_t start_unix_ms;
};

/* Members that cannot be found out are 0. */
void process_stats_read(struct process_stats *out);

#endif
