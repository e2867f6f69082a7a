#include "nats_queue.h"

#include <stdlib.h>
#include <string.h>

struct nats_command *nats_command_new(enum nats_kind kind, const struct plug_interest *v, size_t n)
{
  size_t text = 0;
  for (size_t i = 0; i < n; i++)
    text += v[i].topic.len;
  struct nats_command *command = malloc(sizeof *command + n * sizeof *command->items + text);
  if (command == NULL)
    return NULL;
  *command = (struct nats_command){.kind = kind, .n = n};
  char *to = (char *)&command->items[n];
  for (size_t i = 0; i < n; i++) {
    command->items[i] = (struct nats_item){.interest = v[i].id,
                                           .is_pattern = (v[i].flags & PLUG_INTEREST_PATTERN) != 0,
                                           .topic = {to, v[i].topic.len}};
    memcpy(to, v[i].topic.ptr, v[i].topic.len);
    to += v[i].topic.len;
  }
  return command;
}

void nats_command_free(const struct nats_env *env, struct nats_command *command)
{
  if (command->msg != NULL)
    env->host->msg_unref(command->msg);
  free(command);
}

void nats_queue_put(struct nats_queue *queue, struct nats_command *command)
{
  command->next = NULL;
  if (queue->tail == NULL)
    queue->head = command;
  else
    queue->tail->next = command;
  queue->tail = command;
}

struct nats_command *nats_queue_take(struct nats_queue *queue)
{
  struct nats_command *command = queue->head;
  if (command == NULL)
    return NULL;
  queue->head = command->next;
  if (queue->head == NULL)
    queue->tail = NULL;
  return command;
}
