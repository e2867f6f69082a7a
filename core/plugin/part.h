/* What the parts of an instance know of it: who it is, where its home is, how far it has come, and
 * where the other parts hang. Its owner (instance.c) has this as the first member of the whole, and
 * knows the parts; they know nothing but this. Owns nothing itself. Threads as tagged. */
#ifndef PLUGIN_PART_H
#define PLUGIN_PART_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <plugboard/host.h>

#include "base/log.h"
#include "plugin/instance_terms.h"

struct host_config;
struct host_io;
struct loop;
struct metrics;
struct op_pool;
struct plugin_image;

struct plugin_instance {
  /* What the plugin sees; the first member, so that a plug_host is turned into its instance without
   * a look-up. */
  struct plug_host host;
  struct instance_broker_up up;
  struct instance_auth_up auth_up;            /* its functions NULL: nobody listens */
  struct instance_app_up app_up;              /* likewise */
  struct instance_presence_up presence_up;    /* likewise */
  const struct instance_extension *extension; /* or NULL */

  const struct plugin_image *image;
  const char *id; /* the plugin's; stays valid for ever, as images do */
  char *name;
  uint64_t serial; /* rises from instance to instance */
  void *self;
  void (*cancel)(void *self, struct plug_op *op) PLUG_NOEXCEPT; /* or NULL */
  struct loop *loop;

  _Atomic int state;       /* enum instance_state */
  _Atomic bool at_control; /* has asked for an extension that lives on the control thread */
  _Atomic bool closed;     /* stop is over: upcalls are refused */
  _Atomic bool creating;   /* create runs, on the thread of creator */
  pthread_t creator;
  _Atomic int64_t posted;
  _Atomic int64_t jobs; /* in the work pool, until done has run */
  struct log_limit slow_limit, violation_limit, refused_limit;

  struct op_pool *ops;
  struct metrics *metrics;
  struct host_io *io;         /* [home] */
  struct host_config *config; /* while create runs */
};

static inline struct plugin_instance *part_of(const struct plug_host *host)
{
  return (struct plugin_instance *)(uintptr_t)host;
}

static inline enum instance_state part_state(const struct plugin_instance *instance)
{
  return (enum instance_state)atomic_load(&instance->state);
}

#endif
