#include "broker/gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/str.h"
#include "message/message.h"

#define STRIPES        64u
/* Ids come in runs, of which a topic, and so a stripe, has some: they are noted by the block. */
#define BLOCK_IDS      256u
#define KEEP_MS        10000u /* a broker may be so far behind the other one */
#define BLOCKS_MAX     8192u  /* of a stripe */
#define HELD_MAX       200000
#define HELD_BYTES_MAX (64 << 20)

enum stage { STAGE_OFF, STAGE_MARK, STAGE_MERGE, STAGE_TAIL };

/* What is known of a message, in two bits. */
enum seen { SEEN_NOT, SEEN_BY_0, SEEN_BY_1, SEEN_BY_ALL };

struct block_key {
  uint64_t origin, number; /* hash_bytes of its name; of the block */
};

struct block {
  struct map_entry by_key;
  struct list used; /* least lately first */
  struct block_key key;
  uint64_t used_ms;
  uint64_t seen[BLOCK_IDS / 32];
};

struct held {
  struct held *next;
  const struct plug_msg *msg;
  unsigned side;
};

struct stripe {
  _Alignas(64) pthread_mutex_t mutex;
  enum stage stage;
  struct map blocks;
  struct list used;
  struct held *held, **held_end;
};

struct gate {
  struct interest_table *table;
  _Atomic unsigned leader;
  _Atomic int64_t n_held, held_bytes;
  struct stripe stripes[STRIPES];
};

struct gate *gate_new(struct interest_table *table)
{
  struct gate *gate = aligned_alloc(64, (sizeof *gate + 63) / 64 * 64);
  if (!gate)
    return NULL;
  memset(gate, 0, sizeof *gate);
  gate->table = table;
  for (unsigned i = 0; i < STRIPES; i++) {
    struct stripe *stripe = &gate->stripes[i];
    pthread_mutex_init(&stripe->mutex, NULL);
    list_init(&stripe->used);
    stripe->held_end = &stripe->held;
  }
  return gate;
}

/* --- what was seen ------------------------------------------------------------------------ */

static void block_free(struct stripe *stripe, struct block *block)
{
  list_remove(&block->used);
  map_remove(&stripe->blocks, &block->by_key);
  free(block);
}

/* The oldest go for new ones. */
static void make_room(struct stripe *stripe, uint64_t now_ms)
{
  struct list *node;
  while ((node = list_first(&stripe->used))) {
    struct block *block = container_of(node, struct block, used);
    if (now_ms - block->used_ms <= KEEP_MS && stripe->blocks.count < BLOCKS_MAX)
      break;
    block_free(stripe, block);
  }
}

static struct block *block_of(struct stripe *stripe, const struct plug_msg *msg, bool make)
{
  struct block_key key = {hash_bytes(msg->origin.ptr, msg->origin.len), msg->id / BLOCK_IDS};
  struct plug_str text = str_from((const char *)&key, sizeof key);
  struct map_entry *found = map_find(&stripe->blocks, text);
  uint64_t now_ms = clock_now_ms();
  struct block *block;
  if (!found) {
    if (!make)
      return NULL;
    make_room(stripe, now_ms);
    block = calloc(1, sizeof *block);
    if (!block)
      return NULL;
    block->key = key;
    block->by_key.key = str_from((const char *)&block->key, sizeof block->key);
    list_init(&block->used);
    if (!map_insert(&stripe->blocks, &block->by_key)) {
      free(block);
      return NULL;
    }
  } else {
    block = container_of(found, struct block, by_key);
  }
  block->used_ms = now_ms;
  list_remove(&block->used);
  list_append(&stripe->used, &block->used);
  return block;
}

static enum seen get_seen(struct stripe *stripe, const struct plug_msg *msg)
{
  const struct block *block = block_of(stripe, msg, false);
  unsigned at = msg->id % BLOCK_IDS;
  return block ? (enum seen)(block->seen[at / 32] >> at % 32 * 2 & 3) : SEEN_NOT;
}

/* Without memory it is not noted: twice is better than never. */
static void set_seen(struct stripe *stripe, const struct plug_msg *msg, enum seen seen)
{
  struct block *block = block_of(stripe, msg, true);
  unsigned at = msg->id % BLOCK_IDS;
  if (block)
    block->seen[at / 32] |= (uint64_t)seen << at % 32 * 2;
}

static void forget(struct stripe *stripe)
{
  struct list *node;
  while ((node = list_first(&stripe->used)))
    block_free(stripe, container_of(node, struct block, used));
  map_fini(&stripe->blocks);
  memset(&stripe->blocks, 0, sizeof stripe->blocks);
}

/* --- delivering: under the stripe's mutex ------------------------------------------------- */

static plug_status drop(void)
{
  COUNT(swap_duplicates);
  return PLUG_OK;
}

static plug_status merge(struct gate *gate, struct stripe *stripe, unsigned side, uint64_t interest,
                         const struct plug_msg *msg)
{
  enum seen seen = get_seen(stripe, msg), own = side ? SEEN_BY_1 : SEEN_BY_0;
  if (seen == own)
    return interest_deliver(gate->table, interest, msg);
  if (seen != SEEN_NOT)
    return drop();
  set_seen(stripe, msg, SEEN_BY_ALL);
  return interest_deliver(gate->table, 0, msg);
}

static plug_status pass(struct gate *gate, struct stripe *stripe, unsigned side, uint64_t interest,
                        const struct plug_msg *msg)
{
  enum seen seen = get_seen(stripe, msg), own = side ? SEEN_BY_1 : SEEN_BY_0;
  if (seen == SEEN_NOT)
    set_seen(stripe, msg, own);
  else if (seen != own)
    return drop();
  return interest_deliver(gate->table, interest, msg);
}

static void release(struct gate *gate, struct stripe *stripe)
{
  struct held *next, *held = stripe->held;
  stripe->held = NULL;
  stripe->held_end = &stripe->held;
  for (; held; held = next) {
    next = held->next;
    (void)merge(gate, stripe, held->side, 0, held->msg);
    atomic_fetch_sub(&gate->n_held, 1);
    atomic_fetch_sub(&gate->held_bytes, (int64_t)message_bytes(held->msg));
    message_unref(held->msg);
    free(held);
  }
}

/* False: there is no room to hold it back. */
static bool hold(struct gate *gate, struct stripe *stripe, unsigned side,
                 const struct plug_msg *msg)
{
  struct held *held = NULL;
  if (atomic_load(&gate->n_held) < HELD_MAX && atomic_load(&gate->held_bytes) < HELD_BYTES_MAX)
    held = malloc(sizeof *held);
  if (!held)
    return false;
  message_ref(msg);
  *held = (struct held){.msg = msg, .side = side};
  *stripe->held_end = held;
  stripe->held_end = &held->next;
  atomic_fetch_add(&gate->n_held, 1);
  atomic_fetch_add(&gate->held_bytes, (int64_t)message_bytes(msg));
  return true;
}

plug_status gate_deliver(struct gate *gate, unsigned side, uint64_t interest,
                         const struct plug_msg *msg)
{
  struct stripe *stripe = &gate->stripes[(message_topic_hash(msg) >> 32) % STRIPES];
  plug_status status = PLUG_OK;
  pthread_mutex_lock(&stripe->mutex);
  switch (stripe->stage) {
  case STAGE_OFF:
    status = interest_deliver(gate->table, interest, msg);
    break;
  case STAGE_MARK:
    if (side == atomic_load_explicit(&gate->leader, memory_order_relaxed)) {
      status = pass(gate, stripe, side, interest, msg);
    } else if (get_seen(stripe, msg) != SEEN_NOT) {
      status = drop();
    } else if (!hold(gate, stripe, side, msg)) {
      /* Rather early than never. */
      release(gate, stripe);
      stripe->stage = STAGE_MERGE;
      status = merge(gate, stripe, side, interest, msg);
    }
    break;
  case STAGE_MERGE:
    status = merge(gate, stripe, side, interest, msg);
    break;
  case STAGE_TAIL:
    status = pass(gate, stripe, side, interest, msg);
    break;
  }
  pthread_mutex_unlock(&stripe->mutex);
  return status;
}

/* --- stages ------------------------------------------------------------------------------- */

static void enter(struct gate *gate, enum stage stage)
{
  for (unsigned i = 0; i < STRIPES; i++) {
    struct stripe *stripe = &gate->stripes[i];
    pthread_mutex_lock(&stripe->mutex);
    if (stage != STAGE_MARK)
      release(gate, stripe);
    stripe->stage = stage;
    if (stage == STAGE_OFF)
      forget(stripe);
    pthread_mutex_unlock(&stripe->mutex);
  }
}

void gate_mark(struct gate *gate, unsigned leader)
{
  atomic_store(&gate->leader, leader);
  enter(gate, STAGE_MARK);
}

void gate_merge(struct gate *gate)
{
  enter(gate, STAGE_MERGE);
}

void gate_tail(struct gate *gate)
{
  enter(gate, STAGE_TAIL);
}

void gate_off(struct gate *gate)
{
  enter(gate, STAGE_OFF);
}

void gate_free(struct gate *gate)
{
  if (!gate)
    return;
  gate_off(gate);
  for (unsigned i = 0; i < STRIPES; i++)
    pthread_mutex_destroy(&gate->stripes[i].mutex);
  free(gate);
}
