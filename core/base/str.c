#include "base/str.h"

#include <stdlib.h>

static char ascii_lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_eq_nocase(struct plug_str a, struct plug_str b)
{
  if (a.len != b.len)
    return false;
  for (size_t i = 0; i < a.len; i++)
    if (a.ptr[i] != b.ptr[i] && ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
      return false;
  return true;
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

struct plug_str str_trim(struct plug_str s)
{
  while (s.len && is_blank(s.ptr[0])) {
    s.ptr++;
    s.len--;
  }
  while (s.len && is_blank(s.ptr[s.len - 1]))
    s.len--;
  return s;
}

bool str_split(struct plug_str *rest, char sep, struct plug_str *item)
{
  if (!rest->ptr)
    return false;
  const char *end = rest->len ? memchr(rest->ptr, sep, rest->len) : NULL;
  if (end) {
    *item = str_from(rest->ptr, (size_t)(end - rest->ptr));
    rest->len -= item->len + 1;
    rest->ptr = end + 1;
  } else {
    *item = *rest;
    *rest = str_from(NULL, 0);
  }
  *item = str_trim(*item);
  return true;
}

char *str_dup(struct plug_str s)
{
  char *copy = malloc(s.len + 1);
  if (!copy)
    return NULL;
  if (s.len)
    memcpy(copy, s.ptr, s.len);
  copy[s.len] = '\0';
  return copy;
}

bool str_to_u64(struct plug_str s, uint64_t *out)
{
  uint64_t v = 0;
  if (s.len == 0)
    return false;
  for (size_t i = 0; i < s.len; i++) {
    unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
    if (digit > 9)
      return false;
    if (i >= 19 && v > (UINT64_MAX - digit) / 10) /* 19 digits always fit */
      return false;
    v = v * 10 + digit;
  }
  *out = v;
  return true;
}

size_t str_put_u64(char *out, uint64_t v)
{
  static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                              "25262728293031323334353637383940414243444546474849"
                              "50515253545556575859606162636465666768697071727374"
                              "75767778798081828384858687888990919293949596979899";
  char digits[20];
  size_t at = sizeof digits;
  for (; v >= 10; v /= 100) {
    at -= 2;
    memcpy(digits + at, pairs + 2 * (v % 100), 2);
  }
  if (v || at == sizeof digits)
    digits[--at] = (char)('0' + v);
  memcpy(out, digits + at, sizeof digits - at);
  return sizeof digits - at;
}

#define DISTANCE_MAX_LEN 63

unsigned str_distance(struct plug_str a, struct plug_str b, unsigned cap)
{
  unsigned row[DISTANCE_MAX_LEN + 1];
  if (a.len > DISTANCE_MAX_LEN || b.len > DISTANCE_MAX_LEN)
    return cap;
  for (unsigned j = 0; j <= b.len; j++)
    row[j] = j;
  for (unsigned i = 1; i <= a.len; i++) {
    unsigned diagonal = row[0];
    row[0] = i;
    for (unsigned j = 1; j <= b.len; j++) {
      unsigned substitute = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
      diagonal = row[j];
      unsigned shorter = row[j] < row[j - 1] ? row[j] : row[j - 1];
      row[j] = substitute < shorter + 1 ? substitute : shorter + 1;
    }
  }
  return row[b.len] < cap ? row[b.len] : cap;
}
