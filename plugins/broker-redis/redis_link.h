/* The way to Redis: one connection for commands and one for subscriptions, made together and lost
 * together, tried again for ever with growing, jittered delays, and led by Sentinel where there is
 * one. Certificates that have changed are read before an attempt. Owns the connections, their timer
 * and the Sentinel client. [home]
 *
 *   waiting ──► asking Sentinel ──► dialling ──► connected ──► up
 *      ▲               │                │            │          │
 *      └───────────────┴────────────────┴────────────┴── lost ──┘ */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include "redis_sentinel.h"

enum { REDIS_PLACE_MAX = REDIS_ADDR_TEXT + 64 };

struct redis_link_config {
  struct redis_addr addr;
  struct redis_login login;
  struct redis_sentinel_config sentinel; /* n_addrs 0: none */
  struct redis_trust *trust;             /* looked at before each attempt; NULL: no TLS */
  uint64_t connect_timeout_ms;           /* from dialling to up */
  uint64_t reconnect_min_ms, reconnect_max_ms;
  bool leaves_subscriptions; /* see left */
};

/* None is called from inside redis_link_start; lost is called from inside redis_link_fail. */
struct redis_link_events {
  /* Both connections are logged in. The owner calls redis_link_set_up when all works. */
  void (*connected)(void *arg);
  void (*reply)(void *arg, const redisReply *reply);    /* on the connection for commands */
  void (*received)(void *arg, const redisReply *reply); /* on the one for subscriptions */
  /* An attempt failed, or what was connected is gone. Both connections are closed already and the
   * next attempt is due. */
  void (*lost)(void *arg, const char *why);
  /* Before lost, with leaves_subscriptions: what was up is given up, but not because of this
   * connection, which may still bring something. It is the owner's now. */
  void (*left)(void *arg, struct redis_conn *subscriptions);
};

struct redis_link;

/* config is copied, what it points to is borrowed. NULL: out of memory. */
struct redis_link *redis_link_new(const struct redis_env *env, struct redis_tasks *tasks,
                                  const struct redis_link_config *config,
                                  const struct redis_link_events *events, void *arg);
void redis_link_start(struct redis_link *link);
/* No event follows. NULL is fine. From inside its events: yes. */
void redis_link_stop(struct redis_link *link);
/* After stop, not from inside its events. NULL is fine. */
void redis_link_free(struct redis_link *link);

/* It works, so that the time limit is off; it may take some more time until it is up. */
void redis_link_set_proven(struct redis_link *link);
void redis_link_set_up(struct redis_link *link);
/* Gives both connections up. spoilt: what came on the one for subscriptions makes no sense. */
void redis_link_fail(struct redis_link *link, const char *why, bool spoilt);

/* NULL unless connected. */
struct redis_conn *redis_link_commands(const struct redis_link *link);
struct redis_conn *redis_link_subscriptions(const struct redis_link *link);
/* Where Redis is, or was last. */
const struct redis_addr *redis_link_addr(const struct redis_link *link);
/* why it cannot be reached, with the address where that leaves room for why, and no Sentinel is to
 * tell the address. link may be NULL. */
void redis_link_explain(const struct redis_link *link, const char *why, char *out, size_t size);
/* Where Redis is for the log, and whether the way there is private. Connected. */
void redis_link_place(const struct redis_link *link, char out[REDIS_PLACE_MAX]);

#endif
