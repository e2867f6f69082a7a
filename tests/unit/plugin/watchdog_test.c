/* Who is told that a plugin does not come back, and until when. */
#include "fixture.h"

#include <pthread.h>
#include <semaphore.h>

#include "plugin/watch.h"
#include "plugin/watchdog.h"

#define HANG_MS 40

struct told {
  sem_t entered, leave;
  _Atomic int64_t calls, left, silenced;
};

static void on_hang(void *ctx)
{
  struct told *told = ctx;
  if (atomic_fetch_add(&told->calls, 1) == 0) {
    sem_post(&told->entered);
    sem_wait(&told->leave);
  }
  atomic_fetch_add(&told->left, 1);
}

static void *silence(void *arg)
{
  struct told *told = arg;
  watchdog_tell_nobody();
  atomic_store(&told->silenced, 1);
  return NULL;
}

/* What it is told through may be taken apart then. */
static void nobody_is_told_after_that_and_who_is_being_told_is_waited_for(void **state)
{
  (void)state;
  struct told told = {.calls = 0};
  struct plugin_image image;
  struct plug_plugin entry = probe_entry();
  struct loop *loop = loop_start();
  struct plugin_instance *instance = probe_instance(&image, &entry, loop, NULL);
  const struct watchdog_settings settings = {HANG_MS, on_hang, &told};
  struct watch_call call;
  pthread_t thread;
  sem_init(&told.entered, 0, 0);
  sem_init(&told.leave, 0, 0);
  assert_true(watchdog_start(&settings));
  watch_enter(&call, instance, "publish");
  sem_wait(&told.entered);
  assert_int_equal(pthread_create(&thread, NULL, silence, &told), 0);
  usleep(50000);
  assert_int_equal(atomic_load(&told.silenced), 0);
  sem_post(&told.leave);
  pthread_join(thread, NULL);
  int64_t calls = atomic_load(&told.calls);
  assert_int_equal(atomic_load(&told.left), calls);
  usleep(3000 * HANG_MS);
  assert_int_equal(atomic_load(&told.calls), calls);
  assert_true(watchdog_hangs()); /* it looks on all the same */
  watch_leave(&call);
  watchdog_stop();
  end_instance(instance);
  loop_stop(loop);
  sem_destroy(&told.entered);
  sem_destroy(&told.leave);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nobody_is_told_after_that_and_who_is_being_told_is_waited_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
