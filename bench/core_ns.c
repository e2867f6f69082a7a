/* What does a line of the cache take that another core has just written? Two threads on two cores:
 * one writes some lines, the other reads them, one after the other as a list does, or all at once
 * as what is prefetched is. Prints both in ns per line, medians; contention.py multiplies by them.
 *
 *   core_ns [LINES] */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 4001, LINES_MAX = 256 };

struct line {
  _Alignas(64) struct line *next;
  uint64_t value;
};

static struct line lines[LINES_MAX];
static unsigned n_lines = 32;
static _Alignas(64) _Atomic unsigned turn; /* even: the writer's */
static double took[2][ROUNDS];

static void pin(int core)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((unsigned)core, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static uint64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *write_all(void *arg)
{
  (void)arg;
  pin(1);
  for (unsigned round = 0; round < 2 * ROUNDS; round++) {
    while (atomic_load(&turn) != 2 * round)
      ;
    for (unsigned i = 0; i < n_lines; i++)
      lines[i].value = round;
    atomic_store(&turn, 2 * round + 1);
  }
  return NULL;
}

static uint64_t read_list(void)
{
  uint64_t sum = 0;
  for (struct line *line = lines; line; line = line->next)
    sum += line->value;
  return sum;
}

static uint64_t read_array(void)
{
  uint64_t sum = 0;
  for (unsigned i = 0; i < n_lines; i++)
    __builtin_prefetch(&lines[i]);
  for (unsigned i = 0; i < n_lines; i++)
    sum += lines[i].value;
  return sum;
}

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
  pthread_t writer;
  uint64_t sum = 0;
  n_lines = argc > 1 ? (unsigned)atoi(argv[1]) : n_lines;
  if (n_lines < 1 || n_lines > LINES_MAX)
    return 2;
  /* In an order that no prefetcher guesses. */
  unsigned order[LINES_MAX], left = n_lines;
  for (unsigned i = 0; i < n_lines; i++)
    order[i] = i;
  for (srand(1); left > 2; left--) { /* the first stays the first */
    unsigned other = 1 + (unsigned)rand() % (left - 1), last = order[left - 1];
    order[left - 1] = order[other];
    order[other] = last;
  }
  for (unsigned i = 0; i + 1 < n_lines; i++)
    lines[order[i]].next = &lines[order[i + 1]];
  pin(0);
  if (pthread_create(&writer, NULL, write_all, NULL) != 0)
    return 1;
  for (unsigned round = 0; round < 2 * ROUNDS; round++) {
    while (atomic_load(&turn) != 2 * round + 1)
      ;
    uint64_t from = now_ns();
    sum += round & 1 ? read_array() : read_list();
    took[round & 1][round / 2] = (double)(now_ns() - from) / n_lines;
    atomic_store(&turn, 2 * round + 2);
  }
  pthread_join(writer, NULL);
  qsort(took[0], ROUNDS, sizeof **took, compare);
  qsort(took[1], ROUNDS, sizeof **took, compare);
  printf("{\"list_ns\": %.1f, \"together_ns\": %.1f, \"lines\": %u, \"sum\": %llu}\n",
         took[0][ROUNDS / 2], took[1][ROUNDS / 2], n_lines, (unsigned long long)sum);
  return 0;
}
