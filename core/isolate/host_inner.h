/* The process of an isolated plugin from within, for host.c, which lives through its steps,
 * host_calls.c, which passes calls on to the plugin, and host_says.c, which tells the server. */
#ifndef ISOLATE_HOST_INNER_H
#define ISOLATE_HOST_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include <plugboard/ext/proof.h>

#include "isolate/pipe.h"
#include "isolate/said.h"
#include "plugin/instance.h"
#include "plugin/loop.h"
#include "plugin/workpool.h"

enum host_step { STEP_NONE, STEP_START, STEP_DRAIN, STEP_STOP, STEP_GONE };

struct host_hello {
  struct plug_str plugin, name, node;
  bool create;
  uint32_t level; /* of the log */
  uint64_t hang_ms, buffer_bytes, pool_threads, pool_queue;
  uint64_t limits[4]; /* of message_limits, in its order */
  uint32_t n_paths;
  struct wire_reader paths;
};

struct host {
  struct pipe pipe; /* out: under the lock; what comes in: the starting thread, then home */
  pthread_mutex_t
      lock;          /* protects pipe.out and says_soon; held while it is written, never longer */
  struct loop *loop; /* NULL: not yet */
  struct workpool *pool;
  struct plugin_image *image;
  struct plugin_instance *instance;
  char *instance_name;
  const struct plug_broker *broker;
  const struct plug_broker_presence *presence;
  const struct plug_broker_proof *proof;
  uint64_t max_waiting;
  /* home: what publish is called with now; the server has the message, and need not get it again */
  const struct plug_msg *publishing;
  uint64_t publishing_id;
  bool direct;    /* PLUG_CAP_DIRECT: it delivers that at once, and answers at once */
  bool delivered; /* with direct: it has */
  uint64_t delivered_to;
  struct loop_task flush_task;
  _Atomic bool flush_posted;
  _Atomic bool congested; /* the server is, as it says */
  _Atomic bool told_hang;
  _Atomic uint64_t n_dropped;
  uv_poll_t *poll; /* home */
  bool wants_write;
  struct loop_hook hook;
  /* From home to the starting thread. */
  pthread_mutex_t step_lock; /* protects the two below */
  pthread_cond_t step_changed;
  enum host_step step;
  uint64_t step_id;
};

/* host_says.c. [any] A frame to the server: between the two the lock is held. */
struct buf *says_begin(struct host *host, enum wire_kind kind, size_t *begin);
/* now: it is written at once if that is possible, whatever thread this is. False: too long. */
bool says_end(struct host *host, size_t begin, bool now);
void says_done(struct host *host, uint64_t id, plug_status status, struct plug_str detail);
/* [home] With direct: the message of that publish has come back, and is published. */
void says_echo_done(struct host *host, uint64_t id, plug_status status);
void says_failed(struct host *host, plug_status status, struct plug_str text);
/* For log.h and watchdog.h. */
void says_log(void *host, enum log_level level, const char *area, struct plug_str line);
void says_hang(void *host);
/* [home] What it is asked for with every ping. */
void says_health(struct host *host);
void says_metrics(struct host *host);
/* [home] */
void says_flush(struct host *host);
/* Until all is written, or nobody reads for that long. */
void says_flush_within(struct host *host, uint64_t ms);
/* The upcalls of the instance. */
struct instance_broker_up says_broker_up(struct host *host);
struct instance_presence_up says_presence_up(struct host *host);

/* host_calls.c. [home] One frame of the server; false: it is none that can be. */
bool calls_run(struct host *host, const struct wire_frame *frame);
/* The id of the request that an operation of list answers. */
uint64_t calls_id(struct plug_op *op);

/* host.c. [home] */
void host_on_ready(uv_poll_t *poll, int status, int events);
void host_step(struct host *host, enum host_step step, uint64_t id);

#endif
