#include "load_storm.h"

#include <sched.h>
#include <string.h>
#include <time.h>

enum { STEP = 64, PREPARE_AT_ONCE = 256, SETTLE_MS = 300 };

static const uint64_t give_up_ns = 60000000000U;

static void connect_all(struct storm *storm)
{
  struct load *load = &storm->load;
  uint64_t from = clock_now_ns();
  for (unsigned opened = 0; load->n_ready < storm->n;) {
    for (; opened < storm->n && opened - load->n_ready < PREPARE_AT_ONCE; opened++)
      (void)load_open(load, ROLE_STORM, storm->topic, opened);
    load_poll(load, 1000000);
    if (clock_now_ns() - from > give_up_ns)
      load_fail("only %zu of the storm's %u connections were accepted", load->n_ready, storm->n);
  }
}

static void come_back(struct storm *storm)
{
  struct load *load = &storm->load;
  uint64_t from = clock_now_ns();
  for (unsigned opened = 0; load->n_ready < storm->n;) {
    for (unsigned i = 0; i < STEP && opened < storm->n; i++)
      load_reopen(&load->conns[opened++]);
    load_poll(load, opened < storm->n ? 0 : 1000000);
    if (clock_now_ns() - from > give_up_ns)
      load_fail("only %zu of %u clients came back", load->n_ready, storm->n);
  }
}

static void *run(void *arg)
{
  struct storm *storm = arg;
  struct load *load = &storm->load;
  connect_all(storm);
  sem_post(&storm->connected);
  sem_wait(&storm->begin);
  atomic_store(&storm->cut_ns, clock_now_ns());
  for (unsigned i = 0; i < storm->n; i++)
    conn_close(&load->conns[i]);
  nanosleep(&(struct timespec){.tv_nsec = SETTLE_MS * 1000000L}, NULL);
  atomic_store(&storm->start_ns, clock_now_ns());
  come_back(storm);
  atomic_store(&storm->end_ns, clock_now_ns());
  return NULL;
}

void storm_prepare(struct storm *storm, const struct load *like, unsigned n, uint32_t topic)
{
  struct load *load = &storm->load;
  *load = *like; /* as to where and how */
  load->first_number = like->cap_conns;
  load->n_conns = load->n_ready = 0;
  load->sender = NULL;
  load->n_sessions = 0;
  load->events_max = 0;
  memset(&load->inflater, 0, sizeof load->inflater);
  load_init(load, n);
  storm->n = n;
  storm->topic = topic;
  sem_init(&storm->connected, 0, 0);
  sem_init(&storm->begin, 0, 0);
  if (pthread_create(&storm->thread, NULL, run, storm) != 0)
    load_fail("no thread for the storm");
  while (sem_wait(&storm->connected) != 0)
    ;
  if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1}) != 0)
    pthread_setschedparam(storm->thread, SCHED_IDLE, &(struct sched_param){.sched_priority = 0});
}

void storm_begin(struct storm *storm)
{
  storm->begun = true;
  sem_post(&storm->begin);
}

enum storm_phase storm_phase_at(const struct storm *storm, uint64_t time_ns)
{
  uint64_t cut_ns = atomic_load(&storm->cut_ns), start_ns = atomic_load(&storm->start_ns),
           end_ns = atomic_load(&storm->end_ns);
  if (!cut_ns || time_ns < cut_ns || (end_ns && time_ns >= end_ns))
    return STORM_CALM;
  return start_ns && time_ns >= start_ns ? STORM_BACK : STORM_CUT;
}

void storm_free(struct storm *storm)
{
  if (!storm->n)
    return;
  pthread_join(storm->thread, NULL);
  storm->load.tls = NULL; /* another's */
  load_fini(&storm->load);
}
