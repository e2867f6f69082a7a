#include "hook_multi.h"

#include <stdlib.h>

struct watch {
  struct watch *next, **link;
  struct hook_multi *multi;
  struct plug_io *io;
};

struct hook_multi {
  const struct plug_host *host;
  CURLM *curl;
  struct plug_timer *timer;
  struct watch *watches;
  hook_multi_fn ended;
  void *ctx;
};

static void tell_ended(struct hook_multi *multi)
{
  CURLMsg *msg;
  int left;
  while ((msg = curl_multi_info_read(multi->curl, &left))) {
    if (msg->msg != CURLMSG_DONE)
      continue;
    CURL *easy = msg->easy_handle;
    CURLcode code = msg->data.result; /* msg is gone with the next call */
    curl_multi_remove_handle(multi->curl, easy);
    multi->ended(multi->ctx, easy, code);
  }
}

static void act(struct hook_multi *multi, curl_socket_t fd, int what)
{
  int running;
  curl_multi_socket_action(multi->curl, fd, what, &running);
  tell_ended(multi);
}

static void on_ready(void *arg, int fd, uint32_t ready) PLUG_NOEXCEPT
{
  struct watch *watch = arg; /* may be gone after act */
  act(watch->multi, fd,
      (ready & PLUG_IO_READ ? CURL_CSELECT_IN : 0) |
          (ready & PLUG_IO_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *arg) PLUG_NOEXCEPT
{
  act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int want_timer(CURLM *curl, long after_ms, void *arg)
{
  struct hook_multi *multi = arg;
  (void)curl;
  if (after_ms < 0)
    multi->host->timer_stop(multi->timer);
  else
    multi->host->timer_set(multi->timer, (uint64_t)after_ms);
  return 0;
}

static void unwatch(struct watch *watch)
{
  watch->multi->host->io_close(watch->io);
  *watch->link = watch->next;
  if (watch->next)
    watch->next->link = watch->link;
  free(watch);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
  struct hook_multi *multi = arg;
  struct watch *watch = of_socket;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (watch)
      unwatch(watch);
    return 0;
  }
  uint32_t want =
      (what & CURL_POLL_IN ? PLUG_IO_READ : 0) | (what & CURL_POLL_OUT ? PLUG_IO_WRITE : 0);
  if (watch) {
    multi->host->io_want(watch->io, want);
    return 0;
  }
  /* Without memory for a watch the transfer ends by its time-out. */
  if (!(watch = malloc(sizeof *watch)))
    return 0;
  *watch = (struct watch){.multi = multi, .next = multi->watches, .link = &multi->watches};
  watch->io = multi->host->io_open(multi->host, fd, want, on_ready, watch);
  if (!watch->io) {
    free(watch);
    return 0;
  }
  if (watch->next)
    watch->next->link = &watch->next;
  multi->watches = watch;
  curl_multi_assign(multi->curl, fd, watch);
  return 0;
}

struct hook_multi *hook_multi_new(const struct plug_host *host, uint64_t connections,
                                  hook_multi_fn ended, void *ctx)
{
  struct hook_multi *multi = calloc(1, sizeof *multi);
  if (!multi)
    return NULL;
  *multi = (struct hook_multi){.host = host, .ended = ended, .ctx = ctx};
  multi->curl = curl_multi_init();
  multi->timer = host->timer_new(host, on_timer, multi);
  if (!multi->curl || !multi->timer) {
    hook_multi_free(multi);
    return NULL;
  }
  curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, want_socket);
  curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
  curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, want_timer);
  curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
  curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, (long)connections);
  return multi;
}

void hook_multi_free(struct hook_multi *multi)
{
  if (!multi)
    return;
  if (multi->curl)
    curl_multi_cleanup(multi->curl);
  while (multi->watches)
    unwatch(multi->watches);
  if (multi->timer)
    multi->host->timer_free(multi->timer);
  free(multi);
}

bool hook_multi_add(struct hook_multi *multi, CURL *easy)
{
  return curl_multi_add_handle(multi->curl, easy) == CURLM_OK;
}

void hook_multi_remove(struct hook_multi *multi, CURL *easy)
{
  curl_multi_remove_handle(multi->curl, easy);
}
