#include "base/log.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/str.h"
#include "base/utf8.h"

static _Atomic int log_lowest = LOG_INFO;
static _Atomic bool log_json;

static const char *const level_names[] = {"debug", "info", "warn", "error", "violation"};

void log_setup(enum log_level lowest, bool json)
{
  atomic_store_explicit(&log_lowest, (int)lowest, memory_order_relaxed);
  atomic_store_explicit(&log_json, json, memory_order_relaxed);
}

bool log_on(enum log_level level)
{
  return (int)level >= atomic_load_explicit(&log_lowest, memory_order_relaxed);
}

/* Longer lines are cut; a line fits one write() and stays whole beside those of other threads. */
#define LINE_MAX_BYTES 4096

struct line {
  char text[LINE_MAX_BYTES];
  size_t len;
};

static size_t line_room(const struct line *out)
{
  return sizeof out->text - 4 - out->len; /* 4: closing quote, brace, newline */
}

static void line_puts(struct line *out, const char *c_string)
{
  size_t n = strlen(c_string);
  if (n > line_room(out))
    n = line_room(out);
  memcpy(out->text + out->len, c_string, n);
  out->len += n;
}

/* The length of the UTF-8 character at s, 0 when there is none. */
static size_t character_len(const char *s, size_t len)
{
  unsigned char c = (unsigned char)s[0];
  size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
  return n <= len && utf8_valid(s, n) ? n : 0;
}

/* A line that is too long is cut between characters and never within an escape: JSON stays JSON. */
static void line_put_escaped(struct line *out, struct plug_str s)
{
  for (size_t i = 0; i < s.len;) {
    unsigned char c = (unsigned char)s.ptr[i];
    size_t n = character_len(s.ptr + i, s.len - i);
    const char *bytes = s.ptr + i;
    size_t width = n;
    char escape[8];
    if (log_json && (c == '"' || c == '\\')) {
      escape[0] = '\\';
      escape[1] = (char)c;
      bytes = escape;
      width = 2;
    } else if (n == 0 && log_json) {
      bytes = "\\ufffd";
      width = 6;
    } else if (n == 2 && c == 0xc2 && (unsigned char)bytes[1] < 0xa0) { /* U+0080 to U+009F */
      width = (size_t)snprintf(escape, sizeof escape, "\\u%04x", (unsigned char)bytes[1]);
      bytes = escape;
    } else if (n == 0 || c < 0x20 || c == 0x7f) {
      bytes = escape;
      width = (size_t)snprintf(escape, sizeof escape, log_json ? "\\u%04x" : "\\x%02x", c);
    }
    if (width > line_room(out))
      return;
    memcpy(out->text + out->len, bytes, width);
    out->len += width;
    i += n ? n : 1;
  }
}

static void line_compose(struct line *out, enum log_level level, const char *area,
                         struct plug_str text)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct tm utc;
  gmtime_r(&now.tv_sec, &utc);
  char stamp[64];
  size_t n = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(stamp + n, sizeof stamp - n, ".%03ldZ", now.tv_nsec / 1000000);

  out->len = 0;
  if (log_json) {
    line_puts(out, "{\"time\":\"");
    line_puts(out, stamp);
    line_puts(out, "\",\"level\":\"");
    line_puts(out, level_names[level]);
    line_puts(out, "\",\"area\":\"");
    line_puts(out, area);
    line_puts(out, "\",\"message\":\"");
    line_put_escaped(out, text);
    memcpy(out->text + out->len, "\"}", 2);
    out->len += 2;
  } else {
    line_puts(out, stamp);
    line_puts(out, " ");
    line_puts(out, level_names[level]);
    line_puts(out, " ");
    line_puts(out, area);
    line_puts(out, ": ");
    line_put_escaped(out, text);
  }
  out->text[out->len++] = '\n';
}

/* A pipe or a terminal that nobody reads: the line is dropped, never waited for. A pipe that has
 * room at all has room for a page, and a line is no longer; the lock keeps that true between the
 * look and the write, and is held for neither longer than a system call that does not wait. */
static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t n_dropped; /* since the last line that was written; under the lock */

static void put_line(const struct line *out)
{
  /* A log that cannot be written is nothing that the server could report anywhere. */
  ssize_t written = write(STDERR_FILENO, out->text, out->len);
  (void)written;
}

static bool has_room(void)
{
  struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
  return poll(&log, 1, 0) != 0; /* an error is found by the write, which does not wait either */
}

static void put_or_drop(const struct line *out)
{
  struct line note;
  uint64_t before;
  pthread_mutex_lock(&write_lock);
  before = n_dropped;
  if (has_room()) {
    put_line(out);
    n_dropped = 0;
  } else {
    n_dropped++;
    COUNT(log_dropped);
  }
  bool resumed = before && !n_dropped;
  pthread_mutex_unlock(&write_lock);
  if (!resumed)
    return;
  char text[96];
  int n = snprintf(text, sizeof text, "%" PRIu64 " lines of the log were dropped: nobody read it",
                   before);
  line_compose(&note, LOG_WARN, "log", str_from(text, (size_t)n));
  pthread_mutex_lock(&write_lock);
  if (has_room())
    put_line(&note);
  pthread_mutex_unlock(&write_lock);
}

void log_line(enum log_level level, const char *area, struct plug_str text)
{
  struct line out;
  if (!log_on(level))
    return;
  line_compose(&out, level, area, text);
  put_or_drop(&out);
}

void log_write(enum log_level level, const char *area, const char *format, ...)
{
  if (!log_on(level))
    return;
  char text[LINE_MAX_BYTES];
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
