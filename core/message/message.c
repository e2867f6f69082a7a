#include "message/message.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/block.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/utf8.h"
#include "message/envelope.h"

#define CACHE_LINE 64u
#define NODE_MAX   255u
#define ID_BLOCK   1024u /* ids that a thread takes at a time */

struct encoded {
  size_t len;
  char bytes[];
};

/* What every worker reads is kept apart from the line that every worker writes, and the line is
 * nobody else's: the block is aligned by hand, because aligned_alloc is several times slower. */
struct message {
  struct plug_msg pub;
  void *block;
  size_t bytes; /* of the block */
  uint64_t topic_hash;
  _Atomic uint64_t accepted_us; /* 0: it is not followed */
  _Atomic bool slot_taken;
  _Alignas(CACHE_LINE) _Atomic size_t refs;
  _Atomic(struct encoded *) encoded;
  uint64_t slot[MESSAGE_SLOT_BYTES / sizeof(uint64_t)]; /* the rest of the line */
  _Alignas(CACHE_LINE) struct plug_kv headers[];        /* behind them: the bytes of all strings */
};

static char node_name[NODE_MAX + 1] = "node";
static size_t node_len = 4;

static _Atomic uint64_t next_block = 1;
static _Thread_local uint64_t next_id, ids_left;

#ifdef PLUG_DEBUG
static _Atomic int64_t n_alive;
#define COUNT_ALIVE(n) atomic_fetch_add_explicit(&n_alive, n, memory_order_relaxed)
#else
#define COUNT_ALIVE(n) ((void)0)
#endif

void message_set_node(const char *node)
{
  size_t len = strlen(node);
  invariant(len > 0 && len <= NODE_MAX);
  memcpy(node_name, node, len + 1);
  node_len = len;
}

/* 2026-01-01 */
#define IDS_EPOCH_MS 1767225600000u

void message_set_ids(uint64_t unix_ms)
{
  uint64_t ms = unix_ms > IDS_EPOCH_MS ? unix_ms - IDS_EPOCH_MS : 0;
  atomic_store_explicit(&next_block, ms * 1000 + 1, memory_order_relaxed);
}

const char *message_node(void)
{
  return node_name;
}

static uint64_t take_id(void)
{
  if (ids_left == 0) {
    next_id = atomic_fetch_add_explicit(&next_block, ID_BLOCK, memory_order_relaxed);
    ids_left = ID_BLOCK;
  }
  ids_left--;
  return next_id++;
}

static struct message *of(const struct plug_msg *msg)
{
  return (struct message *)(uintptr_t)msg;
}

static bool add(size_t *sum, size_t n)
{
  return !__builtin_add_overflow(*sum, n, sum);
}

static struct plug_str copy_str(char **at, struct plug_str s)
{
  struct plug_str copy = {*at, s.len};
  if (s.len)
    memcpy(*at, s.ptr, s.len);
  *at += s.len;
  return copy;
}

/* NULL when out of memory, or when the lengths do not fit into the address space. */
static struct message *message_alloc(const struct plug_msg_init *init, size_t origin_len)
{
  size_t size = sizeof(struct message) + CACHE_LINE - 1, headers;
  if (__builtin_mul_overflow(init->n_headers, sizeof(struct plug_kv), &headers) ||
      !add(&size, headers) || !add(&size, init->topic.len) || !add(&size, init->content_type.len) ||
      !add(&size, init->payload.len) || !add(&size, origin_len))
    return NULL;
  for (size_t i = 0; i < init->n_headers; i++)
    if (!add(&size, init->headers[i].key.len) || !add(&size, init->headers[i].value.len))
      return NULL;
  char *block = block_alloc(size);
  if (!block)
    return NULL;
  size_t skip = (CACHE_LINE - (uintptr_t)block % CACHE_LINE) % CACHE_LINE;
  struct message *m = (struct message *)(void *)(block + skip);
  m->block = block;
  m->bytes = size;
  return m;
}

/* What a plugin built against older headers gave is made as long as our own struct, in *own. */
static const struct plug_msg_init *own_init(const struct plug_msg_init *init,
                                            struct plug_msg_init *own)
{
  if (init->size >= sizeof *own)
    return init;
  *own = (struct plug_msg_init){0};
  memcpy(own, init, init->size);
  return own;
}

static const struct plug_msg *make(const struct plug_msg_init *init, struct plug_str origin,
                                   bool copy_origin, uint64_t id, uint64_t topic_hash)
{
  struct message *m = message_alloc(init, copy_origin ? origin.len : 0);
  if (!m)
    return NULL;
  char *at = (char *)(m->headers + init->n_headers);
  for (size_t i = 0; i < init->n_headers; i++) {
    m->headers[i].key = copy_str(&at, init->headers[i].key);
    m->headers[i].value = copy_str(&at, init->headers[i].value);
  }
  bool text = utf8_valid(init->payload.ptr, init->payload.len);
  m->pub = (struct plug_msg){
      .size = sizeof m->pub,
      .flags = text ? 0 : PLUG_MSG_BINARY,
      .id = id,
      .topic = copy_str(&at, init->topic),
      .headers = m->headers,
      .n_headers = init->n_headers,
      .pos = init->pos,
  };
  m->pub.content_type = copy_str(&at, init->content_type);
  m->pub.origin = copy_origin ? copy_str(&at, origin) : origin;
  m->pub.payload = copy_str(&at, init->payload);
  m->topic_hash = topic_hash;
  atomic_init(&m->accepted_us, 0);
  atomic_init(&m->slot_taken, false);
  atomic_init(&m->refs, 1);
  atomic_init(&m->encoded, NULL);
  COUNT_ALIVE(1);
  return &m->pub;
}

static uint64_t hash_topic(const struct plug_msg_init *init)
{
  return hash_bytes(init->topic.ptr, init->topic.len);
}

const struct plug_msg *message_new_hashed(const struct plug_msg_init *init, uint64_t topic_hash)
{
  struct plug_msg_init own;
  init = own_init(init, &own);
  if (init->topic.len == 0)
    return NULL;
  return make(init, str_from(node_name, node_len), false, take_id(), topic_hash);
}

const struct plug_msg *message_new(const struct plug_msg_init *init)
{
  struct plug_msg_init own;
  init = own_init(init, &own);
  return message_new_hashed(init, hash_topic(init));
}

const struct plug_msg *message_new_from(const struct plug_msg_init *init, struct plug_str origin,
                                        uint64_t id)
{
  struct plug_msg_init own;
  init = own_init(init, &own);
  if (init->topic.len == 0)
    return NULL;
  struct plug_str node = str_from(node_name, node_len);
  bool is_own = str_eq(origin, node); /* came back from the broker */
  return make(init, is_own ? node : origin, !is_own, id, hash_topic(init));
}

void message_follow(const struct plug_msg *msg, uint64_t accepted_us)
{
  atomic_store_explicit(&of(msg)->accepted_us, accepted_us, memory_order_relaxed);
}

uint64_t message_accepted_us(const struct plug_msg *msg)
{
  return atomic_load_explicit(&of(msg)->accepted_us, memory_order_relaxed);
}

uint64_t message_topic_hash(const struct plug_msg *msg)
{
  return of(msg)->topic_hash;
}

void *message_take_slot(const struct plug_msg *msg)
{
  struct message *m = of(msg);
  if (atomic_load_explicit(&m->slot_taken, memory_order_relaxed) ||
      atomic_exchange_explicit(&m->slot_taken, true, memory_order_relaxed))
    return NULL;
  return m->slot;
}

const void *message_slot(const struct plug_msg *msg)
{
  return of(msg)->slot;
}

size_t message_bytes(const struct plug_msg *msg)
{
  return of(msg)->bytes;
}

void message_ref(const struct plug_msg *msg)
{
  size_t before = atomic_fetch_add_explicit(&of(msg)->refs, 1, memory_order_relaxed);
  debug_invariant(before > 0);
  (void)before;
}

void message_unref(const struct plug_msg *msg)
{
  struct message *m = of(msg);
  /* Who has the only reference need not count it down: nobody else can take one any more. */
  if (atomic_load_explicit(&m->refs, memory_order_acquire) != 1) {
    size_t before = atomic_fetch_sub_explicit(&m->refs, 1, memory_order_release);
    debug_invariant(before > 0);
    if (before != 1)
      return;
#if defined(__SANITIZE_THREAD__)
    /* ThreadSanitizer does not understand fences. */
    atomic_load_explicit(&m->refs, memory_order_acquire);
#else
    atomic_thread_fence(memory_order_acquire);
#endif
  }
  free(atomic_load_explicit(&m->encoded, memory_order_relaxed));
  block_free(m->block, m->bytes);
  COUNT_ALIVE(-1);
}

struct plug_str message_encoded(const struct plug_msg *msg)
{
  struct message *m = of(msg);
  struct encoded *done = atomic_load_explicit(&m->encoded, memory_order_acquire);
  if (!done) {
    struct buf out = {0};
    const struct encoded head = {0};
    buf_put(&out, &head, sizeof head);
    envelope_put(&out, msg);
    if (out.failed) {
      buf_free(&out);
      return (struct plug_str){NULL, 0};
    }
    struct encoded *mine = (struct encoded *)(void *)out.data;
    mine->len = out.len - sizeof *mine;
    if (atomic_compare_exchange_strong_explicit(&m->encoded, &done, mine, memory_order_acq_rel,
                                                memory_order_acquire))
      done = mine;
    else
      free(mine); /* another thread was faster */
  }
  return str_from(done->bytes, done->len);
}

int64_t message_count_alive(void)
{
#ifdef PLUG_DEBUG
  return atomic_load_explicit(&n_alive, memory_order_relaxed);
#else
  return -1;
#endif
}
