#include "fixture.h"

#include "plugin/op.h"

struct world {
  struct loop *loop;
  struct plugin_image image;
  struct plugin_instance *instance;
  const struct plug_host *host;
};

static _Atomic int64_t cancelled;
static struct plug_op *_Atomic cancelled_op;

static void note_cancel(void *self, struct plug_op *op)
{
  (void)self;
  atomic_store(&cancelled_op, op);
  atomic_fetch_add(&cancelled, 1);
}

static struct world *world_new(void)
{
  struct world *world = calloc(1, sizeof *world);
  struct plug_plugin entry = probe_entry();
  entry.cancel = note_cancel;
  world->loop = loop_start();
  world->instance = probe_instance(&world->image, &entry, world->loop, NULL);
  struct probe *probe = instance_self(world->instance);
  world->host = probe->host;
  struct plug_err err;
  assert_int_equal(instance_start(world->instance, &err), PLUG_OK);
  return world;
}

static void world_free(struct world *world)
{
  end_instance(world->instance);
  loop_stop(world->loop);
  free(world);
}

static int set_up(void **state)
{
  atomic_store(&cancelled, 0);
  *state = world_new();
  return 0;
}

static int tear_down(void **state)
{
  world_free(*state);
  return 0;
}

struct waiter {
  struct loop *loop;
  _Atomic int64_t calls;
  plug_status status;
  char detail[64];
  bool at_home;
};

static void note_done(void *arg, plug_status status, struct plug_str detail)
{
  struct waiter *waiter = arg;
  waiter->status = status;
  waiter->at_home = loop_on_thread(waiter->loop);
  snprintf(waiter->detail, sizeof waiter->detail, "%.*s", STR_ARG(detail));
  atomic_fetch_add(&waiter->calls, 1);
}

static void barrier(void *arg)
{
  (void)arg;
}

static void what_is_not_taken_is_free_and_done_is_not_called(void **state)
{
  struct world *world = *state;
  struct waiter waiter = {.loop = world->loop};
  struct plug_op *op = op_new(world->instance, 0, note_done, &waiter);
  assert_int_equal(op_offered(op, PLUG_EUNAVAIL), PLUG_EUNAVAIL);
  assert_int_equal(op_pool_alive(world->instance->ops), 0);
  loop_call(world->loop, barrier, NULL);
  assert_int_equal(atomic_load(&waiter.calls), 0);
}

static void completion_after_the_call_reaches_the_waiter_at_home(void **state)
{
  struct world *world = *state;
  struct waiter waiter = {.loop = world->loop};
  struct plug_op *op = op_new(world->instance, 0, note_done, &waiter);
  assert_int_equal(op_offered(op, PLUG_PENDING), PLUG_PENDING);
  world->host->op_done(op, PLUG_EDENIED, STR("go away"));
  wait_for_count(&waiter.calls, 1);
  assert_int_equal(waiter.status, PLUG_EDENIED);
  assert_string_equal(waiter.detail, "go away");
  assert_true(waiter.at_home);
}

static void completion_before_the_call_returns_waits_for_its_return(void **state)
{
  struct world *world = *state;
  struct waiter waiter = {.loop = world->loop};
  struct plug_op *op = op_new(world->instance, 0, note_done, &waiter);
  world->host->op_done(op, PLUG_OK, STR(""));
  loop_call(world->loop, barrier, NULL);
  assert_int_equal(atomic_load(&waiter.calls), 0);
  op_offered(op, PLUG_PENDING);
  wait_for_count(&waiter.calls, 1);
  assert_int_equal(waiter.status, PLUG_OK);
}

struct inside {
  struct world *world;
  struct waiter waiter;
  int64_t calls_inside;
};

static void complete_at_home(void *arg)
{
  struct inside *inside = arg;
  struct plug_op *op = op_new(inside->world->instance, 0, note_done, &inside->waiter);
  op_offered(op, PLUG_PENDING);
  inside->world->host->op_done(op, PLUG_OK, STR(""));
  inside->calls_inside = atomic_load(&inside->waiter.calls);
}

static void done_never_runs_inside_op_done(void **state)
{
  struct world *world = *state;
  struct inside inside = {.world = world, .waiter.loop = world->loop, .calls_inside = -1};
  loop_call(world->loop, complete_at_home, &inside);
  assert_int_equal(inside.calls_inside, 0);
  wait_for_count(&inside.waiter.calls, 1);
}

static void a_passed_deadline_answers_the_waiter_once_and_asks_the_plugin_to_finish(void **state)
{
  struct world *world = *state;
  struct waiter waiter = {.loop = world->loop};
  uint64_t begin = clock_now_ms();
  struct plug_op *op = op_new(world->instance, 60, note_done, &waiter);
  uint64_t deadline = world->host->op_deadline_ms(op);
  assert_true(deadline >= begin + 60 && deadline <= clock_now_ms() + 60);
  op_offered(op, PLUG_PENDING);
  wait_for_count(&waiter.calls, 1);
  assert_true(clock_now_ms() >= begin + 60);
  assert_int_equal(waiter.status, PLUG_ETIMEDOUT);
  wait_for_count(&cancelled, 1);
  assert_ptr_equal(atomic_load(&cancelled_op), op);

  /* The token stays the plugin's until it completes it, which nobody hears of any more. */
  assert_int_equal(op_pool_alive(world->instance->ops), 1);
  world->host->op_done(op, PLUG_OK, STR("late"));
  loop_call(world->loop, barrier, NULL);
  assert_int_equal(op_pool_alive(world->instance->ops), 0);
  assert_int_equal(atomic_load(&waiter.calls), 1);
}

static void deadlines_work_again_after_a_quiet_time(void **state)
{
  struct world *world = *state;
  for (int round = 0; round < 2; round++) {
    struct waiter waiter = {.loop = world->loop};
    struct plug_op *op = op_new(world->instance, 20, note_done, &waiter);
    op_offered(op, PLUG_PENDING);
    wait_for_count(&waiter.calls, 1);
    world->host->op_done(op, PLUG_OK, STR(""));
    wait_for_count(&world->instance->ops->alive, 0);
    /* The look-out ends with its next period. */
    for (int i = 0; i < 60000 && atomic_load(&world->instance->ops->sweeping); i++)
      usleep(1000);
    assert_false(atomic_load(&world->instance->ops->sweeping));
  }
}

static void without_a_deadline_nothing_times_out(void **state)
{
  struct world *world = *state;
  struct waiter waiter = {.loop = world->loop};
  struct plug_op *op = op_new(world->instance, 0, note_done, &waiter);
  assert_true(world->host->op_deadline_ms(op) == UINT64_MAX);
  op_offered(op, PLUG_PENDING);
  world->host->op_done(op, PLUG_OK, STR(""));
  wait_for_count(&waiter.calls, 1);
}

static void complete_with_pending(void)
{
  struct world *world = world_new();
  struct waiter waiter = {.loop = world->loop};
  struct plug_op *op = op_new(world->instance, 0, note_done, &waiter);
  op_offered(op, PLUG_PENDING);
  world->host->op_done(op, PLUG_PENDING, STR(""));
  wait_for_count(&waiter.calls, 1);
  if (waiter.status != PLUG_EINTERNAL)
    _exit(1);
  world_free(world);
}

static void pending_is_no_outcome(void **state)
{
  (void)state;
  expect_violation(complete_with_pending, "op_done: gave status 1");
}

static void complete_twice(void)
{
  struct world *world = world_new();
  struct waiter waiter = {.loop = world->loop};
  struct plug_op *op = op_new(world->instance, 0, note_done, &waiter);
  op_offered(op, PLUG_PENDING);
  world->host->op_done(op, PLUG_OK, STR(""));
  wait_for_count(&waiter.calls, 1);
  /* The slot has a new tenant by now, which the late completion must not touch. */
  struct waiter tenant = {.loop = world->loop};
  struct plug_op *next = op_new(world->instance, 0, note_done, &tenant);
  op_offered(next, PLUG_PENDING);
  world->host->op_done(op, PLUG_EINTERNAL, STR(""));
  loop_call(world->loop, barrier, NULL);
  assert_int_equal(atomic_load(&tenant.calls), 0);
  world->host->op_done(next, PLUG_OK, STR(""));
  wait_for_count(&tenant.calls, 1);
  world_free(world);
}

static void completing_twice_is_a_violation(void **state)
{
  (void)state;
  expect_violation(complete_twice, "completed an operation that was completed before");
}

static void complete_untaken(void)
{
  struct world *world = world_new();
  struct waiter waiter = {.loop = world->loop};
  struct plug_op *op = op_new(world->instance, 0, note_done, &waiter);
  world->host->op_done(op, PLUG_OK, STR(""));
  assert_int_equal(op_offered(op, PLUG_EINVAL), PLUG_EINVAL);
  loop_call(world->loop, barrier, NULL);
  assert_int_equal(atomic_load(&waiter.calls), 0);
  world_free(world);
}

static void completing_what_was_not_taken_is_a_violation(void **state)
{
  (void)state;
  expect_violation(complete_untaken, "completed an operation that it had not taken");
}

static void complete_nonsense(void)
{
  struct world *world = world_new();
  world->host->op_done(NULL, PLUG_OK, STR(""));
  world_free(world);
}

static void completing_nothing_is_a_violation(void **state)
{
  (void)state;
  expect_violation(complete_nonsense, "completed something that is no operation");
}

#define CALLERS  4
#define PER_CALL 20000

struct race {
  struct world *world;
  struct waiter waiter;
  struct plug_op *_Atomic slot; /* one operation on its way from a caller to a completer */
  _Atomic bool over;
};

static void *race_call(void *arg)
{
  struct race *race = arg;
  for (int i = 0; i < PER_CALL; i++) {
    struct plug_op *op = op_new(race->world->instance, 5000, note_done, &race->waiter);
    assert_non_null(op);
    atomic_store(&race->slot, op); /* the plugin may complete it from here on */
    op_offered(op, PLUG_PENDING);
    while (atomic_load(&race->slot))
      sched_yield();
  }
  atomic_store(&race->over, true);
  return NULL;
}

static void *race_complete(void *arg)
{
  struct race *race = arg;
  while (!atomic_load(&race->over)) {
    struct plug_op *op = atomic_exchange(&race->slot, NULL);
    if (op)
      race->world->host->op_done(op, PLUG_OK, STR("done"));
    else
      sched_yield();
  }
  return NULL;
}

static void completion_racing_with_the_return_of_the_call_is_answered_once(void **state)
{
  struct world *world = *state;
  struct race races[CALLERS];
  pthread_t threads[2 * CALLERS];
  for (int i = 0; i < CALLERS; i++) {
    races[i] = (struct race){.world = world, .waiter.loop = world->loop};
    pthread_create(&threads[2 * i], NULL, race_call, &races[i]);
    pthread_create(&threads[2 * i + 1], NULL, race_complete, &races[i]);
  }
  for (int i = 0; i < 2 * CALLERS; i++)
    pthread_join(threads[i], NULL);
  for (int i = 0; i < CALLERS; i++)
    wait_for_count(&races[i].waiter.calls, PER_CALL);
  assert_int_equal(op_pool_alive(world->instance->ops), 0);
}

#define MANY 100000

static void a_hundred_thousand_operations_may_be_open(void **state)
{
  struct world *world = *state;
  struct waiter waiter = {.loop = world->loop};
  struct plug_op **ops = calloc(MANY, sizeof *ops);
  for (size_t i = 0; i < MANY; i++) {
    ops[i] = op_new(world->instance, 60000, note_done, &waiter);
    assert_non_null(ops[i]);
    op_offered(ops[i], PLUG_PENDING);
  }
  assert_int_equal(op_pool_alive(world->instance->ops), MANY);
  for (size_t i = 0; i < MANY; i++)
    world->host->op_done(ops[i], PLUG_OK, STR(""));
  wait_for_count(&waiter.calls, MANY);
  free(ops);
}

#define in_a_world(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(completing_twice_is_a_violation),
      cmocka_unit_test(pending_is_no_outcome),
      cmocka_unit_test(completing_what_was_not_taken_is_a_violation),
      cmocka_unit_test(completing_nothing_is_a_violation),
      in_a_world(what_is_not_taken_is_free_and_done_is_not_called),
      in_a_world(completion_after_the_call_reaches_the_waiter_at_home),
      in_a_world(completion_before_the_call_returns_waits_for_its_return),
      in_a_world(done_never_runs_inside_op_done),
      in_a_world(a_passed_deadline_answers_the_waiter_once_and_asks_the_plugin_to_finish),
      in_a_world(deadlines_work_again_after_a_quiet_time),
      in_a_world(without_a_deadline_nothing_times_out),
      in_a_world(completion_racing_with_the_return_of_the_call_is_answered_once),
      in_a_world(a_hundred_thousand_operations_may_be_open),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
