#include "load_report.h"

#include <inttypes.h>
#include <stdio.h>

static double seconds(uint64_t ns)
{
  return (double)ns / 1e9;
}

static double per(double amount, double n)
{
  return n > 0 ? amount / n : 0;
}

static void print_server(const struct run *run, const struct measured *m)
{
  const struct options *o = &run->options;
  double n_conns = (double)o->idle + (double)o->subscribers;
  double cpu_us = (double)(m->to.run_ns - m->from.run_ns) / 1e3;
  double busiest_us = (double)process_busiest_ns(&m->from, &m->to) / 1e3;
  double hold_ns = (double)(m->hold_to.run_ns - m->hold_from.run_ns);
  printf(",\n \"server\": {\"cpu_us_per_delivery\": %.4f, \"cpu_us_per_publish\": %.4f, "
         "\"cpu_us_per_open\": %.3f, \"cpu_us_per_close\": %.3f, "
         "\"cpu_ns_per_idle_s\": %.1f, \"cpu_share\": %.3f, "
         "\"wait_share\": %.3f, \"user_s\": %.2f, \"system_s\": %.2f,\n",
         per(cpu_us, (double)m->deliveries), per(cpu_us, (double)m->publishes),
         per((double)(m->at_ready.run_ns - m->at_start.run_ns) / 1e3, n_conns),
         per((double)(m->close_to.run_ns - m->close_from.run_ns) / 1e3, o->idle),
         per(hold_ns, n_conns * m->hold_s), per(cpu_us / 1e6, m->run_s),
         per((double)(m->to.wait_ns - m->from.wait_ns) / 1e9, m->run_s),
         (double)(m->to.user_ms - m->from.user_ms) / 1e3,
         (double)(m->to.system_ms - m->from.system_ms) / 1e3);
  printf("  \"busiest_us_per_delivery\": %.4f, \"busiest_us_per_publish\": %.4f,\n",
         per(busiest_us, (double)m->deliveries), per(busiest_us, (double)m->publishes));
  printf("  \"cpu_us_per_delivery_by_pid\": [");
  for (size_t i = 0; i < o->n_pids; i++)
    printf("%s%.4f", i ? ", " : "",
           per((double)(m->to.pid_run_ns[i] - m->from.pid_run_ns[i]) / 1e3, (double)m->deliveries));
  printf("],\n  \"rss_start\": %" PRIu64 ", \"rss_idle\": %" PRIu64 ", \"rss_end\": %" PRIu64
         ", \"bytes_per_idle\": %.1f}",
         m->at_start.rss_bytes, m->at_idle.rss_bytes, m->to.rss_bytes,
         per((double)m->at_idle.rss_bytes - (double)m->at_start.rss_bytes, o->idle));
}

static void print_latency(const char *name, const struct latencies *h)
{
  printf("\"%s\": {\"p50\": %.2f, \"p99\": %.2f, \"p999\": %.2f, \"max\": %.2f, \"mean\": %.2f}",
         name, (double)latencies_quantile(h, 0.5) / 1e3, (double)latencies_quantile(h, 0.99) / 1e3,
         (double)latencies_quantile(h, 0.999) / 1e3, (double)h->max / 1e3,
         per((double)h->sum / 1e3, (double)h->n));
}

static void print_storm(const struct run *run)
{
  const struct storm *storm = &run->storm;
  printf(",\n \"storm\": {\"connections\": %u, \"seconds\": %.4f, \"server_cpu_s\": %.4f, "
         "\"deliveries\": %" PRIu64 ", ",
         storm->n, seconds(storm->end_ns - storm->start_ns),
         seconds(run->storm_to.run_ns - run->storm_from.run_ns), run->storm_latency.n);
  print_latency("latency_us", &run->storm_latency);
  printf(", \"p99_more_us\": %.2f}", ((double)latencies_quantile(&run->storm_latency, 0.99) -
                                      (double)latencies_quantile(&run->latency, 0.99)) /
                                         1e3);
}

void report_print(const struct run *run, const struct measured *m)
{
  const struct options *o = &run->options;
  double n_conns = (double)o->idle + (double)o->subscribers, open_s = m->idle_s + m->subscribe_s;
  printf("{\"protocol\": \"%s\", \"subscribers\": %u, \"topics\": %u, \"publishers\": %u, "
         "\"idle\": %u, \"in_flight\": %u, \"rate\": %.0f, \"body\": %zu,\n",
         o->protocol, o->subscribers, o->topics, o->publishers, o->idle, o->in_flight, o->rate,
         o->body);
  printf(" \"seconds\": %.6f, \"deliveries\": %" PRIu64 ", \"deliveries_per_s\": %.1f, "
         "\"published\": %" PRIu64 ", \"published_per_s\": %.1f, \"frame_bytes\": %.2f,\n",
         m->run_s, m->deliveries, per((double)m->deliveries, m->run_s), m->publishes,
         per((double)m->publishes, m->run_s), per((double)m->bytes, (double)m->deliveries));
  printf(" \"lost\": %" PRIu64 ", \"doubled\": %" PRIu64 ", \"foreign\": %" PRIu64
         ", \"reordered\": %" PRIu64 ",\n",
         run->lost, run->doubled, run->foreign, run->reordered);
  printf(" ");
  print_latency("latency_us", &run->latency);
  printf(",\n \"heart_beats\": {\"sent\": %" PRIu64 ", \"received\": %" PRIu64 "},\n",
         m->beats_sent, m->beats_received);
  printf(" \"generator\": {\"cpu_share\": %.3f, \"late_us\": {\"p50\": %.2f, \"p99\": %.2f}},\n",
         o->duration_s > 0 ? per(m->generator_cpu_s, m->run_s) : 0,
         (double)latencies_quantile(&run->late, 0.5) / 1e3,
         (double)latencies_quantile(&run->late, 0.99) / 1e3);
  printf(" \"opened\": {\"connections\": %.0f, \"seconds\": %.4f, \"per_s\": %.1f}", n_conns,
         open_s, per(n_conns, open_s));
  if (o->storm)
    print_storm(run);
  if (o->n_pids)
    print_server(run, m);
  printf("}\n");
}
