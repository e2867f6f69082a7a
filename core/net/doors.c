#include "net/doors.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* One socket per worker on the same port; port 0 is resolved by the first. */
static plug_status listen_on(struct worker *workers, const struct settings *settings,
                             const struct settings_address *address, const struct door *door,
                             struct plug_err *err)
{
  struct settings_address a = *address;
  /* Here, not for all addresses before: two names of one address share it just as unnoticed. */
  plug_status status = listener_probe(address, err);
  if (status != PLUG_OK)
    return status;
  for (unsigned i = 0; i < settings->workers; i++) {
    int fd = listener_bind(&a, settings, &a.port, err);
    if (fd < 0)
      return PLUG_EUNAVAIL;
    status = worker_listen(&workers[i], fd, door);
    if (status != PLUG_OK) {
      close(fd);
      snprintf(err->text, sizeof err->text, "out of memory");
      return status;
    }
  }
  const char *open = strchr(a.host, ':') ? "[" : "", *shut = *open ? "]" : "";
  log_info("net", "listening on %s://%s%s%s:%u",
           door->carrier    ? door->carrier->name
           : door->api_only ? "http-api"
                            : "http",
           open, a.host, shut, a.port);
  return PLUG_OK;
}

/* One socket, from which all workers accept. */
static plug_status listen_at_path(struct worker *workers, const struct settings *settings,
                                  const struct door *door, bool *bound_path, struct plug_err *err)
{
  const char *path = settings->api_socket;
  int fd = listener_bind_unix(path, err);
  if (fd < 0)
    return PLUG_EUNAVAIL;
  *bound_path = true;
  plug_status status = PLUG_OK;
  for (unsigned i = 0; i < settings->workers && status == PLUG_OK; i++) {
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    status = own < 0 ? PLUG_EUNAVAIL : worker_listen(&workers[i], own, door);
    if (status != PLUG_OK) {
      snprintf(err->text, sizeof err->text, "cannot listen on unix:%.160s for all workers", path);
      if (own >= 0)
        close(own);
    }
  }
  close(fd);
  if (status == PLUG_OK)
    log_info("net", "listening on http-api://unix:%s", path);
  return status;
}

plug_status doors_open(struct worker *workers, const struct settings *settings, bool *bound_path,
                       struct plug_err *err)
{
  struct door http = {0}, tcp = {.carrier = &carrier_tcp}, api = {.api_only = true};
  door_set(&http, settings);
  door_set(&tcp, settings);
  door_set(&api, settings);
  plug_status status = PLUG_OK;
  for (size_t i = 0; i < settings->n_http_listen && status == PLUG_OK; i++)
    status = listen_on(workers, settings, &settings->http_listen[i], &http, err);
  for (size_t i = 0; i < settings->n_tcp_listen && status == PLUG_OK; i++)
    status = listen_on(workers, settings, &settings->tcp_listen[i], &tcp, err);
  for (size_t i = 0; i < settings->n_api_listen && status == PLUG_OK; i++)
    status = listen_on(workers, settings, &settings->api_listen[i], &api, err);
  if (settings->api_socket && status == PLUG_OK)
    status = listen_at_path(workers, settings, &api, bound_path, err);
  if (settings->n_api_keys && !settings->n_api_listen && !settings->api_socket && status == PLUG_OK)
    log_info("net",
             "the API is served where clients connect; [api] listen or socket keeps it apart");
  return status;
}
