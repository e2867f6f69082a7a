/* The SDK's mock host tells on a plugin that breaks the contract, and only on that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "plug_mock_host.h"

enum fault {
  NO_FAULT,
  TIMER_LEFT,
  WATCH_LEFT,
  MESSAGE_LEFT,
  UNREF_TWICE,
  DONE_TWICE,
  DONE_AND_RESULT,
  LATE_CFG,
  WRONG_THREAD,
  TIMER_IN_CREATE,
  UNKNOWN_OPTION,
  AFTER_STOP,
  LAST_FAULT,
};

static enum fault fault;

struct culprit {
  const struct plug_host *host;
  struct plug_timer *timer;
  struct plug_op *later;
  int order[4], n_order, fds[2];
  struct plug_io *io;
};

static void ring(void *arg)
{
  struct culprit *self = arg;
  self->order[self->n_order++ & 3] = (int)(self->host->now_ms(self->host) % 1000000);
  if (self->n_order < 3)
    self->host->timer_set(self->timer, 1000);
}

static plug_status culprit_create(const struct plug_host *host, void **out, struct plug_err *err)
{
  struct culprit *self = calloc(1, sizeof *self);
  int64_t size = 0;
  struct plug_str text;
  (void)err;
  assert_non_null(self);
  self->host = host;
  assert_int_equal(host->cfg_i64(host, "size", &size), PLUG_OK);
  assert_int_equal(size, 3 << 20);
  if (fault == UNKNOWN_OPTION)
    host->cfg_str(host, "sise", &text);
  if (fault == TIMER_IN_CREATE)
    host->timer_free(host->timer_new(host, ring, self));
  *out = self;
  return PLUG_OK;
}

static void finish(void *arg)
{
  struct culprit *self = arg;
  self->host->op_done(self->later, PLUG_OK, (struct plug_str){NULL, 0});
}

static void *set_timer(void *arg)
{
  struct culprit *self = arg;
  self->host->timer_set(self->timer, 5000);
  return NULL;
}

static void on_readable(void *arg, int fd, uint32_t ready)
{
  struct culprit *self = arg;
  char byte;
  assert_int_equal(ready, PLUG_IO_READ);
  assert_int_equal(read(fd, &byte, 1), 1);
  self->host->io_want(self->io, 0);
}

static plug_status culprit_start(void *arg, struct plug_op *op)
{
  struct culprit *self = arg;
  const struct plug_host *host = self->host;
  int64_t size;
  pthread_t thread;
  self->timer = host->timer_new(host, ring, self);
  host->timer_set(self->timer, 1000);
  assert_int_equal(pipe(self->fds), 0);
  self->io = host->io_open(host, self->fds[0], PLUG_IO_READ, on_readable, self);
  assert_int_equal(write(self->fds[1], "x", 1), 1);
  if (fault == LATE_CFG)
    host->cfg_i64(host, "size", &size);
  if (fault == WRONG_THREAD) {
    assert_int_equal(pthread_create(&thread, NULL, set_timer, self), 0);
    pthread_join(thread, NULL);
  }
  if (fault == DONE_TWICE)
    host->op_done(op, PLUG_OK, (struct plug_str){NULL, 0});
  if (fault == DONE_AND_RESULT) {
    host->op_done(op, PLUG_OK, (struct plug_str){NULL, 0});
    return PLUG_OK;
  }
  self->later = op;
  host->post(host, finish, self);
  return PLUG_PENDING;
}

static plug_status culprit_stop(void *arg, struct plug_op *op)
{
  struct culprit *self = arg;
  (void)op;
  if (fault != TIMER_LEFT)
    self->host->timer_free(self->timer);
  if (fault != WATCH_LEFT)
    self->host->io_close(self->io);
  close(self->fds[0]);
  close(self->fds[1]);
  return PLUG_OK;
}

static void culprit_destroy(void *arg)
{
  struct culprit *self = arg;
  if (fault == AFTER_STOP)
    self->host->post(self->host, finish, self);
  free(arg);
}

static plug_status culprit_interest(void *arg, const struct plug_interest *v, size_t n,
                                    struct plug_op *op)
{
  (void)arg, (void)v, (void)n, (void)op;
  return PLUG_OK;
}

/* Over the wire format and back. */
static plug_status culprit_publish(void *arg, const struct plug_msg *msg, struct plug_op *op)
{
  struct culprit *self = arg;
  const struct plug_host *host = self->host;
  (void)op;
  const struct plug_msg *copy = host->msg_decode(host, host->msg_encode(msg));
  assert_non_null(copy);
  assert_true(copy->id == msg->id);
  assert_null(host->msg_decode(host, (struct plug_str){"MOCK", 4}));
  host->broker->deliver(host, 7, copy);
  if (fault != MESSAGE_LEFT)
    host->msg_unref(copy);
  if (fault == UNREF_TWICE)
    host->msg_unref(copy);
  return PLUG_OK;
}

static void culprit_health(void *arg, struct plug_health *out)
{
  (void)arg;
  out->state = PLUG_STATE_UP;
}

static const struct plug_broker table = {
    .size = sizeof table,
    .subscribe = culprit_interest,
    .unsubscribe = culprit_interest,
    .publish = culprit_publish,
    .health = culprit_health,
};

static const struct plug_option options[] = {
    {"size", PLUG_OPT_BYTES, 0, "3m", NULL, "A size."},
    {"must", PLUG_OPT_STRING, PLUG_OPT_REQUIRED, NULL, NULL, "A text."},
};

static const struct plug_plugin culprit = {
    PLUG_PLUGIN_HEAD,
    .id = "plugboard.test.culprit",
    .version = "1",
    .summary = "breaks the contract on demand",
    .options = options,
    .n_options = 2,
    .broker = &table,
    .create = culprit_create,
    .start = culprit_start,
    .stop = culprit_stop,
    .destroy = culprit_destroy,
};

static const char *const good[] = {"must", "x", NULL};

static size_t breaches_of_a_run(void)
{
  struct plug_err err;
  uint64_t interest = 0;
  struct plug_mock *mock = plug_mock_new(&culprit, good, &err);
  assert_non_null(mock);
  assert_int_equal(plug_mock_start(mock), PLUG_OK);
  assert_int_equal(plug_mock_publish(mock, "/topic/a", (struct plug_str){"\xff", 1}), PLUG_OK);
  assert_int_equal(plug_mock_deliveries(mock), 1);
  assert_true(plug_mock_delivery(mock, 0, &interest)->flags & PLUG_MSG_BINARY);
  assert_int_equal(interest, 7);
  return plug_mock_free(mock);
}

static void test_every_fault_is_told(void **state)
{
  (void)state;
  for (fault = NO_FAULT; fault < LAST_FAULT; fault++) {
    size_t n = breaches_of_a_run();
    if ((n == 0) != (fault == NO_FAULT))
      fail_msg("fault %d: %zu breaches", (int)fault, n);
  }
}

static void test_the_clock_is_the_tests(void **state)
{
  struct plug_err err;
  (void)state;
  fault = NO_FAULT;
  struct plug_mock *mock = plug_mock_new(&culprit, good, &err);
  assert_non_null(mock);
  assert_int_equal(plug_mock_start(mock), PLUG_OK);
  const struct culprit *self = plug_mock_self(mock);
  plug_mock_advance(mock, 3600000);
  assert_int_equal(self->n_order, 3);
  assert_int_equal(self->order[1] - self->order[0], 1000);
  assert_int_equal(self->order[2] - self->order[1], 1000);
  assert_int_equal(plug_mock_free(mock), 0);
}

static void test_options_are_checked(void **state)
{
  static const char *const bad[][5] = {
      {NULL}, {"must", "x", "sise", "3m", NULL}, {"must", "x", "size", "3q", NULL}};
  static const char *const why[] = {"must: is missing", "sise: no such option", "size: cannot be"};
  struct plug_err err;
  (void)state;
  fault = NO_FAULT;
  for (size_t i = 0; i < 3; i++) {
    assert_null(plug_mock_new(&culprit, bad[i], &err));
    assert_non_null(strstr(err.text, why[i]));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_fault_is_told),
      cmocka_unit_test(test_the_clock_is_the_tests),
      cmocka_unit_test(test_options_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
