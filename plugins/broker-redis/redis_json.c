#include "redis_json.h"

#include <stdint.h>

bool redis_utf8_valid(struct plug_str text)
{
  if (text.len == 0)
    return true;
  const unsigned char *p = (const unsigned char *)text.ptr, *end = p + text.len;
  while (p < end) {
    if (*p < 0x80) {
      p++;
      continue;
    }
    size_t more;
    unsigned low = 0x80, high = 0xBF; /* what the second byte may be */
    if (*p >= 0xC2 && *p <= 0xDF) {
      more = 1;
    } else if (*p >= 0xE0 && *p <= 0xEF) {
      more = 2;
      low = *p == 0xE0 ? 0xA0 : low;
      high = *p == 0xED ? 0x9F : high;
    } else if (*p >= 0xF0 && *p <= 0xF4) {
      more = 3;
      low = *p == 0xF0 ? 0x90 : low;
      high = *p == 0xF4 ? 0x8F : high;
    } else {
      return false;
    }
    if ((size_t)(end - p) <= more || p[1] < low || p[1] > high)
      return false;
    for (size_t i = 2; i <= more; i++)
      if ((p[i] & 0xC0) != 0x80)
        return false;
    p += more + 1;
  }
  return true;
}

void redis_json_skip_space(struct redis_json *json)
{
  while (json->p < json->end &&
         (*json->p == ' ' || *json->p == '\t' || *json->p == '\n' || *json->p == '\r'))
    json->p++;
}

bool redis_json_take(struct redis_json *json, char c)
{
  redis_json_skip_space(json);
  if (json->p == json->end || *json->p != c)
    return false;
  json->p++;
  return true;
}

static int hex_value(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits of a \u escape at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
  int32_t value = 0;
  if (end - p < 4)
    return -1;
  for (int i = 0; i < 4; i++) {
    int digit = hex_value(p[i]);
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

bool redis_json_take_string(struct redis_json *json, struct plug_str *quoted)
{
  if (!redis_json_take(json, '"'))
    return false;
  const char *start = json->p - 1, *p = json->p, *end = json->end;
  while (p < end && *p != '"') {
    if ((unsigned char)*p < 0x20)
      return false;
    if (*p++ != '\\')
      continue;
    if (p == end)
      return false;
    if (*p == 'u') {
      if (hex4(p + 1, end) < 0)
        return false;
      p += 5;
    } else if (memchr("\"\\/bfnrt", *p, 8) != NULL) {
      p++;
    } else {
      return false;
    }
  }
  if (p == end)
    return false;
  json->p = p + 1;
  *quoted = (struct plug_str){start, (size_t)(json->p - start)};
  return true;
}

static bool take_digits(struct redis_json *json)
{
  const char *start = json->p;
  while (json->p < json->end && *json->p >= '0' && *json->p <= '9')
    json->p++;
  return json->p > start;
}

static bool take_number(struct redis_json *json)
{
  if (*json->p == '-')
    json->p++;
  if (json->p < json->end && *json->p == '0')
    json->p++;
  else if (!take_digits(json))
    return false;
  if (json->p < json->end && *json->p == '.') {
    json->p++;
    if (!take_digits(json))
      return false;
  }
  if (json->p < json->end && (*json->p == 'e' || *json->p == 'E')) {
    json->p++;
    if (json->p < json->end && (*json->p == '+' || *json->p == '-'))
      json->p++;
    if (!take_digits(json))
      return false;
  }
  return true;
}

static bool take_word(struct redis_json *json, const char *word)
{
  size_t n = strlen(word);
  if ((size_t)(json->end - json->p) < n || memcmp(json->p, word, n) != 0)
    return false;
  json->p += n;
  return true;
}

/* A value that is no array and no object; json is at its first byte. */
static bool take_scalar(struct redis_json *json)
{
  struct plug_str quoted;
  switch (*json->p) {
  case '"':
    return redis_json_take_string(json, &quoted);
  case 't':
    return take_word(json, "true");
  case 'f':
    return take_word(json, "false");
  case 'n':
    return take_word(json, "null");
  default:
    return take_number(json);
  }
}

static bool take_key(struct redis_json *json)
{
  struct plug_str key;
  return redis_json_take_string(json, &key) && redis_json_take(json, ':');
}

bool redis_json_take_value(struct redis_json *json, unsigned max_depth, struct plug_str *value)
{
  uint64_t is_object[REDIS_JSON_MAX_DEPTH / 64]; /* one bit per open array or object */
  unsigned depth = 0;
  if (max_depth > REDIS_JSON_MAX_DEPTH)
    max_depth = REDIS_JSON_MAX_DEPTH;
  redis_json_skip_space(json);
  const char *start = json->p;
  for (;;) {
    redis_json_skip_space(json);
    if (json->p == json->end)
      return false;
    char open = *json->p;
    if (open == '{' || open == '[') {
      json->p++;
      if (depth == max_depth)
        return false;
      uint64_t bit = UINT64_C(1) << (depth % 64);
      if (open == '{')
        is_object[depth / 64] = (depth % 64 == 0 ? 0 : is_object[depth / 64]) | bit;
      else
        is_object[depth / 64] = (depth % 64 == 0 ? 0 : is_object[depth / 64]) & ~bit;
      depth++;
      if (!redis_json_take(json, open == '{' ? '}' : ']')) {
        if (open == '{' && !take_key(json))
          return false;
        continue; /* to the first element */
      }
      depth--;
    } else if (!take_scalar(json)) {
      return false;
    }
    /* A value has ended: close what ends with it, up to where another one must follow. */
    while (depth > 0) {
      bool object = (is_object[(depth - 1) / 64] >> ((depth - 1) % 64) & 1) != 0;
      if (redis_json_take(json, ',')) {
        if (object && !take_key(json))
          return false;
        break;
      }
      if (!redis_json_take(json, object ? '}' : ']'))
        return false;
      depth--;
    }
    if (depth == 0)
      break;
  }
  *value = (struct plug_str){start, (size_t)(json->p - start)};
  return true;
}

bool redis_json_valid(struct plug_str text, unsigned max_depth)
{
  struct plug_str value;
  if (text.len == 0)
    return false;
  struct redis_json json = {text.ptr, text.ptr + text.len};
  if (!redis_json_take_value(&json, max_depth, &value))
    return false;
  redis_json_skip_space(&json);
  return json.p == json.end && redis_utf8_valid(text);
}

static void put_utf8(struct redis_buf *out, uint32_t c)
{
  char bytes[4];
  size_t n;
  if (c < 0x80) {
    bytes[0] = (char)c;
    n = 1;
  } else if (c < 0x800) {
    bytes[0] = (char)(0xC0 | c >> 6);
    n = 2;
  } else if (c < 0x10000) {
    bytes[0] = (char)(0xE0 | c >> 12);
    n = 3;
  } else {
    bytes[0] = (char)(0xF0 | c >> 18);
    n = 4;
  }
  for (size_t i = 1; i < n; i++)
    bytes[i] = (char)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3F));
  redis_buf_put(out, bytes, n);
}

/* p is at the four digits of a \u escape; returns what follows it, or its partner. */
static const char *put_escaped(struct redis_buf *out, const char *p, const char *end)
{
  uint32_t c = (uint32_t)hex4(p, end);
  p += 4;
  if (c >= 0xD800 && c <= 0xDBFF && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
    uint32_t low = (uint32_t)hex4(p + 2, end);
    if (low >= 0xDC00 && low <= 0xDFFF) {
      put_utf8(out, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
      return p + 6;
    }
  }
  put_utf8(out, c >= 0xD800 && c <= 0xDFFF ? 0xFFFD : c);
  return p;
}

void redis_json_put_unquoted(struct redis_buf *out, struct plug_str quoted)
{
  static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
  const char *p = quoted.ptr + 1, *end = quoted.ptr + quoted.len - 1;
  while (p < end) {
    const char *escape = memchr(p, '\\', (size_t)(end - p));
    const char *stop = escape == NULL ? end : escape;
    redis_buf_put(out, p, (size_t)(stop - p));
    if (escape == NULL)
      return;
    p = escape + 2;
    if (escape[1] == 'u') {
      p = put_escaped(out, p, end);
      continue;
    }
    const char *found = memchr(from, escape[1], sizeof from - 1);
    redis_buf_put_char(out, found == NULL ? escape[1] : to[found - from]);
  }
}

void redis_json_put_quoted(struct redis_buf *out, struct plug_str text)
{
  static const char hex[] = "0123456789ABCDEF";
  static const char from[] = "\b\f\n\r\t", to[] = "bfnrt";
  redis_buf_put_char(out, '"');
  size_t plain = 0; /* where the bytes begin that need no escape */
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    if (c >= 0x20 && c != '"' && c != '\\')
      continue;
    redis_buf_put(out, text.ptr + plain, i - plain);
    plain = i + 1;
    const char *found = c == 0 ? NULL : memchr(from, (char)c, sizeof from - 1);
    if (c >= 0x20)
      redis_buf_put(out, (char[]){'\\', (char)c}, 2);
    else if (found != NULL)
      redis_buf_put(out, (char[]){'\\', to[found - from]}, 2);
    else
      redis_buf_put(out, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
  }
  if (plain < text.len)
    redis_buf_put(out, text.ptr + plain, text.len - plain);
  redis_buf_put_char(out, '"');
}
