#include "ops/drain.h"

#include "base/clock.h"
#include "base/log.h"

/* A worker that hangs in a plugin is not waited for any longer. */
#define SHUT_MS 1000u

/* Turns have their jitter, and what clients are told to wait has a fifth of the time as its own: in
 * a second come those of up to 1.2. So four fifths of the rate keep every single one below it. */
static uint64_t unhurried_ms(uint64_t n, uint64_t rate)
{
  return n * 1250 / rate + 1;
}

struct drain_plan drain_plan_for(const struct settings *settings, uint64_t n, uint64_t time_ms)
{
  struct drain_plan plan = {.span_ms = unhurried_ms(n, settings->drain_rate)};
  if (settings->drain_overlap_ms)
    plan.overlap_ms = settings->drain_overlap_ms + settings->drain_reconnect_ms * 11 / 10;
  if (plan.overlap_ms > time_ms / 2)
    plan.overlap_ms = time_ms / 2;
  uint64_t most = time_ms - plan.overlap_ms;
  if (plan.span_ms > most) {
    plan.span_ms = most;
    plan.hurried = true;
  }
  plan.per_s = plan.span_ms ? (n * 1000 + plan.span_ms - 1) / plan.span_ms : n;
  return plan;
}

static void tell(const struct drain_plan *plan, const struct settings *settings, uint64_t n)
{
  if (plan->hurried)
    log_warn("core",
             "closing %llu sessions in %llu ms, %llu a second: drain-rate (%llu) would take longer "
             "than [server] drain-time (%llu ms) allows",
             (unsigned long long)n, (unsigned long long)plan->span_ms,
             (unsigned long long)plan->per_s, (unsigned long long)settings->drain_rate,
             (unsigned long long)settings->drain_ms);
  else
    log_info("core", "closing %llu sessions in %llu ms", (unsigned long long)n,
             (unsigned long long)plan->span_ms);
}

void drain_begin(struct drain *drain, struct worker *workers, unsigned n_workers,
                 const struct settings *settings, uint64_t end_ms)
{
  uint64_t now_ms = clock_now_ms(), n = 0;
  uint64_t parted_ms = end_ms - (end_ms > now_ms ? (end_ms - now_ms) / 5 : 0);
  uint64_t shut_ms = now_ms + SHUT_MS < parted_ms ? now_ms + SHUT_MS : parted_ms;
  *drain = (struct drain){.workers = workers, .parted_ms = parted_ms};
  for (unsigned i = 0; i < n_workers; i++)
    worker_shut(&workers[i]);
  for (unsigned i = 0; i < n_workers; i++)
    n += worker_wait_shut(&workers[i], shut_ms);
  now_ms = clock_now_ms();
  if (!n || now_ms >= parted_ms)
    return;
  struct drain_plan plan = drain_plan_for(settings, n, parted_ms - now_ms);
  tell(&plan, settings, n);
  const struct parting_plan part = {
      .span_ms = plan.span_ms, .overlap_ms = plan.overlap_ms, .end_ms = parted_ms};
  for (unsigned i = 0; i < n_workers; i++)
    worker_part(&workers[i], &part);
  drain->n_left = n_workers;
}

bool drain_goes_on(struct drain *drain)
{
  while (drain->n_left && worker_has_parted(&drain->workers[drain->n_left - 1]))
    drain->n_left--;
  return drain->n_left && clock_now_ms() < drain->parted_ms;
}
