#include "load_heartbeat.h"

void heartbeat_start(struct heartbeat *heartbeat, struct load *load, unsigned period_ms)
{
  *heartbeat = (struct heartbeat){
      .load = load, .period_ns = (uint64_t)period_ms * 1000000U, .start_ns = clock_now_ns()};
}

uint64_t heartbeat_run(struct heartbeat *heartbeat)
{
  struct load *load = heartbeat->load;
  uint64_t now = clock_now_ns();
  if (load->n_conns == 0)
    return UINT64_MAX;
  for (;;) {
    uint64_t due = heartbeat->start_ns + heartbeat->n_sent / load->n_conns * heartbeat->period_ns +
                   heartbeat->n_sent % load->n_conns * heartbeat->period_ns / load->n_conns;
    if (due > now)
      return due;
    conn_beat(&load->conns[heartbeat->n_sent++ % load->n_conns]);
  }
}
