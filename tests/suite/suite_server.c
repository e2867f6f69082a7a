/* The server with echo services in the place of STOMP, for outside suites of SockJS and WebSocket:
 * suite_server PLUGIN_DIR PORT. Not installed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "net/service.h"
#include "server.h"

static void echo(struct conn *conn, struct plug_str message, bool binary)
{
  service_send(conn, message, binary);
}

static void say_goodbye(struct conn *conn)
{
  service_close(conn, 3000, "Go away!");
}

static void ignore(struct conn *conn, struct plug_str message, bool binary)
{
  (void)conn;
  (void)message;
  (void)binary;
}

/* "5" gets 32 times an x; numbers of 1 to 18 are served, all else is 1. */
static void amplify(struct conn *conn, struct plug_str message, bool binary)
{
  uint64_t n;
  if (!str_to_u64(message, &n) || n < 1 || n > 18)
    n = 1;
  char *text = malloc((size_t)1 << n);
  if (!text)
    return;
  memset(text, 'x', (size_t)1 << n);
  service_send(conn, str_from(text, (size_t)1 << n), binary);
  free(text);
}

static const struct service echo_service = {.message = echo};
static const struct service close_service = {.opened = say_goodbye, .message = ignore};
static const struct service amplify_service = {.message = amplify};

static const struct {
  const char *path, *more; /* of its section */
  const struct service *service;
} mounts[] = {
    {"/echo", "sockjs-stream-limit = 4k\n", &echo_service},
    {"/disabled_websocket_echo", "websocket = off\n", &echo_service},
    {"/cookie_needed_echo", "sockjs-cookie = on\n", &echo_service},
    {"/close", "", &close_service},
    {"/amplify", "", &amplify_service},
};
#define N_MOUNTS (sizeof mounts / sizeof *mounts)

static void put_config(struct buf *out, const char *plugin_dir, const char *port)
{
  buf_putf(out,
           "[server]\nplugin-dir = %s\ndrain-time = 1s\n"
           "[http]\nlisten = 127.0.0.1:%s\ntry-page = off\n"
           "[limits]\nmax-sockjs-message = 64m\nmax-inflated-message = 64m\nqueue-size = 1g\n",
           plugin_dir, port);
  for (size_t i = 0; i < N_MOUNTS; i++)
    buf_putf(out, "[endpoint %s]\nallowed-origins = *\ndeflate = on\n%s%s", mounts[i].path,
             strstr(mounts[i].more, "cookie") ? "" : "sockjs-cookie = off\n", mounts[i].more);
}

static int run(const struct config *config, struct plug_err *err)
{
  static const struct service *services[N_MOUNTS];
  struct settings settings;
  if (settings_load(&settings, config, err) != PLUG_OK)
    return EXIT_CONFIG;
  for (size_t i = 0; i < N_MOUNTS; i++)
    services[i] = mounts[i].service; /* endpoints stand in the order of their sections */
  log_setup(settings.log_level, settings.log_json);
  int status = server_run_services(NULL, config, &settings, services);
  settings_fini(&settings);
  return status;
}

int main(int argc, char **argv)
{
  struct plug_err err = {0};
  struct buf text = {0};
  int status = EXIT_FAILURE;
  if (argc != 3) {
    fprintf(stderr, "usage: suite_server PLUGIN_DIR PORT\n");
    return EXIT_USAGE;
  }
  put_config(&text, argv[1], argv[2]);
  struct config *config = config_new();
  if (config && !text.failed &&
      config_read_text(config, "suite", str_from(text.data, text.len), &err) == PLUG_OK)
    status = run(config, &err);
  if (err.text[0])
    fprintf(stderr, "suite_server: %s\n", err.text);
  buf_free(&text);
  config_free(config);
  return status;
}
