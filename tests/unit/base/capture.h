/* What is written to standard error between begin and end. One at a time. */
#ifndef TESTS_BASE_CAPTURE_H
#define TESTS_BASE_CAPTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int capture_saved, capture_fd;

static void capture_begin(void)
{
  char name[] = "/tmp/capture.XXXXXX";
  capture_fd = mkstemp(name);
  assert_true(capture_fd >= 0);
  unlink(name);
  capture_saved = dup(STDERR_FILENO);
  dup2(capture_fd, STDERR_FILENO);
}

/* Valid until the next call. */
static const char *capture_end(void)
{
  static char text[8192];
  dup2(capture_saved, STDERR_FILENO);
  close(capture_saved);
  ssize_t n = pread(capture_fd, text, sizeof text - 1, 0);
  close(capture_fd);
  assert_true(n >= 0);
  text[n] = '\0';
  return text;
}

#endif
