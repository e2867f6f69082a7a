/* The lane from workers to a broker in a process of its own, with a broker that does what it is
 * told to. */
#include "broker/lane.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "message/message.h"

#define THREADS 4
#define EACH    20000

/* The broker: refuses, or keeps the numbers that it was given. */
struct broker {
  plug_status encodes, answers;
  uint64_t numbers[THREADS * EACH];
  size_t n;
};

static plug_status encode(void *self, struct buf *out, uint64_t number, const struct plug_msg *msg)
{
  const struct broker *broker = self;
  (void)msg;
  if (broker->encodes == PLUG_OK)
    buf_put(out, &number, sizeof number);
  return broker->encodes;
}

static plug_status hand_over(void *self, struct plug_str encoded, const struct lane_up *up,
                             void *ctx)
{
  struct broker *broker = self;
  (void)up, (void)ctx;
  if (broker->answers != PLUG_PENDING)
    return broker->answers;
  memcpy(&broker->numbers[broker->n], encoded.ptr, encoded.len);
  broker->n += encoded.len / sizeof(uint64_t);
  return PLUG_PENDING;
}

static const struct lane_calls calls = {.encode = encode, .hand_over = hand_over};
static const struct publish_to nobody;

static const struct plug_msg *make(const char *topic, const char *payload)
{
  const struct plug_msg_init init = {
      .size = sizeof init, .topic = str_of(topic), .payload = str_of(payload)};
  const struct plug_msg *msg = message_new(&init);
  assert_non_null(msg);
  return msg;
}

static bool put(struct lane *lane, const struct publish_to *to)
{
  bool first = false;
  const struct plug_msg *msg = make("/topic/a", "x");
  assert_int_equal(lane_put(lane, msg, to, &first), PLUG_PENDING);
  message_unref(msg);
  return first;
}

static void what_is_put_in_comes_out_in_order(void **state)
{
  static struct broker broker;
  broker = (struct broker){.answers = PLUG_PENDING};
  struct lane *lane = lane_new(&calls, &broker);
  struct inbox inbox;
  const struct publish_to to = {.inbox = &inbox, .shared = true};
  (void)state;
  assert_null(lane_take(lane));
  assert_null(lane_first(lane));
  assert_true(put(lane, &nobody)); /* somebody has to come */
  assert_false(put(lane, &to));    /* and will find this one, too */
  struct lane_batch *batch = lane_take(lane);
  assert_int_equal(batch->n, 2);
  assert_null(lane_take(lane));
  assert_true(put(lane, &nobody)); /* of a batch of its own */
  assert_int_equal(lane_hand_over(lane, batch, NULL, NULL), PLUG_PENDING);
  assert_int_equal(lane_hand_over(lane, lane_take(lane), NULL, NULL), PLUG_PENDING);
  for (uint64_t number = 0; number < 3; number++) {
    assert_int_equal(broker.numbers[number], number);
    assert_int_equal(lane_first(lane)->number, number);
    struct lane_item item = lane_next(lane);
    assert_int_equal(item.number, number);
    assert_int_equal(item.to.shared, number == 1);
    assert_ptr_equal(item.to.inbox, number == 1 ? &inbox : NULL);
    message_unref(item.msg);
  }
  assert_null(lane_first(lane));
  lane_free(lane);
}

static void what_the_broker_refuses_stays_with_the_caller(void **state)
{
  static struct broker broker;
  broker = (struct broker){.answers = PLUG_EUNAVAIL};
  struct lane *lane = lane_new(&calls, &broker);
  (void)state;
  put(lane, &nobody);
  put(lane, &nobody);
  struct lane_batch *batch = lane_take(lane);
  assert_int_equal(lane_hand_over(lane, batch, NULL, NULL), PLUG_EUNAVAIL);
  assert_null(lane_first(lane));
  for (size_t i = 0; i < batch->n; i++)
    message_unref(batch->items[i].msg);
  lane_give_back(lane, batch);
  /* The batch serves again, with nothing of before in it; the numbers go on. */
  broker.answers = PLUG_PENDING;
  assert_true(put(lane, &nobody));
  batch = lane_take(lane);
  assert_int_equal(batch->n, 1);
  assert_int_equal(batch->encoded.len, sizeof(uint64_t));
  assert_int_equal(lane_hand_over(lane, batch, NULL, NULL), PLUG_PENDING);
  assert_int_equal(lane_first(lane)->number, 2);
  lane_free(lane); /* lets go of the message */
}

static void what_cannot_be_encoded_is_not_in_it(void **state)
{
  static struct broker broker;
  bool first = false;
  broker = (struct broker){.encodes = PLUG_ETOOBIG, .answers = PLUG_PENDING};
  struct lane *lane = lane_new(&calls, &broker);
  const struct plug_msg *msg = make("/topic/a", "x");
  (void)state;
  assert_int_equal(lane_put(lane, msg, &nobody, &first), PLUG_ETOOBIG);
  assert_false(first);
  assert_null(lane_take(lane));
  broker.encodes = PLUG_OK;
  assert_int_equal(lane_put(lane, msg, &nobody, &first), PLUG_PENDING);
  assert_true(first);
  message_unref(msg);
  lane_free(lane);
}

static struct lane *shared;

static bool put_all(const char *topic)
{
  for (int i = 0; i < EACH; i++) {
    char payload[16];
    bool first;
    snprintf(payload, sizeof payload, "%d", i);
    const struct plug_msg *msg = make(topic, payload);
    if (lane_put(shared, msg, &nobody, &first) != PLUG_PENDING)
      return false;
    message_unref(msg);
  }
  return true;
}

static void *putter(void *topic)
{
  return put_all(topic) ? NULL : topic;
}

/* While threads put, this one takes, hands over, and answers with some still open: what each thread
 * has put comes in its order, once, and with numbers that rise. */
static void many_threads_put_while_one_takes(void **state)
{
  static struct broker broker;
  static char topics[THREADS][16];
  pthread_t threads[THREADS];
  int seen[THREADS] = {0};
  size_t n = 0, open = 0;
  (void)state;
  broker = (struct broker){.answers = PLUG_PENDING};
  shared = lane_new(&calls, &broker);
  for (int i = 0; i < THREADS; i++) {
    snprintf(topics[i], sizeof topics[i], "/topic/%d", i);
    assert_int_equal(pthread_create(&threads[i], NULL, putter, topics[i]), 0);
  }
  while (n < THREADS * EACH) {
    struct lane_batch *batch = lane_take(shared);
    if (batch) {
      open += batch->n;
      assert_int_equal(lane_hand_over(shared, batch, NULL, NULL), PLUG_PENDING);
    }
    for (size_t keep = broker.n < THREADS * EACH ? 100 : 0; open > keep; open--, n++) {
      struct lane_item item = lane_next(shared);
      int from = item.msg->topic.ptr[item.msg->topic.len - 1] - '0';
      char payload[16];
      snprintf(payload, sizeof payload, "%d", seen[from]++);
      assert_int_equal(item.number, n);
      assert_int_equal(broker.numbers[n], n);
      assert_true(str_eq(item.msg->payload, str_of(payload)));
      message_unref(item.msg);
    }
  }
  for (int i = 0; i < THREADS; i++) {
    void *fault = NULL;
    pthread_join(threads[i], &fault);
    assert_null(fault);
    assert_int_equal(seen[i], EACH);
  }
  assert_null(lane_first(shared));
  assert_null(lane_take(shared));
  lane_free(shared);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_put_in_comes_out_in_order),
      cmocka_unit_test(what_the_broker_refuses_stays_with_the_caller),
      cmocka_unit_test(what_cannot_be_encoded_is_not_in_it),
      cmocka_unit_test(many_threads_put_while_one_takes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
