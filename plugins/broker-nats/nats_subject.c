#include "nats_subject.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

struct writer {
  char *out;
  size_t len;
  bool full;
};

static void put_char(struct writer *w, char c)
{
  if (w->len == NATS_SUBJECT_MAX)
    w->full = true;
  else
    w->out[w->len++] = c;
}

static void put_text(struct writer *w, const char *text)
{
  while (*text != '\0')
    put_char(w, *text++);
}

static bool is_plain(char c)
{
  return (unsigned char)c > ' ' && c != 0x7f && strchr(".*>%", c) == NULL;
}

static void put_token(struct writer *w, struct plug_str token)
{
  static const char digits[] = "0123456789ABCDEF";
  put_char(w, '.');
  for (size_t i = 0; i < token.len; i++) {
    unsigned char c = (unsigned char)token.ptr[i];
    if (is_plain((char)c)) {
      put_char(w, (char)c);
    } else {
      put_char(w, '%');
      put_char(w, digits[c >> 4]);
      put_char(w, digits[c & 15]);
    }
  }
}

static struct writer begin(char *out, const char *prefix, struct plug_str topic)
{
  struct writer w = {.out = out};
  put_text(&w, prefix);
  put_text(&w, topic.len > 0 && topic.ptr[0] == '/' ? ".t" : ".r");
  return w;
}

static bool end(struct writer *w)
{
  w->out[w->len] = '\0';
  return !w->full;
}

/* The next segment of *rest, which is moved behind it. False: there is none left. */
static bool next_segment(struct plug_str *rest, struct plug_str *segment)
{
  while (rest->len > 0 && *rest->ptr == '/') {
    rest->ptr++;
    rest->len--;
  }
  if (rest->len == 0)
    return false;
  const char *slash = memchr(rest->ptr, '/', rest->len);
  segment->ptr = rest->ptr;
  segment->len = slash == NULL ? rest->len : (size_t)(slash - rest->ptr);
  rest->ptr += segment->len;
  rest->len -= segment->len;
  return true;
}

static bool ends_with_slash(struct plug_str topic)
{
  return topic.len > 0 && topic.ptr[topic.len - 1] == '/';
}

bool nats_subject_put(char out[NATS_SUBJECT_MAX + 1], const char *prefix, struct plug_str topic)
{
  struct writer w = begin(out, prefix, topic);
  struct plug_str rest = topic, segment;
  while (next_segment(&rest, &segment))
    put_token(&w, segment);
  if (ends_with_slash(topic))
    put_text(&w, ".%");
  return end(&w);
}

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t nats_subject_topic(const char *subject, char *out, size_t size)
{
  size_t len = 0;
  bool absolute = subject[0] == 't';
  if ((!absolute && subject[0] != 'r') || subject[1] != '.')
    return SIZE_MAX;
  for (const char *p = subject + 1; *p != '\0';) {
    bool first = p == subject + 1;
    if (*p++ != '.' || len == size || *p == '\0' || *p == '.')
      return SIZE_MAX;
    if (absolute || !first)
      out[len++] = '/';
    if (*p == '%' && p[1] == '\0') /* the slash at the end */
      return first && !absolute ? SIZE_MAX : len;
    for (; *p != '\0' && *p != '.'; p++) {
      char c = *p;
      if (c == '%') {
        int high = hex_digit(p[1]), low = high < 0 ? -1 : hex_digit(p[2]);
        if (low < 0 || is_plain((char)(high * 16 + low)))
          return SIZE_MAX;
        c = (char)(high * 16 + low);
        p += 2;
      } else if (!is_plain(c)) {
        return SIZE_MAX;
      }
      if (len == size || c == '/')
        return SIZE_MAX;
      out[len++] = c;
    }
  }
  return len;
}

static bool has_wildcard(struct plug_str segment)
{
  for (size_t i = 0; i < segment.len; i++)
    if (memchr("*?{", segment.ptr[i], 3) != NULL)
      return true;
  return false;
}

size_t nats_subject_cover(char out[2][NATS_SUBJECT_MAX + 1], const char *prefix,
                          struct plug_str pattern)
{
  struct writer w = begin(out[0], prefix, pattern);
  struct plug_str rest = pattern, segment;
  const size_t head = w.len;
  bool rest_is_any = false;
  while (!rest_is_any && next_segment(&rest, &segment)) {
    if (segment.len == 2 && memcmp(segment.ptr, "**", 2) == 0)
      rest_is_any = true;
    else if (has_wildcard(segment))
      put_text(&w, ".*");
    else
      put_token(&w, segment);
  }
  if (!rest_is_any) {
    if (ends_with_slash(pattern))
      put_text(&w, ".%");
    return end(&w) ? 1 : 0;
  }
  /* ** may stand for nothing, and > for nothing less than a token. */
  size_t n = 0;
  if (w.len > head) {
    if (!end(&w))
      return 0;
    n = 1;
    memcpy(out[1], out[0], w.len);
    w.out = out[1];
  }
  put_text(&w, ".>");
  return end(&w) ? n + 1 : 0;
}

bool nats_subject_is_prefix(const char *text)
{
  bool token = false;
  for (; *text != '\0'; text++) {
    if (*text == '.' ? !token : !isalnum((unsigned char)*text) && strchr("-_", *text) == NULL)
      return false;
    token = *text != '.';
  }
  return token;
}
