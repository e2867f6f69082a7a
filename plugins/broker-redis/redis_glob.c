#include "redis_glob.h"

void redis_channel_put(struct redis_buf *out, struct plug_str prefix, struct plug_str topic)
{
  redis_buf_put(out, prefix.ptr, prefix.len);
  redis_buf_put(out, "t:", 2);
  const char *p = topic.ptr, *end = topic.ptr + topic.len;
  while (p < end) {
    const char *slash = memchr(p, '/', (size_t)(end - p));
    const char *stop = slash == NULL ? end : slash + 1;
    redis_buf_put(out, p, (size_t)(stop - p));
    p = stop;
    while (slash != NULL && p < end && *p == '/')
      p++;
  }
}

static void put_literal(struct redis_buf *out, struct plug_str s)
{
  for (size_t i = 0; i < s.len; i++) {
    if (memchr("*?[]\\", s.ptr[i], 5) != NULL)
      redis_buf_put_char(out, '\\');
    redis_buf_put_char(out, s.ptr[i]);
  }
}

/* Redis tries every split for every star: neighbours are one. star is the length of out after the
 * last star, so that an escaped one is not taken for it. */
static void put_star(struct redis_buf *out, size_t *star)
{
  if (out->len == *star)
    return;
  redis_buf_put_char(out, '*');
  *star = out->len;
}

static void put_segment(struct redis_buf *out, struct plug_str seg, size_t *star)
{
  for (size_t i = 0; i < seg.len; i++) {
    struct plug_str rest = {seg.ptr + i, seg.len - i};
    const char *close;
    switch (seg.ptr[i]) {
    case '*':
      put_star(out, star);
      break;
    case '?':
      /* One character for Ant, one byte for Redis: a character has up to four. */
      redis_buf_put_char(out, '?');
      put_star(out, star);
      break;
    case '{':
      close = memrchr(rest.ptr, '}', rest.len);
      if (close != NULL) {
        put_star(out, star);
        i += (size_t)(close - rest.ptr);
        break;
      }
      put_literal(out, (struct plug_str){rest.ptr, 1});
      break;
    default:
      put_literal(out, (struct plug_str){rest.ptr, 1});
    }
  }
}

void redis_glob_put(struct redis_buf *out, struct plug_str prefix, struct plug_str pattern)
{
  put_literal(out, prefix);
  redis_buf_put(out, "t:", 2);
  size_t star = 0;
  const char *p = pattern.ptr, *end = pattern.ptr + pattern.len;
  bool first = true, slash_due = false;
  while (p < end) {
    if (*p == '/') {
      slash_due = true;
      p++;
      continue;
    }
    const char *slash = memchr(p, '/', (size_t)(end - p));
    struct plug_str seg = {p, (size_t)((slash == NULL ? end : slash) - p)};
    p += seg.len;
    if (seg.len == 2 && memcmp(seg.ptr, "**", 2) == 0) {
      /* It may stand for no segment at all, and then takes one slash with it. */
      put_star(out, &star);
      slash_due = false;
      if (first && pattern.ptr[0] != '/')
        while (p < end && *p == '/')
          p++;
    } else {
      if (slash_due)
        redis_buf_put_char(out, '/');
      slash_due = false;
      put_segment(out, seg, &star);
    }
    first = false;
  }
  if (slash_due)
    redis_buf_put_char(out, '/');
}
