/* Expecting that somebody breaks the contract of the plugin ABI. */
#ifndef TESTS_VIOLATION_H
#define TESTS_VIOLATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef UNUSED
#define UNUSED __attribute__((unused))
#endif

/* Runs body in a child and expects a contract violation: in debug builds it kills the child, in
 * others it is a line in the log. Call it while no other thread runs. */
UNUSED static void expect_violation(void (*body)(void), const char *text)
{
  int out[2];
  assert_int_equal(pipe(out), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    dup2(out[1], STDERR_FILENO);
    close(out[0]);
    close(out[1]);
    body();
    _exit(0);
  }
  close(out[1]);
  char said[4096];
  size_t len = 0;
  ssize_t n;
  while ((n = read(out[0], said + len, sizeof said - 1 - len)) > 0)
    len += (size_t)n;
  said[len] = '\0';
  close(out[0]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
#ifdef PLUG_DEBUG
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#else
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
  if (!strstr(said, text) || !strstr(said, " violation "))
    fail_msg("expected a violation with \"%s\", got: %s", text, said);
}

#endif
