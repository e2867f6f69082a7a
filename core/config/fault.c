#include "config/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where a text of at least len bytes may be cut without splitting a UTF-8 sequence. */
static size_t cut_at(const char *text, size_t len)
{
  while (len && ((unsigned char)text[len] & 0xC0u) == 0x80u)
    len--;
  return len;
}

static _Thread_local struct fault_place last;

struct fault_place fault_last_place(void)
{
  return last;
}

struct fault_place fault_take_place(void)
{
  struct fault_place place = last;
  last = (struct fault_place){NULL, 0};
  return place;
}

plug_status fault_at(struct plug_err *err, const char *file, int line, const char *format, ...)
{
  char text[1024];
  int n = 0;
  last = (struct fault_place){file, line};
  if (file)
    n = line > 0 ? snprintf(text, sizeof(text), "%s:%d: ", file, line)
                 : snprintf(text, sizeof(text), "%s: ", file);
  if (n >= 0 && (size_t)n < sizeof(text)) {
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
    va_end(args);
  }
  size_t len = strlen(text);
  if (len >= sizeof(err->text))
    len = cut_at(text, sizeof(err->text) - 1);
  memcpy(err->text, text, len);
  err->text[len] = '\0';
  err->code = PLUG_EINVAL;
  return PLUG_EINVAL;
}

plug_status fault_no_memory(struct plug_err *err)
{
  fault_at(err, NULL, 0, "out of memory");
  err->code = PLUG_ENOMEM;
  return PLUG_ENOMEM;
}

const char *fault_quote(struct fault_quote *quote, struct plug_str text)
{
  const size_t room = sizeof(quote->text) - sizeof("'...'");
  size_t len = text.len > room ? cut_at(text.ptr, room) : text.len;
  char *out = quote->text;
  *out++ = '\'';
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    *out++ = c < 0x20 || c == 0x7F ? '?' : (char)c;
  }
  snprintf(out, (size_t)(quote->text + sizeof(quote->text) - out), "%s'",
           len < text.len ? "..." : "");
  return quote->text;
}
