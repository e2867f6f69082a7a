/* A runtime that counts how often lines of the cache change hands between threads, for where the
 * processor's own counters are not to be had. The server is built with the compiler's calls for
 * ThreadSanitizer (-DPLUG_COUNT_LINES=ON), which come here: each line has the set of threads that
 * hold it, as caches without an end would. A read by a thread that does not hold it, and a write
 * while others do, is a transfer. It is one of false sharing when none of the bytes was touched by
 * those who held it. Mutexes count as writes to their line, and whether they had to be waited for.
 *
 * Blind to what libraries and the kernel do. Every thread counts as if it had a core of its own;
 * what lies between its accesses comes from how the threads really run.
 *
 * The counts are in the file that PLUG_LINES names, for contention.py, which takes differences. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LINES = 1 << 22, SITES = 1 << 14, PROBES = 64 };

struct line {
  _Atomic uint64_t number;
  _Atomic uint64_t holders; /* a bit for each thread */
  _Atomic uint64_t touched; /* a bit for each byte, since the line came to its holders */
};

/* Where in the program. */
struct site {
  _Atomic uint64_t pc, transfers, false_ones, locks, waits;
};

struct counts { /* the file */
  uint64_t base;
  _Atomic uint64_t lost; /* more lines or sites than there is room for */
  struct site sites[SITES];
};

static struct line *lines;
static struct counts *counts;
static _Atomic unsigned n_threads;
static _Thread_local uint64_t me;
extern const char __executable_start[];

__attribute__((constructor(101))) static void start(void)
{
  const char *path = getenv("PLUG_LINES");
  int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
  if (fd < 0 || ftruncate(fd, sizeof *counts) != 0)
    return;
  struct counts *map = mmap(NULL, sizeof *map, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  void *room =
      mmap(NULL, LINES * sizeof *lines, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED || room == MAP_FAILED)
    return;
  map->base = (uint64_t)(uintptr_t)__executable_start;
  lines = room;
  counts = map;
}

static uint64_t hash_of(uint64_t key)
{
  key *= 0x9e3779b97f4a7c15u;
  return key ^ key >> 29;
}

/* The place of key in a table whose places begin with their key; NULL when it is full there. */
static void *find(void *table, size_t size, uint64_t n, uint64_t key)
{
  for (uint64_t i = hash_of(key), end = i + PROBES; i < end; i++) {
    void *place = (char *)table + (i % n) * size;
    _Atomic uint64_t *at = place;
    uint64_t found = atomic_load_explicit(at, memory_order_relaxed);
    if (found == key || (!found && atomic_compare_exchange_strong(at, &found, key)) || found == key)
      return place;
  }
  atomic_fetch_add_explicit(&counts->lost, 1, memory_order_relaxed);
  return NULL;
}

static struct site *site_of(const void *pc)
{
  return find(counts->sites, sizeof(struct site), SITES, (uint64_t)(uintptr_t)pc);
}

static void add(_Atomic uint64_t *count)
{
  atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

static void touch_line(uint64_t number, uint64_t bytes, bool writes, const void *pc)
{
  struct line *line = find(lines, sizeof *line, LINES, number);
  if (!line)
    return;
  uint64_t holders = atomic_load_explicit(&line->holders, memory_order_relaxed);
  if (writes ? holders == me : (holders & me) != 0) {
    if (bytes & ~atomic_load_explicit(&line->touched, memory_order_relaxed))
      atomic_fetch_or_explicit(&line->touched, bytes, memory_order_relaxed);
    return;
  }
  holders = writes ? atomic_exchange(&line->holders, me) : atomic_fetch_or(&line->holders, me);
  uint64_t touched =
      writes ? atomic_exchange(&line->touched, bytes) : atomic_fetch_or(&line->touched, bytes);
  struct site *site = holders & ~me ? site_of(pc) : NULL;
  if (!site)
    return; /* nobody else had it */
  add(&site->transfers);
  if (!(touched & bytes))
    add(&site->false_ones);
}

static void touch(const void *ptr, size_t len, bool writes, const void *pc)
{
  if (!counts || !len)
    return;
  if (!me)
    me = UINT64_C(1) << (atomic_fetch_add(&n_threads, 1) % 64);
  uint64_t from = (uint64_t)(uintptr_t)ptr, end = from + len;
  while (from < end) {
    uint64_t next = (from | 63) + 1, to = next < end ? next : end;
    uint64_t n = to - from, bytes = (n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1) << (from & 63);
    touch_line(from >> 6, bytes, writes, pc);
    from = to;
  }
}

/* --- what the compiler calls -------------------------------------------------------------- */

#define VISIBLE __attribute__((visibility("default")))
#define PC      __builtin_return_address(0)

VISIBLE void __tsan_init(void);
VISIBLE void __tsan_init(void) {}

#define ACCESS(name, len, writes)     \
  VISIBLE void __tsan_##name(void *); \
  VISIBLE void __tsan_##name(void *p) \
  {                                   \
    touch(p, len, writes, PC);        \
  }
#define ACCESSES(len)                     \
  ACCESS(read##len, len, false)           \
  ACCESS(write##len, len, true)           \
  ACCESS(unaligned_read##len, len, false) \
  ACCESS(unaligned_write##len, len, true) \
  ACCESS(volatile_read##len, len, false)  \
  ACCESS(volatile_write##len, len, true)
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

VISIBLE void __tsan_read_range(void *p, size_t len);
VISIBLE void __tsan_read_range(void *p, size_t len)
{
  touch(p, len, false, PC);
}

VISIBLE void __tsan_write_range(void *p, size_t len);
VISIBLE void __tsan_write_range(void *p, size_t len)
{
  touch(p, len, true, PC);
}

VISIBLE void __tsan_func_entry(void *pc);
VISIBLE void __tsan_func_entry(void *pc)
{
  (void)pc;
}

VISIBLE void __tsan_func_exit(void);
VISIBLE void __tsan_func_exit(void) {}

VISIBLE void __tsan_atomic_thread_fence(int order);
VISIBLE void __tsan_atomic_thread_fence(int order)
{
  (void)order;
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

VISIBLE void __tsan_atomic_signal_fence(int order);
VISIBLE void __tsan_atomic_signal_fence(int order)
{
  (void)order;
}

#define FETCH(type, bits, op)                                                         \
  VISIBLE type __tsan_atomic##bits##_fetch_##op(volatile type *p, type v, int order); \
  VISIBLE type __tsan_atomic##bits##_fetch_##op(volatile type *p, type v, int order)  \
  {                                                                                   \
    (void)order;                                                                      \
    touch((const void *)p, sizeof *p, true, PC);                                      \
    return __atomic_fetch_##op(p, v, __ATOMIC_SEQ_CST);                               \
  }
#define EXCHANGE(type, bits, name)                                                              \
  VISIBLE int __tsan_atomic##bits##_compare_exchange_##name(volatile type *p, type *expected,   \
                                                            type v, int order, int fail_order); \
  VISIBLE int __tsan_atomic##bits##_compare_exchange_##name(volatile type *p, type *expected,   \
                                                            type v, int order, int fail_order)  \
  {                                                                                             \
    (void)order;                                                                                \
    (void)fail_order;                                                                           \
    touch((const void *)p, sizeof *p, true, PC);                                                \
    return __atomic_compare_exchange_n(p, expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);  \
  }
#define ATOMICS(type, bits)                                                         \
  VISIBLE type __tsan_atomic##bits##_load(const volatile type *p, int order);       \
  VISIBLE type __tsan_atomic##bits##_load(const volatile type *p, int order)        \
  {                                                                                 \
    (void)order;                                                                    \
    touch((const void *)p, sizeof *p, false, PC);                                   \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                    \
  }                                                                                 \
  VISIBLE void __tsan_atomic##bits##_store(volatile type *p, type v, int order);    \
  VISIBLE void __tsan_atomic##bits##_store(volatile type *p, type v, int order)     \
  {                                                                                 \
    (void)order;                                                                    \
    touch((const void *)p, sizeof *p, true, PC);                                    \
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                       \
  }                                                                                 \
  VISIBLE type __tsan_atomic##bits##_exchange(volatile type *p, type v, int order); \
  VISIBLE type __tsan_atomic##bits##_exchange(volatile type *p, type v, int order)  \
  {                                                                                 \
    (void)order;                                                                    \
    touch((const void *)p, sizeof *p, true, PC);                                    \
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                             \
  }                                                                                 \
  FETCH(type, bits, add)                                                            \
  FETCH(type, bits, sub)                                                            \
  FETCH(type, bits, and)                                                            \
  FETCH(type, bits, or)                                                             \
  FETCH(type, bits, xor)                                                            \
  EXCHANGE(type, bits, strong)                                                      \
  EXCHANGE(type, bits, weak)
ATOMICS(uint8_t, 8)
ATOMICS(uint16_t, 16)
ATOMICS(uint32_t, 32)
ATOMICS(uint64_t, 64)

/* --- what the linker sends here (--wrap) --------------------------------------------------- */

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
  struct site *site = counts ? site_of(PC) : NULL;
  touch(mutex, sizeof *mutex, true, PC);
  if (site)
    add(&site->locks);
  if (pthread_mutex_trylock(mutex) == 0)
    return 0;
  if (site)
    add(&site->waits);
  return __real_pthread_mutex_lock(mutex);
}

int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
  touch(mutex, sizeof *mutex, true, PC);
  return __real_pthread_mutex_unlock(mutex);
}

void *__real_memcpy(void *to, const void *from, size_t len);
void *__wrap_memcpy(void *to, const void *from, size_t len);
void *__wrap_memcpy(void *to, const void *from, size_t len)
{
  touch(from, len, false, PC);
  touch(to, len, true, PC);
  return __real_memcpy(to, from, len);
}

void *__real_memset(void *to, int byte, size_t len);
void *__wrap_memset(void *to, int byte, size_t len);
void *__wrap_memset(void *to, int byte, size_t len)
{
  touch(to, len, true, PC);
  return __real_memset(to, byte, len);
}

int __real_memcmp(const void *a, const void *b, size_t len);
int __wrap_memcmp(const void *a, const void *b, size_t len);
int __wrap_memcmp(const void *a, const void *b, size_t len)
{
  touch(a, len, false, PC);
  touch(b, len, false, PC);
  return __real_memcmp(a, b, len);
}
