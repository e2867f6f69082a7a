/* Handles and messages that a plugin closes, frees or gives back once too often, or not at all. */
#include "fixture.h"

#include <sys/socket.h>

struct world {
  struct loop *loop;
  struct plugin_image image;
  struct plugin_instance *instance;
  const struct plug_host *host;
};

static struct world world;

static void begin(void)
{
  struct plug_plugin entry = probe_entry();
  struct plug_err err;
  world.loop = loop_start();
  world.instance = probe_instance(&world.image, &entry, world.loop, NULL);
  world.host = ((struct probe *)instance_self(world.instance))->host;
  if (instance_start(world.instance, &err))
    _exit(1);
}

static void end(void)
{
  end_instance(world.instance);
  loop_stop(world.loop);
}

static void run(void (*at_home)(void *arg))
{
  begin();
  loop_call(world.loop, at_home, NULL);
  end();
}

static void nothing(void *arg)
{
  (void)arg;
}

static void nothing_ready(void *arg, int fd, uint32_t ready)
{
  (void)arg, (void)fd, (void)ready;
}

static struct plug_timer *timer(void)
{
  return world.host->timer_new(world.host, nothing, NULL);
}

static struct plug_io *io(void)
{
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
    _exit(1);
  return world.host->io_open(world.host, fds[0], PLUG_IO_READ, nothing_ready, NULL);
}

static void timer_twice_at_home(void *arg)
{
  struct plug_timer *first = timer();
  (void)arg;
  world.host->timer_free(first);
  struct plug_timer *second = timer(); /* may have the place of the first, and is not touched */
  world.host->timer_free(first);
  world.host->timer_set(second, 1);
  world.host->timer_free(second);
}

static void timer_after_its_end_at_home(void *arg)
{
  struct plug_timer *gone = timer();
  (void)arg;
  world.host->timer_free(gone);
  world.host->timer_set(gone, 1);
}

static void io_twice_at_home(void *arg)
{
  struct plug_io *first = io();
  (void)arg;
  world.host->io_close(first);
  world.host->io_close(first);
}

static void io_after_its_end_at_home(void *arg)
{
  struct plug_io *gone = io();
  (void)arg;
  world.host->io_close(gone);
  world.host->io_want(gone, PLUG_IO_WRITE);
}

static void confused_at_home(void *arg)
{
  struct plug_timer *mine = timer();
  (void)arg;
  world.host->io_close((struct plug_io *)(void *)mine);
  world.host->timer_free(mine);
}

static void wild_at_home(void *arg)
{
  (void)arg;
  world.host->timer_set((struct plug_timer *)(uintptr_t)-16, 1);
}

static void timer_twice(void)
{
  run(timer_twice_at_home);
}

static void timer_after_its_end(void)
{
  run(timer_after_its_end_at_home);
}

static void io_twice(void)
{
  run(io_twice_at_home);
}

static void io_after_its_end(void)
{
  run(io_after_its_end_at_home);
}

static void confused(void)
{
  run(confused_at_home);
}

static void wild(void)
{
  run(wild_at_home);
}

static void handles_are_closed_once(void **state)
{
  (void)state;
  expect_violation(timer_twice, "plugin org.example.probe broke its contract on thread 'control': "
                                "timer_free: given a handle that is closed already");
  expect_violation(timer_after_its_end, "timer_set: given a handle that is closed already");
  expect_violation(io_twice, "io_close: given a handle that is closed already");
  expect_violation(io_after_its_end, "io_want: given a handle that is closed already");
  expect_violation(confused, "io_close: given a handle of another kind");
  expect_violation(wild, "timer_set: given ");
}

static void close_under_the_watch(void *arg)
{
  int fds[2];
  (void)arg;
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  struct plug_io *watch = world.host->io_open(world.host, fds[0], 0, nothing_ready, NULL);
  close(fds[0]);
  world.host->io_want(watch, PLUG_IO_READ | PLUG_IO_WRITE);
  close(fds[1]);
  *(struct plug_io **)arg = watch;
}

static void close_watch(void *arg)
{
  world.host->io_close(*(struct plug_io **)arg);
}

static void a_descriptor_closed_before_its_watch_brings_nothing_down(void **state)
{
  (void)state;
  struct plug_io *watch = NULL;
  begin();
  loop_call(world.loop, close_under_the_watch, &watch);
  for (int i = 0; i < 5; i++)
    loop_call(world.loop, nothing, NULL);
  loop_call(world.loop, close_watch, &watch);
  end();
}

static const struct plug_msg *make(void)
{
  struct plug_msg_init init = {.size = sizeof init, .topic = STR("/topic/a")};
  return world.host->msg_make(world.host, &init);
}

static void unref_twice(void)
{
  begin();
  const struct plug_msg *msg = make();
  world.host->msg_unref(msg);
  world.host->msg_unref(msg);
  end();
}

/* What is only lent, as to publish. */
static void unref_of_others(void)
{
  struct plug_msg_init init = {.size = sizeof init, .topic = STR("/topic/a")};
  const struct plug_msg *lent = message_new(&init);
  begin();
  world.host->msg_ref(lent);
  world.host->msg_unref(lent);
  world.host->msg_unref(lent);
  if (lent->topic.len != 8) /* still there */
    _exit(1);
  message_unref(lent);
  end();
}

static void leak(void)
{
  begin();
  make();
  world.host->msg_ref(make());
  end();
}

static void messages_are_given_back_as_often_as_they_were_taken(void **state)
{
  (void)state;
  expect_violation(unref_twice, "msg_unref: given back a message more often than it was taken");
  expect_violation(unref_of_others, "msg_unref: given back a message more often than it was taken");
  expect_violation(leak, "destroy: left open: 2 messages");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(handles_are_closed_once),
      cmocka_unit_test(messages_are_given_back_as_often_as_they_were_taken),
      cmocka_unit_test(a_descriptor_closed_before_its_watch_brings_nothing_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
