/* A growable byte buffer. Owns its memory; a zeroed struct is an empty buffer. The thread that owns
 * it. A failed allocation sets failed and later writes do nothing, so that a sequence of puts is
 * checked once, at its end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <plugboard/abi.h>

struct buf {
  char *data;
  size_t len, cap;
  bool failed;
};

void buf_free(struct buf *b); /* back to the zeroed state */
/* buf_reserve's way when there is no room yet. */
bool buf_grow(struct buf *b, size_t n);
void buf_put_u64(struct buf *b, uint64_t v); /* in decimal */
void buf_putf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes room for n more bytes; false (and failed) when out of memory. */
static inline bool buf_reserve(struct buf *b, size_t n)
{
  return (!b->failed && b->cap - b->len >= n) || buf_grow(b, n);
}

static inline void buf_put(struct buf *b, const void *bytes, size_t n)
{
  if (n && buf_reserve(b, n)) {
    memcpy(b->data + b->len, bytes, n);
    b->len += n;
  }
}

static inline void buf_put_str(struct buf *b, struct plug_str s)
{
  buf_put(b, s.ptr, s.len);
}

static inline void buf_put_char(struct buf *b, char c)
{
  if (buf_reserve(b, 1))
    b->data[b->len++] = c;
}

/* Drops the first n bytes. */
static inline void buf_consume(struct buf *b, size_t n)
{
  b->len -= n;
  if (b->len)
    memmove(b->data, b->data + n, b->len);
}

#endif
