#include "plugin/host_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "plugin/border.h"
#include "plugin/handle.h"
#include "plugin/instance_call.h"
#include "plugin/loop.h"
#include "plugin/part.h"

struct watched {
  struct plug_io *handle;
  uv_poll_t poll;
  struct list link;
  struct plugin_instance *instance;
  plug_io_fn fn;
  void *arg;
  int fd;  /* the plugin's, as it is given back to it */
  int own; /* what is watched: a plugin that closes its own too early must not bring libuv down */
  uint32_t want;
};

struct timed {
  struct plug_timer *handle;
  uv_timer_t timer;
  struct list link;
  struct plugin_instance *instance;
  plug_fn fn;
  void *arg;
};

void host_io_init(struct host_io *io)
{
  list_init(&io->watches);
  list_init(&io->timers);
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct watched *io)
{
  int events = 0;
  if (io->want & PLUG_IO_READ)
    events |= UV_READABLE;
  if (io->want & PLUG_IO_WRITE)
    events |= UV_WRITABLE;
  if (events)
    uv_poll_start(&io->poll, events, on_ready);
  else
    uv_poll_stop(&io->poll);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
  struct watched *io = container_of(poll, struct watched, poll);
  struct plugin_instance *instance = io->instance;
  uint32_t ready = 0;
  if (status < 0) {
    /* A descriptor in error is ready for all that is wanted, and for reading in any case. */
    ready = PLUG_IO_READ | io->want;
  } else {
    if (events & UV_READABLE)
      ready |= PLUG_IO_READ;
    if (events & UV_WRITABLE)
      ready |= PLUG_IO_WRITE;
  }
  struct instance_call call;
  instance_call_begin(&call, instance, "an io callback");
  io->fn(io->arg, io->fd, ready);
  instance_call_end(&call);
  /* libuv gives up watching after an error; a level-triggered watch goes on. The memory of a watch
   * that was closed meanwhile is there until the end of this turn. */
  if (status < 0 && !uv_is_closing((uv_handle_t *)poll))
    watch(io);
}

static void io_closed(uv_handle_t *handle)
{
  struct watched *io = container_of((uv_poll_t *)handle, struct watched, poll);
  close(io->own);
  free(io);
}

struct plug_io *host_io_open(const struct plug_host *host, int fd, uint32_t want, plug_io_fn fn,
                             void *arg)
{
  struct plugin_instance *instance = part_of(host);
  if (!border_is_home(instance, "io_open"))
    return NULL;
  struct list *open = &instance->io->watches;
  for (struct list *node = open->next; node != open; node = node->next)
    if (container_of(node, struct watched, link)->fd == fd) {
      log_error(instance->name, "cannot watch descriptor %d: it is watched already", fd);
      return NULL;
    }
  struct watched *io = calloc(1, sizeof *io);
  if (!io)
    return NULL;
  io->own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  int failed = io->own < 0 ? uv_translate_sys_error(errno)
                           : uv_poll_init(loop_uv(instance->loop), &io->poll, io->own);
  if (failed) {
    if (io->own >= 0)
      close(io->own);
    log_error(instance->name, "cannot watch descriptor %d: %s", fd, uv_strerror(failed));
    free(io);
    return NULL;
  }
  io->handle = handle_new(HANDLE_IO, io, instance->id);
  if (!io->handle) {
    uv_close((uv_handle_t *)&io->poll, io_closed);
    return NULL;
  }
  io->instance = instance;
  io->fn = fn;
  io->arg = arg;
  io->fd = fd;
  io->want = want;
  list_append(open, &io->link);
  watch(io);
  return io->handle;
}

void host_io_want(struct plug_io *handle, uint32_t want)
{
  struct watched *io = handle_get(handle, HANDLE_IO, "io_want");
  if (!io || !border_is_home(io->instance, "io_want") || io->want == want)
    return;
  io->want = want;
  watch(io);
}

static void close_watch(struct watched *io)
{
  handle_free(io->handle);
  list_remove(&io->link);
  uv_close((uv_handle_t *)&io->poll, io_closed);
}

void host_io_close(struct plug_io *handle)
{
  struct watched *io = handle ? handle_get(handle, HANDLE_IO, "io_close") : NULL;
  if (io && border_is_home(io->instance, "io_close"))
    close_watch(io);
}

static void on_timer(uv_timer_t *uv)
{
  struct timed *timer = container_of(uv, struct timed, timer);
  struct plugin_instance *instance = timer->instance;
  struct instance_call call;
  instance_call_begin(&call, instance, "a timer callback");
  timer->fn(timer->arg);
  instance_call_end(&call);
}

static void timer_closed(uv_handle_t *handle)
{
  free(container_of((uv_timer_t *)handle, struct timed, timer));
}

struct plug_timer *host_timer_new(const struct plug_host *host, plug_fn fn, void *arg)
{
  struct plugin_instance *instance = part_of(host);
  if (!border_is_home(instance, "timer_new"))
    return NULL;
  struct timed *timer = calloc(1, sizeof *timer);
  if (!timer)
    return NULL;
  timer->handle = handle_new(HANDLE_TIMER, timer, instance->id);
  if (!timer->handle) {
    free(timer);
    return NULL;
  }
  uv_timer_init(loop_uv(instance->loop), &timer->timer);
  timer->instance = instance;
  timer->fn = fn;
  timer->arg = arg;
  list_append(&instance->io->timers, &timer->link);
  return timer->handle;
}

void host_timer_set(struct plug_timer *handle, uint64_t after_ms)
{
  struct timed *timer = handle_get(handle, HANDLE_TIMER, "timer_set");
  if (!timer || !border_is_home(timer->instance, "timer_set"))
    return;
  /* libuv counts from the start of the turn, and a timer must not be early by what has passed. */
  uv_update_time(loop_uv(timer->instance->loop));
  uv_timer_start(&timer->timer, on_timer, after_ms, 0);
}

void host_timer_stop(struct plug_timer *handle)
{
  struct timed *timer = handle_get(handle, HANDLE_TIMER, "timer_stop");
  if (timer && border_is_home(timer->instance, "timer_stop"))
    uv_timer_stop(&timer->timer);
}

static void close_timer(struct timed *timer)
{
  handle_free(timer->handle);
  list_remove(&timer->link);
  uv_close((uv_handle_t *)&timer->timer, timer_closed);
}

void host_timer_free(struct plug_timer *handle)
{
  struct timed *timer = handle ? handle_get(handle, HANDLE_TIMER, "timer_free") : NULL;
  if (timer && border_is_home(timer->instance, "timer_free"))
    close_timer(timer);
}

size_t host_io_close_watches(struct host_io *io)
{
  size_t n = 0;
  struct list *node;
  while ((node = list_first(&io->watches))) {
    close_watch(container_of(node, struct watched, link));
    n++;
  }
  return n;
}

size_t host_io_close_timers(struct host_io *io)
{
  size_t n = 0;
  struct list *node;
  while ((node = list_first(&io->timers))) {
    close_timer(container_of(node, struct timed, link));
    n++;
  }
  return n;
}
