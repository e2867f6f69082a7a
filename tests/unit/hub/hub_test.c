#include <stdio.h>

#include "hub_world.h"

/* --- bytes -------------------------------------------------------------------------------- */

static void a_message_frame_has_exactly_these_bytes(void **state)
{
  (void)state;
  subscribe(0, "sub-0", "/sub/a");
  publish("/sub/a", 7);
  EXPECT_FRAME(0, 0,
               "MESSAGE\nsubscription:sub-0\ndestination:/sub/a\nmessage-id:n1-7\n"
               "content-length:1\n\nx");
  struct frame *frame = frame_at(0, 0);
  assert_int_equal((uint8_t)frame->bytes[0], FRAME_WS_TEXT);
  assert_int_equal((uint8_t)frame->bytes[1], frame->len - 2);
  assert_true(frame->droppable);
  assert_int_equal(n_frames(0), 1);
}

static void publish_with_headers(uint64_t id)
{
  const struct plug_kv headers[] = {{STR("a:b\\c"), STR("1\n2\r3:4\\5")}, {STR("x"), STR("")}};
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = STR("/sub/a:b"),
                               .content_type = STR("text/plain;x=\"a:b\""),
                               .payload = STR("a\nb\0c"),
                               .headers = headers,
                               .n_headers = 2};
  const struct plug_msg *msg = message_new_from(&init, STR("other:node"), id);
  interest_deliver(w.table, 0, msg);
  message_unref(msg);
  take_all();
}

static void each_version_has_its_own_escapes(void **state)
{
  (void)state;
  subscribe_as(0, "i:d", "/sub/a:b", STOMP_1_0, ACK_AUTO);
  subscribe_as(1, "i:d", "/sub/a:b", STOMP_1_1, ACK_AUTO);
  subscribe_as(2, "i:d", "/sub/a:b", STOMP_1_2, ACK_AUTO);
  publish_with_headers(9);
  EXPECT_FRAME(0, 0,
               "MESSAGE\nsubscription:i:d\ndestination:/sub/a:b\nmessage-id:other:node-9\n"
               "content-type:text/plain;x=\"a:b\"\na b\\c:1 2 3:4\\5\nx:\n"
               "content-length:5\n\na\nb\0c");
  EXPECT_FRAME(1, 0,
               "MESSAGE\nsubscription:i\\cd\ndestination:/sub/a\\cb\nmessage-id:other\\cnode-9\n"
               "content-type:text/plain;x=\"a\\cb\"\na\\cb\\\\c:1\\n2 3\\c4\\\\5\nx:\n"
               "content-length:5\n\na\nb\0c");
  EXPECT_FRAME(2, 0,
               "MESSAGE\nsubscription:i\\cd\ndestination:/sub/a\\cb\nmessage-id:other\\cnode-9\n"
               "content-type:text/plain;x=\"a\\cb\"\na\\cb\\\\c:1\\n2\\r3\\c4\\\\5\nx:\n"
               "content-length:5\n\na\nb\0c");
}

static void the_ack_header_is_for_12_and_acknowledged_subscriptions(void **state)
{
  (void)state;
  subscribe_as(0, "0", "/sub/a", STOMP_1_2, ACK_CLIENT);
  subscribe_as(1, "a:b", "/sub/a", STOMP_1_2, ACK_CLIENT_INDIVIDUAL);
  subscribe_as(2, "0", "/sub/a", STOMP_1_1, ACK_CLIENT);
  subscribe_as(3, "0", "/sub/a", STOMP_1_0, ACK_CLIENT);
  subscribe_as(4, "0", "/sub/a", STOMP_1_2, ACK_AUTO);
  publish("/sub/a", 7);
  EXPECT_FRAME(0, 0,
               "MESSAGE\nsubscription:0\nack:n1-7/0\ndestination:/sub/a\nmessage-id:n1-7\n"
               "content-length:1\n\nx");
  EXPECT_FRAME(1, 0,
               "MESSAGE\nsubscription:a\\cb\nack:n1-7/a\\cb\ndestination:/sub/a\n"
               "message-id:n1-7\ncontent-length:1\n\nx");
  for (int client = 2; client < 5; client++)
    EXPECT_FRAME(client, 0,
                 "MESSAGE\nsubscription:0\ndestination:/sub/a\nmessage-id:n1-7\n"
                 "content-length:1\n\nx");
}

static void ids_of_any_length_come_back(void **state)
{
  (void)state;
  static const size_t lengths[] = {0, 1, 127, 128, 129, 199, 200, 201, 1000};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    char id[1001], expected[1200];
    memset(id, 'i', lengths[i]);
    id[lengths[i]] = '\0';
    struct subscription *sub = subscribe(0, id, "/sub/a");
    assert_ptr_equal(hub_find(&w.hub, 1, str_of(id)), sub);
    expect_str(subscription_id(sub), str_of(id));
    publish("/sub/a", 7);
    int n = snprintf(expected, sizeof expected,
                     "MESSAGE\nsubscription:%s\ndestination:/sub/a\nmessage-id:n1-7\n"
                     "content-length:1\n\nx",
                     id);
    expect_str(frame_text(frame_at(0, 0)), str_from(expected, (size_t)n + 1));
    hub_unsubscribe(&w.hub, sub);
    forget_frames();
  }
}

static void the_payload_decides_between_text_and_binary(void **state)
{
  (void)state;
  subscribe(0, "0", "/sub/a");
  publish_to(0, "/sub/a", 1, STR("gr\xc3\xbc\xc3\x9f"));
  publish_to(0, "/sub/a", 2, STR("\xff\xfe"));
  publish_to(0, "/sub/a", 3, STR(""));
  assert_int_equal((uint8_t)frame_at(0, 0)->bytes[0], FRAME_WS_TEXT);
  assert_int_equal((uint8_t)frame_at(0, 1)->bytes[0], FRAME_WS_BINARY);
  assert_int_equal((uint8_t)frame_at(0, 2)->bytes[0], FRAME_WS_TEXT);
  EXPECT_FRAME(0, 2,
               "MESSAGE\nsubscription:0\ndestination:/sub/a\nmessage-id:n1-3\n"
               "content-length:0\n\n");
}

/* --- sharing ------------------------------------------------------------------------------ */

static void equal_subscriptions_share_one_frame(void **state)
{
  (void)state;
  subscribe(0, "sub-0", "/sub/a");
  subscribe(1, "sub-0", "/sub/a");
  subscribe(2, "sub-0", "/sub/a");
  int64_t delivered = counter_read(COUNTER_delivered);
  publish("/sub/a", 7);
  assert_int_equal(counter_read(COUNTER_delivered) - delivered, 3);
  assert_ptr_equal(frame_at(0, 0), frame_at(1, 0));
  assert_ptr_equal(frame_at(0, 0), frame_at(2, 0));
  assert_int_equal(frame_at(0, 0)->refs, 3);
}

static void different_subscriptions_do_not(void **state)
{
  (void)state;
  subscribe_as(0, "0", "/sub/a", STOMP_1_2, ACK_AUTO);
  subscribe_as(1, "1", "/sub/a", STOMP_1_2, ACK_AUTO);
  subscribe_as(2, "0", "/sub/a", STOMP_1_1, ACK_AUTO);
  subscribe_as(3, "0", "/sub/a", STOMP_1_2, ACK_CLIENT);
  subscribe_as(4, "0", "/sub/a", STOMP_1_2, ACK_CLIENT_INDIVIDUAL);
  publish("/sub/a", 7);
  for (int a = 0; a < 5; a++)
    for (int b = a + 1; b < 5; b++)
      assert_ptr_not_equal(frame_at(a, 0), frame_at(b, 0));
}

static void one_session_gets_one_frame_per_subscription(void **state)
{
  (void)state;
  subscribe(0, "exact", "/sub/a/x");
  subscribe(0, "star", "/sub/*/x");
  subscribe(0, "all", "/sub/**");
  subscribe(0, "other", "/sub/b/**");
  publish("/sub/a/x", 1);
  assert_int_equal(n_frames(0), 3);
  EXPECT_FRAME(0, 0,
               "MESSAGE\nsubscription:exact\ndestination:/sub/a/x\nmessage-id:n1-1\n"
               "content-length:1\n\nx");
  EXPECT_FRAME(0, 1,
               "MESSAGE\nsubscription:star\ndestination:/sub/a/x\nmessage-id:n1-1\n"
               "content-length:1\n\nx");
  EXPECT_FRAME(0, 2,
               "MESSAGE\nsubscription:all\ndestination:/sub/a/x\nmessage-id:n1-1\n"
               "content-length:1\n\nx");
  publish("/sub/none", 2);
  assert_int_equal(n_frames(0), 4);
}

/* --- patterns ----------------------------------------------------------------------------- */

static void routes_follow_patterns_that_come_and_go(void **state)
{
  (void)state;
  struct subscription *star = subscribe(0, "0", "/sub/*");
  publish("/sub/a", 1);
  publish("/sub/a", 2); /* from the cache */
  assert_int_equal(n_frames(0), 2);
  struct subscription *all = subscribe(1, "0", "/sub/**");
  publish("/sub/a", 3);
  assert_int_equal(n_frames(0), 3);
  assert_int_equal(n_frames(1), 1);
  hub_unsubscribe(&w.hub, star);
  publish("/sub/a", 4);
  assert_int_equal(n_frames(0), 3);
  assert_int_equal(n_frames(1), 2);
  hub_unsubscribe(&w.hub, all);
  publish("/sub/a", 5);
  assert_int_equal(n_frames(1), 2);
  assert_int_equal(w.hub.routes.count, 0);
  subscribe(2, "0", "/sub/a");
  subscribe(3, "0", "/sub/*");
  publish("/sub/a", 6);
  assert_int_equal(n_frames(2), 1);
  assert_int_equal(n_frames(3), 1);
}

static void a_delivery_for_a_topic_leaves_patterns_alone(void **state)
{
  (void)state;
  interest_set_local_patterns(w.table, false);
  subscribe(0, "exact", "/sub/a");
  subscribe(1, "pattern", "/sub/*");
  struct interest *topic = interest_take_changes(w.table);
  struct interest *pattern = interest_next_change(topic);
  assert_true(pattern->is_pattern);
  publish_to(topic->id, "/sub/a", 1, STR("x"));
  assert_int_equal(n_frames(0), 1);
  assert_int_equal(n_frames(1), 0);
  publish_to(pattern->id, "/sub/a", 2, STR("x"));
  assert_int_equal(n_frames(0), 1);
  assert_int_equal(n_frames(1), 1);
  /* A backend's own patterns may match more than ours (Redis: * matches a slash). */
  publish_to(pattern->id, "/sub/a/b", 3, STR("x"));
  assert_int_equal(n_frames(1), 1);
  publish_to(0, "/sub/a", 4, STR("x"));
  assert_int_equal(n_frames(0), 2);
  assert_int_equal(n_frames(1), 2);
}

static void deliver_to(uint64_t session, const char *id, const struct plug_msg *msg)
{
  assert_int_equal(hub_deliver_one(&w.post.inbox, session, str_of(id), msg), PLUG_OK);
}

static void one_subscription_alone_gets_what_is_for_it_in_its_turn(void **state)
{
  (void)state;
  subscribe(0, "0", "/sub/a");
  subscribe(0, "1", "/sub/a");
  struct subscription *acked = subscribe_as(1, "0", "/sub/a", STOMP_1_2, ACK_CLIENT);
  broker_answers(PLUG_OK);
  const struct plug_msg *first = message("/sub/a", 1, STR("all"));
  const struct plug_msg *second = message("/sub/a", 2, STR("one"));
  const struct plug_msg *third = message("/sub/a", 3, STR("all"));
  assert_int_equal(hub_deliver_node(&w.hub, first), PLUG_OK);
  deliver_to(1, "1", second);
  deliver_to(2, "0", second);
  deliver_to(1, "2", second); /* no such subscription */
  deliver_to(7, "0", second);
  assert_int_equal(hub_deliver_node(&w.hub, third), PLUG_OK);
  take_all();
  assert_int_equal(n_frames(0), 5);
  assert_int_equal(n_frames(1), 3);
  expect_str(frame_text(frame_at(0, 2)),
             (struct plug_str){"MESSAGE\nsubscription:1\ndestination:/sub/a\nmessage-id:n1-2\n"
                               "content-length:3\n\none",
                               sizeof "MESSAGE\nsubscription:1\ndestination:/sub/a\n"
                                      "message-id:n1-2\ncontent-length:3\n\none"});
  assert_int_equal(acked->unacked->n, 3);
  assert_true(hub_ack(acked, STR("n1-3")));
  message_unref(first);
  message_unref(second);
  message_unref(third);
  const struct plug_msg *elsewhere = message("/sub/b", 4, STR("x"));
  deliver_to(1, "0", elsewhere); /* not what it has subscribed to */
  take_all();
  assert_int_equal(n_frames(0), 5);
  message_unref(elsewhere);
  w.hub.max_unacked = 0;
  const struct plug_msg *more = message("/sub/a", 5, STR("x"));
  deliver_to(2, "0", more);
  take_all();
  assert_int_equal(w.unacked_full, 1);
  assert_ptr_equal(w.last, acked);
  message_unref(more);
}

/* --- coming and going --------------------------------------------------------------------- */

static void the_others_keep_what_one_gives_up(void **state)
{
  (void)state;
  struct subscription *subs[4];
  for (int i = 0; i < 4; i++)
    subs[i] = subscribe(i, "0", "/sub/a");
  static const int order[] = {1, 3, 0, 2};
  for (int gone = 0; gone < 4; gone++) {
    publish("/sub/a", 1);
    for (int i = 0; i < 4; i++) {
      bool left = false;
      for (int k = 0; k < gone; k++)
        left |= order[k] == i;
      assert_int_equal(n_frames(i), left ? 0 : 1);
    }
    forget_frames();
    hub_unsubscribe(&w.hub, subs[order[gone]]);
    assert_null(hub_find(&w.hub, (uint64_t)order[gone] + 1, STR("0")));
  }
  assert_int_equal(w.hub.topics.count, 0);
  assert_int_equal(w.hub.groups.count, 0);
  publish("/sub/a", 2);
  for (int i = 0; i < 4; i++)
    assert_int_equal(n_frames(i), 0);
}

static void ids_are_a_sessions_own(void **state)
{
  (void)state;
  struct subscription *a = subscribe(0, "0", "/sub/a");
  struct subscription *b = subscribe(1, "0", "/sub/b");
  assert_ptr_equal(hub_find(&w.hub, 1, STR("0")), a);
  assert_ptr_equal(hub_find(&w.hub, 2, STR("0")), b);
  assert_null(hub_find(&w.hub, 3, STR("0")));
  assert_null(hub_find(&w.hub, 1, STR("1")));
  expect_str(subscription_topic(b), STR("/sub/b"));
  assert_int_equal(subscription_ack_mode(b), ACK_AUTO);
}

static void a_topic_is_the_brokers_with_its_first_subscription(void **state)
{
  (void)state;
  struct subscription *sub;
  assert_int_equal(try_subscribe(0, "0", "/sub/a", STOMP_1_2, ACK_AUTO, &sub), PLUG_PENDING);
  assert_int_equal(try_subscribe(1, "0", "/sub/a", STOMP_1_2, ACK_AUTO, &sub), PLUG_PENDING);
  publish("/sub/a", 1); /* local publishes arrive before the broker has answered */
  assert_int_equal(n_frames(0), 1);
  broker_answers(PLUG_OK);
  assert_int_equal(w.confirmed, 2);
  assert_int_equal(try_subscribe(2, "0", "/sub/a", STOMP_1_2, ACK_AUTO, &sub), PLUG_OK);
  assert_int_equal(try_subscribe(2, "p", "/sub/*", STOMP_1_2, ACK_AUTO, &sub), PLUG_OK);
  assert_int_equal(w.confirmed, 2);
}

static void a_refused_topic_loses_all_its_subscriptions(void **state)
{
  (void)state;
  subscribe_as(0, "0", "/sub/a", STOMP_1_2, ACK_AUTO);
  subscribe_as(1, "0", "/sub/a", STOMP_1_2, ACK_AUTO);
  subscribe_as(1, "1", "/sub/a", STOMP_1_1, ACK_AUTO);
  subscribe_as(2, "0", "/sub/a", STOMP_1_2, ACK_CLIENT);
  broker_answers(PLUG_EDENIED);
  assert_int_equal(w.refused, 4);
  assert_int_equal(w.hub.subscriptions.count, 0);
  assert_int_equal(w.hub.topics.count, 0);
  assert_int_equal(w.hub.groups.count, 0);
  broker_answers(PLUG_OK);
  struct subscription *sub;
  assert_int_equal(try_subscribe(0, "0", "/sub/a", STOMP_1_2, ACK_AUTO, &sub), PLUG_PENDING);
  broker_answers(PLUG_OK);
  assert_int_equal(w.confirmed, 1);
  assert_ptr_equal(w.last, sub);
}

static void an_answer_for_a_topic_that_is_gone_is_nothing(void **state)
{
  (void)state;
  struct subscription *sub = subscribe(0, "0", "/sub/a");
  struct interest *interest = interest_take_changes(w.table);
  interest_judge(w.table, interest);
  interest_answer(w.table, interest, PLUG_OK);
  hub_unsubscribe(&w.hub, sub);
  take_all();
  assert_int_equal(w.confirmed + w.refused, 0);
}

static void answers_for_topics_and_patterns_are_not_confused(void **state)
{
  (void)state;
  interest_set_local_patterns(w.table, false);
  struct subscription *pattern = subscribe(0, "0", "/sub/*");
  struct interest *interest = interest_take_changes(w.table);
  interest_judge(w.table, interest);
  interest_answer(w.table, interest, PLUG_ENOTSUP);
  take_all();
  assert_int_equal(w.refused, 1);
  assert_ptr_equal(w.last, pattern);
  assert_true(list_empty(&w.hub.pattern_list));
}

static void a_storm_of_subscriptions_leaves_nothing_behind(void **state)
{
  (void)state;
  enum { N = 100000 };
  for (unsigned i = 0; i < N; i++) {
    char id[16], topic[32];
    snprintf(id, sizeof id, "s%u", i);
    snprintf(topic, sizeof topic, "/sub/%u", i % 20000);
    subscribe_as((int)(i % 8), id, topic, i % 2 ? STOMP_1_1 : STOMP_1_2, i % 3);
  }
  assert_int_equal(counter_read(COUNTER_subscriptions), N);
  assert_int_equal(w.hub.subscriptions.count, N);
  assert_int_equal(w.hub.topics.count, 20000);
  publish("/sub/77", 1);
  uint32_t got = 0;
  for (int i = 0; i < 8; i++)
    got += n_frames(i);
  assert_int_equal(got, 5);
  for (unsigned i = 0; i < N; i++) {
    unsigned k = (i * 7919u) % N; /* not in the order in which they came */
    char id[16];
    snprintf(id, sizeof id, "s%u", k);
    struct subscription *sub = hub_find(&w.hub, k % 8 + 1, str_of(id));
    assert_non_null(sub);
    hub_unsubscribe(&w.hub, sub);
  }
  assert_int_equal(counter_read(COUNTER_subscriptions), 0);
  assert_int_equal(w.hub.subscriptions.count + w.hub.topics.count + w.hub.groups.count, 0);
  broker_answers(PLUG_OK);
}

/* --- acknowledgement ---------------------------------------------------------------------- */

static void client_acknowledges_all_up_to_the_named_one(void **state)
{
  (void)state;
  struct subscription *sub = subscribe_as(0, "0", "/sub/a", STOMP_1_2, ACK_CLIENT);
  for (uint64_t id = 1; id <= 5; id++)
    publish("/sub/a", id);
  assert_int_equal(sub->unacked->n, 5);
  assert_true(hub_ack(sub, STR("n1-3")));
  assert_int_equal(sub->unacked->n, 2);
  assert_false(hub_ack(sub, STR("n1-2")));
  assert_false(hub_ack(sub, STR("n1-3")));
  assert_false(hub_ack(sub, STR("n1-6")));
  assert_true(hub_ack(sub, STR("n1-4")));
  assert_true(hub_ack(sub, STR("n1-5")));
  assert_int_equal(sub->unacked->n, 0);
}

static void client_individual_acknowledges_one(void **state)
{
  (void)state;
  struct subscription *sub = subscribe_as(0, "0", "/sub/a", STOMP_1_2, ACK_CLIENT_INDIVIDUAL);
  for (uint64_t id = 1; id <= 4; id++)
    publish("/sub/a", id);
  assert_true(hub_ack(sub, STR("n1-3")));
  assert_false(hub_ack(sub, STR("n1-3")));
  assert_int_equal(sub->unacked->n, 3);
  assert_true(hub_ack(sub, STR("n1-1")));
  assert_true(hub_ack(sub, STR("n1-4")));
  assert_true(hub_ack(sub, STR("n1-2")));
  assert_int_equal(sub->unacked->n, 0);
}

static void auto_subscriptions_expect_no_ack(void **state)
{
  (void)state;
  struct subscription *sub = subscribe(0, "0", "/sub/a");
  publish("/sub/a", 1);
  assert_null(sub->unacked);
  assert_false(hub_ack(sub, STR("n1-1")));
}

static void acks_count_per_subscription(void **state)
{
  (void)state;
  struct subscription *exact = subscribe_as(0, "0", "/sub/a", STOMP_1_1, ACK_CLIENT);
  struct subscription *pattern = subscribe_as(0, "1", "/sub/*", STOMP_1_1, ACK_CLIENT);
  publish("/sub/a", 1);
  assert_true(hub_ack(exact, STR("n1-1")));
  assert_int_equal(pattern->unacked->n, 1);
  assert_true(hub_ack(pattern, STR("n1-1")));
}

static void one_message_too_many_without_an_ack_is_reported(void **state)
{
  (void)state;
  w.hub.max_unacked = 3;
  struct subscription *lazy = subscribe_as(0, "0", "/sub/a", STOMP_1_2, ACK_CLIENT);
  struct subscription *good = subscribe_as(1, "0", "/sub/a", STOMP_1_2, ACK_CLIENT);
  for (uint64_t id = 1; id <= 3; id++)
    publish("/sub/a", id);
  assert_int_equal(w.unacked_full, 0);
  assert_true(hub_ack(good, STR("n1-3")));
  publish("/sub/a", 4);
  assert_int_equal(w.unacked_full, 1);
  assert_ptr_equal(w.last, lazy);
  assert_int_equal(good->unacked->n, 1);
}

static void the_limit_of_unacked_messages_is_the_sessions(void **state)
{
  (void)state;
  w.hub.max_unacked = 5;
  struct subscription *a = subscribe_as(0, "0", "/sub/a", STOMP_1_2, ACK_CLIENT);
  struct subscription *b = subscribe_as(0, "1", "/sub/a", STOMP_1_1, ACK_CLIENT_INDIVIDUAL);
  publish("/sub/a", 1);
  publish("/sub/a", 2);
  assert_int_equal(w.clients[0].unacked, 4);
  assert_true(hub_ack(a, STR("n1-2")));
  assert_int_equal(w.clients[0].unacked, 2);
  assert_true(hub_ack(b, STR("n1-2")));
  assert_int_equal(w.clients[0].unacked, 1);
  publish("/sub/a", 3);
  publish("/sub/a", 4);
  assert_int_equal(w.clients[0].unacked, 5);
  assert_int_equal(w.unacked_full, 0);
  hub_unsubscribe(&w.hub, b); /* what it waits for goes with it */
  assert_int_equal(w.clients[0].unacked, 2);
  subscribe_as(0, "2", "/sub/b", STOMP_1_2, ACK_CLIENT);
  for (uint64_t id = 5; id <= 7; id++)
    publish("/sub/b", id);
  assert_int_equal(w.unacked_full, 0);
  publish("/sub/a", 8);
  assert_int_equal(w.unacked_full, 1);
  assert_ptr_equal(w.last, a);
}

static void a_message_that_the_queue_drops_needs_no_ack(void **state)
{
  (void)state;
  w.hub.outqs.policy = OUTQ_DROP_NEWEST;
  w.hub.outqs.max_frames = 2;
  w.clients[0].queue.blocked = true;
  struct subscription *sub = subscribe_as(0, "0", "/sub/a", STOMP_1_2, ACK_CLIENT);
  for (uint64_t id = 1; id <= 5; id++)
    publish("/sub/a", id);
  assert_int_equal(n_frames(0), 2);
  assert_int_equal(sub->unacked->n, 2);
  assert_false(hub_ack(sub, STR("n1-3")));
}

static void a_full_queue_stops_nobody_else(void **state)
{
  (void)state;
  w.hub.outqs.policy = OUTQ_CLOSE;
  w.hub.outqs.max_frames = 2;
  w.clients[1].queue.blocked = true;
  for (int i = 0; i < 3; i++)
    subscribe(i, "0", "/sub/a");
  for (uint64_t id = 1; id <= 4; id++) {
    publish("/sub/a", id);
    outq_drop_front(&w.clients[0].queue, n_frames(0));
    if (id < 4)
      outq_drop_front(&w.clients[2].queue, n_frames(2));
  }
  assert_true(w.clients[1].queue.overflow);
  assert_int_equal(n_frames(1), 2);
  assert_int_equal(n_frames(2), 1);
}

/* --- calls -------------------------------------------------------------------------------- */

struct numbered_call {
  struct inbox_call call;
  unsigned number;
};

static unsigned n_in_order;

static void count_call(struct inbox_call *call)
{
  assert_int_equal(container_of(call, struct numbered_call, call)->number, n_in_order);
  n_in_order++;
}

static void calls_come_in_order_and_a_share_of_them_in_a_turn(void **state)
{
  (void)state;
  static struct numbered_call calls[100];
  n_in_order = 0;
  for (unsigned i = 0; i < 100; i++) {
    struct inbox_item *item = inbox_item_new(INBOX_CALL, STR(""));
    calls[i] = (struct numbered_call){{count_call}, i};
    item->waiter = &calls[i].call;
    (void)inbox_put(&w.post.inbox, item);
  }
  take_all();
  unsigned turns = 0;
  for (; hub_has_calls(&w.hub); turns++)
    assert_true(hub_run_calls(&w.hub));
  assert_false(hub_run_calls(&w.hub));
  assert_int_equal(n_in_order, 100);
  assert_in_range(turns, 2, 99);
}

static int n_control, control_status, n_called;
static uint64_t last_control;
static struct inbox_call control_call;

static void on_control_called(struct inbox_call *call)
{
  assert_ptr_equal(call, &control_call);
  n_called++;
}

static void on_control(struct hub *hub, const struct plug_msg *msg)
{
  n_control++;
  last_control = msg->id;
  assert_true(hub_call_later(hub, &control_call));
}

static void on_control_interest(struct hub *hub, plug_status status)
{
  (void)hub;
  control_status = status;
}

static void the_control_topic_goes_to_no_session(void **state)
{
  (void)state;
  n_control = n_called = 0;
  control_call.run = on_control_called;
  w.hub.control = STR("node:control");
  w.hub.on_control = on_control;
  w.hub.on_control_interest = on_control_interest;
  assert_int_equal(interest_join(w.table, 0, w.hub.control, false), PLUG_PENDING);
  for (const char *const *pattern = (const char *const[]){"/**", "/*", "/sub/**", NULL}; *pattern;
       pattern++)
    subscribe(0, *pattern, *pattern);
  broker_answers(PLUG_OK);
  assert_int_equal(control_status, PLUG_OK);
  publish("node:control", 7);
  publish("node:control", 8);
  publish("node:contro", 9);
  assert_int_equal(n_control, 2);
  assert_int_equal(last_control, 8);
  assert_int_equal(n_frames(0), 0);
  assert_int_equal(n_called, 0);
  assert_true(hub_run_calls(&w.hub));
  assert_int_equal(n_called, 2);
  publish("/sub/a", 10);
  assert_int_equal(n_control, 2);
  assert_int_equal(n_frames(0), 2);
  interest_leave(w.table, 0, w.hub.control, false);
}

struct listener {
  struct hub_tap tap;
  int n, answers;
  plug_status answer;
  uint64_t last;
};

static void on_heard(struct hub_tap *tap, const struct plug_msg *msg)
{
  struct listener *listener = container_of(tap, struct listener, tap);
  listener->n++;
  listener->last = msg->id;
}

static void on_answered(struct hub_tap *tap, plug_status status)
{
  struct listener *listener = container_of(tap, struct listener, tap);
  listener->answers++;
  listener->answer = status;
}

static void a_tap_hears_its_topic_and_keeps_it(void **state)
{
  (void)state;
  struct listener a = {.tap = {.heard = on_heard, .answered = on_answered}}, b = a;
  assert_int_equal(hub_tap_open(&w.hub, &a.tap, STR("/sub/a")), PLUG_PENDING);
  publish("/sub/a", 1);
  assert_int_equal(a.n, 1);
  broker_answers(PLUG_OK);
  assert_int_equal(a.answers, 1);
  assert_int_equal(a.answer, PLUG_OK);
  assert_int_equal(hub_tap_open(&w.hub, &b.tap, STR("/sub/a")), PLUG_OK);
  struct subscription *sub = subscribe(0, "0", "/sub/a");
  publish("/sub/a", 2);
  publish("/sub/b", 3);
  assert_int_equal(a.last, 2);
  assert_int_equal(b.last, 2);
  assert_int_equal(n_frames(0), 1);
  hub_unsubscribe(&w.hub, sub);
  hub_tap_close(&w.hub, &a.tap);
  publish("/sub/a", 4);
  assert_int_equal(a.n, 2);
  assert_int_equal(b.n, 2);
  hub_tap_close(&w.hub, &b.tap);
  assert_int_equal(w.hub.topics.count, 0);
}

static void a_refused_topic_ends_its_taps(void **state)
{
  (void)state;
  struct listener alone = {.tap = {.heard = on_heard, .answered = on_answered}}, beside = alone;
  assert_int_equal(hub_tap_open(&w.hub, &alone.tap, STR("/sub/a")), PLUG_PENDING);
  assert_int_equal(hub_tap_open(&w.hub, &beside.tap, STR("/sub/b")), PLUG_PENDING);
  subscribe(0, "0", "/sub/b");
  broker_answers(PLUG_EDENIED);
  assert_int_equal(alone.answer, PLUG_EDENIED);
  assert_int_equal(beside.answer, PLUG_EDENIED);
  assert_int_equal(w.refused, 1);
  assert_int_equal(w.hub.topics.count, 0);
  hub_tap_close(&w.hub, &alone.tap);
  hub_tap_close(&w.hub, &beside.tap);
}

static void see_topic(void *ctx, const struct hub_topic *topic)
{
  int *seen = ctx;
  if (str_eq(topic->name, STR("/sub/a"))) {
    seen[0]++;
    assert_int_equal(topic->subscribers, 3);
    assert_int_equal(topic->messages, 1);
    assert_int_equal(topic->before, 2);
  } else {
    seen[1]++;
    assert_true(str_eq(topic->name, STR("/sub/*")));
    assert_true(topic->is_pattern);
    assert_int_equal(topic->subscribers, 1);
    assert_int_equal(topic->messages, 1);
    assert_int_equal(topic->before, 2);
  }
}

static void topics_are_counted_by_epochs(void **state)
{
  (void)state;
  int seen[2] = {0};
  subscribe(0, "0", "/sub/a");
  subscribe(1, "0", "/sub/a");
  subscribe(1, "1", "/sub/a");
  subscribe(2, "p", "/sub/*");
  broker_answers(PLUG_OK);
  w.hub.epoch = 7;
  publish("/sub/a", 1);
  publish("/sub/a", 2);
  w.hub.epoch = 8;
  publish("/sub/a", 3);
  struct hub_scan scan = {.visit = see_topic, .ctx = seen};
  while (hub_scan_topics(&w.hub, &scan))
    ;
  assert_int_equal(seen[0], 1);
  assert_int_equal(seen[1], 1);
  assert_int_equal(interest_workers(w.table, STR("/sub/a"), false), 1);
  assert_int_equal(interest_workers(w.table, STR("/sub/*"), true), 1);
  assert_int_equal(interest_workers(w.table, STR("/sub/*"), false), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(a_message_frame_has_exactly_these_bytes),
      TEST(each_version_has_its_own_escapes),
      TEST(the_ack_header_is_for_12_and_acknowledged_subscriptions),
      TEST(ids_of_any_length_come_back),
      TEST(the_payload_decides_between_text_and_binary),
      TEST(equal_subscriptions_share_one_frame),
      TEST(different_subscriptions_do_not),
      TEST(one_session_gets_one_frame_per_subscription),
      TEST(routes_follow_patterns_that_come_and_go),
      TEST(a_delivery_for_a_topic_leaves_patterns_alone),
      TEST(one_subscription_alone_gets_what_is_for_it_in_its_turn),
      TEST(the_others_keep_what_one_gives_up),
      TEST(ids_are_a_sessions_own),
      TEST(a_topic_is_the_brokers_with_its_first_subscription),
      TEST(a_refused_topic_loses_all_its_subscriptions),
      TEST(an_answer_for_a_topic_that_is_gone_is_nothing),
      TEST(answers_for_topics_and_patterns_are_not_confused),
      TEST(a_storm_of_subscriptions_leaves_nothing_behind),
      TEST(client_acknowledges_all_up_to_the_named_one),
      TEST(client_individual_acknowledges_one),
      TEST(auto_subscriptions_expect_no_ack),
      TEST(acks_count_per_subscription),
      TEST(one_message_too_many_without_an_ack_is_reported),
      TEST(the_limit_of_unacked_messages_is_the_sessions),
      TEST(a_message_that_the_queue_drops_needs_no_ack),
      TEST(a_full_queue_stops_nobody_else),
      TEST(calls_come_in_order_and_a_share_of_them_in_a_turn),
      TEST(the_control_topic_goes_to_no_session),
      TEST(a_tap_hears_its_topic_and_keeps_it),
      TEST(a_refused_topic_ends_its_taps),
      TEST(topics_are_counted_by_epochs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
