#include "base/map.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/str.h"

#define FIRST_BUCKETS 16

void map_fini(struct map *m)
{
  free(m->buckets);
  *m = (struct map){0};
}

struct map_entry *map_find_hashed(const struct map *m, struct plug_str key, uint64_t hash)
{
  if (!m->count)
    return NULL;
  struct map_entry *e = m->buckets[hash & (m->n_buckets - 1)];
  for (; e; e = e->next)
    if (e->hash == hash && str_eq(e->key, key))
      return e;
  return NULL;
}

struct map_entry *map_find(const struct map *m, struct plug_str key)
{
  return m->count ? map_find_hashed(m, key, hash_bytes(key.ptr, key.len)) : NULL;
}

static bool map_resize(struct map *m, size_t n_buckets)
{
  struct map_entry **buckets = calloc(n_buckets, sizeof *buckets);
  if (!buckets)
    return false;
  for (size_t i = 0; i < m->n_buckets; i++) {
    struct map_entry *e = m->buckets[i];
    while (e) {
      struct map_entry *next = e->next;
      struct map_entry **slot = &buckets[e->hash & (n_buckets - 1)];
      e->next = *slot;
      *slot = e;
      e = next;
    }
  }
  free(m->buckets);
  m->buckets = buckets;
  m->n_buckets = n_buckets;
  return true;
}

bool map_insert_hashed(struct map *m, struct map_entry *entry, uint64_t hash)
{
  if (m->count >= m->n_buckets && !map_resize(m, m->n_buckets ? m->n_buckets * 2 : FIRST_BUCKETS) &&
      !m->n_buckets)
    return false; /* a table that could not grow only gets slower; one without buckets fails */
  entry->hash = hash;
  struct map_entry **slot = &m->buckets[hash & (m->n_buckets - 1)];
  entry->next = *slot;
  *slot = entry;
  m->count++;
  return true;
}

bool map_insert(struct map *m, struct map_entry *entry)
{
  return map_insert_hashed(m, entry, hash_bytes(entry->key.ptr, entry->key.len));
}

void map_remove(struct map *m, struct map_entry *entry)
{
  struct map_entry **slot = &m->buckets[entry->hash & (m->n_buckets - 1)];
  while (*slot && *slot != entry)
    slot = &(*slot)->next;
  invariant(*slot == entry);
  *slot = entry->next;
  m->count--;
  /* Shrinking keeps a table that once held a storm of topics from holding its memory for ever. No
   * iterator is disturbed: the buckets shrink only when the map is empty. */
  if (m->count == 0 && m->n_buckets > 1024)
    map_fini(m);
}

struct map_entry *map_next(const struct map *m, struct map_iter *it)
{
  while (!it->next) {
    if (it->bucket >= m->n_buckets)
      return NULL;
    it->next = m->buckets[it->bucket++];
  }
  struct map_entry *e = it->next;
  it->next = e->next;
  return e;
}

/* The bits of the bucket's number are counted up from the highest: what one bucket holds is in this
 * and in higher ones of a table that has grown, and all of these come later. */
static size_t next_cursor(size_t cursor, size_t mask)
{
  size_t bit = (mask + 1) >> 1;
  while (bit && cursor & bit) {
    cursor ^= bit;
    bit >>= 1;
  }
  return cursor | bit;
}

size_t map_scan(const struct map *m, size_t cursor,
                void (*visit)(void *ctx, const struct map_entry *entry), void *ctx)
{
  if (!m->n_buckets)
    return 0;
  size_t mask = m->n_buckets - 1;
  cursor &= mask;
  for (const struct map_entry *e = m->buckets[cursor]; e; e = e->next)
    visit(ctx, e);
  return next_cursor(cursor, mask);
}
