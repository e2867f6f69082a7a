#include "load_close.h"

#include <sys/socket.h>
#include <time.h>

#define PATIENCE_NS UINT64_C(10000000000)

void load_close_idle(struct load *load, const struct options *options, struct process_usage *from,
                     struct process_usage *to)
{
  const pid_t *pids = options->pids;
  size_t n_pids = options->n_pids, files = process_files(pids, n_pids);
  if (!options->idle || files < options->idle)
    return; /* another user's, or a server whose other processes hold them */
  uint64_t until = clock_now_ns() + PATIENCE_NS;
  if (!process_usage_read(pids, n_pids, from))
    return;
  for (size_t i = 0; i < load->n_conns; i++)
    if (load->conns[i].role == ROLE_IDLE && load->conns[i].fd >= 0)
      shutdown(load->conns[i].fd, SHUT_WR);
  while (process_files(pids, n_pids) + options->idle > files && clock_now_ns() < until)
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  if (!process_usage_read(pids, n_pids, to))
    *to = *from;
}
