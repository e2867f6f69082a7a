#include "plugin/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/str.h"
#include "plugin/border.h"
#include "plugin/instance_call.h"
#include "plugin/op_pool.h"
#include "plugin/part.h"
#include "plugin/watch.h"

/* A token, as a number: generation above, slot number + 1 below. Twenty bits of slots are a million
 * operations at once; on LP64 the generation then has 44 bits and does not come round. */
#define INDEX_BITS      20
#define INDEX_MASK      (((uintptr_t)1 << INDEX_BITS) - 1)
#define GENERATION_MASK ((uint64_t)(UINTPTR_MAX >> INDEX_BITS))

#define CHUNK_SLOTS 64u
#define CHUNKS_MAX  ((1u << INDEX_BITS) / CHUNK_SLOTS - 1)

/* Flags of a slot's word, below its generation. Answering the waiter takes TAKEN and COMPLETED;
 * whoever sets the second of the two sends the slot home. */
#define FLAG_LIVE        1u  /* between op_new and free */
#define FLAG_TAKEN       2u  /* the plugin's call has returned PLUG_PENDING */
#define FLAG_CLAIMED     4u  /* somebody is completing it */
#define FLAG_COMPLETED   8u  /* status and detail are set */
#define FLAG_ANSWERED    16u /* the waiter has had its answer, or wants none */
#define FLAGS_MASK       0xffu
#define GENERATION_SHIFT 8

#define SWEEP_MS   50 /* an operation times out at most this late */
#define DETAIL_MAX 512u

struct op_slot {
  _Atomic uint64_t word;
  _Atomic uint64_t deadline_ms; /* UINT64_MAX: none */
  struct op_chunk *chunk;
  op_done_fn done;
  op_release_fn release; /* or NULL */
  void *arg;
  struct loop_task task;
  struct op_slot *next_free;
  char *detail; /* owned, or NULL */
  size_t detail_len;
  plug_status status;
  bool verdicts; /* ALLOW, DENY and DEFER are answers to it */
};

struct op_chunk {
  struct op_chunk *next;
  uint32_t number;
  _Atomic(struct op_pool *) pool; /* NULL: spare */
  _Atomic(const char *) borrower; /* the plugin, whose operations these are or last were */
  struct op_slot slots[CHUNK_SLOTS];
};

/* All chunks of the process. They are handed from pool to pool and never freed, so that a token
 * that is long over can still be looked up. */
static _Atomic(struct op_chunk *) directory[CHUNKS_MAX];
static pthread_mutex_t directory_lock = PTHREAD_MUTEX_INITIALIZER; /* protects the two below */
static uint32_t n_chunks;
static struct op_chunk *spare_chunks;

static uint64_t generation_of(uint64_t word)
{
  return word >> GENERATION_SHIFT & GENERATION_MASK;
}

static uint64_t word_of(uint64_t generation, unsigned flags)
{
  return (generation & GENERATION_MASK) << GENERATION_SHIFT | flags;
}

static struct plug_op *token_of(const struct op_slot *slot, uint64_t generation)
{
  size_t index = slot->chunk->number * (size_t)CHUNK_SLOTS + (size_t)(slot - slot->chunk->slots);
  return (struct plug_op *)((uintptr_t)(generation & GENERATION_MASK) << INDEX_BITS | (index + 1));
}

/* The slot of a token of any age, or NULL for what never was one. */
static struct op_slot *slot_of(const struct plug_op *op, uint64_t *generation)
{
  uintptr_t token = (uintptr_t)op;
  uintptr_t index = (token & INDEX_MASK) - 1;
  if (index >= (uintptr_t)CHUNKS_MAX * CHUNK_SLOTS)
    return NULL;
  struct op_chunk *chunk =
      atomic_load_explicit(&directory[index / CHUNK_SLOTS], memory_order_acquire);
  *generation = token >> INDEX_BITS;
  return chunk ? &chunk->slots[index % CHUNK_SLOTS] : NULL;
}

/* Moves a slot of this generation from any state without the flags in forbidden to one with set.
 * False when it is of another generation or has such a flag. */
static bool slot_set(struct op_slot *slot, uint64_t generation, unsigned forbidden, unsigned set,
                     uint64_t *before)
{
  uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
  do {
    if (generation_of(word) != generation || !(word & FLAG_LIVE) || (word & forbidden))
      return false;
  } while (!atomic_compare_exchange_weak_explicit(&slot->word, &word, word | set,
                                                  memory_order_acq_rel, memory_order_acquire));
  *before = word;
  return true;
}

static struct op_chunk *chunk_new(void)
{
  struct op_chunk *chunk = NULL;
  pthread_mutex_lock(&directory_lock);
  if (spare_chunks) {
    chunk = spare_chunks;
    spare_chunks = chunk->next;
  } else if (n_chunks < CHUNKS_MAX && (chunk = calloc(1, sizeof *chunk))) {
    chunk->number = n_chunks++;
    for (unsigned i = 0; i < CHUNK_SLOTS; i++) {
      chunk->slots[i].chunk = chunk;
      atomic_init(&chunk->slots[i].word, word_of(1, 0));
    }
    atomic_store_explicit(&directory[chunk->number], chunk, memory_order_release);
  }
  pthread_mutex_unlock(&directory_lock);
  return chunk;
}

bool op_pool_init(struct op_pool *pool, struct plugin_instance *instance)
{
  memset(pool, 0, sizeof *pool);
  pool->instance = instance;
  return uv_mutex_init(&pool->lock) == 0;
}

void op_pool_fini(struct op_pool *pool)
{
  invariant(op_pool_alive(pool) == 0);
  pthread_mutex_lock(&directory_lock);
  while (pool->chunks) {
    struct op_chunk *chunk = pool->chunks;
    pool->chunks = chunk->next;
    atomic_store_explicit(&chunk->pool, NULL, memory_order_relaxed);
    chunk->next = spare_chunks;
    spare_chunks = chunk;
  }
  pthread_mutex_unlock(&directory_lock);
  uv_mutex_destroy(&pool->lock);
}

int64_t op_pool_alive(const struct op_pool *pool)
{
  return atomic_load(&pool->alive);
}

static struct op_slot *slot_take(struct op_pool *pool)
{
  uv_mutex_lock(&pool->lock);
  if (!pool->free) {
    struct op_chunk *chunk = chunk_new();
    if (!chunk) {
      uv_mutex_unlock(&pool->lock);
      return NULL;
    }
    atomic_store_explicit(&chunk->pool, pool, memory_order_relaxed);
    atomic_store_explicit(&chunk->borrower, pool->instance->id, memory_order_relaxed);
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    for (unsigned i = CHUNK_SLOTS; i-- > 0;) {
      chunk->slots[i].next_free = pool->free;
      pool->free = &chunk->slots[i];
    }
  }
  struct op_slot *slot = pool->free;
  pool->free = slot->next_free;
  uv_mutex_unlock(&pool->lock);
  return slot;
}

/* The generation has gone up by now: nobody else looks at the slot. The pool may be gone as soon as
 * alive is down. */
static void slot_give(struct op_slot *slot)
{
  struct op_pool *pool = atomic_load_explicit(&slot->chunk->pool, memory_order_relaxed);
  free(slot->detail);
  slot->detail = NULL;
  uv_mutex_lock(&pool->lock);
  slot->next_free = pool->free;
  pool->free = slot;
  uv_mutex_unlock(&pool->lock);
  atomic_fetch_sub(&pool->alive, 1);
}

static struct plugin_instance *slot_instance(const struct op_slot *slot)
{
  return atomic_load_explicit(&slot->chunk->pool, memory_order_relaxed)->instance;
}

/* [home] TAKEN and COMPLETED: answers the waiter unless it has given up, and frees the slot. The
 * slot is free before done() runs, which may thus count what is open. */
static void slot_finish(struct loop_task *task)
{
  struct op_slot *slot = container_of(task, struct op_slot, task);
  /* Who waited may be gone; the slot, and what hangs on it, stays as the instance does. */
  if (part_state(slot_instance(slot)) == INSTANCE_ABANDONED)
    return;
  uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
  op_done_fn done = (word & FLAG_ANSWERED) ? NULL : slot->done;
  op_release_fn release = slot->release;
  void *arg = slot->arg;
  plug_status status = slot->status;
  char *text = slot->detail;
  struct plug_str detail = {text, slot->detail_len};
  slot->detail = NULL;
  atomic_store_explicit(&slot->word, word_of(generation_of(word) + 1, 0), memory_order_release);
  slot_give(slot);
  if (done)
    done(arg, status, detail);
  if (release)
    release(arg, status, detail);
  free(text);
}

static void slot_send_home(struct op_slot *slot)
{
  slot->task.run = slot_finish;
  loop_post_task(slot_instance(slot)->loop, &slot->task);
}

/* Deadlines are looked for by a timer that runs while operations are open: making and completing
 * one costs nothing for it, however many there are in a second. */

static void sweep(uv_timer_t *timer)
{
  struct op_pool *pool = timer->data;
  struct plugin_instance *instance = pool->instance;
  uint64_t now = clock_now_ms();
  if (part_state(instance) == INSTANCE_ABANDONED) {
    uv_timer_stop(timer);
    return;
  }
  uv_mutex_lock(&pool->lock);
  struct op_chunk *chunk = pool->chunks;
  uv_mutex_unlock(&pool->lock);
  for (; chunk; chunk = chunk->next) {
    for (unsigned i = 0; i < CHUNK_SLOTS; i++) {
      struct op_slot *slot = &chunk->slots[i];
      uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire), before;
      if ((word & FLAGS_MASK) != (FLAG_LIVE | FLAG_TAKEN) ||
          atomic_load_explicit(&slot->deadline_ms, memory_order_relaxed) > now)
        continue;
      uint64_t generation = generation_of(word);
      op_done_fn done = slot->done;
      void *arg = slot->arg;
      /* Who has claimed it meanwhile gives the answer himself. */
      if (!slot_set(slot, generation, FLAG_CLAIMED | FLAG_ANSWERED, FLAG_ANSWERED, &before))
        continue;
      done(arg, PLUG_ETIMEDOUT, STR(OP_TIMEOUT_DETAIL));
      if (instance->cancel) {
        struct instance_call call;
        instance_call_begin(&call, instance, "cancel");
        instance->cancel(instance->self, token_of(slot, generation));
        instance_call_end(&call);
      }
    }
  }
  if (op_pool_alive(pool))
    return;
  /* An operation that is made now either sees that the timer stops, or is seen here. */
  atomic_store(&pool->sweeping, false);
  if (op_pool_alive(pool) && !atomic_exchange(&pool->sweeping, true))
    return;
  uv_timer_stop(timer);
}

static void sweep_start(struct loop_task *task)
{
  struct op_pool *pool = container_of(task, struct op_pool, sweep_task);
  if (pool->reclaimed)
    return;
  if (!pool->sweep_timer) {
    pool->sweep_timer = malloc(sizeof *pool->sweep_timer);
    if (!pool->sweep_timer) {
      atomic_store(&pool->sweeping, false); /* the next operation tries again */
      return;
    }
    uv_timer_init(loop_uv(pool->instance->loop), pool->sweep_timer);
    pool->sweep_timer->data = pool;
  }
  uv_timer_start(pool->sweep_timer, sweep, SWEEP_MS, SWEEP_MS);
}

static void sweep_closed(uv_handle_t *timer)
{
  free(timer);
}

struct plug_op *op_new(struct plugin_instance *instance, uint64_t timeout_ms, op_done_fn done,
                       void *arg)
{
  struct op_pool *pool = instance->ops;
  invariant(instance->loop);
  struct op_slot *slot = slot_take(pool);
  if (!slot)
    return NULL;
  slot->done = done;
  slot->release = NULL;
  slot->verdicts = false;
  slot->arg = arg;
  slot->status = PLUG_OK;
  slot->detail_len = 0;
  atomic_store_explicit(&slot->deadline_ms, timeout_ms ? clock_now_ms() + timeout_ms : UINT64_MAX,
                        memory_order_relaxed);
  uint64_t generation = generation_of(atomic_load_explicit(&slot->word, memory_order_relaxed));
  atomic_store_explicit(&slot->word, word_of(generation, FLAG_LIVE), memory_order_release);
  atomic_fetch_add(&pool->alive, 1);
  if (timeout_ms && !atomic_load(&pool->sweeping) && !atomic_exchange(&pool->sweeping, true)) {
    pool->sweep_task.run = sweep_start;
    loop_post_task(instance->loop, &pool->sweep_task);
  }
  return token_of(slot, generation);
}

void op_on_release(struct plug_op *op, op_release_fn release)
{
  uint64_t generation;
  struct op_slot *slot = slot_of(op, &generation);
  invariant(slot);
  slot->release = release;
}

void op_takes_verdicts(struct plug_op *op)
{
  uint64_t generation;
  struct op_slot *slot = slot_of(op, &generation);
  invariant(slot);
  slot->verdicts = true;
}

/* What a plugin may say; what is none of these would be taken for a success by whoever asks only
 * whether it is a failure. Negatives that are not known yet are failures (plugboard/abi.h). */
static plug_status judge(struct plugin_instance *instance, const char *function, bool verdicts,
                         plug_status status)
{
  if (status <= PLUG_OK || (verdicts && status >= PLUG_ALLOW && status <= PLUG_DEFER))
    return status;
  char what[80];
  snprintf(what, sizeof what, "gave status %d, which is none of its answers", status);
  border_violation(instance, function, what);
  return PLUG_EINTERNAL;
}

plug_status op_judge(struct plugin_instance *instance, const char *function, plug_status status)
{
  return status == PLUG_PENDING ? status : judge(instance, function, false, status);
}

plug_status op_offered(struct plug_op *op, plug_status status)
{
  uint64_t generation, before;
  struct op_slot *slot = slot_of(op, &generation);
  invariant(slot);
  if (status > PLUG_PENDING) {
    const char *function = watch_function();
    status = judge(slot_instance(slot), function ? function : "a call", slot->verdicts, status);
  }
  if (status == PLUG_PENDING) {
    bool ours = slot_set(slot, generation, FLAG_TAKEN, FLAG_TAKEN, &before);
    invariant(ours);
    if (before & FLAG_COMPLETED)
      slot_send_home(slot);
    return status;
  }
  uint64_t word = word_of(generation, FLAG_LIVE);
  if (atomic_compare_exchange_strong_explicit(&slot->word, &word, word_of(generation + 1, 0),
                                              memory_order_acq_rel, memory_order_acquire)) {
    slot_give(slot);
    return status;
  }
  /* The plugin has completed what it did not take. Its return value counts. */
  border_violation(slot_instance(slot), "op_done", "completed an operation that it had not taken");
  slot->release = NULL;
  bool ours = slot_set(slot, generation, FLAG_TAKEN, FLAG_TAKEN | FLAG_ANSWERED, &before);
  invariant(ours);
  if (before & FLAG_COMPLETED)
    slot_send_home(slot);
  return status;
}

/* The slot of an operation that the caller may now complete, claimed; NULL after a violation. */
static struct op_slot *claim(struct plug_op *op, const char *function)
{
  uint64_t generation, before;
  struct op_slot *slot = slot_of(op, &generation);
  if (!slot) {
    border_violation_of(NULL, function, "completed something that is no operation");
    return NULL;
  }
  if (slot_set(slot, generation, FLAG_CLAIMED, FLAG_CLAIMED, &before))
    return slot;
  border_violation_of(atomic_load_explicit(&slot->chunk->borrower, memory_order_relaxed), function,
                      "completed an operation that was completed before");
  return NULL;
}

/* Open: not completed. NULL: over, or no operation. */
static struct op_slot *find_open(struct plug_op *op)
{
  uint64_t generation;
  struct op_slot *slot = slot_of(op, &generation);
  uint64_t word = slot ? atomic_load_explicit(&slot->word, memory_order_acquire) : 0;
  return (word & FLAG_LIVE) && !(word & FLAG_CLAIMED) && generation_of(word) == generation ? slot
                                                                                           : NULL;
}

struct plugin_instance *op_instance(struct plug_op *op, const char *function)
{
  struct op_slot *slot = find_open(op);
  if (!slot)
    border_violation_of(NULL, function, "is about an operation that is over");
  return slot ? slot_instance(slot) : NULL;
}

void *op_arg(struct plug_op *op, op_done_fn done)
{
  struct op_slot *slot = find_open(op);
  return slot && slot->done == done ? slot->arg : NULL;
}

static void complete(struct op_slot *slot)
{
  uint64_t word = atomic_fetch_or_explicit(&slot->word, FLAG_COMPLETED, memory_order_acq_rel);
  if (word & FLAG_TAKEN)
    slot_send_home(slot);
}

void op_pool_done(struct plug_op *op, plug_status status, struct plug_str detail)
{
  struct op_slot *slot = claim(op, "op_done");
  if (!slot)
    return;
  /* Neither is PENDING an outcome: the waiter would wait for another answer. */
  slot->status = judge(slot_instance(slot), "op_done", slot->verdicts, status);
  if (detail.len) {
    slot->detail_len = detail.len < DETAIL_MAX ? detail.len : DETAIL_MAX;
    slot->detail = malloc(slot->detail_len);
    if (slot->detail)
      memcpy(slot->detail, detail.ptr, slot->detail_len);
    else
      slot->detail_len = 0;
  }
  complete(slot);
}

void op_complete(struct plug_op *op, plug_status status, void *detail, size_t len,
                 const char *function)
{
  struct op_slot *slot = claim(op, function);
  if (!slot) {
    free(detail);
    return;
  }
  slot->status = status;
  slot->detail = detail;
  slot->detail_len = len;
  complete(slot);
}

uint64_t op_pool_deadline_ms(const struct plug_op *op)
{
  uint64_t generation;
  struct op_slot *slot = slot_of(op, &generation);
  return slot ? atomic_load_explicit(&slot->deadline_ms, memory_order_relaxed) : 0;
}

void op_pool_cancel_all(struct op_pool *pool)
{
  struct plugin_instance *instance = pool->instance;
  if (!instance->cancel)
    return;
  uv_mutex_lock(&pool->lock);
  struct op_chunk *chunk = pool->chunks;
  uv_mutex_unlock(&pool->lock);
  for (; chunk; chunk = chunk->next) {
    for (unsigned i = 0; i < CHUNK_SLOTS; i++) {
      uint64_t word = atomic_load_explicit(&chunk->slots[i].word, memory_order_acquire);
      if ((word & (FLAG_TAKEN | FLAG_CLAIMED)) != FLAG_TAKEN)
        continue;
      struct instance_call call;
      instance_call_begin(&call, instance, "cancel");
      instance->cancel(instance->self, token_of(&chunk->slots[i], generation_of(word)));
      instance_call_end(&call);
    }
  }
}

size_t op_pool_reclaim(struct op_pool *pool)
{
  size_t owed = 0;
  uv_mutex_lock(&pool->lock);
  struct op_chunk *chunk = pool->chunks;
  uv_mutex_unlock(&pool->lock);
  for (; chunk; chunk = chunk->next) {
    for (unsigned i = 0; i < CHUNK_SLOTS; i++) {
      struct op_slot *slot = &chunk->slots[i];
      uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire), before;
      if (!(word & FLAG_TAKEN) || !slot_set(slot, generation_of(word), FLAG_CLAIMED,
                                            FLAG_CLAIMED | FLAG_COMPLETED, &before))
        continue;
      owed++;
      slot->status = PLUG_ECANCELED;
      slot_finish(&slot->task);
    }
  }
  if (pool->sweep_timer) {
    uv_close((uv_handle_t *)pool->sweep_timer, sweep_closed);
    pool->sweep_timer = NULL;
  }
  pool->reclaimed = true;
  return owed;
}

const char *op_status_text(plug_status status)
{
  switch (status) {
  case PLUG_EAGAIN:
    return "congested";
  case PLUG_EINVAL:
    return "bad value";
  case PLUG_ENOMEM:
    return "out of memory";
  case PLUG_ENOTSUP:
    return "not supported";
  case PLUG_ESTATE:
    return "not now";
  case PLUG_ETIMEDOUT:
    return "not in time";
  case PLUG_ECANCELED:
    return "cancelled";
  case PLUG_EUNAVAIL:
    return "its backend cannot be reached";
  case PLUG_ETOOBIG:
    return "too large";
  case PLUG_EDENIED:
    return "its backend refused it";
  case PLUG_EINTERNAL:
    return "internal error";
  default:
    return "no status that a plugin may give";
  }
}
