/* The process of a plugin that runs by itself: started by the server, with the channel to it as
 * standard input. Not for anybody to start. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isolate/host.h"
#include "plugin/crash.h"

static pid_t parent;

/* The thread that has started this process is gone; that the server is, is another matter. */
static void on_parent_death(int number)
{
  (void)number;
  if (getppid() != parent)
    _exit(EXIT_FAILURE);
}

static bool watch_parent(const char *pid)
{
  struct sigaction action = {.sa_handler = on_parent_death, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  parent = (pid_t)strtol(pid, NULL, 10);
  /* It may have died before this. */
  return !sigaction(SIGTERM, &action, NULL) && !prctl(PR_SET_PDEATHSIG, SIGTERM) &&
         getppid() == parent;
}

int main(int argc, char **argv)
{
  struct sockaddr_storage peer;
  socklen_t len = sizeof peer;
  if (argc != 3 || getpeername(STDIN_FILENO, (struct sockaddr *)&peer, &len) ||
      peer.ss_family != AF_UNIX) {
    fputs("plugboard-plugin-host is started by plugboard, for [broker] isolate = on\n", stderr);
    return 64;
  }
  char name[16];
  snprintf(name, sizeof name, "%s", argv[1]);
  prctl(PR_SET_NAME, name);
  crash_handlers_set();
  if (!watch_parent(argv[2]))
    return EXIT_FAILURE;
  return isolate_host_run(STDIN_FILENO);
}
