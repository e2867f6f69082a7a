#include "net/doors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/passed.h"

static const char *name_of(const struct door *door)
{
  static const char *const names[DOOR_KINDS][2] = {[DOOR_CLIENTS] = {"http", "https"},
                                                   [DOOR_API] = {"http-api", "https-api"},
                                                   [DOOR_ADMIN] = {"http-admin", "https-admin"},
                                                   [DOOR_METRICS] = {"http-metrics", NULL}};
  if (door->carrier)
    return door->tls ? "tls" : door->carrier->name;
  return names[door->kind][door->tls];
}

static void tell(const struct door *door, const struct settings_address *address,
                 const char *by_whom)
{
  const char *open = strchr(address->host, ':') ? "[" : "", *shut = *open ? "]" : "";
  log_info("net", "listening on %s://%s%s%s:%u%s", name_of(door), open, address->host, shut,
           address->port, by_whom);
}

/* One socket, from which all workers accept. Takes fd over. */
static plug_status share(struct worker *workers, const struct settings *settings, int fd,
                         const struct door *door, struct plug_err *err)
{
  struct door shared = *door;
  plug_status status = PLUG_OK;
  shared.shared = true;
  for (unsigned i = 0; i < settings->workers && status == PLUG_OK; i++) {
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    status = own < 0 ? PLUG_EUNAVAIL : worker_listen(&workers[i], own, &shared);
    if (status != PLUG_OK) {
      snprintf(err->text, sizeof err->text, "cannot give a socket to all workers: %s",
               strerror(own < 0 ? errno : ENOMEM));
      if (own >= 0)
        close(own);
    }
  }
  close(fd);
  return status;
}

/* One socket per worker on the same port; port 0 is resolved by the first. */
static plug_status listen_on(struct worker *workers, const struct settings *settings,
                             const struct settings_address *address, const struct door *door,
                             struct plug_err *err)
{
  struct settings_address a = *address;
  int passed = passed_take_address(address, settings);
  if (passed >= 0) {
    plug_status status = share(workers, settings, passed, door, err);
    if (status == PLUG_OK)
      tell(door, address, ", passed by systemd");
    return status;
  }
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
  tell(door, &a, "");
  return PLUG_OK;
}

/* One socket, from which all workers accept; none if place has no path. */
static plug_status listen_at_path(struct worker *workers, const struct settings *settings,
                                  const struct settings_socket *place, const struct door *kind,
                                  struct doors *doors, struct plug_err *err)
{
  const char *path = place->path;
  struct door local = *kind, *door = &local;
  local.local = true;
  if (!path)
    return PLUG_OK;
  int fd = passed_take_path(path);
  bool passed = fd >= 0;
  if (!passed && (fd = listener_bind_unix(place, err)) < 0)
    return PLUG_EUNAVAIL;
  if (!passed) /* or else it is systemd's to remove */
    doors->paths[doors->n_paths++] = path;
  plug_status status = share(workers, settings, fd, door, err);
  if (status == PLUG_OK)
    log_info("net", "listening on %s://unix:%s%s", name_of(door), path,
             passed ? ", passed by systemd" : "");
  return status;
}

plug_status doors_open(struct worker *workers, const struct settings *settings, struct doors *doors,
                       struct plug_err *err)
{
  struct door http = {.kind = DOOR_CLIENTS}, tcp = {.carrier = &carrier_tcp};
  struct door api = {.kind = DOOR_API}, admin = {.kind = DOOR_ADMIN};
  struct door metrics = {.kind = DOOR_METRICS};
  struct door *const doors_all[] = {&http, &tcp, &api, &admin, &metrics};
  for (size_t i = 0; i < sizeof doors_all / sizeof *doors_all; i++)
    door_set(doors_all[i], settings);
  const struct {
    const struct settings_address *addresses;
    size_t n;
    const struct door *door;
    bool tls;
  } places[] = {{settings->http_listen, settings->n_http_listen, &http, false},
                {settings->http_tls_listen, settings->n_http_tls_listen, &http, true},
                {settings->tcp_listen, settings->n_tcp_listen, &tcp, false},
                {settings->tcp_tls_listen, settings->n_tcp_tls_listen, &tcp, true},
                {settings->api_listen, settings->n_api_listen, &api, false},
                {settings->api_tls_listen, settings->n_api_tls_listen, &api, true},
                {settings->admin_listen, settings->n_admin_listen, &admin, false},
                {settings->admin_tls_listen, settings->n_admin_tls_listen, &admin, true},
                {settings->metrics_listen, settings->n_metrics_listen, &metrics, false}};
  plug_status status = passed_begin(err);
  for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
    struct door door = *places[k].door;
    door.tls = places[k].tls;
    for (size_t i = 0; i < places[k].n && status == PLUG_OK; i++)
      status = listen_on(workers, settings, &places[k].addresses[i], &door, err);
  }
  const struct settings_socket api_socket = {settings->api_socket, 0660, -1};
  if (status == PLUG_OK)
    status = listen_at_path(workers, settings, &api_socket, &api, doors, err);
  if (status == PLUG_OK)
    status = listen_at_path(workers, settings, &settings->admin_socket, &admin, doors, err);
  /* Also after a failure: none is left open. */
  struct plug_err rest = {0};
  if (passed_end(&rest) != PLUG_OK && status == PLUG_OK) {
    *err = rest;
    status = PLUG_EINVAL;
  }
  if (settings->n_api_keys && !settings->n_api_listen && !settings->n_api_tls_listen &&
      !settings->api_socket && status == PLUG_OK)
    log_info("net",
             "the API is served where clients connect; [api] listen or socket keeps it apart");
  return status;
}

void doors_remove_paths(struct doors *doors)
{
  while (doors->n_paths)
    unlink(doors->paths[--doors->n_paths]);
}
