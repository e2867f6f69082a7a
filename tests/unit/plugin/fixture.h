/* What the tests of this folder share: a plugin inside the test program, made of functions that a
 * test replaces, and where the built plugins are. */
#ifndef TESTS_PLUGIN_FIXTURE_H
#define TESTS_PLUGIN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "message/message.h"
#include "plugin/instance.h"
#include "plugin/op.h"
#include "plugin/op_pool.h"
#include "plugin/part.h"
#include "unit/violation.h"

/* The self of the plugin under test. */
struct probe {
  const struct plug_host *host;
};

UNUSED static plug_status probe_create(const struct plug_host *host, void **self,
                                       struct plug_err *err)
{
  struct probe *probe = calloc(1, sizeof *probe);
  if (!probe) {
    err->code = PLUG_ENOMEM;
    return PLUG_ENOMEM;
  }
  probe->host = host;
  *self = probe;
  return PLUG_OK;
}

UNUSED static void probe_destroy(void *self)
{
  free(self);
}

UNUSED static plug_status probe_interest(void *self, const struct plug_interest *v, size_t n,
                                         struct plug_op *op)
{
  (void)self, (void)v, (void)n, (void)op;
  return PLUG_OK;
}

UNUSED static plug_status probe_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  (void)self, (void)msg, (void)op;
  return PLUG_OK;
}

UNUSED static void probe_health(void *self, struct plug_health *out)
{
  (void)self, (void)out;
}

UNUSED static const struct plug_broker probe_broker = {
    .size = sizeof probe_broker,
    .subscribe = probe_interest,
    .unsubscribe = probe_interest,
    .publish = probe_publish,
    .health = probe_health,
};

UNUSED static struct plug_plugin probe_entry(void)
{
  return (struct plug_plugin){
      PLUG_PLUGIN_HEAD,         .id = "org.example.probe", .version = "1",
      .summary = "under test",  .broker = &probe_broker,   .create = probe_create,
      .destroy = probe_destroy,
  };
}

/* An instance of the descriptor on the loop; the image is the caller's memory. */
UNUSED static struct plugin_instance *probe_instance(struct plugin_image *image,
                                                     const struct plug_plugin *entry,
                                                     struct loop *loop,
                                                     const struct instance_broker_up *up)
{
  struct plug_err err = {0};
  memset(image, 0, sizeof *image);
  assert_int_equal(image_judge(image, entry, sizeof *entry, &err), PLUG_OK);
  struct plugin_instance *instance = instance_create(image, loop, "broker.probe", NULL, up, &err);
  if (!instance)
    fail_msg("%s", err.text);
  return instance;
}

UNUSED static void end_instance(struct plugin_instance *instance)
{
  instance_drain(instance);
  instance_stop(instance);
  assert_int_equal(instance_state(instance), INSTANCE_STOPPED);
  instance_destroy(instance);
}

/* Waits at most ten seconds for *value to become what is wanted. */
UNUSED static void wait_for_count(_Atomic int64_t *value, int64_t wanted)
{
  uint64_t deadline = clock_now_ms() + 60000;
  while (atomic_load(value) != wanted && clock_now_ms() < deadline)
    usleep(500);
  assert_int_equal(atomic_load(value), wanted);
}

/* BUILD/RELATIVE, where the test program is BUILD/bin/x_test. */
UNUSED static void build_path(char *out, size_t size, const char *relative)
{
  char self[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  assert_true(n > 0);
  self[n] = '\0';
  for (int up = 0; up < 2; up++)
    *strrchr(self, '/') = '\0';
  int len = snprintf(out, size, "%s/%s", self, relative);
  assert_true(len > 0 && (size_t)len < size);
}

UNUSED static size_t count_entries(const char *dir)
{
  size_t n = 0;
  DIR *d = opendir(dir);
  assert_non_null(d);
  while (readdir(d))
    n++;
  closedir(d);
  return n;
}

#endif
