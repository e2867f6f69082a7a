#include "hub/pattern.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "hub/segment_regex.h"

_Static_assert(PATTERN_REGEX_MAX == SEGMENT_REGEX_TEXT_MAX, "the same limit, said twice");

enum segment_type {
  SEGMENT_LITERAL,
  SEGMENT_GLOB,  /* text with ? and * */
  SEGMENT_ANY,   /* a whole segment, whatever it is */
  SEGMENT_DEEP,  /* ** */
  SEGMENT_REGEX, /* a program of the pattern's code */
};

struct segment {
  enum segment_type type;
  uint16_t program;
  struct plug_str text;
};

struct pattern {
  struct plug_str text;
  struct segment_regex_insn *code; /* NULL without expressions; the ranges are behind it */
  struct segment_regex_range *ranges;
  size_t size; /* of both allocations */
  size_t n_segments;
  bool slash_first, slash_last;
  bool deep_last; /* the last segment is ** */
  bool star_last; /* the last segment is *, and none is ** */
  struct segment segments[];
};

static bool has_first_slash(struct plug_str s)
{
  return s.len && s.ptr[0] == '/';
}

static bool has_last_slash(struct plug_str s)
{
  return s.len && s.ptr[s.len - 1] == '/';
}

/* Two ranges around '?' that hold letters, digits, '-', '.', '/' and '_', and no '*', '{' or '}'.
 */
static inline bool is_plain(char c)
{
  return (unsigned char)(c - '-') <= '>' - '-' || (unsigned char)(c - '@') <= 'z' - '@';
}

bool pattern_is(struct plug_str destination)
{
  bool open = false;
  for (size_t i = 0; i < destination.len; i++) {
    char c = destination.ptr[i];
    if (is_plain(c))
      continue;
    if (c == '*' || c == '?' || (c == '}' && open))
      return true;
    open = open || c == '{';
  }
  return false;
}

/* Moves to the next segment that is not empty; false at the end. */
static inline bool next_segment(struct plug_str path, size_t *at, struct plug_str *segment)
{
  size_t i = *at;
  while (i < path.len && path.ptr[i] == '/')
    i++;
  if (i == path.len)
    return false;
  const char *start = path.ptr + i;
  const char *slash = memchr(start, '/', path.len - i);
  *segment = str_from(start, slash ? (size_t)(slash - start) : path.len - i);
  *at = i + segment->len;
  return true;
}

/* --- compiling ---------------------------------------------------------------------------- */

struct compiler {
  struct plug_err *err;
  unsigned n_wildcards;
  char *glob; /* room for the segments' texts, at most as long as the pattern's */
  struct segment_regex_builder regex;
};

static bool refuse(struct compiler *c, int32_t code, const char *why)
{
  c->err->code = code;
  snprintf(c->err->text, sizeof c->err->text, "%s", why);
  return false;
}

static bool count_wildcard(struct compiler *c)
{
  if (++c->n_wildcards <= PATTERN_WILDCARDS_MAX)
    return true;
  return refuse(c, PLUG_ETOOBIG, "the pattern has more than 64 wildcards");
}

/* The variable that starts with the '{' at s[at]: its length with both braces, and its expression
 * (ptr NULL: none). 0: no variable, the brace stands for itself. Braces in the expression are a
 * count or follow a backslash. */
static size_t find_variable(struct plug_str s, size_t at, struct plug_str *regex)
{
  size_t i = at + 1;
  while (i < s.len && s.ptr[i] != '}') {
    if (s.ptr[i] == '\\' && i + 1 < s.len && (s.ptr[i + 1] == '{' || s.ptr[i + 1] == '}')) {
      i += 2;
    } else if (s.ptr[i] == '{') {
      const char *close = memchr(s.ptr + i, '}', s.len - i);
      if (!close || close == s.ptr + i + 1)
        return 0;
      i = (size_t)(close - s.ptr) + 1;
    } else {
      i++;
    }
  }
  if (i >= s.len || i == at + 1)
    return 0;
  struct plug_str inside = str_from(s.ptr + at + 1, i - at - 1);
  const char *colon = memchr(inside.ptr, ':', inside.len);
  *regex = colon ? str_from(colon + 1, (size_t)(inside.ptr + inside.len - colon) - 1)
                 : (struct plug_str){NULL, 0};
  return i - at + 1;
}

/* One piece of a segment: a wildcard, a variable, or a run of other characters. */
enum piece { PIECE_LITERAL, PIECE_ONE, PIECE_RUN, PIECE_REGEX };

static enum piece next_piece(struct plug_str s, size_t *at, struct plug_str *text)
{
  size_t start = *at, len;
  switch (s.ptr[start]) {
  case '?':
    *at += 1;
    return PIECE_ONE;
  case '*':
    while (*at < s.len && s.ptr[*at] == '*')
      *at += 1;
    return PIECE_RUN;
  case '{':
    len = find_variable(s, start, text);
    if (len) {
      *at += len;
      return text->ptr ? PIECE_REGEX : PIECE_RUN;
    }
  }
  do
    *at += 1;
  while (*at < s.len && s.ptr[*at] != '?' && s.ptr[*at] != '*' && s.ptr[*at] != '{');
  *text = str_from(s.ptr + start, *at - start);
  return PIECE_LITERAL;
}

/* The segment as a glob: in the copy '?' and '*' are the only special characters. False with
 * *is_regex set if it has an expression. */
static bool compile_glob(struct compiler *c, struct plug_str source, struct segment *segment,
                         bool *is_regex)
{
  char *out = c->glob;
  struct plug_str text;
  bool wild = false;
  for (size_t at = 0; at < source.len;) {
    enum piece piece = next_piece(source, &at, &text);
    if (piece == PIECE_REGEX)
      *is_regex = true;
    if (piece != PIECE_LITERAL && !count_wildcard(c))
      return false;
    wild = wild || piece != PIECE_LITERAL;
    if (piece == PIECE_LITERAL) {
      memcpy(out, text.ptr, text.len);
      out += text.len;
    } else {
      *out++ = piece == PIECE_ONE ? '?' : '*';
    }
  }
  segment->text = str_from(c->glob, (size_t)(out - c->glob));
  c->glob = out;
  if (str_eq(segment->text, STR("*")))
    segment->type = SEGMENT_ANY;
  else
    segment->type = wild ? SEGMENT_GLOB : SEGMENT_LITERAL;
  return true;
}

static bool compile_regex(struct compiler *c, struct plug_str source, struct segment *segment)
{
  struct plug_str text;
  const char *why = NULL;
  bool ok = true;
  segment->type = SEGMENT_REGEX;
  segment->program = c->regex.n_code;
  for (size_t at = 0; ok && at < source.len;) {
    switch (next_piece(source, &at, &text)) {
    case PIECE_LITERAL:
      ok = segment_regex_add_literal(&c->regex, text, &why);
      break;
    case PIECE_ONE:
      ok = segment_regex_add_any(&c->regex, &why);
      break;
    case PIECE_RUN:
      ok = segment_regex_add_any_run(&c->regex, &why);
      break;
    case PIECE_REGEX:
      ok = segment_regex_add(&c->regex, text, &why);
      break;
    }
  }
  ok = ok && segment_regex_end(&c->regex, &why);
  return ok || refuse(c, PLUG_EINVAL, why);
}

static bool compile_segment(struct compiler *c, struct plug_str source, struct segment *segment)
{
  if (str_eq(source, STR("**"))) {
    *segment = (struct segment){.type = SEGMENT_DEEP};
    return count_wildcard(c);
  }
  bool is_regex = false;
  *segment = (struct segment){.type = SEGMENT_LITERAL};
  return compile_glob(c, source, segment, &is_regex) &&
         (!is_regex || compile_regex(c, source, segment));
}

/* The builder is large, so a pattern keeps only what was used of it. */
static bool keep_program(struct pattern *p, const struct segment_regex_builder *b)
{
  size_t code = b->n_code * sizeof b->code[0];
  size_t ranges = b->n_ranges * sizeof b->ranges[0];
  if (code == 0)
    return true;
  p->code = malloc(code + ranges);
  if (!p->code)
    return false;
  p->size += code + ranges;
  p->ranges = (struct segment_regex_range *)(void *)(p->code + b->n_code);
  memcpy(p->code, b->code, code);
  memcpy(p->ranges, b->ranges, ranges);
  return true;
}

struct pattern *pattern_compile(struct plug_str text, struct plug_err *err)
{
  struct compiler c; /* its builder's arrays are written before they are read */
  c.err = err;
  c.n_wildcards = 0;
  c.regex.n_code = c.regex.n_ranges = 0;

  size_t n_max = 0, at = 0;
  struct plug_str source;
  while (next_segment(text, &at, &source))
    n_max++;
  struct pattern *p = calloc(1, sizeof *p + n_max * sizeof p->segments[0] + 2 * text.len);
  if (!p)
    goto no_memory;
  p->size = sizeof *p + n_max * sizeof p->segments[0] + 2 * text.len;
  char *copy = (char *)(p->segments + n_max);
  if (text.len)
    memcpy(copy, text.ptr, text.len);
  p->text = str_from(copy, text.len);
  c.glob = copy + text.len;

  bool deep = false;
  struct segment *last = NULL;
  for (at = 0; next_segment(p->text, &at, &source);) {
    struct segment *segment = &p->segments[p->n_segments];
    if (!compile_segment(&c, source, segment))
      goto fail;
    p->star_last = str_eq(source, STR("*"));
    /* Two ** in a row say no more than one. */
    if (segment->type == SEGMENT_DEEP && last && last->type == SEGMENT_DEEP)
      continue;
    deep = deep || segment->type == SEGMENT_DEEP;
    last = segment;
    p->n_segments++;
  }
  if (!keep_program(p, &c.regex))
    goto no_memory;
  p->slash_first = has_first_slash(text);
  p->slash_last = has_last_slash(text);
  p->deep_last = last && last->type == SEGMENT_DEEP;
  p->star_last = p->star_last && !deep;
  return p;

no_memory:
  refuse(&c, PLUG_ENOMEM, "out of memory");
fail:
  pattern_free(p);
  return NULL;
}

void pattern_free(struct pattern *pattern)
{
  if (!pattern)
    return;
  free(pattern->code);
  free(pattern);
}

struct plug_str pattern_text(const struct pattern *pattern)
{
  return pattern->text;
}

/* --- matching ----------------------------------------------------------------------------- */

/* False: there are not so many left. */
static inline bool take_steps(uint64_t *left, uint64_t n)
{
  *left = *left > n ? *left - n : 0;
  return *left != 0;
}

/* On a mismatch only the last star needs to be tried again. */
static bool glob_matches(struct plug_str glob, struct plug_str text, uint64_t *left)
{
  size_t g = 0, t = 0, star = SIZE_MAX, star_text = 0;
  while (t < text.len) {
    if (!take_steps(left, 1))
      return false;
    char want = g < glob.len ? glob.ptr[g] : '\0';
    if (want == '*' && g < glob.len) {
      star = g++;
      star_text = t;
    } else if (want == '?' && g < glob.len) {
      g++;
      segment_regex_next_char(text, &t);
    } else if (g < glob.len && want == text.ptr[t]) {
      g++;
      t++;
    } else if (star != SIZE_MAX) {
      g = star + 1;
      /* Whole characters, so that a '?' after the star never begins within one. */
      segment_regex_next_char(text, &star_text);
      t = star_text;
    } else {
      return false;
    }
  }
  while (g < glob.len && glob.ptr[g] == '*')
    g++;
  return g == glob.len;
}

static inline bool segment_matches(const struct pattern *p, const struct segment *segment,
                                   struct plug_str text, uint64_t *left)
{
  switch (segment->type) {
  case SEGMENT_LITERAL:
    return str_eq(segment->text, text);
  case SEGMENT_GLOB:
    return glob_matches(segment->text, text, left);
  case SEGMENT_REGEX:
    return segment_regex_match(p->code, p->ranges, segment->program, text, left);
  case SEGMENT_ANY:
  case SEGMENT_DEEP:
    break;
  }
  return true;
}

bool pattern_match(const struct pattern *p, struct plug_str path)
{
  uint64_t left = UINT64_MAX;
  return pattern_match_within(p, path, &left);
}

size_t pattern_size(const struct pattern *pattern)
{
  return pattern->size;
}

bool pattern_match_within(const struct pattern *p, struct plug_str path, uint64_t *left)
{
  if (has_first_slash(path) != p->slash_first)
    return false;
  bool slash_last = has_last_slash(path);
  if (!p->deep_last && slash_last != p->slash_last && !(slash_last && p->star_last))
    return false;

  /* As with the stars of a glob, only the last ** needs to be tried again, one segment further. */
  size_t i = 0, at = 0, deep = SIZE_MAX, deep_at = 0;
  struct plug_str segment;
  for (;;) {
    if (i < p->n_segments && p->segments[i].type == SEGMENT_DEEP) {
      deep = i++;
      if (i == p->n_segments)
        return true;
      deep_at = at;
      continue;
    }
    if (!next_segment(path, &at, &segment))
      break;
    if (!take_steps(left, 1))
      return false;
    if (i < p->n_segments && segment_matches(p, &p->segments[i], segment, left)) {
      i++;
      continue;
    }
    if (!*left)
      return false;
    if (deep == SIZE_MAX)
      return false;
    i = deep + 1;
    at = deep_at;
    next_segment(path, &at, &segment);
    deep_at = at;
  }
  if (i == p->n_segments)
    return p->deep_last || slash_last == p->slash_last;
  return slash_last && p->star_last && i + 1 == p->n_segments;
}
