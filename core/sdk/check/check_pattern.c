/* SPDX-License-Identifier: MIT */
#include "check_pattern.h"

#include <string.h>

const char *check_pattern_fault(struct plug_str pattern, size_t *n_variables)
{
  *n_variables = 0;
  if (pattern.len == 0 || !pattern.ptr || pattern.ptr[0] != '/')
    return "does not begin with a slash";
  for (size_t i = 0; i < pattern.len; i++) {
    unsigned char c = (unsigned char)pattern.ptr[i];
    if (c < 0x20 || c == 0x7F)
      return "has a control character";
    if (c == '/' && i + 1 < pattern.len && pattern.ptr[i + 1] == '/')
      return "has an empty segment";
    if (c != '{')
      continue;
    const char *end = memchr(pattern.ptr + i, '}', pattern.len - i);
    const char *slash = memchr(pattern.ptr + i, '/', pattern.len - i);
    const char *colon = memchr(pattern.ptr + i, ':', pattern.len - i);
    if (!end || (slash && slash < end && !(colon && colon < slash)))
      return "has a brace that does not end in its segment";
    if (end == pattern.ptr + i + 1)
      return "has a variable without a name";
    ++*n_variables;
    i = (size_t)(end - pattern.ptr);
  }
  return NULL;
}

int check_pattern_has_expression(struct plug_str pattern)
{
  int inside = 0;
  for (size_t i = 0; i < pattern.len; i++) {
    if (inside && pattern.ptr[i] == ':')
      return 1;
    inside = pattern.ptr[i] == '{' || (inside && pattern.ptr[i] != '}');
  }
  return 0;
}

/* The length of a segment. */
static size_t segment_len(const char *at, const char *end)
{
  const char *slash = memchr(at, '/', (size_t)(end - at));
  return (size_t)((slash ? slash : end) - at);
}

static int in_segment(const char *p, const char *p_end, const char *t, const char *t_end)
{
  for (; p < p_end; p++, t++) {
    if (*p == '*' || *p == '{') {
      const char *close = *p == '{' ? memchr(p, '}', (size_t)(p_end - p)) : p;
      if (close) {
        for (const char *rest = t; rest <= t_end; rest++)
          if (in_segment(close + 1, p_end, rest, t_end))
            return 1;
        return 0;
      }
    }
    if (t == t_end || (*p != '?' && *p != *t))
      return 0;
  }
  return t == t_end;
}

/* p and t stand at a slash, or at their ends. */
static int from_slash(const char *p, const char *p_end, const char *t, const char *t_end)
{
  if (p == p_end)
    return t == t_end;
  const char *segment = p + 1;
  size_t len = segment_len(segment, p_end);
  if (len == 2 && memcmp(segment, "**", 2) == 0)
    for (;; t += 1 + segment_len(t + 1, t_end)) {
      if (from_slash(segment + len, p_end, t, t_end))
        return 1;
      if (t == t_end)
        return 0;
    }
  if (t == t_end)
    return 0;
  size_t topic_len = segment_len(t + 1, t_end);
  return in_segment(segment, segment + len, t + 1, t + 1 + topic_len) &&
         from_slash(segment + len, p_end, t + 1 + topic_len, t_end);
}

int check_pattern_matches(struct plug_str pattern, struct plug_str topic)
{
  if (pattern.len == 0 || topic.len == 0 || pattern.ptr[0] != '/' || topic.ptr[0] != '/')
    return pattern.len == topic.len && memcmp(pattern.ptr, topic.ptr, topic.len) == 0;
  return from_slash(pattern.ptr, pattern.ptr + pattern.len, topic.ptr, topic.ptr + topic.len);
}

size_t check_pattern_fill(struct plug_str pattern, const char *value, char *out, size_t room,
                          struct plug_kv variables[CHECK_PATTERN_VARIABLES], size_t *n_variables)
{
  size_t at = 0, value_len = strlen(value);
  *n_variables = 0;
  for (size_t i = 0; i < pattern.len; i++) {
    char c = pattern.ptr[i];
    const char *close = c == '{' ? memchr(pattern.ptr + i, '}', pattern.len - i) : NULL;
    if (at + value_len + 2 > room)
      return 0;
    if (close) {
      const char *name = pattern.ptr + i + 1;
      const char *colon = memchr(name, ':', (size_t)(close - name));
      struct plug_kv variable = {{name, (size_t)((colon ? colon : close) - name)},
                                 {out + at, value_len}};
      if (*n_variables < CHECK_PATTERN_VARIABLES)
        variables[(*n_variables)++] = variable;
      memcpy(out + at, value, value_len);
      at += value_len;
      i = (size_t)(close - pattern.ptr);
    } else if (c == '*') {
      if (i == 0 || pattern.ptr[i - 1] != '*')
        out[at++] = 'a';
    } else {
      out[at++] = c == '?' ? 'a' : c;
    }
  }
  out[at] = '\0';
  return at;
}
