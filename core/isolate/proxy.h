/* The server's end of one isolated instance, for the files of this folder: what image.c makes,
 * proxy.c runs and the others add to. Everything of it is the home thread's, unless tagged. */
#ifndef ISOLATE_PROXY_H
#define ISOLATE_PROXY_H

#include <stdatomic.h>

#include <plugboard/ext/metrics.h>

#include "backoff.h"
#include "config/option.h"
#include "isolate/child.h"
#include "isolate/isolate.h"
#include "isolate/pipe.h"
#include "isolate/requests.h"
#include "isolate/said.h"
#include "plugin/host_config.h"
#include "plugin/lane_calls.h"
#include "plugin/loop.h"
#include "plugin/part.h"

struct isolate_image {
  struct plugin_image image;
  struct list link;
  struct isolate_settings settings;
  char *program;
  char *description; /* as the process has sent it: every later one must say the same */
  size_t description_len;
  struct plug_option *options; /* of image.entry, with all their strings */
  char *id, *version, *summary, *build;
  struct plug_broker broker;
  int64_t mtime_ns; /* of the file */
};

enum proxy_phase {
  PROXY_AWAY,     /* there is no process; a timer starts one */
  PROXY_DYING,    /* it was killed, or has ended, and is not reaped yet */
  PROXY_CREATED,  /* create is over, start is still to come */
  PROXY_STARTING, /* load, create and start are under way there */
  PROXY_RUNNING,
  PROXY_STOPPING, /* it was asked to end */
};

struct proxy_metric {
  struct plug_metric *metric;
  bool is_gauge;
  int64_t last; /* of this process: counters go on where the last one's have ended */
};

struct proxy {
  const struct plug_host *host;
  struct isolate_image *image;
  const char *name; /* of the instance */
  enum proxy_phase phase;
  struct child child;
  struct pipe pipe;
  struct buf birth; /* HELLO and CREATE, for every process of this instance */
  struct requests requests;
  const struct lane_up *lane_up; /* NULL: nothing ever came by the lane */
  void *lane_ctx;
  struct proxy_metric *metrics;
  uint32_t n_metrics;
  uint32_t extensions; /* SAID_... */
  const struct plug_broker_presence_up *presence_up;
  const struct plug_metrics *metrics_up;
  struct plug_metric *restarts, *refused; /* the proxy's own */
  /* from start on */
  struct loop_hook hook;
  bool hooked;
  struct plug_io *io, *words_io;
  struct plug_timer *timer; /* reaps, starts anew, pings, sees to limits */
  struct plug_op *start_op; /* the server waits for the first start */
  struct plug_op *stop_op;
  uint64_t start_id;      /* which request that is */
  uint64_t deadline_ms;   /* of what is under way: a sign of life, start, stop */
  uint64_t ping_ms, ping; /* when the next one goes; its number */
  uint64_t retry_ms;      /* PROXY_AWAY: when */
  uint64_t born_ms, looked_ms;
  unsigned n_failures;
  struct backoff backoff;
  bool told_up;     /* the server believes that it is up */
  bool first_up;    /* of this process, which has none of the interests */
  bool lost_before; /* some process was lost: what comes up has nothing */
  bool congested;   /* as it was told */
  bool ran;         /* some process has started, so another may */
  bool draining;
  int32_t level; /* of the log, as it was told */
  char hangs_in[64];
  char why[200]; /* it is away */
  struct plug_health health;
  _Atomic uint64_t proven_ms; /* [any] */
};

/* Begins a frame for the process; NULL: there is none to take it, or too much waits. */
struct buf *proxy_begin(struct proxy *proxy, enum wire_kind kind, size_t *begin);
/* PLUG_ETOOBIG: it is longer than any may be, and is not sent. */
plug_status proxy_end(struct proxy *proxy, size_t begin);
/* A frame that begins with an id for op and its deadline; 0 and *status set: it cannot be sent. */
uint64_t proxy_begin_op(struct proxy *proxy, enum wire_kind kind, struct plug_op *op,
                        const struct plug_msg *msg, size_t *begin, plug_status *status);
plug_status proxy_end_op(struct proxy *proxy, uint64_t id, size_t begin);
/* A frame of one number, for a process that may not be there. */
void proxy_put_number(struct proxy *proxy, enum wire_kind kind, uint64_t number);

/* proxy_broker.c: the tables. */
extern const struct plug_broker proxy_broker_table;
extern const struct lane_calls proxy_lane_calls; /* with PLUG_CAP_DIRECT */
const void *proxy_extension(void *self, const char *id);
/* What the process says of messages and rooms. NULL, or what is wrong with it. */
const char *proxy_hear_echo(struct proxy *proxy, const struct wire_frame *frame);
const char *proxy_hear_broker(struct proxy *proxy, const struct said *said);
/* The answer to a message of the lane. */
const char *proxy_hear_lane(struct proxy *proxy, const struct said *said);
/* From when on a process that does not answer is lost, at the latest. */
uint64_t proxy_limit_ms(const struct proxy *proxy);
/* What went by the lane and is not over never will be. */
void proxy_cancel_lane(struct proxy *proxy, struct plug_str why);

/* proxy_hear.c: whatever it says. NULL, or what is wrong with it. It may be lost meanwhile. */
const char *proxy_hear(struct proxy *proxy, const struct wire_frame *frame);
void proxy_report_state(struct proxy *proxy, int32_t state, uint32_t flags, struct plug_str why);
/* The lowest level of the log that is written, if it is another than it was told. */
void proxy_tell_level(struct proxy *proxy);
void proxy_copy_text(char *out, size_t size, struct plug_str text);

/* proxy.c: the life of an instance, in the order of plugin.h. */
plug_status proxy_create(const struct plug_host *host, void **self, struct plug_err *err);
plug_status proxy_start(void *self, struct plug_op *op);
plug_status proxy_drain(void *self, struct plug_op *op);
plug_status proxy_stop(void *self, struct plug_op *op);
void proxy_destroy(void *self);
/* The process is killed, if it is there, and another one takes its place, if one may. why: NULL if
 * that is to be seen by how it has ended. */
void proxy_lose(struct proxy *proxy, const char *why);

/* birth.c: the first frames of a process. */
struct birth {
  const struct isolate_image *image;
  const char *path;                     /* of the plugin */
  const char *name;                     /* of the instance, or "" for a description */
  const struct config_section *section; /* or NULL */
  bool create;
};
bool birth_put(struct buf *out, const struct birth *birth);

/* The process of a plugin is to have loaded the very plugin that image is of. */
bool proxy_is_same(const struct isolate_image *image, const struct wire_frame *frame);

#endif
