/* A pattern, a newline, a destination. Patterns without expressions are compared with a plain
 * recursive matcher, which is short enough to be seen to be right but takes exponential time, so
 * only on short inputs. */
#include <stdlib.h>

#include "base/str.h"
#include "hub/pattern.h"

#define SEGMENTS_MAX 12

struct path {
  struct plug_str segments[SEGMENTS_MAX];
  size_t n;
  bool first, last; /* slashes */
};

static bool split(struct plug_str text, struct path *out)
{
  out->n = 0;
  out->first = text.len && text.ptr[0] == '/';
  out->last = text.len && text.ptr[text.len - 1] == '/';
  for (size_t i = 0; i < text.len;) {
    size_t start = i;
    while (i < text.len && text.ptr[i] != '/')
      i++;
    if (i > start) {
      if (out->n == SEGMENTS_MAX)
        return false;
      out->segments[out->n++] = str_from(text.ptr + start, i - start);
    } else {
      i++;
    }
  }
  return true;
}

static bool segment_matches(struct plug_str glob, struct plug_str text)
{
  if (glob.len == 0)
    return text.len == 0;
  struct plug_str rest = str_from(glob.ptr + 1, glob.len - 1);
  if (glob.ptr[0] == '*') {
    for (size_t i = 0; i <= text.len; i++)
      if (segment_matches(rest, str_from(text.ptr + i, text.len - i)))
        return true;
    return false;
  }
  return text.len && (glob.ptr[0] == '?' || glob.ptr[0] == text.ptr[0]) &&
         segment_matches(rest, str_from(text.ptr + 1, text.len - 1));
}

static bool segments_match(const struct path *pattern, size_t i, const struct path *path, size_t k)
{
  if (i == pattern->n)
    return k == path->n;
  if (str_eq(pattern->segments[i], STR("**"))) {
    for (size_t next = k; next <= path->n; next++)
      if (segments_match(pattern, i + 1, path, next))
        return true;
    return false;
  }
  return k < path->n && segment_matches(pattern->segments[i], path->segments[k]) &&
         segments_match(pattern, i + 1, path, k + 1);
}

static bool reference_match(const struct path *pattern, const struct path *path)
{
  bool deep = false;
  for (size_t i = 0; i < pattern->n; i++)
    deep = deep || str_eq(pattern->segments[i], STR("**"));
  struct plug_str last = pattern->n ? pattern->segments[pattern->n - 1] : STR("");
  if (pattern->first != path->first)
    return false;
  if (segments_match(pattern, 0, path, 0))
    return str_eq(last, STR("**")) || pattern->last == path->last;
  if (deep || !path->last || !str_eq(last, STR("*")))
    return false;
  struct path shorter = *pattern;
  shorter.n--;
  return segments_match(&shorter, 0, path, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *bytes = (const char *)data;
  const char *newline = size ? memchr(bytes, '\n', size) : NULL;
  if (!newline)
    return 0;
  struct plug_str text = str_from(bytes, (size_t)(newline - bytes));
  struct plug_str path = str_from(newline + 1, size - text.len - 1);
  struct plug_err err = {0};
  struct pattern *pattern = pattern_compile(text, &err);
  if (!pattern) {
    if (err.code >= 0 || !err.text[0])
      abort();
    return 0;
  }
  bool matched = pattern_match(pattern, path);
  struct path pattern_path, split_path;
  bool ascii = true;
  size_t n_stars = 0;
  for (size_t i = 0; i < text.len; i++)
    n_stars += text.ptr[i] == '*';
  for (size_t i = 0; i < size; i++)
    ascii = ascii && data[i] < 0x80;
  if (ascii && n_stars <= 6 && path.len <= 24 && !memchr(bytes, '{', text.len) &&
      split(text, &pattern_path) && split(path, &split_path) &&
      matched != reference_match(&pattern_path, &split_path))
    abort();
  pattern_free(pattern);
  return 0;
}
