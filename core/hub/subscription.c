#include "hub/subscription.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/str.h"
#include "hub/pattern.h"
#include "hub/topic.h"

/* Whoever lets one of its members grow pays for it with every client that is idle. */
_Static_assert(sizeof(struct subscription) == 72,
               "docs/performance.md has what a connection takes");

struct plug_str subscription_id(const struct subscription *sub)
{
  return sub->group->id;
}

struct plug_str subscription_topic(const struct subscription *sub)
{
  return sub->group->topic->by_name.key;
}

enum ack_mode subscription_ack_mode(const struct subscription *sub)
{
  return sub->group->ack;
}

size_t subscription_bytes(const struct subscription *sub)
{
  const struct topic *topic = sub->group->topic;
  size_t pattern = topic->pattern ? pattern_size(topic->pattern) : 0;
  /* The id is in the group, the name here and in the interest. */
  return sizeof *sub + sizeof *sub->group + sizeof *topic + subscription_id(sub).len +
         2 * topic->by_name.key.len + pattern;
}

/* --- ACK and NACK ------------------------------------------------------------------------- */

bool subscription_keep_unacked(struct subscription *sub, uint64_t *of_session)
{
  sub->unacked = calloc(1, sizeof *sub->unacked);
  if (sub->unacked)
    sub->unacked->of_session = of_session;
  return sub->unacked != NULL;
}

void subscription_drop_unacked(struct subscription *sub)
{
  struct unacked *unacked = sub->unacked;
  if (!unacked)
    return;
  *unacked->of_session -= unacked->n;
  free(unacked->hashes);
  free(unacked);
  sub->unacked = NULL;
}

bool subscription_expect_ack(struct subscription *sub, uint64_t hash, uint64_t limit)
{
  struct unacked *unacked = sub->unacked;
  if (*unacked->of_session >= limit)
    return false;
  if (unacked->n == unacked->cap) {
    uint32_t cap = unacked->cap ? unacked->cap * 2 : 8;
    uint64_t *grown = realloc(unacked->hashes, cap * sizeof *grown);
    if (!grown)
      return false;
    unacked->hashes = grown;
    unacked->cap = cap;
  }
  unacked->hashes[unacked->n++] = hash;
  ++*unacked->of_session;
  return true;
}

bool hub_ack(struct subscription *sub, struct plug_str message_id)
{
  struct unacked *unacked = sub->unacked;
  uint64_t hash = hash_bytes(message_id.ptr, message_id.len);
  for (uint32_t i = 0; unacked && i < unacked->n; i++) {
    if (unacked->hashes[i] != hash)
      continue;
    /* "client": the acknowledgment is cumulative (STOMP 1.2 SUBSCRIBE ack Header). */
    uint32_t from = sub->group->ack == ACK_CLIENT ? 0 : i;
    uint32_t rest = unacked->n - i - 1;
    memmove(unacked->hashes + from, unacked->hashes + i + 1, rest * sizeof *unacked->hashes);
    *unacked->of_session -= unacked->n - (from + rest);
    unacked->n = from + rest;
    return true;
  }
  return false;
}

/* --- the table ---------------------------------------------------------------------------- */

#define FIRST_BUCKETS 16

/* The id's hash is keyed, so that nobody can choose ids that meet. Sessions are numbered one after
 * the other, and most choose the same ids: then those who come together lie side by side, and a
 * storm of them does not fetch a line of the table for each. */
static size_t bucket_of(const struct subscription_table *table, uint64_t session, uint64_t id_hash)
{
  return (size_t)(id_hash + session) & (table->n_buckets - 1);
}

static struct subscription **bucket_for(const struct subscription_table *table,
                                        const struct subscription *sub)
{
  return &table->buckets[bucket_of(table, sub->session, sub->group->id_hash)];
}

void subscription_table_fini(struct subscription_table *table)
{
  free(table->buckets);
  *table = (struct subscription_table){0};
}

struct subscription *subscription_table_find(const struct subscription_table *table,
                                             uint64_t session, struct plug_str id, uint64_t id_hash)
{
  if (!table->count)
    return NULL;
  struct subscription *sub = table->buckets[bucket_of(table, session, id_hash)];
  while (sub && (sub->session != session || !str_eq(sub->group->id, id)))
    sub = sub->next;
  return sub;
}

static bool resize(struct subscription_table *table, size_t n_buckets)
{
  struct subscription_table grown = {calloc(n_buckets, sizeof *grown.buckets), n_buckets,
                                     table->count};
  if (!grown.buckets)
    return false;
  for (size_t i = 0; i < table->n_buckets; i++) {
    struct subscription *sub = table->buckets[i];
    while (sub) {
      struct subscription *next = sub->next, **bucket = bucket_for(&grown, sub);
      sub->next = *bucket;
      *bucket = sub;
      sub = next;
    }
  }
  free(table->buckets);
  *table = grown;
  return true;
}

bool subscription_table_insert(struct subscription_table *table, struct subscription *sub)
{
  if (table->count >= table->n_buckets &&
      !resize(table, table->n_buckets ? table->n_buckets * 2 : FIRST_BUCKETS) && !table->n_buckets)
    return false; /* a table that could not grow only gets slower; one without buckets fails */
  struct subscription **bucket = bucket_for(table, sub);
  sub->next = *bucket;
  *bucket = sub;
  table->count++;
  return true;
}

void subscription_table_remove(struct subscription_table *table, struct subscription *sub)
{
  struct subscription **at = bucket_for(table, sub);
  while (*at && *at != sub)
    at = &(*at)->next;
  invariant(*at == sub);
  *at = sub->next;
  table->count--;
  if (table->count == 0 && table->n_buckets > 1024) /* as a map of base/map.h */
    subscription_table_fini(table);
}
