/* Lanes: what waits for what, against a model that knows only the rule. */
#include "hook_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct thing {
  struct hook_item item; /* first */
  int lane, number;
  enum { WAITS, RUNS, GONE } state;
};

static bool put(struct hook_queue *queue, struct thing *thing, enum hook_kind kind, int lane)
{
  char key[8];
  int n = snprintf(key, sizeof key, "%d", lane);
  thing->lane = lane;
  thing->state = WAITS;
  return hook_queue_put(queue, &thing->item, kind, (struct plug_str){key, (size_t)n});
}

static int count_waiting(const struct hook_queue *queue)
{
  const struct hook_item *item;
  int n = 0;
  for (int kind = 0; kind < HOOK_N_KINDS; kind++)
    TAILQ_FOREACH(item, &queue->waiting[kind], of_kind)
  n++;
  return n;
}

static void lanes_do_not_wait_for_each_other(void **state)
{
  struct hook_queue queue;
  struct thing things[4];
  (void)state;
  hook_queue_init(&queue);
  assert_null(hook_queue_take(&queue));
  assert_true(put(&queue, &things[0], HOOK_REQUEST, 1));
  assert_true(put(&queue, &things[1], HOOK_REQUEST, 1));
  assert_true(put(&queue, &things[2], HOOK_REQUEST, 2));
  assert_true(put(&queue, &things[3], HOOK_EVENT_KIND, 1)); /* a lane of its own */
  assert_int_equal(count_waiting(&queue), 4);
  assert_ptr_equal(hook_queue_first(&queue, HOOK_REQUEST), &things[0]);
  assert_ptr_equal(hook_queue_take(&queue), &things[0]);
  assert_ptr_equal(hook_queue_take(&queue), &things[3]); /* in turn */
  assert_ptr_equal(hook_queue_take(&queue), &things[2]);
  assert_null(hook_queue_take(&queue));
  assert_false(hook_queue_is_ready(&queue)); /* one waits, behind one that runs */
  assert_int_equal(count_waiting(&queue), 1);
  hook_queue_release(&queue, &things[0].item);
  assert_true(hook_queue_is_ready(&queue));
  assert_ptr_equal(hook_queue_take(&queue), &things[1]);
  hook_queue_release(&queue, &things[1].item);
  hook_queue_release(&queue, &things[2].item);
  hook_queue_release(&queue, &things[3].item);
  assert_null(queue.tree);
}

/* A seeded walk of puts, takes, releases and removals. */
static void in_the_order_of_each_lane(void **state)
{
  enum { N = 3000, LANES = 7 };
  static struct thing things[N];
  int begun = 0, through = 0, busy[HOOK_N_KINDS][LANES] = {{0}};
  struct hook_queue queue;
  (void)state;
  hook_queue_init(&queue);
  unsigned seed = 1;
  while (through < N) {
    int what = rand_r(&seed) % 4;
    if (what < 2 && begun < N && (what == 0 || begun - through < 60)) {
      things[begun].number = begun;
      enum hook_kind kind = rand_r(&seed) % 3 ? HOOK_REQUEST : HOOK_EVENT_KIND;
      assert_true(put(&queue, &things[begun], kind, rand_r(&seed) % LANES));
      begun++;
      continue;
    }
    if (what == 2) {
      bool is_ready = hook_queue_is_ready(&queue);
      struct thing *taken = (struct thing *)hook_queue_take(&queue);
      bool any = false;
      for (int i = 0; i < begun; i++) {
        struct thing *other = &things[i];
        if (other->state != WAITS || busy[other->item.kind][other->lane])
          continue;
        any = true;
        if (taken && other->item.kind == taken->item.kind && other->lane == taken->lane)
          assert_true(other->number >= taken->number);
      }
      assert_int_equal(any, taken != NULL);
      assert_int_equal(any, is_ready);
      if (taken) {
        assert_int_equal(busy[taken->item.kind][taken->lane]++, 0);
        taken->state = RUNS;
      }
      continue;
    }
    int i = begun ? rand_r(&seed) % begun : 0;
    if (!begun || things[i].state == GONE)
      continue;
    if (things[i].state == RUNS) {
      busy[things[i].item.kind][things[i].lane] = 0;
      hook_queue_release(&queue, &things[i].item);
    } else if (rand_r(&seed) % 4 == 0) {
      hook_queue_remove(&queue, &things[i].item);
    } else {
      continue;
    }
    things[i].state = GONE;
    through++;
  }
  assert_null(queue.tree);
  assert_int_equal(count_waiting(&queue), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lanes_do_not_wait_for_each_other),
      cmocka_unit_test(in_the_order_of_each_lane),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
