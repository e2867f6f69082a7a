/* Orders reach the main thread from signals and from other threads, and each is answered once. */
#include "ops/orders.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#define N 1000

static int n_answered;
static plug_status last_status;

static void on_answered(struct order *order, plug_status status, const char *text)
{
  assert_non_null(order->ctx);
  assert_non_null(text);
  n_answered++;
  last_status = status;
}

static void prepare(struct orders *orders)
{
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  sigaddset(&signals, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  assert_true(orders_init(orders, &signals));
  n_answered = 0;
}

static struct order order_of(enum order_kind kind)
{
  return (struct order){.kind = kind, .answered = on_answered, .ctx = &n_answered};
}

static void test_nothing_comes(void **state)
{
  (void)state;
  struct orders orders;
  prepare(&orders);
  assert_null(orders_wait(&orders, 0));
  assert_null(orders_wait(&orders, 20));
  orders_fini(&orders);
}

static void test_signals(void **state)
{
  (void)state;
  static const struct {
    int number;
    enum order_kind kind;
  } signals[] = {{SIGHUP, ORDER_RELOAD}, {SIGUSR1, ORDER_STATS}, {SIGTERM, ORDER_DRAIN}};
  struct orders orders;
  prepare(&orders);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    kill(getpid(), signals[i].number);
    struct order *order = orders_wait(&orders, UINT64_MAX);
    assert_non_null(order);
    assert_int_equal(order->kind, signals[i].kind);
    assert_int_equal(order->signal_number, signals[i].number);
    orders_answer(order, PLUG_OK, "{}"); /* nobody waits */
  }
  assert_null(orders_wait(&orders, 0));
  orders_fini(&orders);
}

/* The kernel would give SIGHUP first, and for as long as somebody sends it. */
static void test_the_end_goes_first(void **state)
{
  (void)state;
  static const enum order_kind expected[] = {ORDER_DRAIN, ORDER_RELOAD, ORDER_STATS};
  struct orders orders;
  prepare(&orders);
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGHUP);
  kill(getpid(), SIGTERM);
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    struct order *order = orders_wait(&orders, 0);
    assert_non_null(order);
    assert_int_equal(order->kind, expected[i]);
  }
  assert_null(orders_wait(&orders, 0));
  orders_fini(&orders);
}

static void test_order_is_kept(void **state)
{
  (void)state;
  struct orders orders;
  struct order first = order_of(ORDER_RELOAD), second = order_of(ORDER_DRAIN);
  prepare(&orders);
  assert_true(orders_post(&orders, &first));
  assert_true(orders_post(&orders, &second));
  assert_ptr_equal(orders_wait(&orders, UINT64_MAX), &first);
  orders_answer(&first, PLUG_EINVAL, "no");
  assert_int_equal(last_status, PLUG_EINVAL);
  assert_ptr_equal(orders_wait(&orders, UINT64_MAX), &second);
  orders_answer(&second, PLUG_OK, "{}");
  assert_int_equal(n_answered, 2);
  orders_fini(&orders);
}

static struct order many[N];

static void *post_many(void *arg)
{
  for (size_t i = 0; i < N; i++) {
    many[i] = order_of(ORDER_STATS);
    assert_true(orders_post(arg, &many[i]));
  }
  return NULL;
}

static void test_from_another_thread(void **state)
{
  (void)state;
  struct orders orders;
  pthread_t thread;
  prepare(&orders);
  assert_int_equal(pthread_create(&thread, NULL, post_many, &orders), 0);
  for (size_t i = 0; i < N; i++) {
    struct order *order = orders_wait(&orders, UINT64_MAX);
    assert_ptr_equal(order, &many[i]);
    orders_answer(order, PLUG_OK, "{}");
  }
  pthread_join(thread, NULL);
  assert_int_equal(n_answered, N);
  orders_fini(&orders);
}

static void test_the_end(void **state)
{
  (void)state;
  struct orders orders;
  struct order first = order_of(ORDER_RELOAD), second = order_of(ORDER_STATS), late = second;
  prepare(&orders);
  assert_true(orders_post(&orders, &first));
  assert_ptr_equal(orders_wait(&orders, 0), &first);
  assert_true(orders_post(&orders, &second));
  orders_close(&orders);
  assert_int_equal(n_answered, 1);
  assert_int_equal(last_status, PLUG_ECANCELED);
  assert_false(orders_post(&orders, &late));
  orders_answer(&first, PLUG_OK, "{}"); /* it was taken before */
  orders_fini(&orders);
  assert_int_equal(n_answered, 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nothing_comes),       cmocka_unit_test(test_signals),
      cmocka_unit_test(test_the_end_goes_first),  cmocka_unit_test(test_order_is_kept),
      cmocka_unit_test(test_from_another_thread), cmocka_unit_test(test_the_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
