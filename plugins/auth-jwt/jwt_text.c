#include "jwt_text.h"

#include <stdlib.h>

char *jwt_str_dup(struct plug_str s)
{
  char *text = malloc(s.len + 1);
  if (text == NULL)
    return NULL;
  if (s.len > 0)
    memcpy(text, s.ptr, s.len);
  text[s.len] = '\0';
  return text;
}

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool jwt_str_eq_nocase(struct plug_str a, struct plug_str b)
{
  if (a.len != b.len)
    return false;
  for (size_t i = 0; i < a.len; i++)
    if (lower(a.ptr[i]) != lower(b.ptr[i]))
      return false;
  return true;
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

struct plug_str jwt_str_trim(struct plug_str s)
{
  while (s.len > 0 && is_blank(s.ptr[0])) {
    s.ptr++;
    s.len--;
  }
  while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
    s.len--;
  return s;
}

bool jwt_str_has_control(struct plug_str s)
{
  for (size_t i = 0; i < s.len; i++)
    if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7F)
      return true;
  return false;
}

const char *jwt_show(char out[JWT_SHOWN_SIZE], struct plug_str value)
{
  static const char hex[] = "0123456789ABCDEF";
  char *p = out;
  size_t n = value.len > JWT_SHOWN_MAX ? JWT_SHOWN_MAX : value.len;
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)value.ptr[i];
    if (c > 0x20 && c < 0x7F && c != '%' && c != '"') {
      *p++ = (char)c;
    } else {
      *p++ = '%';
      *p++ = hex[c >> 4];
      *p++ = hex[c & 15];
    }
  }
  memcpy(p, "...", 4);
  if (value.len <= JWT_SHOWN_MAX)
    *p = '\0';
  return out;
}

bool jwt_list_next(struct plug_str *rest, struct plug_str *element)
{
  while (rest->len > 0) {
    bool quoted = false;
    size_t i = 0;
    for (; i < rest->len && (quoted || rest->ptr[i] != ','); i++)
      if (rest->ptr[i] == '"')
        quoted = !quoted;
    *element = jwt_str_trim((struct plug_str){rest->ptr, i});
    size_t used = i < rest->len ? i + 1 : i;
    rest->ptr += used;
    rest->len -= used;
    if (element->len > 0)
      return true;
  }
  return false;
}
