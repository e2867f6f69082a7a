#include "net/lws_log.h"

#include <libwebsockets.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/log.h"

static _Atomic bool wanted;

/* line ends with a line feed. */
static void emit(int level, const char *line)
{
  size_t len = strlen(line);
  (void)level;
  while (len && line[len - 1] == '\n')
    len--;
  log_write(LOG_ERROR, "net", "libwebsockets: %.*s", (int)len, line);
}

void lws_log_begin(void)
{
  atomic_store_explicit(&wanted, true, memory_order_relaxed);
  lws_set_log_level(LLL_ERR, emit);
}

void lws_log_mute(void)
{
  atomic_store_explicit(&wanted, false, memory_order_relaxed);
  lws_set_log_level(0, NULL);
}

static bool is_wanted(int filter)
{
  return filter == LLL_ERR && atomic_load_explicit(&wanted, memory_order_relaxed);
}

LWS_VISIBLE void _lws_logv(int filter, const char *format, va_list args)
{
  char line[512];
  if (is_wanted(filter) && vsnprintf(line, sizeof line, format, args) >= 0)
    emit(filter, line);
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
