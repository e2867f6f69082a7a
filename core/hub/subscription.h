/* A session's subscription: its place in a group of those that get the same bytes, and in the table
 * by which it is found from its session's number and its id. The id is the group's; deliveries that
 * wait for ACK or NACK are kept only where the mode asks for them. So what each of a million idle
 * clients has is small. Owned by the hub. Worker's thread only. */
#ifndef HUB_SUBSCRIPTION_H
#define HUB_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include <plugboard/abi.h>

#include "base/list.h"

enum ack_mode { ACK_AUTO, ACK_CLIENT, ACK_CLIENT_INDIVIDUAL };

struct group;
struct unacked;

struct subscription {
  struct subscription *next; /* in its bucket of the table */
  uint64_t session;          /* the number of its session */
  struct list link;          /* in the session's list */
  struct group *group;
  uint32_t index;          /* in the group */
  uint32_t owner_flags;    /* the owner's, 0 at first */
  struct unacked *unacked; /* NULL: ACK_AUTO */
  void *owner;             /* the session */
  void *waiter;            /* the owner's: who waits for on_interest, or NULL */
};

/* Deliveries that wait for ACK or NACK, oldest first: hashes of their message-id texts. */
struct unacked {
  uint64_t *of_session; /* of all subscriptions of the session together */
  uint64_t *hashes;
  uint32_t n, cap;
};

struct plug_str subscription_id(const struct subscription *sub);
struct plug_str subscription_topic(const struct subscription *sub);
enum ack_mode subscription_ack_mode(const struct subscription *sub);
/* Bytes that it takes, as if nobody else had subscribed to the same. */
size_t subscription_bytes(const struct subscription *sub);

/* [hub] It begins to count in *of_session. False when out of memory. */
bool subscription_keep_unacked(struct subscription *sub, uint64_t *of_session);
void subscription_drop_unacked(struct subscription *sub);
/* [hub] One more delivery waits; false: more than limit would wait for the session, or there is no
 * memory. */
bool subscription_expect_ack(struct subscription *sub, uint64_t hash, uint64_t limit);

/* Acknowledges a delivery by the text of its message-id; cumulative for ACK_CLIENT. False: there is
 * no such delivery. */
bool hub_ack(struct subscription *sub, struct plug_str message_id);

/* --- the table ------------------------------------------------------------------------------- */

struct subscription_table { /* zeroed: empty */
  struct subscription **buckets;
  size_t n_buckets; /* 0 or a power of two */
  size_t count;
};

void subscription_table_fini(struct subscription_table *table);
/* id_hash: hash_bytes of the id, which the group has, too. */
struct subscription *subscription_table_find(const struct subscription_table *table,
                                             uint64_t session, struct plug_str id,
                                             uint64_t id_hash);
/* sub has its session and its group. False when out of memory. */
bool subscription_table_insert(struct subscription_table *table, struct subscription *sub);
void subscription_table_remove(struct subscription_table *table, struct subscription *sub);

#endif
