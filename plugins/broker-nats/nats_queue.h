/* Commands for the writer, in their order. Owns what they hold. One thread at a time. */
#ifndef NATS_QUEUE_H
#define NATS_QUEUE_H

#include "nats_env.h"

enum nats_kind { NATS_CONNECT, NATS_SUBSCRIBE, NATS_UNSUBSCRIBE, NATS_PUBLISH, NATS_SETTLE };

struct nats_item {
  uint64_t interest;
  bool is_pattern;
  struct plug_str topic;
};

struct nats_command {
  struct nats_command *next;
  enum nats_kind kind;
  struct plug_op *op;         /* NULL: nobody waits */
  const struct plug_msg *msg; /* NATS_PUBLISH; a reference */
  size_t bytes;               /* that it counts for */
  size_t n;
  struct nats_item items[]; /* NATS_SUBSCRIBE, NATS_UNSUBSCRIBE; their topics stand behind */
};

struct nats_queue {
  struct nats_command *head, *tail;
};

/* NULL: out of memory. */
struct nats_command *nats_command_new(enum nats_kind kind, const struct plug_interest *v, size_t n);
/* Lets go of the message, too. op is not touched. */
void nats_command_free(const struct nats_env *env, struct nats_command *command);

void nats_queue_put(struct nats_queue *queue, struct nats_command *command);
struct nats_command *nats_queue_take(struct nats_queue *queue); /* NULL: empty */

#endif
