/* The work pool: jobs run once on its threads and come home once, its queue has an end, and an
 * instance that stops is waited for. And grants: what is completed with them is a copy. */
#include "fixture.h"

#include <sys/resource.h>

#include <plugboard/ext/auth.h>

#include "base/counter.h"
#include "plugin/grant.h"
#include "plugin/op.h"
#include "plugin/workpool.h"

static struct loop *loop;
static struct workpool *pool;
static struct plugin_image image;
static struct plugin_instance *instance;

struct task {
  const struct plug_workpool *table;
  _Atomic int64_t worked, done, away, refused, behind;
  _Atomic bool blocked;
  int nice; /* of the thread that started the pool */
};

static void work(void *arg)
{
  struct task *task = arg;
  while (atomic_load(&task->blocked))
    usleep(500);
  if (!loop_on_thread(loop))
    atomic_fetch_add(&task->away, 1);
  if (getpriority(PRIO_PROCESS, 0) > task->nice)
    atomic_fetch_add(&task->behind, 1);
  atomic_fetch_add(&task->worked, 1);
}

static void done(void *arg)
{
  struct task *task = arg;
  if (loop_on_thread(loop))
    atomic_fetch_add(&task->done, 1);
}

static void submit(void *arg)
{
  struct task *task = arg;
  plug_status status = task->table->run(&instance->host, work, done, task);
  if (status == PLUG_EUNAVAIL)
    atomic_fetch_add(&task->refused, 1);
  else
    assert_int_equal(status, PLUG_OK);
}

static void begin(unsigned threads, uint64_t waiting)
{
  struct plug_plugin entry = probe_entry();
  struct plug_err err = {0};
  loop = loop_start();
  pool = workpool_new(threads, waiting);
  assert_non_null(loop);
  assert_non_null(pool);
  loop_set_pool(loop, pool);
  instance = probe_instance(&image, &entry, loop, NULL);
  assert_int_equal(instance_start(instance, &err), PLUG_OK);
}

static void finish(void)
{
  end_instance(instance);
  workpool_free(pool);
  loop_stop(loop);
  assert_int_equal(counter_read(COUNTER_pool_waiting), 0);
}

/* Jobs yield to the threads that carry messages, which keep their priority. */
static void jobs_yield_to_messages(void **state)
{
  (void)state;
  begin(2, 1000);
  struct task task = {.table = instance->host.extension(&instance->host, PLUG_EXT_WORKPOOL),
                      .nice = getpriority(PRIO_PROCESS, 0)};
  if (task.nice == 19)
    skip(); /* there is nothing below */
  for (int i = 0; i < 20; i++)
    loop_call(loop, submit, &task);
  wait_for_count(&task.done, 20);
  assert_int_equal(atomic_load(&task.behind), 20);
  assert_int_equal(getpriority(PRIO_PROCESS, 0), task.nice);
  finish();
}

static void jobs_run_away_and_come_home(void **state)
{
  (void)state;
  begin(3, 1000);
  struct task task = {.table = instance->host.extension(&instance->host, PLUG_EXT_WORKPOOL)};
  assert_non_null(task.table);
  for (int i = 0; i < 200; i++)
    loop_call(loop, submit, &task);
  wait_for_count(&task.done, 200);
  assert_int_equal(atomic_load(&task.worked), 200);
  assert_int_equal(atomic_load(&task.away), 200);
  finish();
}

static void the_queue_has_an_end(void **state)
{
  (void)state;
  begin(1, 3);
  struct task task = {.table = instance->host.extension(&instance->host, PLUG_EXT_WORKPOOL),
                      .blocked = true};
  int64_t refused = counter_read(COUNTER_pool_refused);
  for (int i = 0; i < 10; i++)
    loop_call(loop, submit, &task);
  /* Three wait, and at most one had been begun when the third came. */
  int64_t n = atomic_load(&task.refused);
  assert_true(n == 6 || n == 7);
  assert_int_equal(counter_read(COUNTER_pool_refused) - refused, n);
  atomic_store(&task.blocked, false);
  wait_for_count(&task.done, 10 - n);
  finish();
}

/* Runs for as long as those before it are not home. */
static void work_after(void *arg)
{
  struct task *task = arg;
  for (int i = 0; i < 60000 && atomic_load(&task->done) < 4; i++)
    usleep(500);
  atomic_fetch_add(&task->behind, atomic_load(&task->done));
}

static void submit_after(void *arg)
{
  struct task *task = arg;
  assert_int_equal(task->table->run(&instance->host, work_after, done, task), PLUG_OK);
}

static void quick_jobs_do_not_wait_for_one_of_another_kind(void **state)
{
  (void)state;
  begin(1, 100);
  struct task task = {.table = instance->host.extension(&instance->host, PLUG_EXT_WORKPOOL),
                      .nice = 19,
                      .blocked = true};
  for (int i = 0; i < 4; i++)
    loop_call(loop, submit, &task);
  loop_call(loop, submit_after, &task);
  atomic_store(&task.blocked, false);
  wait_for_count(&task.done, 5);
  assert_int_equal(atomic_load(&task.behind), 4);
  finish();
}

static void *unblock(void *arg)
{
  struct task *task = arg;
  usleep(50000);
  atomic_store(&task->blocked, false);
  return NULL;
}

static void a_drain_waits_for_jobs(void **state)
{
  (void)state;
  begin(2, 100);
  struct task task = {.table = instance->host.extension(&instance->host, PLUG_EXT_WORKPOOL),
                      .blocked = true};
  pthread_t thread;
  for (int i = 0; i < 5; i++)
    loop_call(loop, submit, &task);
  assert_int_equal(pthread_create(&thread, NULL, unblock, &task), 0);
  finish();
  pthread_join(thread, NULL);
  assert_int_equal(atomic_load(&task.done), 5);
}

static void call_off_home(void)
{
  const struct plug_workpool *table = instance->host.extension(&instance->host, PLUG_EXT_WORKPOOL);
  assert_int_equal(table->run(&instance->host, work, done, NULL), PLUG_ESTATE);
}

static void off_home_body(void)
{
  begin(1, 1);
  call_off_home();
}

static void run_off_home_is_a_violation(void **state)
{
  (void)state;
  expect_violation(off_home_body, "run: called off the home thread");
}

/* --- grants ------------------------------------------------------------------------------- */

static struct seen {
  plug_status status;
  char user[32], role[32], attr[32], pattern[32], code[32];
  void *ctx;
  _Atomic int64_t n;
} seen;

static void keep(char out[32], struct plug_str s)
{
  snprintf(out, 32, "%.*s", STR_ARG(s));
}

static void on_done(void *arg, plug_status status, struct plug_str detail)
{
  (void)arg;
  seen.status = status;
  if (status == GRANT_IDENTITY) {
    const struct plug_identity *who = (const struct plug_identity *)(const void *)detail.ptr;
    keep(seen.user, who->user);
    keep(seen.role, who->roles[0]);
    keep(seen.attr, who->attrs[0].value);
    keep(seen.pattern, who->permissions[0].pattern);
    seen.ctx = who->ctx;
  } else if (status == GRANT_REFUSAL) {
    struct plug_refusal refusal;
    memcpy(&refusal, detail.ptr, sizeof refusal);
    keep(seen.code, refusal.code);
  }
  atomic_fetch_add(&seen.n, 1);
}

static struct plug_op *take_op(void)
{
  struct plug_op *op = op_new(instance, 0, on_done, NULL);
  assert_non_null(op);
  op_takes(op, OP_TAKES_LOGIN);
  op_offered(op, PLUG_PENDING);
  return op;
}

static void completions_are_copies(void **state)
{
  (void)state;
  begin(1, 1);
  memset(&seen, 0, sizeof seen);
  char text[] = "alice A value /x/**";
  struct plug_str role = {text + 6, 1};
  struct plug_kv attr = {{"key", 3}, {text + 8, 5}};
  struct plug_permission permission = {PLUG_SUBSCRIBE, 0, {text + 14, 5}};
  struct plug_identity who = {.size = sizeof who,
                              .user = {text, 5},
                              .roles = &role,
                              .n_roles = 1,
                              .attrs = &attr,
                              .n_attrs = 1,
                              .permissions = &permission,
                              .n_permissions = 1,
                              .ctx = text};
  struct plug_op *op = take_op();
  grant_auth_up.grant(op, &who);
  memset(text, '?', sizeof text);
  wait_for_count(&seen.n, 1);
  assert_int_equal(seen.status, GRANT_IDENTITY);
  assert_string_equal(seen.user, "alice");
  assert_string_equal(seen.role, "A");
  assert_string_equal(seen.attr, "value");
  assert_string_equal(seen.pattern, "/x/**");
  assert_ptr_equal(seen.ctx, text);

  op = take_op();
  struct plug_refusal refusal = {.size = sizeof refusal, .code = {"token-expired", 13}};
  grant_auth_up.refuse(op, &refusal);
  wait_for_count(&seen.n, 2);
  assert_string_equal(seen.code, "token-expired");
  finish();
}

static void forge(void)
{
  begin(1, 1);
  memset(&seen, 0, sizeof seen);
  struct plug_op *op = take_op();
  instance->host.op_done(op, GRANT_IDENTITY, STR("forged"));
  wait_for_count(&seen.n, 1);
  if (seen.status != PLUG_EINTERNAL)
    _exit(1);
  finish();
}

/* What only upcalls may say. */
static void a_forged_grant_is_a_violation(void **state)
{
  (void)state;
  expect_violation(forge, "op_done: gave status ");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(run_off_home_is_a_violation), /* forks: first */
      cmocka_unit_test(jobs_run_away_and_come_home),
      cmocka_unit_test(the_queue_has_an_end),
      cmocka_unit_test(quick_jobs_do_not_wait_for_one_of_another_kind),
      cmocka_unit_test(jobs_yield_to_messages),
      cmocka_unit_test(a_drain_waits_for_jobs),
      cmocka_unit_test(completions_are_copies),
      cmocka_unit_test(a_forged_grant_is_a_violation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
