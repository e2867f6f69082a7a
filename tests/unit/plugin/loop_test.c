#include "fixture.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/eventfd.h>

static void starts_and_stops(void **state)
{
  (void)state;
  struct loop *loop = loop_start();
  assert_non_null(loop);
  assert_false(loop_on_thread(loop));
  loop_stop(loop);
  loop_stop(NULL);
}

struct seen {
  struct loop *loop;
  bool on_thread, signals_blocked;
  char name[16];
};

static void look_around(void *arg)
{
  struct seen *seen = arg;
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  seen->signals_blocked = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGINT) &&
                          sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGPIPE);
  seen->on_thread = loop_on_thread(seen->loop);
  pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
}

static void calls_run_on_the_control_thread_with_signals_blocked(void **state)
{
  (void)state;
  struct seen seen = {.loop = loop_start()};
  loop_call(seen.loop, look_around, &seen);
  assert_true(seen.on_thread);
  assert_true(seen.signals_blocked);
  assert_string_equal(seen.name, "control");
  sigset_t mine;
  pthread_sigmask(SIG_SETMASK, NULL, &mine);
  assert_false(sigismember(&mine, SIGTERM));
  loop_stop(seen.loop);
}

#define PRODUCERS    4
#define PER_PRODUCER 5000

struct order {
  struct loop *loop;
  unsigned producer;
  unsigned next; /* home only */
  bool disordered;
};

struct order_item {
  struct order *order;
  unsigned number;
};

static void take_in_order(void *arg)
{
  struct order_item *item = arg;
  if (item->number != item->order->next++)
    item->order->disordered = true;
  free(item);
}

static void *produce(void *arg)
{
  struct order *order = arg;
  for (unsigned i = 0; i < PER_PRODUCER; i++) {
    struct order_item *item = malloc(sizeof *item);
    *item = (struct order_item){order, i};
    loop_post(order->loop, take_in_order, item);
  }
  return NULL;
}

static void posts_of_one_thread_keep_their_order_and_none_is_lost_at_the_end(void **state)
{
  (void)state;
  struct loop *loop = loop_start();
  struct order orders[PRODUCERS];
  pthread_t threads[PRODUCERS];
  for (unsigned i = 0; i < PRODUCERS; i++) {
    orders[i] = (struct order){.loop = loop, .producer = i};
    pthread_create(&threads[i], NULL, produce, &orders[i]);
  }
  for (unsigned i = 0; i < PRODUCERS; i++)
    pthread_join(threads[i], NULL);
  loop_stop(loop);
  for (unsigned i = 0; i < PRODUCERS; i++) {
    assert_false(orders[i].disordered);
    assert_int_equal(orders[i].next, PER_PRODUCER);
  }
}

struct batch {
  struct loop_hook hook, second;
  struct loop *loop;
  uv_poll_t poll;
  int fd;
  int pending, flushed, second_runs;
  bool remove_second;
  _Atomic int64_t flushes;
};

static void flush(struct loop_hook *hook)
{
  struct batch *batch = container_of(hook, struct batch, hook);
  if (!batch->pending)
    return;
  batch->flushed += batch->pending;
  batch->pending = 0;
  if (batch->remove_second)
    loop_remove_hook(batch->loop, &batch->second);
  atomic_fetch_add(&batch->flushes, 1);
}

static void count_second(struct loop_hook *hook)
{
  container_of(hook, struct batch, second)->second_runs++;
}

static void add_one(void *arg)
{
  ((struct batch *)arg)->pending++;
}

static void on_event(uv_poll_t *poll, int status, int events)
{
  (void)status, (void)events;
  struct batch *batch = poll->data;
  uint64_t value;
  ssize_t n = read(batch->fd, &value, sizeof value);
  (void)n;
  batch->pending++;
}

static void set_up_batch(void *arg)
{
  struct batch *batch = arg;
  batch->hook.run = flush;
  batch->second.run = count_second;
  loop_add_hook(batch->loop, &batch->hook);
  loop_add_hook(batch->loop, &batch->second);
  uv_poll_init(loop_uv(batch->loop), &batch->poll, batch->fd);
  batch->poll.data = batch;
  uv_poll_start(&batch->poll, UV_READABLE, on_event);
}

static void tear_down_batch(void *arg)
{
  struct batch *batch = arg;
  loop_remove_hook(batch->loop, &batch->hook);
  if (!batch->remove_second)
    loop_remove_hook(batch->loop, &batch->second);
  uv_close((uv_handle_t *)&batch->poll, NULL);
}

/* Nothing else happens on the loop after each event: a hook that waited for the next one would
 * never run. */
static void hooks_run_after_posts_and_after_events_without_another_event(void **state)
{
  (void)state;
  struct batch batch = {.loop = loop_start(), .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  loop_call(batch.loop, set_up_batch, &batch);
  loop_post(batch.loop, add_one, &batch);
  wait_for_count(&batch.flushes, 1);
  uint64_t one = 1;
  assert_int_equal(write(batch.fd, &one, sizeof one), sizeof one);
  wait_for_count(&batch.flushes, 2);
  loop_call(batch.loop, tear_down_batch, &batch);
  assert_int_equal(batch.flushed, 2);
  loop_stop(batch.loop);
  close(batch.fd);
}

static void a_hook_may_remove_the_next_one_while_hooks_run(void **state)
{
  (void)state;
  struct batch batch = {.loop = loop_start(), .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  batch.remove_second = true;
  loop_call(batch.loop, set_up_batch, &batch);
  loop_post(batch.loop, add_one, &batch);
  wait_for_count(&batch.flushes, 1);
  loop_call(batch.loop, tear_down_batch, &batch);
  int runs = batch.second_runs;
  loop_stop(batch.loop);
  assert_int_equal(batch.second_runs, runs);
  close(batch.fd);
}

struct owing {
  struct loop *loop;
  struct loop_task soon, other;
  sem_t posted, ran;
};

static void note_ran(struct loop_task *task)
{
  sem_post(&container_of(task, struct owing, other)->ran);
}

static void nothing(struct loop_task *task)
{
  (void)task;
}

/* Posts, and does not come to the end of its turn before the other's task has run. */
static void *post_and_stay(void *arg)
{
  struct owing *owing = arg;
  loop_post_task_soon(owing->loop, &owing->soon);
  sem_post(&owing->posted);
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += 20;
  bool ran = sem_timedwait(&owing->ran, &end) == 0;
  loop_wake_owed();
  return ran ? owing : NULL;
}

static void who_posts_does_not_wait_for_the_end_of_anothers_turn(void **state)
{
  (void)state;
  struct owing owing = {.loop = loop_start(), .soon = {.run = nothing}, .other = {.run = note_ran}};
  pthread_t thread;
  void *ran = NULL;
  sem_init(&owing.posted, 0, 0);
  sem_init(&owing.ran, 0, 0);
  assert_int_equal(pthread_create(&thread, NULL, post_and_stay, &owing), 0);
  while (sem_wait(&owing.posted) != 0)
    ;
  loop_post_task(owing.loop, &owing.other);
  pthread_join(thread, &ran);
  loop_stop(owing.loop);
  sem_destroy(&owing.posted);
  sem_destroy(&owing.ran);
  assert_non_null(ran);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(starts_and_stops),
      cmocka_unit_test(calls_run_on_the_control_thread_with_signals_blocked),
      cmocka_unit_test(posts_of_one_thread_keep_their_order_and_none_is_lost_at_the_end),
      cmocka_unit_test(hooks_run_after_posts_and_after_events_without_another_event),
      cmocka_unit_test(a_hook_may_remove_the_next_one_while_hooks_run),
      cmocka_unit_test(who_posts_does_not_wait_for_the_end_of_anothers_turn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
