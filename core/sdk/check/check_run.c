#include "check_run.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* What the child writes and the parent reads, also of a child that is dead. Functions are static
 * texts of this program, which is the same in both. */
struct shared {
  _Atomic int ended; /* by check_fail, check_not or the end of the check */
  enum check_result result;
  char reason[1024];
  const char *volatile in;
  char address[192];
};

struct check_run {
  const struct check *check;
  const struct check_order *order;
  struct plugin_image *image;
};

static struct shared *shared;
void (*check_run_name_address)(const void *address, char *out, size_t size);

/* ---- In the child ---- */

_Noreturn static void end(enum check_result result)
{
  shared->result = result;
  shared->ended = 1;
  _exit(0);
}

static void put_reason(const char *format, va_list args)
{
  vsnprintf(shared->reason, sizeof shared->reason, format, args);
  for (char *c = shared->reason; *c; c++)
    if ((unsigned char)*c < ' ')
      *c = ' ';
}

void check_fail(struct check_run *run, const char *format, ...)
{
  (void)run;
  va_list args;
  va_start(args, format);
  put_reason(format, args);
  va_end(args);
  end(CHECK_FAILED);
}

void check_not(struct check_run *run, const char *format, ...)
{
  (void)run;
  va_list args;
  va_start(args, format);
  put_reason(format, args);
  va_end(args);
  end(CHECK_DOES_NOT_APPLY);
}

void check_say(struct check_run *run, const char *format, ...)
{
  (void)run;
  va_list args;
  va_start(args, format);
  put_reason(format, args);
  va_end(args);
}

void check_in(const char *what)
{
  shared->in = what;
}

const struct check_order *check_order(const struct check_run *run)
{
  return run->order;
}

struct plugin_image *check_image(struct check_run *run)
{
  struct plug_err err;
  if (run->image)
    return run->image;
  check_in("dlopen");
  run->image = image_load("/", "", run->order->file, &err);
  CHECK(run, run->image, "the server does not load it: %s", err.text);
  check_in("the check");
  return run->image;
}

const struct plug_plugin *check_plugin(struct check_run *run)
{
  return &check_image(run)->entry;
}

const struct plug_broker *check_broker(struct check_run *run)
{
  const struct plug_plugin *plugin = check_plugin(run);
  if (!plugin->broker)
    check_not(run, "it has no broker table");
  return plugin->broker;
}

const struct plug_auth *check_auth(struct check_run *run)
{
  const struct plug_plugin *plugin = check_plugin(run);
  if (!plugin->auth)
    check_not(run, "it has no auth table");
  return plugin->auth;
}

const struct plug_app *check_app(struct check_run *run)
{
  const struct plug_plugin *plugin = check_plugin(run);
  if (!plugin->app)
    check_not(run, "it has no app table");
  return plugin->app;
}

/* Names the memory while the process is still there, then dies of the signal. */
static void on_memory_signal(int number, siginfo_t *info, void *context)
{
  (void)context;
  if (check_run_name_address)
    check_run_name_address(info->si_addr, shared->address, sizeof shared->address);
  signal(number, SIG_DFL);
  raise(number);
}

static void *nothing(void *arg)
{
  return arg;
}

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

/* ThreadSanitizer starts a thread of its own with the first one, which is not to be the plugin's.
 */
static void start_its_thread(void)
{
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
  pthread_t thread;
  if (!pthread_create(&thread, NULL, nothing, NULL))
    pthread_join(thread, NULL);
#else
  (void)nothing;
#endif
}

_Noreturn static void run_child(const struct check *check, const struct check_order *order)
{
  struct check_run run = {check, order, NULL};
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(STDERR_FILENO, STDOUT_FILENO); /* what a plugin prints is not a result */
  struct sigaction action = {.sa_sigaction = on_memory_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  start_its_thread();
  check->run(&run);
  end(CHECK_OK);
}

/* ---- In the parent ---- */

/* False: it had to be killed. */
static bool wait_for(pid_t pid, unsigned limit_s, int *status)
{
  uint64_t end_ms = clock_now_ms() + limit_s * 1000ull;
  struct timespec pause = {0, 500000};
  while (waitpid(pid, status, WNOHANG) == 0) {
    if (clock_now_ms() > end_ms) {
      kill(-pid, SIGKILL);
      waitpid(pid, status, 0);
      return false;
    }
    nanosleep(&pause, NULL);
    if (pause.tv_nsec < 16000000)
      pause.tv_nsec *= 2;
  }
  kill(-pid, SIGKILL); /* what the plugin has started and left */
  return true;
}

static void failed(struct check_outcome *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void failed(struct check_outcome *out, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(out->reason, sizeof out->reason, format, args);
  va_end(args);
  out->result = CHECK_FAILED;
}

void check_run(const struct check *check, const struct check_order *order,
               struct check_outcome *out)
{
  *out = (struct check_outcome){CHECK_FAILED, ""};
  if (!shared)
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    shared = NULL;
    failed(out, "cannot be run: %s", strerror(errno));
    return;
  }
  memset(shared, 0, sizeof *shared);
  shared->in = "the check";
  fflush(NULL);
  pid_t pid = fork();
  if (pid < 0) {
    failed(out, "cannot be run: %s", strerror(errno));
    return;
  }
  if (pid == 0)
    run_child(check, order);
  unsigned limit_s = order->limit_s   ? order->limit_s
                     : check->limit_s ? check->limit_s
                                      : CHECK_LIMIT_S;
  int status;
  if (!wait_for(pid, limit_s, &status)) {
    failed(out, "not done after %u s: it hangs in %s", limit_s, shared->in);
  } else if (WIFSIGNALED(status)) {
    failed(out, "killed by signal %d (%s) in %s%s%s", WTERMSIG(status), strsignal(WTERMSIG(status)),
           shared->in, shared->address[0] ? ": " : "", shared->address);
  } else if (!shared->ended) {
    failed(out, "the process has exited with status %d in %s", WEXITSTATUS(status), shared->in);
  } else if (WEXITSTATUS(status)) {
    failed(out, "the process has ended with status %d, which is that of a sanitizer",
           WEXITSTATUS(status));
  } else {
    out->result = shared->result;
    snprintf(out->reason, sizeof out->reason, "%s", shared->reason);
  }
}
