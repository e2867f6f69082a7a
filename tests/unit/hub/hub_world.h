/* A hub with eight clients on one worker, and a broker that answers when it is told to. */
#ifndef TESTS_HUB_HUB_WORLD_H
#define TESTS_HUB_HUB_WORLD_H

#include "fixture.h"
#include "hub/hub.h"

struct client {
  struct outq queue;
  struct list subscriptions;
  uint64_t number;
  uint64_t unacked;
};

static struct world {
  struct interest_table *table;
  struct post post;
  struct hub hub;
  struct client clients[8];
  /* What the hub reported. */
  int confirmed, refused, unacked_full, costly;
  struct subscription *last;
} w;

UNUSED static void nobody_listens(void *ctx)
{
  (void)ctx;
}

UNUSED static void never_full(struct outq *q)
{
  (void)q;
  fail_msg("no queue is full here");
}

UNUSED static void on_interest(struct subscription *sub, plug_status status)
{
  w.last = sub;
  if (status == PLUG_OK) {
    w.confirmed++;
  } else {
    w.refused++;
    hub_unsubscribe(&w.hub, sub);
  }
}

UNUSED static void on_unacked_full(struct subscription *sub)
{
  w.last = sub;
  w.unacked_full++;
}

UNUSED static void on_costly(struct subscription *sub)
{
  w.last = sub;
  w.costly++;
  w.clients[((struct client *)sub->owner)->number - 1].queue.overflow = true;
}

UNUSED static int setup(void **state)
{
  (void)state;
  memset(&w, 0, sizeof w);
  post_init(&w.post);
  struct inbox *inbox = &w.post.inbox;
  message_set_node("n1");
  w.table = interest_table_new(1, &inbox, 1 << 20, nobody_listens, NULL);
  interest_set_local_patterns(w.table, true);
  hub_init(&w.hub, 0, w.table);
  w.hub.outqs.max_bytes = 1 << 20;
  w.hub.outqs.max_frames = 1 << 20;
  w.hub.outqs.flush = never_full;
  w.hub.max_unacked = 1000;
  w.hub.on_interest = on_interest;
  w.hub.on_unacked_full = on_unacked_full;
  w.hub.on_costly = on_costly;
  for (unsigned i = 0; i < sizeof w.clients / sizeof *w.clients; i++) {
    outq_init(&w.clients[i].queue);
    list_init(&w.clients[i].subscriptions);
    w.clients[i].number = i + 1;
  }
  return w.table ? 0 : -1;
}

UNUSED static int teardown(void **state)
{
  (void)state;
  for (unsigned i = 0; i < sizeof w.clients / sizeof *w.clients; i++) {
    struct list *node;
    while ((node = list_first(&w.clients[i].subscriptions)))
      hub_unsubscribe(&w.hub, container_of(node, struct subscription, link));
    outq_fini(&w.clients[i].queue);
  }
  hub_fini(&w.hub);
  post_clear(&w.post);
  interest_table_free(w.table);
  return counter_read(COUNTER_subscriptions) == 0 ? 0 : -1;
}

/* --- helpers ------------------------------------------------------------------------------ */

UNUSED static plug_status try_subscribe(int number, const char *id, const char *destination,
                                        enum stomp_version version, enum ack_mode ack,
                                        struct subscription **out)
{
  struct client *client = &w.clients[number];
  struct hub_subscribe request = {.session = client->number,
                                  .owner = client,
                                  .queue = &client->queue,
                                  .list = &client->subscriptions,
                                  .session_unacked = &client->unacked,
                                  .id = str_of(id),
                                  .destination = str_of(destination),
                                  .version = version,
                                  .ack = ack};
  struct plug_err err;
  if (pattern_is(request.destination))
    assert_non_null(request.pattern = pattern_compile(request.destination, &err));
  return hub_subscribe(&w.hub, &request, out);
}

UNUSED static struct subscription *subscribe_as(int client, const char *id, const char *destination,
                                                enum stomp_version version, enum ack_mode ack)
{
  struct subscription *sub = NULL;
  assert_true(try_subscribe(client, id, destination, version, ack, &sub) >= 0);
  return sub;
}

UNUSED static struct subscription *subscribe(int client, const char *id, const char *destination)
{
  return subscribe_as(client, id, destination, STOMP_1_2, ACK_AUTO);
}

UNUSED static void take_all(void)
{
  hub_take_all(&w.hub, &w.post.inbox);
}

/* The broker answers all that it was asked. */
UNUSED static void broker_answers(plug_status status)
{
  answer_changes(w.table, status);
  take_all();
}

/* A message whose id is in its frames. */
UNUSED static const struct plug_msg *message(const char *topic, uint64_t id,
                                             struct plug_str payload)
{
  struct plug_msg_init init = {.size = sizeof init, .topic = str_of(topic), .payload = payload};
  const struct plug_msg *msg = message_new_from(&init, STR("n1"), id);
  assert_non_null(msg);
  return msg;
}

UNUSED static void publish_to(uint64_t interest, const char *topic, uint64_t id,
                              struct plug_str payload)
{
  const struct plug_msg *msg = message(topic, id, payload);
  assert_int_equal(interest_deliver(w.table, interest, msg), PLUG_OK);
  message_unref(msg);
  take_all();
}

UNUSED static void publish(const char *topic, uint64_t id)
{
  publish_to(0, topic, id, STR("x"));
}

UNUSED static struct frame *frame_at(int client, uint32_t i)
{
  assert_true(i < w.clients[client].queue.count);
  return outq_at(&w.clients[client].queue, i);
}

UNUSED static uint32_t n_frames(int client)
{
  return w.clients[client].queue.count;
}

UNUSED static void forget_frames(void)
{
  for (unsigned i = 0; i < sizeof w.clients / sizeof *w.clients; i++)
    outq_drop_front(&w.clients[i].queue, w.clients[i].queue.count);
}

#define EXPECT_FRAME(client, i, text) expect_str(frame_text(frame_at(client, i)), STR(text "\0"))

#endif
