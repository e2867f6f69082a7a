#include "cli/bench_result.h"

#include "cli/say.h"

static double us(uint64_t ns)
{
  return (double)ns / 1000;
}

static json_t *quantiles(const struct latencies *h)
{
  return json_pack("{s:f, s:f, s:f, s:f, s:f}", "mean", h->n ? us(h->sum / h->n) : 0.0, "p50",
                   us(latencies_quantile(h, 0.5)), "p90", us(latencies_quantile(h, 0.9)), "p99",
                   us(latencies_quantile(h, 0.99)), "max", us(h->max));
}

static uint64_t lost(const struct bench_result *result)
{
  return result->expected > result->delivered ? result->expected - result->delivered : 0;
}

static json_t *to_json(const struct bench_result *result, const struct arguments *a,
                       const char *url, double s)
{
  json_t *object = json_pack(
      "{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:f, s:I, s:f, s:I, s:I, s:I, s:o}", "url", url,
      "publishers", (json_int_t)a->publishers, "subscribers", (json_int_t)a->subscribers, "topics",
      (json_int_t)a->topics, "size", (json_int_t)a->size, "rate", (json_int_t)a->rate, "duration_s",
      s, "published", (json_int_t)result->published, "published_per_s",
      (double)result->published / s, "delivered", (json_int_t)result->delivered, "delivered_per_s",
      (double)result->delivered / s, "lost", (json_int_t)lost(result), "doubled",
      (json_int_t)result->doubled, "foreign", (json_int_t)result->foreign, "latency_us",
      quantiles(&result->latency));
  if (a->rate)
    json_object_set_new(object, "late_us", quantiles(&result->late));
  return object;
}

static void put_quantiles(struct buf *out, const char *name, const struct latencies *h)
{
  buf_putf(out, "%-12s %10.0f %10.0f %10.0f %10.0f %10.0f\n", name, h->n ? us(h->sum / h->n) : 0.0,
           us(latencies_quantile(h, 0.5)), us(latencies_quantile(h, 0.9)),
           us(latencies_quantile(h, 0.99)), us(h->max));
}

static void put_text(struct buf *out, const struct bench_result *result, const struct arguments *a,
                     double s)
{
  buf_putf(out, "%lld publishers, %lld subscribers, %lld topics, %lld bytes, %.1f s\n\n",
           (long long)a->publishers, (long long)a->subscribers, (long long)a->topics,
           (long long)a->size, s);
  buf_putf(out, "published  %12llu %12.1f/s\n", (unsigned long long)result->published,
           (double)result->published / s);
  buf_putf(out, "delivered  %12llu %12.1f/s\n", (unsigned long long)result->delivered,
           (double)result->delivered / s);
  buf_putf(out, "lost       %12llu\n", (unsigned long long)lost(result));
  if (result->doubled || result->foreign)
    buf_putf(out, "doubled    %12llu\nforeign    %12llu\n", (unsigned long long)result->doubled,
             (unsigned long long)result->foreign);
  buf_putf(out, "\n%-12s %10s %10s %10s %10s %10s\n", "us", "mean", "p50", "p90", "p99", "max");
  put_quantiles(out, "latency", &result->latency);
  if (a->rate)
    put_quantiles(out, "late", &result->late);
}

enum exit_code bench_result_tell(const struct bench_result *result,
                                 const struct arguments *arguments, const char *url, uint64_t ns)
{
  double s = (double)ns / 1e9;
  bool good;
  if (arguments->json) {
    good = say_json(to_json(result, arguments, url, s));
  } else {
    struct buf out = {0};
    put_text(&out, result, arguments, s);
    good = say_buf(&out);
  }
  if (good && lost(result))
    say_error("%llu messages were lost", (unsigned long long)lost(result));
  return good && !lost(result) ? EXIT_DONE : EXIT_FAILED;
}
