/* The watches and timers of an instance: members of the host table, and the end of what a plugin
 * left open. Owns them until they are closed. On the home thread; from others it is a violation. */
#ifndef PLUGIN_HOST_IO_H
#define PLUGIN_HOST_IO_H

#include <stddef.h>

#include <plugboard/host.h>

#include "base/list.h"

struct host_io {
  struct list watches, timers;
};

void host_io_init(struct host_io *io);
size_t host_io_close_watches(struct host_io *io); /* how many there were */
size_t host_io_close_timers(struct host_io *io);  /* likewise */

struct plug_io *host_io_open(const struct plug_host *host, int fd, uint32_t want, plug_io_fn fn,
                             void *arg);
void host_io_want(struct plug_io *io, uint32_t want);
void host_io_close(struct plug_io *io);
struct plug_timer *host_timer_new(const struct plug_host *host, plug_fn fn, void *arg);
void host_timer_set(struct plug_timer *timer, uint64_t after_ms);
void host_timer_stop(struct plug_timer *timer);
void host_timer_free(struct plug_timer *timer);

#endif
