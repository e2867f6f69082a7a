#include "base/mpsc.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/list.h"

static void only_the_first_push_asks_for_a_wake_up(void **state)
{
  (void)state;
  struct mpsc q = {NULL};
  struct mpsc_node a, b, c;
  assert_null(mpsc_take(&q));
  assert_true(mpsc_push(&q, &a));
  assert_false(mpsc_push(&q, &b));
  assert_ptr_equal(mpsc_take(&q), &a);
  assert_ptr_equal(a.next, &b);
  assert_null(b.next);
  assert_null(mpsc_take(&q));
  assert_true(mpsc_push(&q, &c));
  assert_ptr_equal(mpsc_take(&q), &c);
}

#define PRODUCERS 4
#define MESSAGES  50000

struct message {
  struct mpsc_node node;
  unsigned producer, number;
};

struct producer {
  struct mpsc *queue;
  atomic_uint *wake_ups;
  struct message *messages;
};

static void *produce(void *arg)
{
  struct producer *p = arg;
  for (unsigned i = 0; i < MESSAGES; i++)
    if (mpsc_push(p->queue, &p->messages[i].node))
      atomic_fetch_add(p->wake_ups, 1);
  return NULL;
}

static void four_producers_keep_their_order(void **state)
{
  (void)state;
  struct mpsc q = {NULL};
  atomic_uint wake_ups = 0;
  struct producer producers[PRODUCERS];
  pthread_t threads[PRODUCERS];
  for (unsigned p = 0; p < PRODUCERS; p++) {
    producers[p] = (struct producer){&q, &wake_ups, calloc(MESSAGES, sizeof(struct message))};
    assert_non_null(producers[p].messages);
    for (unsigned i = 0; i < MESSAGES; i++) {
      producers[p].messages[i].producer = p;
      producers[p].messages[i].number = i;
    }
  }
  for (unsigned p = 0; p < PRODUCERS; p++)
    assert_int_equal(pthread_create(&threads[p], NULL, produce, &producers[p]), 0);

  unsigned next[PRODUCERS] = {0}, total = 0, takes = 0;
  while (total < PRODUCERS * MESSAGES) {
    struct mpsc_node *node = mpsc_take(&q);
    if (!node) {
      sched_yield();
      continue;
    }
    takes++;
    for (; node; node = node->next) {
      struct message *m = container_of(node, struct message, node);
      if (m->number != next[m->producer])
        fail_msg("producer %u: %u came instead of %u", m->producer, m->number, next[m->producer]);
      next[m->producer]++;
      total++;
    }
  }
  for (unsigned p = 0; p < PRODUCERS; p++) {
    pthread_join(threads[p], NULL);
    free(producers[p].messages);
  }
  assert_null(mpsc_take(&q));
  /* One wake-up for each time that the queue went from empty to not empty. */
  assert_int_equal(atomic_load(&wake_ups), takes);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_the_first_push_asks_for_a_wake_up),
      cmocka_unit_test(four_producers_keep_their_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
