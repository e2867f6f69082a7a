#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

void buf_free(struct buf *b)
{
  free(b->data);
  *b = (struct buf){0};
}

bool buf_grow(struct buf *b, size_t n)
{
  if (b->failed)
    return false;
  if (n > SIZE_MAX / 4 - b->len) {
    b->failed = true;
    return false;
  }
  size_t cap = b->cap ? b->cap : 64;
  while (cap - b->len < n)
    cap *= 2;
  char *data = realloc(b->data, cap);
  if (!data) {
    b->failed = true;
    return false;
  }
  b->data = data;
  b->cap = cap;
  return true;
}

void buf_put_u64(struct buf *b, uint64_t v)
{
  if (buf_reserve(b, 20))
    b->len += str_put_u64(b->data + b->len, v);
}

void buf_putf(struct buf *b, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (n < 0 || !buf_reserve(b, (size_t)n + 1))
    return;
  va_start(args, format);
  vsnprintf(b->data + b->len, (size_t)n + 1, format, args);
  va_end(args);
  b->len += (size_t)n;
}
