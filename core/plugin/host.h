/* What an instance consists of, for the files of this folder: the host table that the plugin sees
 * is its first member, so that a plug_host is turned into its instance without a look-up. */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H

#include <pthread.h>

#include "base/log.h"
#include "config/option.h"
#include "plugin/instance.h"
#include "plugin/metrics.h"
#include "plugin/op_pool.h"

/* One of start, drain, stop: run at home, waited for on the starting thread. Each happens once. */
struct instance_step {
  struct plugin_instance *instance;
  const char *name;
  plug_status (*call)(void *self, struct plug_op *op) PLUG_NOEXCEPT; /* NULL: nothing to do */
  uint64_t limit_ms;
  struct loop_task task;
  bool finished; /* this and what follows: under the instance's lock */
  plug_status status;
  char detail[200];
};

struct plugin_instance {
  struct plug_host host;
  struct plugin_image *image;
  struct loop *loop;
  struct instance_broker_up up;
  struct instance_auth_up auth_up;            /* its functions NULL: nobody listens */
  struct instance_app_up app_up;              /* likewise */
  struct instance_presence_up presence_up;    /* likewise */
  const struct instance_extension *extension; /* or NULL */
  void *self;
  char *name;
  _Atomic int state; /* enum instance_state */
  _Atomic int64_t holds;
  _Atomic bool has_called; /* its extension */
  _Atomic bool closed;     /* stop is over: upcalls are refused */
  bool started;

  /* While create runs. */
  _Atomic bool creating;
  pthread_t creator;
  const struct config_section *section;
  const struct config *config; /* NULL: it has no sections with names */
  bool asked_sections;
  const char *blamed, *blamed_file; /* a section, and where in it create has found a fault */
  int blamed_line;

  struct list watches, timers; /* home only */
  _Atomic int64_t posted;
  _Atomic int64_t jobs; /* in the work pool, until done has run */
  struct op_pool ops;
  struct metrics metrics;
  struct log_limit slow_limit, violation_limit, refused_limit;

  uv_mutex_t lock; /* protects the steps' results; nothing is called under it */
  uv_cond_t changed;
  struct instance_step start, drain, stop;
  char leaked[160]; /* what the audit found; empty when all is well */
};

static inline struct plugin_instance *instance_of(const struct plug_host *host)
{
  return (struct plugin_instance *)(uintptr_t)host;
}

/* Fills instance->host. */
void host_init(struct plugin_instance *instance);

/* Somebody broke the contract of the public headers: fatal in debug builds, one log line a second
 * in others. */
void host_violation(struct plugin_instance *instance, const char *function, const char *what);
/* The same when only the plugin is known. */
void host_violation_of(const struct plugin_image *image, const char *function, const char *what);

/* True on the home thread; otherwise a violation. */
bool host_check_home(struct plugin_instance *instance, const char *function);
/* True inside create, on its thread; otherwise a violation. */
bool host_check_create(struct plugin_instance *instance, const char *function);

/* host_presence.c: the server's half of "plug.broker.presence/1". */
extern const struct plug_broker_presence_up host_presence_table;

/* host_io.c: members of the host table, and the end of what a plugin left open. */
struct plug_io *host_io_open(const struct plug_host *host, int fd, uint32_t want, plug_io_fn fn,
                             void *arg);
void host_io_want(struct plug_io *io, uint32_t want);
void host_io_close(struct plug_io *io);
struct plug_timer *host_timer_new(const struct plug_host *host, plug_fn fn, void *arg);
void host_timer_set(struct plug_timer *timer, uint64_t after_ms);
void host_timer_stop(struct plug_timer *timer);
void host_timer_free(struct plug_timer *timer);
size_t host_close_watches(struct plugin_instance *instance); /* [home] how many there were */
size_t host_close_timers(struct plugin_instance *instance);  /* [home] likewise */

#endif
