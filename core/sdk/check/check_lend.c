#include "check_lend.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check_run.h"

/* Plain pieces are in the list, too, so that both are given back by the same pointer. */
struct piece {
  struct piece *next;
  char *lent;         /* what the caller has: the head, if there is one, then the memory */
  char *map, *memory; /* NULL: plain */
  size_t map_len, n_memory;
  size_t size;
  const char *what;
  bool back;
};

#define N_BUCKETS 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct piece *buckets[N_BUCKETS];

static struct piece **bucket_of(const void *lent)
{
  return &buckets[((size_t)lent >> 4) % N_BUCKETS];
}

/* In a signal's handler: no lock, for the thread may hold it. */
static void name_address(const void *address, char *out, size_t size)
{
  for (size_t i = 0; i < N_BUCKETS; i++)
    for (const struct piece *piece = buckets[i]; piece; piece = piece->next)
      if (piece->map && (const char *)address >= piece->map &&
          (const char *)address < piece->map + piece->map_len) {
        snprintf(out, size, "it looks at %s %s", piece->what,
                 piece->back ? "after it had to give it back" : "outside of what it was lent");
        return;
      }
}

static void *must(void *memory)
{
  if (!memory || memory == MAP_FAILED) {
    fprintf(stderr, "plugboard-check: out of memory\n");
    abort();
  }
  return memory;
}

void *lend_new(enum lend_how how, size_t head, size_t size, const char *what)
{
  struct piece *piece = must(calloc(1, sizeof *piece));
  piece->size = size;
  piece->what = what;
  if (how != LEND_PLAIN) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t before = (head + page - 1) / page * page;
    piece->n_memory = (size + page) / page * page;
    piece->map_len = before + piece->n_memory + page;
    piece->map = must(
        mmap(NULL, piece->map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    piece->memory = piece->map + before;
    piece->lent = piece->memory - head;
    if (how == LEND_EDGE)
      piece->lent += piece->n_memory - size;
    mprotect(piece->memory + piece->n_memory, page, PROT_NONE);
  } else {
    piece->lent = must(calloc(1, head + (size ? size : 1)));
  }
  pthread_mutex_lock(&lock);
  check_run_name_address = name_address;
  struct piece **bucket = bucket_of(piece->lent);
  piece->next = *bucket;
  *bucket = piece;
  pthread_mutex_unlock(&lock);
  return piece->lent;
}

void lend_take_back(void *lent)
{
  pthread_mutex_lock(&lock);
  struct piece *piece = *bucket_of(lent);
  while (piece && piece->lent != lent)
    piece = piece->next;
  if (piece && !piece->back) {
    piece->back = true;
    if (piece->map)
      mprotect(piece->memory, piece->n_memory, PROT_NONE);
  }
  pthread_mutex_unlock(&lock);
}

void lend_free(void *lent)
{
  pthread_mutex_lock(&lock);
  struct piece **at = bucket_of(lent);
  while (*at && (*at)->lent != lent)
    at = &(*at)->next;
  struct piece *piece = *at;
  if (piece)
    *at = piece->next;
  pthread_mutex_unlock(&lock);
  if (!piece)
    return;
  if (piece->map)
    munmap(piece->map, piece->map_len);
  else
    free(piece->lent);
  free(piece);
}
