#include "ops/metric_plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

struct item {
  char family[METRIC_PLUGIN_NAME_MAX];
  const char *instance, *help;
  bool is_gauge;
  unsigned us_per_unit;
  int64_t value;
};

struct items {
  struct item *all;
  size_t n, cap;
  const char *instance; /* whose are visited */
};

static bool ends_with(struct plug_str text, struct plug_str end)
{
  return text.len > end.len && str_eq(str_from(text.ptr + text.len - end.len, end.len), end);
}

void metric_plugin_family(const char *name, bool is_gauge, char out[METRIC_PLUGIN_NAME_MAX],
                          unsigned *us_per_unit)
{
  struct plug_str stem = str_of(name);
  if (!is_gauge && ends_with(stem, STR("_total")))
    stem.len -= 6;
  *us_per_unit = ends_with(stem, STR("_us")) ? 1 : ends_with(stem, STR("_ms")) ? 1000 : 0;
  if (*us_per_unit)
    stem.len -= 3;
  snprintf(out, METRIC_PLUGIN_NAME_MAX, "plugboard_plugin_%.*s%s%s", STR_ARG(stem),
           *us_per_unit ? "_seconds" : "", is_gauge ? "" : "_total");
}

static void add(void *ctx, const char *name, const char *help, int is_gauge, int64_t value)
{
  struct items *items = ctx;
  if (items->n == items->cap) {
    size_t cap = items->cap ? items->cap * 2 : 64;
    struct item *grown = realloc(items->all, cap * sizeof *grown);
    if (!grown)
      return; /* left out this time */
    items->all = grown;
    items->cap = cap;
  }
  struct item *item = &items->all[items->n++];
  *item = (struct item){
      .instance = items->instance, .help = help, .is_gauge = is_gauge != 0, .value = value};
  metric_plugin_family(name, item->is_gauge, item->family, &item->us_per_unit);
}

static void add_all(struct items *items, struct plugin_instance *instance)
{
  items->instance = instance_name(instance);
  instance_each_metric(instance, add, items);
}

static int by_family(const void *left, const void *right)
{
  const struct item *a = left, *b = right;
  int families = strcmp(a->family, b->family);
  return families ? families : strcmp(a->instance, b->instance);
}

static void put(struct metric_out *out, const struct item *item)
{
  metric_name(out, item->family);
  metric_label(out, "plugin", str_of(item->instance));
  if (item->us_per_unit)
    metric_value_us(out, item->value > 0 ? (uint64_t)item->value * item->us_per_unit : 0);
  else
    metric_value(out, item->value);
}

void metric_plugins_put(struct metric_out *out, const struct ops_sources *sources)
{
  struct items items = {0};
  add_all(&items, broker_instance(sources->broker));
  const struct chain *const chains[] = {sources->access, sources->app};
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; chains[k] && i < chains[k]->n; i++)
      add_all(&items, chains[k]->instances[i]);
  if (items.n)
    qsort(items.all, items.n, sizeof *items.all, by_family);
  for (size_t i = 0; i < items.n; i++) {
    const struct item *item = &items.all[i], *before = i ? item - 1 : NULL;
    bool same = before && !strcmp(before->family, item->family);
    if (same && !strcmp(before->instance, item->instance))
      continue; /* two of its names say the same in base units: a series stands once */
    if (!same)
      metric_family(out, item->family, item->is_gauge ? "gauge" : "counter", item->help);
    put(out, item);
  }
  free(items.all);
}
