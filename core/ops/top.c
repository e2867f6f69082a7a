#include "ops/top.h"

#include <stdlib.h>

#include "base/str.h"

bool top_init(struct top *top, size_t max, void (*free_value)(void *value))
{
  *top = (struct top){.max = max, .free_value = free_value};
  top->rows = calloc(max, sizeof *top->rows);
  return top->rows != NULL;
}

static void free_row(const struct top *top, struct top_row *row)
{
  if (row->value)
    top->free_value(row->value);
  free(row->key);
}

void top_fini(struct top *top)
{
  for (size_t i = 0; i < top->n; i++)
    free_row(top, &top->rows[i]);
  free(top->rows);
  *top = (struct top){0};
}

int top_compare(struct plug_str a, struct plug_str b)
{
  size_t len = a.len < b.len ? a.len : b.len;
  int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
  return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Where the key is, or belongs. */
static size_t place_of(const struct top *top, struct plug_str key, bool *there)
{
  size_t low = 0, high = top->n;
  *there = false;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    int order = top_compare(str_from(top->rows[mid].key, top->rows[mid].key_len), key);
    if (order == 0) {
      *there = true;
      return mid;
    }
    if (order < 0)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

struct top_row *top_row(struct top *top, struct plug_str key)
{
  bool there;
  size_t at = place_of(top, key, &there);
  if (there)
    return &top->rows[at];
  if (at == top->max) {
    top->more = true;
    return NULL;
  }
  char *copy = str_dup(key);
  if (!copy) {
    top->failed = true;
    return NULL;
  }
  if (top->n == top->max) {
    top->more = true;
    free_row(top, &top->rows[--top->n]);
  }
  memmove(&top->rows[at + 1], &top->rows[at], (top->n - at) * sizeof *top->rows);
  top->rows[at] = (struct top_row){.key = copy, .key_len = key.len};
  top->n++;
  return &top->rows[at];
}
