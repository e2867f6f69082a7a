#include "ops/stats.h"

#include "base/buf.h"
#include "base/counter.h"
#include "base/log.h"
#include "ops/spring_stats.h"

#define LINE_BYTES 1800 /* of counters: a line is cut at LOG_LINE_MAX */

struct sink {
  struct buf *out;
  const char *instance;
};

static void put(struct buf *out, const char *owner, const char *name, int64_t value)
{
  buf_putf(out, " %s%s%s=%lld", owner, *owner ? "." : "", name, (long long)value);
}

static void put_metric(void *ctx, const char *name, const char *help, int is_gauge, int64_t value)
{
  const struct sink *sink = ctx;
  (void)help;
  (void)is_gauge;
  put(sink->out, sink->instance, name, value);
}

static void put_instance(struct buf *out, struct plugin_instance *instance)
{
  instance_each_metric(instance, put_metric, &(struct sink){out, instance_name(instance)});
}

static void put_chain(struct buf *out, const struct chain *chain)
{
  for (size_t i = 0; chain && i < chain->n; i++)
    put_instance(out, chain->instances[i]);
}

/* How much of text fits one line, up to a blank. */
static size_t line_len(struct plug_str text)
{
  size_t n = text.len;
  if (n <= LINE_BYTES)
    return n;
  for (n = LINE_BYTES; n && text.ptr[n] != ' ';)
    n--;
  return n ? n : text.len;
}

static struct plug_str behind(struct plug_str text, size_t n)
{
  return str_from(text.ptr + n, text.len - n);
}

void stats_log(const struct ops_sources *sources)
{
  struct buf all = {0}, line = {0};
  for (int i = 0; i < COUNTER_COUNT; i++)
    put(&all, "", counter_name((enum counter)i), counter_read((enum counter)i));
  put_instance(&all, broker_instance(sources->broker));
  put_chain(&all, sources->access);
  put_chain(&all, sources->app);
  struct plug_str rest = str_from(all.data, all.len);
  unsigned n = 0;
  for (struct plug_str left = rest; left.len; left = behind(left, line_len(left)))
    n++;
  for (unsigned i = 1; i <= n && !all.failed; i++) {
    size_t len = line_len(rest);
    line.len = 0;
    buf_putf(&line, "stats %u/%u%.*s", i, n, (int)len, rest.ptr);
    if (!line.failed)
      log_line(LOG_INFO, "core", str_from(line.data, line.len));
    rest = behind(rest, len);
  }
  buf_free(&line);
  buf_free(&all);
}

void stats_tell(const struct ops_sources *sources, const struct settings *settings)
{
  if (settings->stats_spring)
    spring_stats_log(sources);
  else
    stats_log(sources);
}

void stats_rhythm_init(struct stats_rhythm *rhythm, const struct settings *settings,
                       uint64_t now_ms)
{
  bool spring = settings->stats_spring;
  uint64_t interval_ms = settings->stats_interval_ms;
  if (spring && !interval_ms)
    interval_ms = SPRING_STATS_PERIOD_MS;
  bool sooner = spring && interval_ms > SPRING_STATS_FIRST_MS;
  *rhythm =
      (struct stats_rhythm){interval_ms, now_ms + (sooner ? SPRING_STATS_FIRST_MS : interval_ms)};
}

uint64_t stats_rhythm_wait_ms(const struct stats_rhythm *rhythm, uint64_t now_ms)
{
  if (!rhythm->interval_ms)
    return UINT64_MAX;
  return rhythm->next_ms > now_ms ? rhythm->next_ms - now_ms : 0;
}

void stats_rhythm_next(struct stats_rhythm *rhythm, uint64_t now_ms)
{
  rhythm->next_ms = now_ms + rhythm->interval_ms;
}
