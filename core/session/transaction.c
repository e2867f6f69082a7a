#include "session/transaction.h"

#include <stdlib.h>

struct transaction *transaction_new(struct plug_str id)
{
  struct transaction *transaction = malloc(sizeof *transaction + id.len);
  if (!transaction)
    return NULL;
  list_init(&transaction->link);
  list_init(&transaction->held);
  transaction->bytes = 0;
  transaction->id_len = id.len;
  if (id.len)
    memcpy(transaction->id, id.ptr, id.len);
  return transaction;
}

void transaction_free(struct transaction *transaction)
{
  struct list *node;
  while ((node = list_first(&transaction->held))) {
    list_remove(node);
    free(container_of(node, struct held_frame, link));
  }
  list_remove(&transaction->link);
  free(transaction);
}

struct transaction *transaction_find(struct list *transactions, struct plug_str id)
{
  for (struct list *node = transactions->next; node != transactions; node = node->next) {
    struct transaction *transaction = container_of(node, struct transaction, link);
    if (str_eq(str_from(transaction->id, transaction->id_len), id))
      return transaction;
  }
  return NULL;
}

size_t transaction_frame_bytes(const struct stomp_frame *frame)
{
  size_t bytes = sizeof(struct held_frame) + frame->n_headers * sizeof *frame->headers;
  for (size_t i = 0; i < frame->n_headers; i++)
    bytes += frame->headers[i].name.len + frame->headers[i].value.len;
  return bytes + frame->body.len;
}

static struct plug_str copy_str(char **at, struct plug_str s)
{
  struct plug_str copy = str_from(*at, s.len);
  if (s.len)
    memcpy(*at, s.ptr, s.len);
  *at += s.len;
  return copy;
}

struct held_frame *held_frame_new(const struct stomp_frame *frame)
{
  size_t bytes = transaction_frame_bytes(frame);
  struct held_frame *held = malloc(bytes);
  if (!held)
    return NULL;
  struct stomp_header *headers = (struct stomp_header *)(void *)(held + 1);
  char *at = (char *)(headers + frame->n_headers);
  for (size_t i = 0; i < frame->n_headers; i++) {
    headers[i].name = copy_str(&at, frame->headers[i].name);
    headers[i].value = copy_str(&at, frame->headers[i].value);
  }
  held->frame = (struct stomp_frame){.command = frame->command,
                                     .headers = headers,
                                     .n_headers = frame->n_headers,
                                     .body = copy_str(&at, frame->body)};
  held->bytes = bytes;
  list_init(&held->link);
  return held;
}

bool transaction_hold(struct transaction *transaction, const struct stomp_frame *frame)
{
  struct held_frame *held = held_frame_new(frame);
  if (!held)
    return false;
  list_append(&transaction->held, &held->link);
  transaction->bytes += held->bytes;
  return true;
}
