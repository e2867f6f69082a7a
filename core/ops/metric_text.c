#include "ops/metric_text.h"

#include <inttypes.h>

#include "base/str.h"

/* Backslash and line feed are escaped everywhere, quotes in labels only. */
static void put_escaped(struct buf *buf, struct plug_str text, bool quotes)
{
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c == '\n')
      buf_put_str(buf, STR("\\n"));
    else if (c == '\\' || (quotes && c == '"')) {
      buf_put_char(buf, '\\');
      buf_put_char(buf, c);
    } else
      buf_put_char(buf, c);
  }
}

void metric_family(struct metric_out *out, const char *name, const char *type, const char *help)
{
  buf_putf(out->buf, "# HELP %s ", name);
  put_escaped(out->buf, str_of(help), false);
  buf_putf(out->buf, "\n# TYPE %s %s\n", name, type);
}

void metric_name(struct metric_out *out, const char *name)
{
  buf_put_str(out->buf, str_of(name));
  out->has_labels = false;
}

void metric_label(struct metric_out *out, const char *key, struct plug_str value)
{
  buf_put_char(out->buf, out->has_labels ? ',' : '{');
  out->has_labels = true;
  buf_put_str(out->buf, str_of(key));
  buf_put_str(out->buf, STR("=\""));
  put_escaped(out->buf, value, true);
  buf_put_char(out->buf, '"');
}

void metric_label_number(struct metric_out *out, const char *key, uint64_t value)
{
  char text[20];
  metric_label(out, key, str_from(text, str_put_u64(text, value)));
}

static void begin_value(struct metric_out *out)
{
  if (out->has_labels)
    buf_put_char(out->buf, '}');
  buf_put_char(out->buf, ' ');
}

void metric_value(struct metric_out *out, int64_t value)
{
  begin_value(out);
  if (value < 0)
    buf_put_char(out->buf, '-');
  buf_put_u64(out->buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
  buf_put_char(out->buf, '\n');
}

/* "0.25", "2", without zeros at its end. */
static size_t put_seconds(char text[32], uint64_t us)
{
  size_t len = str_put_u64(text, us / 1000000);
  uint64_t rest = us % 1000000;
  if (!rest)
    return len;
  text[len++] = '.';
  for (uint64_t place = 100000; rest; place /= 10) {
    text[len++] = (char)('0' + rest / place);
    rest %= place;
  }
  return len;
}

void metric_value_us(struct metric_out *out, uint64_t us)
{
  char text[32];
  begin_value(out);
  buf_put(out->buf, text, put_seconds(text, us));
  buf_put_char(out->buf, '\n');
}

void metric_single(struct metric_out *out, const char *name, const char *type, const char *help,
                   int64_t value)
{
  metric_family(out, name, type, help);
  metric_name(out, name);
  metric_value(out, value);
}

void metric_histogram(struct metric_out *out, const char *name, const char *help,
                      const struct histogram_counts *counts)
{
  char text[32];
  metric_family(out, name, "histogram", help);
  for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
    struct plug_str bound = i < HISTOGRAM_BOUNDS
                                ? str_from(text, put_seconds(text, histogram_bounds_us[i]))
                                : STR("+Inf");
    buf_putf(out->buf, "%s_bucket", name);
    out->has_labels = false;
    metric_label(out, "le", bound);
    metric_value(out, (int64_t)counts->up_to[i]);
  }
  buf_putf(out->buf, "%s_sum", name);
  out->has_labels = false;
  metric_value_us(out, counts->sum_us);
  buf_putf(out->buf, "%s_count", name);
  metric_value(out, (int64_t)counts->up_to[HISTOGRAM_BOUNDS]);
}
