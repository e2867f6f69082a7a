#include "redis_buf.h"

#include <stdlib.h>

enum { MIN_CAP = 256, KEEP_CAP = 1 << 20 };

void redis_buf_fini(struct redis_buf *buf)
{
  free(buf->ptr);
  *buf = (struct redis_buf){0};
}

void redis_buf_clear(struct redis_buf *buf)
{
  /* What one burst needed is not kept for ever. */
  if (buf->cap > KEEP_CAP) {
    free(buf->ptr);
    buf->ptr = NULL;
    buf->cap = 0;
  }
  buf->len = 0;
  buf->failed = false;
}

char *redis_buf_reserve(struct redis_buf *buf, size_t n)
{
  if (n <= buf->cap - buf->len)
    return buf->ptr == NULL ? NULL : buf->ptr + buf->len;
  if (n > SIZE_MAX / 4 - buf->len)
    return NULL;
  size_t cap = buf->cap < MIN_CAP ? MIN_CAP : buf->cap;
  while (cap < buf->len + n)
    cap *= 2;
  char *ptr = realloc(buf->ptr, cap);
  if (ptr == NULL)
    return NULL;
  buf->ptr = ptr;
  buf->cap = cap;
  return ptr + buf->len;
}

void redis_buf_put(struct redis_buf *buf, const void *bytes, size_t n)
{
  if (n == 0 || buf->failed)
    return;
  char *to = redis_buf_reserve(buf, n);
  if (to == NULL) {
    buf->failed = true;
    return;
  }
  memcpy(to, bytes, n);
  buf->len += n;
}

void redis_buf_drop(struct redis_buf *buf, size_t n)
{
  if (n >= buf->len) {
    redis_buf_clear(buf);
    return;
  }
  memmove(buf->ptr, buf->ptr + n, buf->len - n);
  buf->len -= n;
}

static size_t put_length(char *to, char type, size_t value)
{
  char digits[24];
  size_t n = 0;
  do {
    digits[n++] = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0);
  char *p = to;
  *p++ = type;
  while (n > 0)
    *p++ = digits[--n];
  *p++ = '\r';
  *p++ = '\n';
  return (size_t)(p - to);
}

bool redis_buf_put_command(struct redis_buf *buf, const struct plug_str *argv, size_t argc)
{
  enum { HEAD = 24 }; /* type, at most 20 digits, CR LF */
  size_t most = HEAD;
  for (size_t i = 0; i < argc; i++) {
    if (argv[i].len > SIZE_MAX / 4 - most)
      return false;
    most += HEAD + argv[i].len + 2;
  }
  char *to = redis_buf_reserve(buf, most);
  if (to == NULL)
    return false;
  char *p = to;
  p += put_length(p, '*', argc);
  for (size_t i = 0; i < argc; i++) {
    p += put_length(p, '$', argv[i].len);
    if (argv[i].len > 0)
      memcpy(p, argv[i].ptr, argv[i].len);
    p += argv[i].len;
    *p++ = '\r';
    *p++ = '\n';
  }
  buf->len += (size_t)(p - to);
  return true;
}
