#include "net/lws_log.h"

#include <libwebsockets.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/log.h"

static _Atomic bool muted;

void lws_log_mute(void)
{
  atomic_store_explicit(&muted, true, memory_order_relaxed);
}

static bool is_wanted(int filter)
{
  return filter == LLL_ERR && !atomic_load_explicit(&muted, memory_order_relaxed);
}

LWS_VISIBLE void _lws_logv(int filter, const char *format, va_list args)
{
  if (!is_wanted(filter))
    return;
  char line[512];
  int n = vsnprintf(line, sizeof line, format, args);
  if (n < 0)
    return;
  size_t len = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
  while (len && line[len - 1] == '\n')
    len--;
  log_write(LOG_ERROR, "net", "libwebsockets: %.*s", (int)len, line);
}

/* Called a dozen times for a frame: no more than it must. */
LWS_VISIBLE __attribute__((no_stack_protector)) void _lws_log(int filter, const char *format, ...)
{
  if (!is_wanted(filter))
    return;
  va_list args;
  va_start(args, format);
  _lws_logv(filter, format, args);
  va_end(args);
}
