/* A plugin's lines in the log of the server, as printf makes them, and how many of one kind. No
 * state but the limits, which are the caller's. Any thread; a limit is used by one at a time. */
#ifndef HOST_LOG_H
#define HOST_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include <plugboard/host.h>

/* One line, cut to what fits; nothing at all if the level is not logged. more: what stands behind
 * it, or NULL. */
__attribute__((format(printf, 4, 0))) void host_vlog(const struct plug_host *host, int32_t level,
                                                     const char *more, const char *format,
                                                     va_list args);
__attribute__((format(printf, 3, 4))) void host_log(const struct plug_host *host, int32_t level,
                                                    const char *format, ...);

/* At most one line in some time; the next one may tell how many were left out. */
struct host_log_limit { /* starts zeroed */
  uint64_t next_ms, left_out;
};
/* May there be a line now? If so, *left_out is how many there might not be since the last one. */
bool host_log_pass(const struct plug_host *host, struct host_log_limit *limit, uint64_t period_ms,
                   uint64_t *left_out);

#endif
