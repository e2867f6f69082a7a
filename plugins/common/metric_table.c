#include "metric_table.h"

const struct plug_metrics *metric_table_make(const struct plug_host *host,
                                             const struct metric_row *rows, size_t n,
                                             struct plug_metric **out)
{
  const struct plug_metrics *m = host->extension(host, PLUG_EXT_METRICS);
  if (!m || !PLUG_HAS(m, counter) || !PLUG_HAS(m, gauge) || !PLUG_HAS(m, add) || !PLUG_HAS(m, set))
    return NULL;
  for (size_t i = 0; i < n; i++)
    out[i] = (rows[i].is_gauge ? m->gauge : m->counter)(host, rows[i].name, rows[i].help);
  return m;
}
