#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "message/envelope.h"
#include "message/message.h"

#define THREADS    4
#define PER_THREAD 5000

static struct plug_msg_init init_of(struct plug_str topic, struct plug_str payload)
{
  return (struct plug_msg_init){
      .size = sizeof(struct plug_msg_init), .topic = topic, .payload = payload};
}

static bool inside(const struct plug_msg *msg, const char *ptr)
{
  return ptr > (const char *)msg && ptr < (const char *)msg + 4096;
}

static void message_copies_everything(void **state)
{
  (void)state;
  char topic[] = "/sub/a", type[] = "text/plain", payload[] = "hello", key[] = "k", value[] = "v";
  struct plug_kv headers[] = {{str_of(key), str_of(value)}, {str_of(key), {NULL, 0}}};
  struct plug_msg_init init = init_of(str_of(topic), str_of(payload));
  init.content_type = str_of(type);
  init.headers = headers;
  init.n_headers = 2;
  init.pos = (struct plug_position){7, 8};
  const struct plug_msg *msg = message_new(&init);
  assert_non_null(msg);
  memset(topic, 'x', sizeof topic - 1);
  memset(type, 'x', sizeof type - 1);
  memset(payload, 'x', sizeof payload - 1);
  memset(headers, 0, sizeof headers);
  key[0] = value[0] = 'x';

  assert_int_equal(msg->size, sizeof *msg);
  assert_int_equal(msg->flags, 0);
  assert_true(msg->id > 0);
  assert_true(str_eq(msg->topic, STR("/sub/a")));
  assert_true(str_eq(msg->content_type, STR("text/plain")));
  assert_true(str_eq(msg->payload, STR("hello")));
  assert_true(str_eq(msg->origin, STR("node-1")));
  assert_int_equal(msg->n_headers, 2);
  assert_true(str_eq(msg->headers[0].key, STR("k")));
  assert_true(str_eq(msg->headers[0].value, STR("v")));
  assert_int_equal(msg->headers[1].value.len, 0);
  assert_int_equal(msg->pos.offset, 7);
  assert_int_equal(msg->pos.epoch, 8);
  /* one allocation, and the node's own name is not copied */
  assert_true(inside(msg, msg->topic.ptr) && inside(msg, msg->payload.ptr));
  assert_true(inside(msg, (const char *)msg->headers) && inside(msg, msg->headers[0].key.ptr));
  assert_ptr_equal(msg->origin.ptr, message_node());
  message_unref(msg);
}

static void empty_topic_is_refused(void **state)
{
  (void)state;
  struct plug_msg_init init = init_of(STR(""), STR("x"));
  assert_null(message_new(&init));
  assert_null(message_new_from(&init, STR("n"), 1));
}

static void impossible_lengths_are_refused(void **state)
{
  (void)state;
  struct plug_msg_init init = init_of(STR("/a"), (struct plug_str){"x", SIZE_MAX - 8});
  assert_null(message_new(&init));
  init = init_of(STR("/a"), STR("x"));
  struct plug_kv header = {STR("k"), STR("v")};
  init.headers = &header;
  init.n_headers = SIZE_MAX / 16;
  assert_null(message_new(&init));
}

static void members_beyond_the_given_size_are_not_read(void **state)
{
  (void)state;
  struct plug_kv header = {STR("k"), STR("v")};
  struct plug_msg_init init = init_of(STR("/a"), STR("x"));
  init.headers = &header;
  init.n_headers = 1;
  init.size = offsetof(struct plug_msg_init, headers);
  const struct plug_msg *msg = message_new(&init);
  assert_int_equal(msg->n_headers, 0);
  assert_true(str_eq(msg->payload, STR("x")));
  message_unref(msg);
}

static void payload_that_is_not_utf8_is_flagged(void **state)
{
  (void)state;
  struct plug_msg_init init = init_of(STR("/a"), STR("\xff\xfe"));
  const struct plug_msg *msg = message_new(&init);
  assert_int_equal(msg->flags, PLUG_MSG_BINARY);
  message_unref(msg);
  init.payload = STR("caf\xc3\xa9\0");
  msg = message_new_from(&init, STR("other"), 1);
  assert_int_equal(msg->flags, 0);
  message_unref(msg);
}

static void origin_and_id_of_others_are_kept(void **state)
{
  (void)state;
  char origin[] = "node-2";
  struct plug_msg_init init = init_of(STR("/a"), STR("x"));
  const struct plug_msg *msg = message_new_from(&init, str_of(origin), UINT64_MAX);
  origin[0] = 'x';
  assert_true(str_eq(msg->origin, STR("node-2")));
  assert_true(msg->id == UINT64_MAX);
  message_unref(msg);
}

static int compare_ids(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void *take_ids(void *arg)
{
  uint64_t *ids = arg;
  struct plug_msg_init init = init_of(STR("/a"), STR("x"));
  for (size_t i = 0; i < PER_THREAD; i++) {
    const struct plug_msg *msg = message_new(&init);
    ids[i] = msg ? msg->id : 0;
    if (msg)
      message_unref(msg);
  }
  return NULL;
}

static void ids_are_unique_and_rise_per_thread(void **state)
{
  (void)state;
  static uint64_t ids[THREADS * PER_THREAD];
  pthread_t threads[THREADS];
  for (size_t t = 0; t < THREADS; t++)
    assert_int_equal(pthread_create(&threads[t], NULL, take_ids, &ids[t * PER_THREAD]), 0);
  for (size_t t = 0; t < THREADS; t++)
    pthread_join(threads[t], NULL);
  for (size_t i = 0; i < THREADS * PER_THREAD; i++)
    assert_true(i % PER_THREAD == 0 ? ids[i] > 0 : ids[i] > ids[i - 1]);
  qsort(ids, THREADS * PER_THREAD, sizeof ids[0], compare_ids);
  for (size_t i = 1; i < THREADS * PER_THREAD; i++)
    assert_true(ids[i] != ids[i - 1]);
}

struct shared {
  const struct plug_msg *msg;
  struct plug_str encoded;
};

static void *encode_and_drop(void *arg)
{
  struct shared *shared = arg;
  for (int i = 0; i < 1000; i++) {
    message_ref(shared->msg);
    message_unref(shared->msg);
  }
  shared->encoded = message_encoded(shared->msg);
  struct plug_str copy = shared->encoded;
  volatile char last = copy.ptr[copy.len - 1];
  (void)last;
  message_unref(shared->msg);
  return NULL;
}

static void threads_share_one_message_and_one_envelope(void **state)
{
  (void)state;
  for (int round = 0; round < 50; round++) {
    struct plug_msg_init init = init_of(STR("/a"), STR("payload"));
    const struct plug_msg *msg = message_new(&init);
    struct shared shared[THREADS];
    pthread_t threads[THREADS];
    for (size_t t = 0; t < THREADS; t++) {
      message_ref(msg);
      shared[t].msg = msg;
      assert_int_equal(pthread_create(&threads[t], NULL, encode_and_drop, &shared[t]), 0);
    }
    message_unref(msg); /* the last thread frees it */
    for (size_t t = 0; t < THREADS; t++)
      pthread_join(threads[t], NULL);
    for (size_t t = 1; t < THREADS; t++)
      assert_ptr_equal(shared[t].encoded.ptr, shared[0].encoded.ptr);
  }
}

static void encoded_is_the_envelope_and_is_made_once(void **state)
{
  (void)state;
  struct plug_msg_init init = init_of(STR("/a"), STR("payload"));
  const struct plug_msg *msg = message_new(&init);
  struct plug_str first = message_encoded(msg), second = message_encoded(msg);
  assert_ptr_equal(first.ptr, second.ptr);
  struct buf out = {0};
  envelope_put(&out, msg);
  assert_true(str_eq(first, str_from(out.data, out.len)));
  buf_free(&out);
  message_unref(msg);
}

static void living_messages_are_counted_in_debug_builds(void **state)
{
  (void)state;
  int64_t before = message_count_alive();
  struct plug_msg_init init = init_of(STR("/a"), STR("x"));
  const struct plug_msg *msg = message_new(&init);
#ifdef PLUG_DEBUG
  assert_int_equal(before, 0);
  assert_int_equal(message_count_alive(), 1);
  message_ref(msg);
  message_unref(msg);
  assert_int_equal(message_count_alive(), 1);
  message_unref(msg);
  assert_int_equal(message_count_alive(), 0);
#else
  assert_int_equal(before, -1);
  message_unref(msg);
#endif
}

int main(void)
{
  message_set_node("node-1");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(message_copies_everything),
      cmocka_unit_test(empty_topic_is_refused),
      cmocka_unit_test(impossible_lengths_are_refused),
      cmocka_unit_test(members_beyond_the_given_size_are_not_read),
      cmocka_unit_test(payload_that_is_not_utf8_is_flagged),
      cmocka_unit_test(origin_and_id_of_others_are_kept),
      cmocka_unit_test(ids_are_unique_and_rise_per_thread),
      cmocka_unit_test(threads_share_one_message_and_one_envelope),
      cmocka_unit_test(encoded_is_the_envelope_and_is_made_once),
      cmocka_unit_test(living_messages_are_counted_in_debug_builds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
