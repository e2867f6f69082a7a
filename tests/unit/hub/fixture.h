/* What the tests of the hub and of its users share: inboxes drained by hand, messages, frames. */
#ifndef TESTS_HUB_FIXTURE_H
#define TESTS_HUB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/counter.h"
#include "base/str.h"
#include "hub/hub.h"
#include "hub/interest.h"
#include "hub/outq.h"
#include "message/message.h"

#define UNUSED __attribute__((unused))

/* A worker's inbox that counts how often it was woken. */
struct post {
  struct inbox inbox;
  _Atomic int wakes;
  struct mpsc_node *taken; /* oldest first */
};

UNUSED static void post_wake(struct inbox *inbox)
{
  atomic_fetch_add(&container_of(inbox, struct post, inbox)->wakes, 1);
}

UNUSED static void post_init(struct post *post)
{
  memset(post, 0, sizeof *post);
  post->inbox.wake = post_wake;
}

/* The oldest item, or NULL; the caller frees it. */
UNUSED static struct inbox_item *post_take(struct post *post)
{
  if (!post->taken)
    post->taken = mpsc_take(&post->inbox.queue);
  struct mpsc_node *node = post->taken;
  if (!node)
    return NULL;
  post->taken = node->next;
  struct inbox_item *item = container_of(node, struct inbox_item, node);
  inbox_taken(&post->inbox, inbox_item_load(item));
  return item;
}

UNUSED static size_t post_clear(struct post *post)
{
  struct inbox_item *item;
  size_t n = 0;
  for (; (item = post_take(post)); n++)
    inbox_item_free(item);
  return n;
}

/* A broker answers all that it was asked, and takes what is gone. */
UNUSED static void answer_changes(struct interest_table *table, plug_status status)
{
  struct interest *next, *interest = interest_take_changes(table);
  for (; interest; interest = next) {
    next = interest_next_change(interest);
    switch (interest_judge(table, interest)) {
    case INTEREST_CHANGE_SUBSCRIBE:
      interest_answer(table, interest, status);
      break;
    case INTEREST_CHANGE_GONE:
      interest_free(interest);
      break;
    default:
      break;
    }
  }
}

UNUSED static const struct plug_msg *msg_of(const char *topic, struct plug_str payload)
{
  struct plug_msg_init init = {.size = sizeof init, .topic = str_of(topic), .payload = payload};
  const struct plug_msg *msg = message_new(&init);
  assert_non_null(msg);
  return msg;
}

UNUSED static void expect_str(struct plug_str got, struct plug_str wanted)
{
  if (!str_eq(got, wanted))
    fail_msg("got (%zu bytes)\n%.*s\nwanted (%zu bytes)\n%.*s", got.len, STR_ARG(got), wanted.len,
             STR_ARG(wanted));
}

/* A frame without its WebSocket header. */
UNUSED static struct plug_str frame_text(const struct frame *frame)
{
  return str_from(frame->bytes + frame->ws_header, frame->len - frame->ws_header);
}

#endif
