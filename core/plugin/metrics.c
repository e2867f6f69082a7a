#include "plugin/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "plugin/border.h"
#include "plugin/part.h"

#define METRIC_NAME_MAX 64

struct plug_metric {
  struct list link;
  char *name, *help;
  int is_gauge;
  _Atomic int64_t value;
};

void metrics_init(struct metrics *metrics)
{
  list_init(&metrics->all);
}

void metrics_fini(struct metrics *metrics)
{
  struct list *node;
  while ((node = list_first(&metrics->all))) {
    struct plug_metric *metric = container_of(node, struct plug_metric, link);
    list_remove(node);
    free(metric->name);
    free(metric->help);
    free(metric);
  }
}

static bool name_is_good(const char *name)
{
  size_t len = name ? strnlen(name, METRIC_NAME_MAX + 1) : 0;
  if (!len || len > METRIC_NAME_MAX)
    return false;
  return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static struct plug_metric *metric_get(const struct plug_host *host, const char *name,
                                      const char *help, int is_gauge, const char *function)
{
  struct plugin_instance *instance = part_of(host);
  if (!border_is_create(instance, function) || !name_is_good(name))
    return NULL;
  struct list *all = &instance->metrics->all;
  for (struct list *node = all->next; node != all; node = node->next) {
    struct plug_metric *metric = container_of(node, struct plug_metric, link);
    if (!strcmp(metric->name, name))
      return metric->is_gauge == is_gauge ? metric : NULL;
  }
  struct plug_metric *metric = calloc(1, sizeof *metric);
  if (!metric)
    return NULL;
  metric->name = str_dup(str_of(name));
  metric->help = str_dup(str_of(help));
  metric->is_gauge = is_gauge;
  if (!metric->name || !metric->help) {
    free(metric->name);
    free(metric->help);
    free(metric);
    return NULL;
  }
  list_append(all, &metric->link);
  return metric;
}

static struct plug_metric *metrics_counter(const struct plug_host *host, const char *name,
                                           const char *help)
{
  return metric_get(host, name, help, 0, "metrics counter");
}

static struct plug_metric *metrics_gauge(const struct plug_host *host, const char *name,
                                         const char *help)
{
  return metric_get(host, name, help, 1, "metrics gauge");
}

static void metrics_add(struct plug_metric *metric, int64_t n)
{
  atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

static void metrics_set(struct plug_metric *metric, int64_t value)
{
  atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

const struct plug_metrics metrics_table = {
    .size = sizeof metrics_table,
    .counter = metrics_counter,
    .gauge = metrics_gauge,
    .add = metrics_add,
    .set = metrics_set,
};

void metrics_each(const struct metrics *metrics, metrics_fn fn, void *ctx)
{
  const struct list *all = &metrics->all;
  for (const struct list *node = all->next; node != all; node = node->next) {
    const struct plug_metric *metric = container_of(node, struct plug_metric, link);
    fn(ctx, metric->name, metric->help, metric->is_gauge,
       atomic_load_explicit(&metric->value, memory_order_relaxed));
  }
}
