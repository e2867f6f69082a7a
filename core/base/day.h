/* The clock of the day, and as logs and operators are told it: ISO 8601, UTC. Any thread. */
#ifndef BASE_DAY_H
#define BASE_DAY_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

static inline uint64_t day_ms(const struct timespec *at)
{
  return (uint64_t)at->tv_sec * 1000u + (uint64_t)at->tv_nsec / 1000000u;
}

/* Milliseconds since 1970. */
static inline uint64_t day_now_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return day_ms(&now);
}

#define DAY_TEXT_SIZE 32
/* "2026-11-28T22:05:07.123Z"; returns out. */
static inline const char *day_text(uint64_t at_ms, char out[DAY_TEXT_SIZE])
{
  time_t at = (time_t)(at_ms / 1000);
  struct tm tm;
  gmtime_r(&at, &tm);
  size_t len = strftime(out, DAY_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(out + len, DAY_TEXT_SIZE - len, ".%03uZ", (unsigned)(at_ms % 1000));
  return out;
}

#endif
