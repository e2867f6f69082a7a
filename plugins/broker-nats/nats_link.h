/* The way to NATS: one connection, and two threads for what the library does only while it blocks.
 * Commands go through one queue and are carried out in its order, so that a SEND behind a SUBSCRIBE
 * comes back; those with an outcome are confirmed by a PONG, which NATS sends when it has taken all
 * before it. Owns the threads, the connection, the queue. [home] but for the threads' own part.
 *
 *   home ──► queue ──► writer: connect, subscribe, publish ──► NATS
 *                         └──► flusher: PING, wait for the PONG, op_done
 *
 * A connection that is lost stays so: the owner asks for another. */
#ifndef NATS_LINK_H
#define NATS_LINK_H

#include "nats_config.h"

/* At home, in the order in which it happened. */
struct nats_link_events {
  void (*up)(void *arg, const char *addr, size_t max_payload);
  /* It is lost, or there is none to be had. What waited has failed already. */
  void (*down)(void *arg, const char *addr, const char *why);
  void (*ended)(void *arg); /* after nats_link_stop; the last */
};

struct nats_link;

/* config is borrowed. NULL: out of memory. */
struct nats_link *nats_link_new(const struct nats_env *env, const struct nats_config *config,
                                const struct nats_link_events *events, void *arg);
/* False: there are no threads to be had. */
bool nats_link_start(struct nats_link *link);
/* All that waits is cancelled, the threads end, ended follows. Only after start. */
void nats_link_stop(struct nats_link *link);
/* After ended. */
void nats_link_join(struct nats_link *link);
/* Without threads: before start, or after join. NULL is fine. */
void nats_link_free(struct nats_link *link);

/* One attempt at each server, until one takes us: up or down follows. */
bool nats_link_connect(struct nats_link *link); /* false: out of memory */
plug_status nats_link_subscribe(struct nats_link *link, const struct plug_interest *v, size_t n,
                                struct plug_op *op);
plug_status nats_link_unsubscribe(struct nats_link *link, const struct plug_interest *v, size_t n,
                                  struct plug_op *op);
plug_status nats_link_publish(struct nats_link *link, const struct plug_msg *msg,
                              struct plug_op *op);
/* Completed when all before it is. */
plug_status nats_link_settle(struct nats_link *link, struct plug_op *op);
uint32_t nats_link_rtt_us(struct nats_link *link);

#endif
