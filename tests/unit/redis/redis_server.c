#include "redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>

bool redis_server_installed(void)
{
  return access("/usr/bin/redis-server", X_OK) == 0 ||
         access("/usr/local/bin/redis-server", X_OK) == 0;
}

int redis_server_free_port(void)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sa;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
  close(fd);
  return ntohs(sa.sin_port);
}

static void prepare(struct redis_server *server)
{
  if (server->dir[0] == '\0') {
    strcpy(server->dir, "/tmp/plugboard-redis-XXXXXX");
    assert_non_null(mkdtemp(server->dir));
    snprintf(server->socket, sizeof server->socket, "%s/sock", server->dir);
  }
  if (server->port == 0)
    server->port = redis_server_free_port();
  snprintf(server->url, sizeof server->url, "redis://127.0.0.1:%d", server->port);
}

/* REDIS_SERVER names another one, as valkey-server. */
static void spawn(struct redis_server *server, const char *const *argv)
{
  const char *named = getenv("REDIS_SERVER");
  const char *program = named != NULL && *named != '\0' ? named : "redis-server";
  pid_t parent = getpid();
  server->pid = fork();
  assert_true(server->pid >= 0);
  if (server->pid > 0)
    return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(126);
  int null = open("/dev/null", O_RDWR);
  dup2(null, 0);
  dup2(null, 1);
  dup2(null, 2);
  execvp(program, (char *const *)(uintptr_t)argv);
  _exit(127);
}

static redisContext *connect_to(struct redis_server *server)
{
  struct timeval limit = {.tv_sec = 60}; /* it may have to wait for a processor */
  redisContext *c = redisConnectWithTimeout("127.0.0.1", server->port, limit);
  if (c == NULL || c->err != 0) {
    if (c != NULL)
      redisFree(c);
    return NULL;
  }
  redisSetTimeout(c, limit);
  if (server->password != NULL)
    freeReplyObject(redisCommand(c, "AUTH %s", server->password));
  return c;
}

static void await(struct redis_server *server)
{
  for (int i = 0; i < 3000; i++) {
    redisContext *c = connect_to(server);
    if (c != NULL) {
      redisReply *reply = redisCommand(c, "PING");
      bool ok = reply != NULL && (reply->type == REDIS_REPLY_STATUS || server->password == NULL);
      bool loading = reply != NULL && reply->type == REDIS_REPLY_ERROR &&
                     strncmp(reply->str, "LOADING", 7) == 0;
      if (reply != NULL)
        freeReplyObject(reply);
      redisFree(c);
      if (ok && !loading)
        return;
    }
    if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
      server->pid = 0;
      fail_msg("redis-server could not be started, or ended at once");
    }
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  }
  fail_msg("redis-server does not answer on port %d", server->port);
}

void redis_server_start(struct redis_server *server, const char *const *args)
{
  char port[16];
  const char *argv[40] = {"redis-server", "--save", "",       "--appendonly", "no",
                          "--daemonize",  "no",     "--bind", "127.0.0.1"};
  size_t n = 9;
  prepare(server);
  snprintf(port, sizeof port, "%d", server->port);
  const char *const fixed[] = {"--port",
                               port,
                               "--dir",
                               server->dir,
                               "--unixsocket",
                               server->socket,
                               "--repl-diskless-sync-delay",
                               "0"};
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
    argv[n++] = fixed[i];
  for (; args != NULL && *args != NULL && n < 39; args++)
    argv[n++] = *args;
  spawn(server, argv);
  await(server);
}

void redis_sentinel_start(struct redis_server *server, const char *name, int master_port,
                          int quorum)
{
  char path[96];
  prepare(server);
  snprintf(path, sizeof path, "%s/sentinel.conf", server->dir);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fprintf(file,
          "port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %s 127.0.0.1 %d %d\n"
          "sentinel down-after-milliseconds %s 2000\nsentinel failover-timeout %s 6000\n",
          server->port, server->dir, name, master_port, quorum, name, name);
  fclose(file);
  /* redis-sentinel is the same program under a name that only another package brings. */
  spawn(server, (const char *const[]){"redis-server", path, "--sentinel", NULL});
  await(server);
}

void redis_server_signal(struct redis_server *server, int sig)
{
  assert_true(server->pid > 0);
  assert_int_equal(kill(server->pid, sig), 0);
}

void redis_server_kill(struct redis_server *server)
{
  if (server->pid <= 0)
    return;
  kill(server->pid, SIGKILL);
  waitpid(server->pid, NULL, 0);
  server->pid = 0;
}

void redis_server_cleanup(struct redis_server *server)
{
  static const char *const files[] = {"sock", "sentinel.conf", "dump.rdb", "nodes.conf"};
  char path[128];
  redis_server_kill(server);
  if (server->dir[0] == '\0')
    return;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(path, sizeof path, "%s/%s", server->dir, files[i]);
    unlink(path);
  }
  rmdir(server->dir);
  server->dir[0] = '\0';
}

const char *redis_server_command(struct redis_server *server, const char *const *argv)
{
  static char text[512];
  int argc = 0;
  while (argv[argc] != NULL)
    argc++;
  redisContext *c = connect_to(server);
  assert_non_null(c);
  redisReply *reply = redisCommandArgv(c, argc, (const char **)(uintptr_t)argv, NULL);
  assert_non_null(reply);
  const redisReply *r = reply;
  while (r->type == REDIS_REPLY_ARRAY && r->elements > 0)
    r = r->element[0];
  if (r->type == REDIS_REPLY_INTEGER)
    snprintf(text, sizeof text, "%lld", r->integer);
  else
    snprintf(text, sizeof text, "%s", r->str != NULL ? r->str : "(nil)");
  freeReplyObject(reply);
  redisFree(c);
  return text;
}
