#include "http/http_query.h"

#include "base/str.h"
#include "http/http_escape.h"

/* The next "name=value"; empty ones are passed over. */
static bool next_item(struct plug_str *query, struct plug_str *name, struct plug_str *value)
{
  struct plug_str item;
  do {
    if (!query->len)
      return false;
    const char *end = memchr(query->ptr, '&', query->len);
    item = str_from(query->ptr, end ? (size_t)(end - query->ptr) : query->len);
    size_t skip = item.len + (end != NULL);
    *query = str_from(query->ptr + skip, query->len - skip);
  } while (!item.len);
  const char *equals = memchr(item.ptr, '=', item.len);
  size_t len = equals ? (size_t)(equals - item.ptr) : item.len;
  *name = str_from(item.ptr, len);
  *value = equals ? str_from(equals + 1, item.len - len - 1) : STR("");
  return true;
}

static bool decode(struct plug_str text, struct buf *out)
{
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i] == '+' ? ' ' : text.ptr[i];
    if (c == '%') {
      int byte = http_escape_byte(text, i);
      if (byte < 0)
        return false;
      c = (char)byte;
      i += HTTP_ESCAPE_LEN - 1;
    }
    buf_put_char(out, c);
  }
  return true;
}

enum http_query_result http_query_find(struct plug_str query, struct plug_str name, struct buf *out)
{
  struct plug_str at, value, found = STR("");
  size_t n = 0, len = out->len;
  while (next_item(&query, &at, &value))
    if (str_eq(at, name)) {
      found = value;
      n++;
    }
  if (n != 1)
    return n ? HTTP_QUERY_TWICE : HTTP_QUERY_ABSENT;
  if (decode(found, out))
    return HTTP_QUERY_FOUND;
  out->len = len;
  return HTTP_QUERY_BAD;
}

struct plug_str http_query_unknown(struct plug_str query, const char *const *names, size_t n)
{
  struct plug_str at, value;
  while (next_item(&query, &at, &value)) {
    size_t i = 0;
    while (i < n && !str_eq(at, str_of(names[i])))
      i++;
    if (i == n)
      return at;
  }
  return STR("");
}
