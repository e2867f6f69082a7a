#include "hub/fanout.h"

#include "base/buf.h"
#include "hub_world.h"

/* Leaves it in the inbox, where it becomes part of a burst. */
static void post_message(const char *topic, uint64_t id, struct plug_str payload)
{
  const struct plug_msg *msg = message(topic, id, payload);
  assert_int_equal(interest_deliver(w.table, 0, msg), PLUG_OK);
  message_unref(msg);
}

static void post_n(const char *topic, uint64_t first, uint64_t n)
{
  for (uint64_t i = 0; i < n; i++)
    post_message(topic, first + i, STR("x"));
}

/* The id of the only message of a frame. */
static int id_of(const struct frame *frame)
{
  static const char mark[] = "message-id:n1-";
  struct plug_str text = frame_text(frame);
  assert_int_equal(frame->n_messages, 1);
  const char *at = memmem(text.ptr, text.len, mark, sizeof mark - 1);
  assert_non_null(at);
  return atoi(at + sizeof mark - 1);
}

static struct plug_str id_text_of(const struct frame *frame)
{
  static const char mark[] = "subscription:";
  struct plug_str text = frame_text(frame);
  const char *at = memmem(text.ptr, text.len, mark, sizeof mark - 1);
  assert_non_null(at);
  at += sizeof mark - 1;
  return str_from(at, (size_t)((const char *)memchr(at, '\n', 100) - at));
}

static void a_burst_is_one_frame_of_all_its_messages(void **state)
{
  (void)state;
  subscribe(0, "0", "/sub/a");
  subscribe(1, "0", "/sub/a");
  int64_t before = counter_read(COUNTER_delivered);
  post_message("/sub/a", 1, STR("one"));
  post_message("/sub/a", 2, STR("\xff"));
  post_message("/sub/a", 3, STR(""));
  take_all();
  assert_int_equal(counter_read(COUNTER_delivered) - before, 6);
  assert_int_equal(n_frames(0), 1);
  struct frame *frame = frame_at(0, 0);
  assert_ptr_equal(frame, frame_at(1, 0));
  assert_int_equal(frame->n_messages, 3);
  assert_int_equal(w.clients[0].queue.messages, 3);
  assert_int_equal(w.clients[0].queue.bytes, frame->len);
  struct frame *const *parts = frame_split(frame);
  assert_int_equal((uint8_t)parts[1]->bytes[0], FRAME_WS_BINARY);
  expect_str(frame_text(parts[0]),
             STR("MESSAGE\nsubscription:0\ndestination:/sub/a\nmessage-id:n1-1\n"
                 "content-length:3\n\none\0"));
  expect_str(frame_text(parts[1]),
             STR("MESSAGE\nsubscription:0\ndestination:/sub/a\nmessage-id:n1-2\n"
                 "content-length:1\n\n\xff\0"));
  expect_str(frame_text(parts[2]),
             STR("MESSAGE\nsubscription:0\ndestination:/sub/a\nmessage-id:n1-3\n"
                 "content-length:0\n\n\0"));
}

static void messages_of_several_nodes_make_one_burst(void **state)
{
  (void)state;
  static const char *const origins[] = {"n1", "n1", "n2", "a:b", "a:b", "n1"};
  static const char *const ids[] = {"n1-1", "n1-2", "n2-3", "a\\cb-4", "a\\cb-5", "n1-6"};
  subscribe(0, "0", "/sub/a");
  for (uint64_t i = 0; i < 6; i++) {
    struct plug_msg_init init = {.size = sizeof init, .topic = STR("/sub/a"), .payload = STR("x")};
    const struct plug_msg *msg = message_new_from(&init, str_of(origins[i]), i + 1);
    interest_deliver(w.table, 0, msg);
    message_unref(msg);
  }
  take_all();
  assert_int_equal(n_frames(0), 1);
  struct frame *const *parts = frame_split(frame_at(0, 0));
  for (int i = 0; i < 6; i++) {
    struct buf expected = {0};
    buf_putf(&expected, "MESSAGE\nsubscription:0\ndestination:/sub/a\nmessage-id:%s\n", ids[i]);
    buf_put_str(&expected, STR("content-length:1\n\nx\0"));
    expect_str(frame_text(parts[i]), str_from(expected.data, expected.len));
    buf_free(&expected);
  }
}

static void only_neighbours_of_one_destination_make_a_burst(void **state)
{
  (void)state;
  subscribe(0, "a", "/sub/a");
  subscribe(0, "b", "/sub/b");
  post_n("/sub/a", 1, 2);
  post_n("/sub/b", 3, 1);
  post_n("/sub/a", 4, 3);
  take_all();
  static const uint16_t n[] = {2, 1, 3};
  assert_int_equal(n_frames(0), 3);
  for (uint32_t i = 0; i < 3; i++)
    assert_int_equal(frame_at(0, i)->n_messages, n[i]);
}

static void a_burst_is_bounded_in_messages_and_bytes(void **state)
{
  (void)state;
  subscribe(0, "0", "/sub/a");
  post_n("/sub/a", 1, 2 * FANOUT_MESSAGES_MAX + 1);
  take_all();
  assert_int_equal(n_frames(0), 3);
  assert_int_equal(frame_at(0, 0)->n_messages, FANOUT_MESSAGES_MAX);
  assert_int_equal(frame_at(0, 2)->n_messages, 1);
  forget_frames();
  static char large[40000];
  for (int i = 0; i < 3; i++)
    post_message("/sub/a", 1, str_from(large, sizeof large));
  take_all();
  assert_int_equal(n_frames(0), 3);
}

static void a_large_message_leaves_no_large_buffer(void **state)
{
  (void)state;
  static char large[1 << 20];
  w.hub.outqs.max_bytes = 1 << 24;
  subscribe(0, "0", "/sub/a");
  post_message("/sub/a", 1, str_from(large, sizeof large));
  take_all();
  assert_int_equal(w.hub.shared[STOMP_1_2].cap, 0);
  post_n("/sub/a", 2, FANOUT_MESSAGES_MAX);
  take_all();
  assert_true(w.hub.shared[STOMP_1_2].cap > 0);
}

static void a_queue_that_cannot_take_bursts_gets_single_messages(void **state)
{
  (void)state;
  for (int i = 0; i < 3; i++)
    subscribe(i, "0", "/sub/a");
  w.clients[0].queue.singly = true;
  w.clients[1].queue.blocked = true;
  post_n("/sub/a", 1, 3);
  take_all();
  assert_int_equal(n_frames(2), 1);
  for (int client = 0; client < 2; client++) {
    assert_int_equal(n_frames(client), 3);
    for (uint32_t i = 0; i < 3; i++) {
      assert_int_equal(id_of(frame_at(client, i)), i + 1);
      assert_ptr_equal(frame_at(client, i), frame_at(0, i)); /* split once for all */
    }
  }
}

static void limits_count_the_messages_of_a_burst(void **state)
{
  (void)state;
  subscribe(0, "0", "/sub/a");
  w.hub.outqs.max_frames = 5;
  w.hub.outqs.policy = OUTQ_DROP_NEWEST;
  w.clients[0].queue.blocked = true;
  int64_t before = counter_read(COUNTER_dropped_queue);
  post_n("/sub/a", 1, 8);
  take_all();
  assert_int_equal(counter_read(COUNTER_dropped_queue) - before, 3);
  assert_int_equal(n_frames(0), 5);
  w.hub.outqs.policy = OUTQ_DROP_OLDEST;
  post_n("/sub/a", 9, 2);
  take_all();
  assert_int_equal(counter_read(COUNTER_dropped_queue) - before, 5);
  static const int left[] = {3, 4, 5, 9, 10};
  for (uint32_t i = 0; i < 5; i++)
    assert_int_equal(id_of(frame_at(0, i)), left[i]);
}

static void who_is_subscribed_twice_gets_message_by_message(void **state)
{
  (void)state;
  subscribe(0, "0", "/sub/a");
  subscribe(0, "all", "/sub/*");
  subscribe(1, "0", "/sub/a");
  subscribe(2, "all", "/sub/*");
  post_n("/sub/a", 1, 2);
  take_all();
  static const char *const ids[] = {"0", "all", "0", "all"};
  assert_int_equal(n_frames(0), 4);
  for (uint32_t i = 0; i < 4; i++) {
    assert_int_equal(id_of(frame_at(0, i)), i / 2 + 1);
    expect_str(id_text_of(frame_at(0, i)), str_of(ids[i]));
  }
  for (int client = 1; client < 3; client++) {
    assert_int_equal(n_frames(client), 1);
    assert_int_equal(frame_at(client, 0)->n_messages, 2);
  }
}

static void acknowledged_messages_come_one_by_one(void **state)
{
  (void)state;
  struct subscription *sub = subscribe_as(0, "0", "/sub/a", STOMP_1_2, ACK_CLIENT_INDIVIDUAL);
  subscribe(1, "0", "/sub/a");
  post_n("/sub/a", 1, 3);
  take_all();
  assert_int_equal(n_frames(1), 1);
  assert_int_equal(n_frames(0), 3);
  EXPECT_FRAME(0, 1,
               "MESSAGE\nsubscription:0\nack:n1-2/0\ndestination:/sub/a\nmessage-id:n1-2\n"
               "content-length:1\n\nx");
  assert_true(hub_ack(sub, STR("n1-2")));
  assert_false(hub_ack(sub, STR("n1-2")));
  assert_int_equal(w.clients[0].unacked, 2);
}

static void published(void *waiter, plug_status status)
{
  assert_int_equal(n_frames(0), 1); /* what came before it has been delivered, the rest has not */
  *(plug_status *)waiter = status;
}

static void answers_keep_their_place_between_messages(void **state)
{
  (void)state;
  plug_status status = PLUG_PENDING;
  subscribe(0, "0", "/sub/a");
  w.hub.on_published = published;
  post_n("/sub/a", 1, 2);
  struct inbox_item *answer = inbox_item_new(INBOX_PUBLISHED, str_from(NULL, 0));
  answer->waiter = &status;
  answer->status = PLUG_EUNAVAIL;
  inbox_put(&w.post.inbox, answer);
  post_n("/sub/a", 3, 2);
  take_all();
  assert_int_equal(status, PLUG_EUNAVAIL);
  assert_int_equal(n_frames(0), 2);
}

/* --- bursts against single messages ------------------------------------------------------- */

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 33) % below;
}

static void note_frames(struct buf streams[8])
{
  for (int c = 0; c < 8; c++) {
    struct outq *queue = &w.clients[c].queue;
    for (uint32_t i = 0; i < queue->count; i++)
      buf_put(&streams[c], outq_at(queue, i)->bytes, outq_at(queue, i)->len);
    outq_drop_front(queue, queue->count);
    assert_int_equal(queue->messages, 0);
    assert_int_equal(queue->bytes, 0);
  }
}

/* Random subscriptions and messages; what each client would be sent. */
static void play(uint64_t seed, bool in_bursts, struct buf streams[8])
{
  static const char *const destinations[] = {"/sub/a",  "/sub/b", "/sub/*",
                                             "/sub/**", "/sub/?", "/sub/{x}"};
  static const char *const ids[] = {"0", "1", "a:b"};
  assert_int_equal(setup(NULL), 0);
  random_state = seed;
  for (int round = 0; round < 6; round++) {
    for (uint32_t n = draw(12); n > 0; n--) {
      int client = (int)draw(8);
      struct plug_str id = str_of(ids[draw(3)]);
      const char *destination = destinations[draw(draw(2) ? 2 : 6)];
      enum stomp_version version = (enum stomp_version)(STOMP_1_0 + draw(3));
      enum ack_mode ack = draw(4) ? ACK_AUTO : ACK_CLIENT;
      struct subscription *sub = hub_find(&w.hub, w.clients[client].number, id);
      if (sub)
        hub_unsubscribe(&w.hub, sub);
      else
        subscribe_as(client, id.ptr, destination, version, ack);
    }
    for (int c = 0; c < 8; c++)
      w.clients[c].queue.singly = draw(5) == 0;
    broker_answers(PLUG_OK);
    for (uint64_t id = 1 + draw(40); id > 0; id--) {
      char payload[300];
      uint32_t len = draw(sizeof payload);
      memset(payload, draw(4) ? 'p' : 0xff, sizeof payload);
      post_message(draw(6) ? "/sub/a" : "/sub/b", id, str_from(payload, len));
      if (!in_bursts)
        take_all();
    }
    take_all();
    note_frames(streams);
  }
  assert_int_equal(teardown(NULL), 0);
}

static void a_burst_sends_what_its_messages_would_send_alone(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 300; seed++) {
    struct buf singly[8] = {0}, bursts[8] = {0};
    play(seed, false, singly);
    play(seed, true, bursts);
    for (int c = 0; c < 8; c++) {
      if (singly[c].len != bursts[c].len ||
          (singly[c].len && memcmp(singly[c].data, bursts[c].data, singly[c].len) != 0))
        fail_msg("seed %d, client %d: %zu bytes alone, %zu in bursts", (int)seed, c, singly[c].len,
                 bursts[c].len);
      buf_free(&singly[c]);
      buf_free(&bursts[c]);
    }
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_burst_is_one_frame_of_all_its_messages),
      TEST(messages_of_several_nodes_make_one_burst),
      TEST(only_neighbours_of_one_destination_make_a_burst),
      TEST(a_burst_is_bounded_in_messages_and_bytes),
      TEST(a_large_message_leaves_no_large_buffer),
      TEST(a_queue_that_cannot_take_bursts_gets_single_messages),
      TEST(limits_count_the_messages_of_a_burst),
      TEST(who_is_subscribed_twice_gets_message_by_message),
      TEST(acknowledged_messages_come_one_by_one),
      TEST(answers_keep_their_place_between_messages),
      cmocka_unit_test(a_burst_sends_what_its_messages_would_send_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
