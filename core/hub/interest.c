#include "hub/interest.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/counter.h"
#include "base/hash.h"
#include "base/str.h"
#include "message/message.h"

#define SHARDS 64u
#define CELLS  64u

struct shard {
  _Alignas(64) pthread_mutex_t mutex;
  struct map map;
  /* Entries of map by more bits of their hash; written under mutex, read by who hopes to do without
   * it. */
  _Atomic uint32_t cells[CELLS];
  /* Rises whenever somebody wants an entry or no longer does; written under mutex. */
  _Atomic uint64_t version;
};

/* A topic that one worker alone wanted when its shard had that version. */
#define KNOWN_BITS  6
#define KNOWN_BYTES 104
struct known_topic {
  uint64_t hash, version;
  uint32_t worker;
  uint32_t len; /* 0: none */
  char text[KNOWN_BYTES];
};

struct interest_table {
  struct shard shards[SHARDS];
  struct shard patterns;
  /* Written by who subscribes. */
  struct map patterns_by_id;                 /* under patterns.mutex */
  uint32_t n_patterns[INTEREST_WORKERS_MAX]; /* of each worker; under patterns.mutex */
  _Atomic uint64_t next_id;
  struct mpsc changes;
  /* Read with each message, and hardly ever written: in lines of its own. */
  _Alignas(64) _Atomic uint64_t pattern_workers; /* workers with any pattern; written under
                                                    patterns.mutex */
  void (*on_change)(void *ctx);
  void *ctx;
  bool local_patterns;
  unsigned n_workers;
  uint64_t inbox_limit, inbox_bytes;
  struct inbox *inboxes[INTEREST_WORKERS_MAX];
  /* What each worker's thread has found out and is the only one to use; NULL: nothing yet. */
  struct known_topic *known[INTEREST_WORKERS_MAX];
};

static _Thread_local int this_worker = -1;

void interest_bind_worker(int worker)
{
  this_worker = worker;
}

bool interest_on_worker(void)
{
  return this_worker >= 0;
}

struct interest_table *interest_table_new(unsigned n_workers, struct inbox *const *inboxes,
                                          uint64_t inbox_limit, void (*on_change)(void *ctx),
                                          void *ctx)
{
  invariant(n_workers <= INTEREST_WORKERS_MAX);
  struct interest_table *table = aligned_alloc(64, (sizeof *table + 63) / 64 * 64);
  if (!table)
    return NULL;
  memset(table, 0, sizeof *table);
  for (unsigned i = 0; i < SHARDS; i++)
    pthread_mutex_init(&table->shards[i].mutex, NULL);
  pthread_mutex_init(&table->patterns.mutex, NULL);
  atomic_init(&table->next_id, 1);
  table->on_change = on_change;
  table->ctx = ctx;
  table->n_workers = n_workers;
  table->inbox_limit = inbox_limit;
  table->inbox_bytes = UINT64_MAX;
  memcpy(table->inboxes, inboxes, n_workers * sizeof *inboxes);
  return table;
}

static void shard_fini(struct shard *shard)
{
  struct map_iter it = {0, NULL};
  struct map_entry *e;
  while ((e = map_next(&shard->map, &it)))
    free(container_of(e, struct interest, by_name));
  map_fini(&shard->map);
  pthread_mutex_destroy(&shard->mutex);
}

void interest_table_free(struct interest_table *table)
{
  if (!table)
    return;
  map_fini(&table->patterns_by_id);
  for (unsigned i = 0; i < INTEREST_WORKERS_MAX; i++)
    free(table->known[i]);
  for (unsigned i = 0; i < SHARDS; i++)
    shard_fini(&table->shards[i]);
  shard_fini(&table->patterns);
  free(table);
}

void interest_set_inbox_bytes(struct interest_table *table, uint64_t bytes)
{
  table->inbox_bytes = bytes;
}

void interest_set_local_patterns(struct interest_table *table, bool local)
{
  pthread_mutex_lock(&table->patterns.mutex);
  table->local_patterns = local;
  pthread_mutex_unlock(&table->patterns.mutex);
}

static struct shard *shard_of(struct interest_table *table, bool is_pattern, uint64_t hash)
{
  /* The low bits choose the bucket within the shard's map. */
  return is_pattern ? &table->patterns : &table->shards[(hash >> 48) % SHARDS];
}

static uint32_t cell_of(uint64_t hash)
{
  return (uint32_t)(hash >> 54) % CELLS;
}

static struct shard *shard_of_entry(struct interest_table *table, const struct interest *interest)
{
  return shard_of(table, interest->is_pattern, interest->by_name.hash);
}

/* Under the mutex. True if the control thread is to be told, after unlocking. */
static bool queue_change(struct interest_table *table, struct interest *interest)
{
  if (interest->queued)
    return false;
  interest->queued = true;
  return mpsc_push(&table->changes, &interest->change);
}

/* Under the mutex: worker wants interest, or no longer. */
static void set_wanted(struct interest_table *table, struct interest *interest, unsigned worker,
                       bool wanted)
{
  uint64_t bit = UINT64_C(1) << worker;
  if (((interest->workers & bit) != 0) == wanted)
    return;
  interest->workers ^= bit;
  if (!interest->is_pattern) {
    struct shard *shard = shard_of_entry(table, interest);
    uint64_t version = atomic_load_explicit(&shard->version, memory_order_relaxed);
    atomic_store_explicit(&shard->version, version + 1, memory_order_release);
    return;
  }
  table->n_patterns[worker] += wanted ? 1u : UINT32_MAX;
  uint64_t all = atomic_load_explicit(&table->pattern_workers, memory_order_relaxed);
  all = table->n_patterns[worker] ? all | bit : all & ~bit;
  atomic_store_explicit(&table->pattern_workers, all, memory_order_release);
}

/* Under the mutex: one entry with that hash more, or one less. */
static void shard_count(struct shard *shard, uint64_t hash, bool more)
{
  _Atomic uint32_t *cell = &shard->cells[cell_of(hash)];
  uint32_t n = atomic_load_explicit(cell, memory_order_relaxed);
  atomic_store_explicit(cell, more ? n + 1 : n - 1, memory_order_release);
}

static struct interest *interest_new(struct interest_table *table, struct shard *shard,
                                     struct plug_str name, bool is_pattern, uint64_t hash)
{
  struct interest *interest = malloc(sizeof *interest + name.len); /* calloc is far slower */
  if (!interest)
    return NULL;
  memset(interest, 0, sizeof *interest);
  memcpy(interest->name, name.ptr, name.len);
  uint64_t number = atomic_fetch_add_explicit(&table->next_id, 1, memory_order_relaxed);
  interest->id = number * 2 + (is_pattern ? 1 : 0);
  interest->is_pattern = is_pattern;
  interest->by_name.key = str_from(interest->name, name.len);
  interest->by_id.key = str_from((const char *)&interest->id, sizeof interest->id);
  for (int i = 0; i < INTEREST_HOLDS; i++) {
    list_init(&interest->holds[i].link);
    list_init(&interest->holds[i].grace);
    list_init(&interest->holds[i].ask);
  }
  if (!map_insert_hashed(&shard->map, &interest->by_name, hash)) {
    free(interest);
    return NULL;
  }
  if (is_pattern && !map_insert(&table->patterns_by_id, &interest->by_id)) {
    map_remove(&shard->map, &interest->by_name);
    free(interest);
    return NULL;
  }
  shard_count(shard, hash, true);
  return interest;
}

plug_status interest_join(struct interest_table *table, unsigned worker, struct plug_str name,
                          bool is_pattern)
{
  return interest_join_hashed(table, worker, name, hash_bytes(name.ptr, name.len), is_pattern);
}

void interest_leave(struct interest_table *table, unsigned worker, struct plug_str name,
                    bool is_pattern)
{
  interest_leave_hashed(table, worker, name, hash_bytes(name.ptr, name.len), is_pattern);
}

plug_status interest_join_hashed(struct interest_table *table, unsigned worker,
                                 struct plug_str name, uint64_t hash, bool is_pattern)
{
  struct shard *shard = shard_of(table, is_pattern, hash);
  bool tell = false;
  plug_status status = PLUG_ENOMEM;

  pthread_mutex_lock(&shard->mutex);
  struct map_entry *found = map_find_hashed(&shard->map, name, hash);
  struct interest *interest = found ? container_of(found, struct interest, by_name)
                                    : interest_new(table, shard, name, is_pattern, hash);
  if (interest) {
    bool was_unwanted = !interest->workers;
    set_wanted(table, interest, worker, true);
    if (is_pattern && table->local_patterns) {
      interest->state = INTEREST_CONFIRMED;
    } else if (interest->state == INTEREST_FAILED || interest->state == INTEREST_NEW) {
      interest->state = INTEREST_NEW;
      tell = queue_change(table, interest);
    } else if (found && (interest->state == INTEREST_CONFIRMED || was_unwanted)) {
      tell = queue_change(table, interest); /* may stand in the grace list, or be unanswered */
    }
    status = interest->state == INTEREST_CONFIRMED ? PLUG_OK : PLUG_PENDING;
  }
  pthread_mutex_unlock(&shard->mutex);

  if (tell)
    table->on_change(table->ctx);
  return status;
}

void interest_leave_hashed(struct interest_table *table, unsigned worker, struct plug_str name,
                           uint64_t hash, bool is_pattern)
{
  struct shard *shard = shard_of(table, is_pattern, hash);
  bool tell = false;

  pthread_mutex_lock(&shard->mutex);
  struct map_entry *found = map_find_hashed(&shard->map, name, hash);
  if (found) {
    struct interest *interest = container_of(found, struct interest, by_name);
    set_wanted(table, interest, worker, false);
    if (!interest->workers)
      tell = queue_change(table, interest);
  }
  pthread_mutex_unlock(&shard->mutex);

  if (tell)
    table->on_change(table->ctx);
}

/* Messages and bytes: large messages would fill the memory long before they are many. */
static bool is_beyond(uint64_t load, uint64_t messages, uint64_t bytes)
{
  return inbox_load_items(load) >= messages || inbox_load_bytes(load) >= bytes;
}

static bool is_behind(const struct interest_table *table, uint64_t load)
{
  return is_beyond(load, table->inbox_limit / 2 + 1, table->inbox_bytes / 2 + 1);
}

static uint64_t load_of(const struct inbox *inbox)
{
  return atomic_load_explicit(&inbox->load, memory_order_relaxed);
}

bool interest_congested(const struct interest_table *table)
{
  for (unsigned i = 0; i < table->n_workers; i++)
    if (is_behind(table, load_of(table->inboxes[i])))
      return true;
  return false;
}

/* Under a shard's mutex, or for one worker alone: puts msg into the inboxes of mask; returns which
 * workers to wake. */
static uint64_t put_all(struct interest_table *table, uint64_t mask, enum inbox_kind kind,
                        struct plug_str text, uint64_t interest, const struct plug_msg *msg,
                        plug_status *status)
{
  uint64_t wake = 0, added = inbox_load_with(msg);
  while (mask) {
    unsigned w = (unsigned)__builtin_ctzll(mask);
    mask &= mask - 1;
    struct inbox *inbox = table->inboxes[w];
    uint64_t load = inbox_reserve(inbox, added);
    if (is_beyond(load, table->inbox_limit, table->inbox_bytes)) {
      inbox_taken(inbox, added);
      COUNT(dropped_congested);
      *status = PLUG_ETOOBIG;
      continue;
    }
    if (*status == PLUG_OK && is_behind(table, load))
      *status = PLUG_EAGAIN;
    struct inbox_item *item = inbox_item_for(kind, text, msg);
    if (!item) {
      inbox_taken(inbox, added);
      COUNT(dropped_congested);
      *status = PLUG_ENOMEM;
      continue;
    }
    item->interest = interest;
    if (inbox_push(inbox, item) && (int)w != this_worker)
      wake |= UINT64_C(1) << w;
  }
  return wake;
}

static void wake_all(struct interest_table *table, uint64_t mask)
{
  for (; mask; mask &= mask - 1) {
    struct inbox *inbox = table->inboxes[__builtin_ctzll(mask)];
    inbox->wake(inbox);
  }
}

static uint64_t pattern_workers(const struct interest_table *table)
{
  return atomic_load_explicit(&table->pattern_workers, memory_order_acquire);
}

static bool has_topic(const struct shard *shard, uint64_t hash)
{
  return atomic_load_explicit(&shard->cells[cell_of(hash)], memory_order_acquire) != 0;
}

bool interest_is_heard(struct interest_table *table, uint64_t topic_hash)
{
  /* Who is subscribed by a pattern and changes over to the topic, or the other way round, joins the
   * one before leaving the other: it is seen by looking at the patterns before and after. */
  return pattern_workers(table) || has_topic(shard_of(table, false, topic_hash), topic_hash) ||
         pattern_workers(table);
}

uint64_t interest_workers(struct interest_table *table, struct plug_str name, bool is_pattern)
{
  uint64_t hash = hash_bytes(name.ptr, name.len);
  struct shard *shard = shard_of(table, is_pattern, hash);
  pthread_mutex_lock(&shard->mutex);
  struct map_entry *found = map_find_hashed(&shard->map, name, hash);
  uint64_t workers = found ? container_of(found, struct interest, by_name)->workers : 0;
  pthread_mutex_unlock(&shard->mutex);
  return workers;
}

static struct known_topic *known_slot(struct interest_table *table, uint64_t hash)
{
  return &table->known[this_worker][hash >> (64 - KNOWN_BITS)];
}

/* The one worker that wants it, if that is known and still so; -1: look it up. What one worker
 * alone gets needs no lock for its order, which is that of its inbox. */
static inline int known_worker(struct interest_table *table, const struct shard *shard,
                               struct plug_str topic, uint64_t hash)
{
  if (this_worker < 0 || !table->known[this_worker])
    return -1;
  const struct known_topic *known = known_slot(table, hash);
  if (known->hash != hash || known->len != topic.len ||
      memcmp(known->text, topic.ptr, topic.len) != 0)
    return -1;
  /* In this order, for who changes over between pattern and topic (see interest_is_heard). */
  if (pattern_workers(table) ||
      atomic_load_explicit(&shard->version, memory_order_acquire) != known->version)
    return -1;
  return (int)known->worker;
}

/* Under the shard's mutex: workers want it. */
static void know(struct interest_table *table, const struct shard *shard, struct plug_str topic,
                 uint64_t hash, uint64_t workers)
{
  if (this_worker < 0 || topic.len > KNOWN_BYTES || !workers || (workers & (workers - 1)))
    return;
  struct known_topic **mine = &table->known[this_worker];
  if (!*mine && !(*mine = calloc(1 << KNOWN_BITS, sizeof **mine)))
    return;
  struct known_topic *known = known_slot(table, hash);
  known->hash = hash;
  known->version = atomic_load_explicit(&shard->version, memory_order_relaxed);
  known->worker = (uint32_t)__builtin_ctzll(workers);
  known->len = (uint32_t)topic.len;
  memcpy(known->text, topic.ptr, topic.len);
}

plug_status interest_deliver(struct interest_table *table, uint64_t interest,
                             const struct plug_msg *msg)
{
  plug_status status = PLUG_OK;
  uint64_t wake;
  COUNT(delivered_node);
  if (interest & 1) {
    pthread_mutex_lock(&table->patterns.mutex);
    struct map_entry *found =
        map_find(&table->patterns_by_id, str_from((const char *)&interest, sizeof interest));
    struct interest *pattern = found ? container_of(found, struct interest, by_id) : NULL;
    wake = pattern ? put_all(table, pattern->workers, INBOX_DELIVER_PATTERN, interest_name(pattern),
                             interest, msg, &status)
                   : 0;
    pthread_mutex_unlock(&table->patterns.mutex);
  } else {
    uint64_t hash = message_topic_hash(msg);
    struct shard *shard = shard_of(table, false, hash);
    int only = interest ? -1 : known_worker(table, shard, msg->topic, hash);
    if (only >= 0) {
      wake_all(table, put_all(table, UINT64_C(1) << only, INBOX_DELIVER, str_from(NULL, 0), hash,
                              msg, &status));
      return status;
    }
    if (!(interest ? has_topic(shard, hash) : interest_is_heard(table, hash)))
      return PLUG_OK; /* nobody listens, and nobody has to be waited for to know that */
    pthread_mutex_lock(&shard->mutex);
    /* Within the lock, for who changes over between pattern and topic (see interest_is_heard). */
    uint64_t patterns = interest ? 0 : pattern_workers(table);
    struct map_entry *found = map_find_hashed(&shard->map, msg->topic, hash);
    uint64_t mask = found ? container_of(found, struct interest, by_name)->workers : 0;
    know(table, shard, msg->topic, hash, mask);
    wake = put_all(table, mask | patterns, interest ? INBOX_DELIVER_TOPIC : INBOX_DELIVER,
                   str_from(NULL, 0), hash, msg, &status);
    pthread_mutex_unlock(&shard->mutex);
  }
  wake_all(table, wake);
  return status;
}

struct interest *interest_take_changes(struct interest_table *table)
{
  struct mpsc_node *node = mpsc_take(&table->changes);
  return node ? container_of(node, struct interest, change) : NULL;
}

struct interest *interest_next_change(const struct interest *interest)
{
  struct mpsc_node *node = interest->change.next;
  return node ? container_of(node, struct interest, change) : NULL;
}

static void remove_entry(struct interest_table *table, struct shard *shard,
                         struct interest *interest)
{
  interest->removed = true;
  map_remove(&shard->map, &interest->by_name);
  shard_count(shard, interest->by_name.hash, false);
  if (interest->is_pattern)
    map_remove(&table->patterns_by_id, &interest->by_id);
}

enum interest_change interest_judge(struct interest_table *table, struct interest *interest)
{
  struct shard *shard = shard_of_entry(table, interest);
  enum interest_change change = INTEREST_CHANGE_NONE;

  pthread_mutex_lock(&shard->mutex);
  bool local = interest->is_pattern && table->local_patterns;
  interest->queued = false;
  if (interest->workers) {
    if (interest->state == INTEREST_NEW) {
      interest->state = INTEREST_ASKED;
      change = INTEREST_CHANGE_SUBSCRIBE;
    } else {
      change = INTEREST_CHANGE_WANTED;
    }
  } else if (interest->state == INTEREST_NEW || interest->state == INTEREST_FAILED || local) {
    remove_entry(table, shard, interest);
    change = INTEREST_CHANGE_GONE;
  } else {
    change = INTEREST_CHANGE_UNUSED;
  }
  pthread_mutex_unlock(&shard->mutex);
  return change;
}

/* Under the shard's mutex: tells the workers that want it; returns which to wake. */
static uint64_t put_status(struct interest_table *table, const struct interest *interest,
                           plug_status status)
{
  uint64_t wake = 0;
  for (uint64_t mask = interest->workers; mask; mask &= mask - 1) {
    unsigned w = (unsigned)__builtin_ctzll(mask);
    struct inbox_item *item = inbox_item_new(INBOX_INTEREST, interest_name(interest));
    if (!item)
      continue; /* the receipt never comes: the client's own time limit says so */
    item->interest = interest->is_pattern;
    item->status = status;
    if (inbox_put(table->inboxes[w], item))
      wake |= UINT64_C(1) << w;
  }
  return wake;
}

bool interest_ask_again(struct interest_table *table, struct interest *interest)
{
  struct shard *shard = shard_of_entry(table, interest);
  uint64_t wake = 0;
  pthread_mutex_lock(&shard->mutex);
  bool wanted = interest->workers != 0;
  if (wanted && interest->state == INTEREST_CONFIRMED)
    wake = put_status(table, interest, PLUG_PENDING);
  interest->state = wanted ? INTEREST_ASKED : INTEREST_NEW;
  pthread_mutex_unlock(&shard->mutex);
  wake_all(table, wake);
  return wanted;
}

static void answer(struct interest_table *table, struct interest *interest, plug_status status,
                   bool news_only)
{
  struct shard *shard = shard_of_entry(table, interest);
  bool tell = false;
  uint64_t wake = 0;
  pthread_mutex_lock(&shard->mutex);
  bool news = !news_only || interest->state != INTEREST_CONFIRMED;
  interest->state = status == PLUG_OK ? INTEREST_CONFIRMED : INTEREST_FAILED;
  if (news)
    wake = put_status(table, interest, status);
  if (!interest->workers)
    tell = queue_change(table, interest);
  pthread_mutex_unlock(&shard->mutex);
  wake_all(table, wake);
  if (tell)
    table->on_change(table->ctx);
}

void interest_answer(struct interest_table *table, struct interest *interest, plug_status status)
{
  answer(table, interest, status, false);
}

void interest_confirm(struct interest_table *table, struct interest *interest)
{
  answer(table, interest, PLUG_OK, true);
}

void interest_queue_patterns(struct interest_table *table)
{
  struct map_iter it = {0, NULL};
  struct map_entry *e;
  bool tell = false;
  pthread_mutex_lock(&table->patterns.mutex);
  while ((e = map_next(&table->patterns.map, &it))) {
    struct interest *interest = container_of(e, struct interest, by_name);
    if (!interest->workers)
      continue;
    interest->state = INTEREST_NEW;
    tell |= queue_change(table, interest);
  }
  pthread_mutex_unlock(&table->patterns.mutex);
  if (tell)
    table->on_change(table->ctx);
}

bool interest_retire(struct interest_table *table, struct interest *interest)
{
  struct shard *shard = shard_of_entry(table, interest);
  pthread_mutex_lock(&shard->mutex);
  bool unwanted = !interest->workers && !interest->queued;
  if (unwanted)
    remove_entry(table, shard, interest);
  pthread_mutex_unlock(&shard->mutex);
  return unwanted;
}

void interest_free(struct interest *interest)
{
  for (int i = 0; i < INTEREST_HOLDS; i++) {
    list_remove(&interest->holds[i].link);
    list_remove(&interest->holds[i].grace);
    list_remove(&interest->holds[i].ask);
  }
  free(interest);
}
