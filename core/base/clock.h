/* The monotonic clock. Protocol code gets the time as an argument and never calls this. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_now_us(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static inline uint64_t clock_now_ms(void)
{
  return clock_now_us() / 1000u;
}

/* A time of this clock as sem_clockwait and its like want it. */
static inline struct timespec clock_timespec(uint64_t at_ms)
{
  return (struct timespec){.tv_sec = (time_t)(at_ms / 1000u),
                           .tv_nsec = (long)(at_ms % 1000u) * 1000000};
}

#endif
