/* Growing byte buffers and RESP commands written into them. Owns its memory; a buffer belongs to
 * whoever embeds it. No I/O. Any thread, one at a time. */
#ifndef REDIS_BUF_H
#define REDIS_BUF_H

#include <stdbool.h>
#include <string.h>

#include <plugboard/abi.h>

/* failed is sticky: once an append found no memory, the contents are not to be used until
 * redis_buf_clear. redis_buf_reserve does not set it. */
struct redis_buf {
  char *ptr;
  size_t len, cap;
  bool failed;
};

void redis_buf_fini(struct redis_buf *buf);
void redis_buf_clear(struct redis_buf *buf);
/* Room for n more bytes at ptr + len; NULL when out of memory, with the contents untouched. */
char *redis_buf_reserve(struct redis_buf *buf, size_t n);
void redis_buf_put(struct redis_buf *buf, const void *bytes, size_t n);
/* Takes the first n bytes away. */
void redis_buf_drop(struct redis_buf *buf, size_t n);

static inline void redis_buf_put_char(struct redis_buf *buf, char c)
{
  redis_buf_put(buf, &c, 1);
}

static inline struct plug_str redis_buf_str(const struct redis_buf *buf)
{
  return (struct plug_str){buf->ptr, buf->len};
}

static inline struct plug_str redis_str(const char *c_string)
{
  return (struct plug_str){c_string, strlen(c_string)};
}

static inline bool redis_str_eq(struct plug_str a, struct plug_str b)
{
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* By bytes; what another begins with comes before it. */
static inline int redis_str_compare(struct plug_str a, struct plug_str b)
{
  size_t n = a.len < b.len ? a.len : b.len;
  int order = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
  return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Appends a command as an array of bulk strings, whole or, when out of memory, not at all. */
bool redis_buf_put_command(struct redis_buf *buf, const struct plug_str *argv, size_t argc);

#endif
