#include "base/counter.h"

#include "base/assert.h"

_Thread_local struct counter_block *counter_mine;

static struct counter_block blocks[COUNTER_BLOCKS_MAX]; /* blocks[0] is the shared one */
static _Atomic unsigned n_blocks = 1;

struct counter_block *counter_bind_thread(void)
{
  unsigned i = atomic_fetch_add_explicit(&n_blocks, 1, memory_order_relaxed);
  invariant(i < COUNTER_BLOCKS_MAX);
  counter_mine = &blocks[i];
  return counter_mine;
}

void counter_add_shared(enum counter which, int64_t n)
{
  atomic_fetch_add_explicit(&blocks[0].values[which], n, memory_order_relaxed);
}

int64_t counter_read(enum counter which)
{
  int64_t sum = 0;
  unsigned n = atomic_load_explicit(&n_blocks, memory_order_relaxed);
  for (unsigned i = 0; i < n && i < COUNTER_BLOCKS_MAX; i++)
    sum += atomic_load_explicit(&blocks[i].values[which], memory_order_relaxed);
  return sum;
}

static const struct {
  const char *name;
  int gauge;
  const char *help;
} infos[] = {
#define X(name, gauge, help) {#name, gauge, help},
    COUNTER_MAP(X)
#undef X
};

const char *counter_name(enum counter which)
{
  return infos[which].name;
}

const char *counter_help(enum counter which)
{
  return infos[which].help;
}

int counter_is_gauge(enum counter which)
{
  return infos[which].gauge;
}
