#include "load_storm.h"

#include <stdlib.h>

enum { STEP = 8, PREPARE_AT_ONCE = 256 };

static const uint64_t give_up_ns = 60000000000U;

void storm_prepare(struct storm *storm, struct load *load, unsigned n, uint32_t topic)
{
  *storm = (struct storm){.load = load, .n = n, .ready_before = load->n_ready};
  storm->conns = calloc(n, sizeof(struct conn *));
  if (!storm->conns)
    load_fail("out of memory");
  uint64_t from = clock_now_ns();
  for (unsigned opened = 0; load->n_ready - storm->ready_before < n;) {
    while (opened < n && opened - (load->n_ready - storm->ready_before) < PREPARE_AT_ONCE) {
      storm->conns[opened] = load_open(load, ROLE_STORM, topic, opened);
      opened++;
    }
    load_poll(load, 1000000);
    if (clock_now_ns() - from > give_up_ns)
      load_fail("only %zu of the storm's %u connections were accepted",
                load->n_ready - storm->ready_before, n);
  }
}

bool storm_step(struct storm *storm)
{
  struct load *load = storm->load;
  if (storm->end_ns)
    return false;
  for (unsigned i = 0; i < STEP && storm->n_closed < storm->n; i++)
    conn_close(storm->conns[storm->n_closed++]);
  if (storm->n_closed < storm->n)
    return true;
  uint64_t now = clock_now_ns();
  if (!storm->start_ns)
    storm->start_ns = now;
  for (unsigned i = 0; i < STEP && storm->n_opened < storm->n; i++)
    load_reopen(storm->conns[storm->n_opened++]);
  if (load->n_ready - storm->ready_before == storm->n)
    storm->end_ns = now;
  else if (now - storm->start_ns > give_up_ns)
    load_fail("only %zu of %u clients came back", load->n_ready - storm->ready_before, storm->n);
  return !storm->end_ns;
}

bool storm_covers(const struct storm *storm, uint64_t time_ns)
{
  return storm->start_ns && time_ns >= storm->start_ns &&
         (!storm->end_ns || time_ns < storm->end_ns);
}

void storm_free(struct storm *storm)
{
  free(storm->conns);
}
