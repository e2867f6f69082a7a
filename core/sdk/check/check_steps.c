#include "check_steps.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

long steps_count(struct check_host *host, const struct ask_credentials *credentials)
{
  int status;
  pid_t pid = fork();
  if (pid < 0)
    return STEPS_UNTRACED;
  if (pid == 0) {
    struct ask_outcome outcome;
    plug_status returned;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
      _exit(1);
    signal(SIGUSR1, SIG_IGN);
    raise(SIGSTOP);
    struct plug_op *op = ask_begin(host, 1, credentials, NULL, &outcome, &returned);
    kill(getpid(), SIGUSR1);
    _exit(returned == PLUG_PENDING && !check_op_is_done(op) ? 2 : 0);
  }
  long steps = 0;
  if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
    return STEPS_UNTRACED;
  for (;;) {
    if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 || waitpid(pid, &status, 0) != pid ||
        !WIFSTOPPED(status) || (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGUSR1)) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      return STEPS_UNTRACED;
    }
    if (WSTOPSIG(status) == SIGUSR1)
      break;
    if (++steps > STEPS_MAX) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      return STEPS_TOO_MANY;
    }
  }
  ptrace(PTRACE_CONT, pid, NULL, NULL);
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
    return STEPS_UNTRACED;
  return WEXITSTATUS(status) == 2 ? STEPS_LATER : steps;
}
