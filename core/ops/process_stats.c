#include "ops/process_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static uint64_t clock_ms(clockid_t clock)
{
  struct timespec now;
  if (clock_gettime(clock, &now) != 0)
    return 0;
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t cpu_us(void)
{
  struct timespec used;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0)
    return 0;
  return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

static uint64_t count_fds(void)
{
  DIR *dir = opendir("/proc/self/fd");
  uint64_t n = 0;
  if (!dir)
    return 0;
  while (readdir(dir))
    n++;
  closedir(dir);
  return n > 3 ? n - 3 : 0; /* ".", "..", and the directory's own */
}

/* Counting them one by one takes a microsecond for each, on the thread of a worker: with many
 * clients too much for every second. Linux 6.2 and later say it as the directory's size; before
 * that it is done so often at most. */
#define RECOUNT_MS 15000
static uint64_t open_fds(void)
{
  static _Atomic uint64_t counted, next_ms;
  struct stat info;
  if (stat("/proc/self/fd", &info) == 0 && info.st_size > 0)
    return (uint64_t)info.st_size;
  uint64_t now_ms = clock_now_ms();
  if (now_ms >= atomic_load(&next_ms)) {
    atomic_store(&next_ms, now_ms + RECOUNT_MS);
    atomic_store(&counted, count_fds());
  }
  return atomic_load(&counted);
}

static uint64_t max_fds(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return 0;
  return limit.rlim_cur;
}

/* proc(5), /proc/PID/stat, counted from the state behind the name. */
enum { FIELD_THREADS = 17, FIELD_START = 19, FIELD_VSIZE = 20, FIELD_RSS = 21, FIELDS };

static void read_stat(struct process_stats *out)
{
  char text[1024];
  int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0)
    close(fd);
  if (n <= 0)
    return;
  text[n] = '\0';
  const char *at = strrchr(text, ')'); /* the name may have anything in it */
  uint64_t fields[FIELDS] = {0};
  for (int i = 0; at && i < FIELDS; i++)
    if ((at = strchr(at, ' ')))
      fields[i] = strtoull(++at, NULL, 10);
  long page = sysconf(_SC_PAGESIZE), ticks = sysconf(_SC_CLK_TCK);
  out->threads = fields[FIELD_THREADS];
  out->virtual_bytes = fields[FIELD_VSIZE];
  out->resident_bytes = page > 0 ? fields[FIELD_RSS] * (uint64_t)page : 0;
  if (ticks > 0) {
    uint64_t after_boot_ms = fields[FIELD_START] * 1000 / (uint64_t)ticks;
    out->start_unix_ms = clock_ms(CLOCK_REALTIME) - clock_ms(CLOCK_BOOTTIME) + after_boot_ms;
  }
}

void process_stats_read(struct process_stats *out)
{
  *out = (struct process_stats){.cpu_us = cpu_us(), .open_fds = open_fds(), .max_fds = max_fds()};
  read_stat(out);
}
