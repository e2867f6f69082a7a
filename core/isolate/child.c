#include "isolate/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "config/fault.h"

#define CRASHED     "plugboard: crashed with "
/* More at a time gives a turn of the loop few large writes; the kernel may give less. */
#define SOCKET_SIZE (4 << 20)
#define REAP_MS     2

extern char **environ;

void child_init(struct child *child)
{
  *child = (struct child){.fd = -1, .words = -1};
}

static void close_end(int *fd)
{
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

static int spawn(struct child *child, const char *program, const char *name, int channel, int words)
{
  char parent[24];
  snprintf(parent, sizeof parent, "%ld", (long)getpid());
  char *argv[] = {(char *)(uintptr_t)"plugboard-plugin-host", (char *)(uintptr_t)name, parent,
                  NULL};
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attr;
  if (posix_spawn_file_actions_init(&files))
    return ENOMEM;
  int failed = posix_spawnattr_init(&attr);
  if (failed)
    goto destroy_files;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  /* Its own group: a terminal's Ctrl-C is for the server, who then stops it in order. */
  failed = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                               POSIX_SPAWN_SETPGROUP);
  if (!failed)
    failed = posix_spawnattr_setsigmask(&attr, &none);
  if (!failed)
    failed = posix_spawnattr_setsigdefault(&attr, &all);
  if (!failed)
    failed = posix_spawn_file_actions_adddup2(&files, channel, STDIN_FILENO);
  if (!failed)
    failed = posix_spawn_file_actions_adddup2(&files, words, STDERR_FILENO);
  if (!failed)
    failed = posix_spawn_file_actions_adddup2(&files, words, STDOUT_FILENO);
  if (!failed)
    failed = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  if (!failed)
    failed = posix_spawn(&child->pid, program, &files, &attr, argv, environ);
  posix_spawnattr_destroy(&attr);
destroy_files:
  posix_spawn_file_actions_destroy(&files);
  return failed;
}

plug_status child_start(struct child *child, const char *program, const char *name,
                        struct plug_err *err)
{
  int channel[2] = {-1, -1}, words[2] = {-1, -1}, size = SOCKET_SIZE;
  child_init(child);
  int failed = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) ? errno : 0;
  if (!failed && pipe2(words, O_CLOEXEC | O_NONBLOCK))
    failed = errno;
  for (int i = 0; i < 2 && !failed; i++)
    (void)setsockopt(channel[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  if (!failed)
    failed = spawn(child, program, name, channel[1], words[1]);
  close_end(&channel[1]);
  close_end(&words[1]);
  if (failed) {
    close_end(&channel[0]);
    close_end(&words[0]);
    child->pid = 0;
    fault_at(err, NULL, 0, "cannot run %.140s: %s", program, strerror(failed));
    return PLUG_EUNAVAIL;
  }
  child->fd = channel[0];
  child->words = words[0];
  return PLUG_OK;
}

static void end_line(struct child *child, const char *area)
{
  struct plug_str line = str_from(child->line, child->line_len);
  child->line_len = 0;
  if (!line.len)
    return;
  if (str_has_prefix(line, STR(CRASHED)))
    snprintf(child->crash, sizeof child->crash, "%.*s", (int)line.len, line.ptr);
  log_write(LOG_WARN, area, "its process says: %.*s", STR_ARG(line));
}

bool child_hear(struct child *child, const char *area)
{
  char text[4096];
  ssize_t n = child->words < 0 ? 0 : read(child->words, text, sizeof text);
  for (ssize_t i = 0; i < n; i++) {
    if (text[i] != '\n')
      child->line[child->line_len++] = text[i];
    if (text[i] == '\n' || child->line_len == sizeof child->line)
      end_line(child, area);
  }
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
    return true;
  end_line(child, area);
  return false;
}

void child_let_go(struct child *child)
{
  close_end(&child->fd);
}

void child_kill(struct child *child)
{
  if (child->pid > 0)
    kill(child->pid, SIGKILL);
  close_end(&child->fd);
}

bool child_reap(struct child *child, const char *area)
{
  if (child->pid <= 0)
    return true;
  pid_t pid = waitpid(child->pid, &child->status, WNOHANG);
  if (pid == 0 || (pid < 0 && errno == EINTR))
    return false;
  if (pid < 0)
    child->status = 0;
  child->pid = 0;
  /* What it had to say at last; what has inherited the pipe from it does not count. */
  for (int i = 0; i < 64 && child_hear(child, area); i++)
    ;
  end_line(child, area);
  close_end(&child->words);
  close_end(&child->fd);
  return true;
}

bool child_reap_within(struct child *child, const char *area, uint64_t ms)
{
  uint64_t deadline_ms = clock_now_ms() + ms;
  while (!child_reap(child, area)) {
    if (clock_now_ms() >= deadline_ms)
      return false;
    child_hear(child, area); /* it may wait for room in the pipe */
    struct timespec wait = {.tv_nsec = REAP_MS * 1000000};
    nanosleep(&wait, NULL);
  }
  return true;
}

void child_put_end(const struct child *child, char *out, size_t size)
{
  int status = child->status;
  const char *where = strstr(child->crash, ", in its call of ");
  if (!where)
    where = strstr(child->crash, ", on a thread of its own");
  if (WIFSIGNALED(status)) {
    const char *name = sigabbrev_np(WTERMSIG(status));
    snprintf(out, size, "its process %s SIG%s%s", child->crash[0] ? "crashed with" : "was ended by",
             name ? name : "?", where ? where : "");
  } else {
    snprintf(out, size, "its process ended with status %d", WEXITSTATUS(status));
  }
}
