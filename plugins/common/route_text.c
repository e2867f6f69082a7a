#include "route_text.h"

#include <stdarg.h>
#include <stdio.h>

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

bool route_word(struct plug_str *rest, struct plug_str *word)
{
  while (rest->len && is_blank(rest->ptr[0])) {
    rest->ptr++;
    rest->len--;
  }
  if (!rest->len)
    return false;
  const char *end;
  if (rest->ptr[0] == '"' && (end = memchr(rest->ptr + 1, '"', rest->len - 1))) {
    *word = route_slice(rest->ptr + 1, (size_t)(end - rest->ptr) - 1);
    rest->len -= (size_t)(end + 1 - rest->ptr);
    rest->ptr = end + 1;
    return true;
  }
  size_t n = 0;
  while (n < rest->len && !is_blank(rest->ptr[n]))
    n++;
  *word = route_slice(rest->ptr, n);
  rest->ptr += n;
  rest->len -= n;
  return true;
}

bool route_is_name(struct plug_str s)
{
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-')))
      return false;
  }
  return s.len > 0;
}

plug_status route_fault(struct plug_err *err, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(err->text, sizeof err->text, format, args);
  va_end(args);
  err->code = PLUG_EINVAL;
  return PLUG_EINVAL;
}

bool route_refuse(struct route_refusal *refusal, const char *code, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  refusal->code = code;
  vsnprintf(refusal->reason, sizeof refusal->reason, format, args);
  va_end(args);
  return false;
}
