#include "host_log.h"

#include <stdio.h>

enum { LINE_SIZE = 1024 };

/* What snprintf has written of n bytes into so many. */
static size_t fit(int n, size_t size)
{
  return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

void host_vlog(const struct plug_host *host, int32_t level, const char *more, const char *format,
               va_list args)
{
  char line[LINE_SIZE];
  if (!host->log_on(host, level))
    return;
  int n = vsnprintf(line, sizeof line, format, args);
  if (n < 0)
    return;
  size_t len = fit(n, sizeof line);
  if (more)
    len += fit(snprintf(line + len, sizeof line - len, "%s", more), sizeof line - len);
  host->log(host, level, (struct plug_str){line, len});
}

void host_log(const struct plug_host *host, int32_t level, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  host_vlog(host, level, NULL, format, args);
  va_end(args);
}

bool host_log_pass(const struct plug_host *host, struct host_log_limit *limit, uint64_t period_ms,
                   uint64_t *left_out)
{
  uint64_t now_ms = host->now_ms(host);
  if (now_ms < limit->next_ms) {
    limit->left_out++;
    return false;
  }
  *left_out = limit->left_out;
  *limit = (struct host_log_limit){.next_ms = now_ms + period_ms};
  return true;
}
