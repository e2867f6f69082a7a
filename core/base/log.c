#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_sink.h"
#include "base/str.h"

static _Atomic int log_lowest = LOG_INFO;
static _Atomic int log_form = LOG_TEXT;
static struct log_sink main_sink = {.fd = STDERR_FILENO, .lock = PTHREAD_MUTEX_INITIALIZER};
static struct log_sink access_sink = {.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};
/* Where the access log goes. */
static enum { LOG_ACCESS_OFF, LOG_ACCESS_MAIN, LOG_ACCESS_FILE } access_to;
static char access_path[4096];
/* Who gets lines instead; set while there is one thread. */
static log_taker_fn taker;
static void *taker_ctx;

void log_setup(enum log_level lowest, bool json)
{
  atomic_store_explicit(&log_lowest, (int)lowest, memory_order_relaxed);
  atomic_store_explicit(&log_form, (int)(json ? LOG_JSON : LOG_TEXT), memory_order_relaxed);
}

void log_give_to(log_taker_fn fn, void *ctx)
{
  taker = fn;
  taker_ctx = ctx;
}

int log_open_journal(const char *socket)
{
  return log_sink_open_journal(&main_sink, socket);
}

int log_open_access(const char *path)
{
  access_to = LOG_ACCESS_MAIN;
  if (!path)
    return 0;
  int failed =
      strlen(path) < sizeof access_path ? log_sink_open_file(&access_sink, path) : ENAMETOOLONG;
  if (failed)
    return failed;
  memcpy(access_path, path, strlen(path) + 1);
  access_to = LOG_ACCESS_FILE;
  return 0;
}

int log_reopen(void)
{
  return access_to == LOG_ACCESS_FILE ? log_sink_open_file(&access_sink, access_path) : 0;
}

bool log_access_on(void)
{
  return access_to != LOG_ACCESS_OFF;
}

bool log_on(enum log_level level)
{
  return (int)level >= atomic_load_explicit(&log_lowest, memory_order_relaxed);
}

static enum log_form form_now(void)
{
  return (enum log_form)atomic_load_explicit(&log_form, memory_order_relaxed);
}

static struct log_record record_of(enum log_level level, const char *area, struct plug_str text)
{
  struct log_record record = {.level = level, .area = area, .text = text};
  clock_gettime(CLOCK_REALTIME, &record.at);
  return record;
}

void log_line(enum log_level level, const char *area, struct plug_str text)
{
  log_fields(level, area, text, NULL, 0);
}

void log_fields(enum log_level level, const char *area, struct plug_str text,
                const struct log_field *fields, size_t n)
{
  if (!log_on(level))
    return;
  if (taker) {
    taker(taker_ctx, level, area, text);
    return;
  }
  struct log_record record = record_of(level, area, text);
  record.fields = fields;
  record.n_fields = n;
  log_sink_write(&main_sink, form_now(), &record);
}

void log_access(struct plug_str text, const struct log_field *fields, size_t n)
{
  if (!log_access_on())
    return;
  struct log_record record = record_of(LOG_INFO, "access", text);
  record.fields = fields;
  record.n_fields = n;
  log_sink_write(access_to == LOG_ACCESS_FILE ? &access_sink : &main_sink, form_now(), &record);
}

void log_write(enum log_level level, const char *area, const char *format, ...)
{
  if (!log_on(level))
    return;
  char text[LOG_LINE_MAX];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
  log_line(level, area, str_from(text, len));
}

bool log_limit_pass_some(struct log_limit *limit, uint32_t lines, uint64_t period_ms,
                         uint64_t *held)
{
  uint64_t now = clock_now_ms();
  uint64_t next = atomic_load_explicit(&limit->next_ms, memory_order_relaxed);
  *held = 0;
  if (now >= next &&
      atomic_compare_exchange_strong_explicit(&limit->next_ms, &next, now + period_ms,
                                              memory_order_relaxed, memory_order_relaxed)) {
    atomic_store_explicit(&limit->passed, 1, memory_order_relaxed);
    *held = atomic_exchange_explicit(&limit->held, 0, memory_order_relaxed);
    return true;
  }
  if (atomic_fetch_add_explicit(&limit->passed, 1, memory_order_relaxed) < lines)
    return true;
  atomic_fetch_add_explicit(&limit->held, 1, memory_order_relaxed);
  return false;
}

bool log_limit_pass(struct log_limit *limit, uint64_t period_ms, uint64_t *held)
{
  return log_limit_pass_some(limit, 1, period_ms, held);
}

const char *log_held(uint64_t held, char out[LOG_HELD_MAX])
{
  if (held)
    snprintf(out, LOG_HELD_MAX, " (%llu more before, not reported)", (unsigned long long)held);
  else
    out[0] = '\0';
  return out;
}
