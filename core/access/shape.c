#include "access/shape.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

enum kind {
  KIND_LITERAL,
  KIND_ANY,     /* one segment, whatever it is */
  KIND_DEEP,    /* any number of segments */
  KIND_COMPLEX, /* has wildcards or expressions: pattern says */
};

struct segment {
  enum kind kind;
  bool star; /* written "*" */
  struct plug_str text;
  struct pattern *pattern; /* KIND_COMPLEX: of "/" and text */
};

struct variable {
  struct plug_str name;
  bool from_end;
  size_t index; /* of its segment, from the start or from the end */
};

struct shape {
  struct plug_str text;
  struct pattern *pattern; /* of all */
  size_t n_segments;
  struct variable variables[SHAPE_VARIABLES_MAX];
  size_t n_variables;
  struct segment segments[]; /* behind them the text */
};

/* --- segments ----------------------------------------------------------------------------- */

/* Empty ones do not count. */
static bool next_segment(struct plug_str text, size_t *at, struct plug_str *segment)
{
  size_t i = *at;
  while (i < text.len && text.ptr[i] == '/')
    i++;
  size_t start = i;
  while (i < text.len && text.ptr[i] != '/')
    i++;
  *at = i;
  *segment = str_from(text.ptr + start, i - start);
  return segment->len > 0;
}

static bool ends_with_slash(struct plug_str text)
{
  return text.len && text.ptr[text.len - 1] == '/';
}

/* "{name}" or "{name:expression}" and nothing else. */
static bool is_variable(struct plug_str segment, struct plug_str *name)
{
  if (segment.len < 3 || segment.ptr[0] != '{' || segment.ptr[segment.len - 1] != '}')
    return false;
  size_t n = 1;
  while (n < segment.len - 1 && segment.ptr[n] != ':' && segment.ptr[n] != '{' &&
         segment.ptr[n] != '}')
    n++;
  *name = str_from(segment.ptr + 1, n - 1);
  if (name->len == 0)
    return false;
  if (segment.ptr[n] == '}')
    return n == segment.len - 1;
  if (segment.ptr[n] != ':')
    return false;
  /* Braces of the expression are balanced or the segment is more than one variable. */
  int depth = 0;
  for (size_t i = n; i < segment.len - 1; i++) {
    if (segment.ptr[i] == '\\')
      i++;
    else if (segment.ptr[i] == '{')
      depth++;
    else if (segment.ptr[i] == '}' && --depth < 0)
      return false;
  }
  return depth == 0;
}

static enum kind kind_of(struct plug_str segment)
{
  struct plug_str name;
  if (str_eq(segment, STR("**")))
    return KIND_DEEP;
  if (!pattern_is(segment))
    return KIND_LITERAL;
  if (str_eq(segment, STR("*")) ||
      (is_variable(segment, &name) && !memchr(segment.ptr, ':', segment.len)))
    return KIND_ANY;
  return KIND_COMPLEX;
}

static struct pattern *compile_segment(struct plug_str segment, struct plug_err *err)
{
  char text[1024];
  if (segment.len + 1 > sizeof text) {
    err->code = PLUG_ETOOBIG;
    snprintf(err->text, sizeof err->text, "a segment is longer than %zu bytes", sizeof text - 1);
    return NULL;
  }
  text[0] = '/';
  memcpy(text + 1, segment.ptr, segment.len);
  return pattern_compile(str_from(text, segment.len + 1), err);
}

/* Does the one-segment pattern match this literal? */
static bool segment_matches(const struct pattern *pattern, struct plug_str literal)
{
  char text[1024];
  if (literal.len + 1 > sizeof text)
    return false;
  text[0] = '/';
  memcpy(text + 1, literal.ptr, literal.len);
  return pattern_match(pattern, str_from(text, literal.len + 1));
}

/* --- making ------------------------------------------------------------------------------- */

static bool fail(struct plug_err *err, int32_t code, const char *why)
{
  err->code = code;
  snprintf(err->text, sizeof err->text, "%s", why);
  return false;
}

static bool add_segments(struct shape *shape, struct plug_err *err)
{
  struct plug_str segment;
  for (size_t at = 0; next_segment(shape->text, &at, &segment);) {
    struct segment *mine = &shape->segments[shape->n_segments++];
    *mine = (struct segment){
        .kind = kind_of(segment), .star = str_eq(segment, STR("*")), .text = segment};
    if (mine->kind == KIND_COMPLEX && !(mine->pattern = compile_segment(segment, err)))
      return false;
  }
  return true;
}

static bool add_variables(struct shape *shape, struct plug_err *err)
{
  for (size_t i = 0; i < shape->n_segments; i++) {
    struct plug_str name;
    if (shape->segments[i].kind == KIND_DEEP || !is_variable(shape->segments[i].text, &name))
      continue;
    for (size_t k = 0; k < shape->n_variables; k++)
      if (str_eq(shape->variables[k].name, name))
        return fail(err, PLUG_EINVAL, "the pattern has two variables of one name");
    if (shape->n_variables == SHAPE_VARIABLES_MAX)
      return fail(err, PLUG_ETOOBIG, "the pattern has more than 8 variables");
    bool deep_before = false, deep_behind = false;
    for (size_t k = 0; k < shape->n_segments; k++)
      if (shape->segments[k].kind == KIND_DEEP)
        *(k < i ? &deep_before : &deep_behind) = true;
    struct variable *variable = &shape->variables[shape->n_variables++];
    variable->name = name;
    variable->from_end = deep_before;
    variable->index = deep_before && deep_behind ? SIZE_MAX
                      : deep_before              ? shape->n_segments - 1 - i
                                                 : i;
  }
  return true;
}

struct shape *shape_new(struct plug_str text, struct plug_err *err)
{
  size_t n = 0;
  struct plug_str segment;
  for (size_t at = 0; next_segment(text, &at, &segment);)
    n++;
  if (n > SHAPE_SEGMENTS_MAX) {
    fail(err, PLUG_ETOOBIG, "the pattern has more than 64 segments");
    return NULL;
  }
  struct shape *shape = calloc(1, sizeof *shape + n * sizeof *shape->segments + text.len);
  if (!shape) {
    fail(err, PLUG_ENOMEM, "out of memory");
    return NULL;
  }
  char *copy = (char *)(shape->segments + n);
  if (text.len)
    memcpy(copy, text.ptr, text.len);
  shape->text = str_from(copy, text.len);
  if (text.len == 0 || text.ptr[0] != '/') {
    fail(err, PLUG_EINVAL, "a pattern starts with a slash");
    goto free_shape;
  }
  shape->pattern = pattern_compile(shape->text, err);
  if (shape->pattern && add_segments(shape, err) && add_variables(shape, err))
    return shape;
free_shape:
  shape_free(shape);
  return NULL;
}

void shape_free(struct shape *shape)
{
  if (!shape)
    return;
  for (size_t i = 0; i < shape->n_segments; i++)
    pattern_free(shape->segments[i].pattern);
  pattern_free(shape->pattern);
  free(shape);
}

struct plug_str shape_text(const struct shape *shape)
{
  return shape->text;
}

bool shape_match(const struct shape *shape, struct plug_str destination)
{
  return pattern_match(shape->pattern, destination);
}

/* --- variables ---------------------------------------------------------------------------- */

int shape_variable(const struct shape *shape, struct plug_str name, const char **why)
{
  *why = NULL;
  for (size_t i = 0; i < shape->n_variables; i++) {
    if (!str_eq(shape->variables[i].name, name))
      continue;
    if (shape->variables[i].index != SIZE_MAX)
      return (int)i;
    *why = "stands between two **, where its place is not certain";
    return -1;
  }
  /* A part of a segment? */
  for (size_t i = 0; i + name.len + 1 < shape->text.len; i++)
    if (shape->text.ptr[i] == '{' && memcmp(shape->text.ptr + i + 1, name.ptr, name.len) == 0 &&
        (shape->text.ptr[i + 1 + name.len] == '}' || shape->text.ptr[i + 1 + name.len] == ':'))
      *why = "is not a whole segment of the pattern";
  return -1;
}

bool shape_value(const struct shape *shape, int variable, struct plug_str destination,
                 struct plug_str *value)
{
  const struct variable *v = &shape->variables[variable];
  size_t index = v->index, n = 0;
  bool is_pattern = pattern_is(destination);
  struct plug_str segment;
  if (v->from_end) {
    for (size_t at = 0; next_segment(destination, &at, &segment);)
      n++;
    if (n <= v->index)
      return false;
    index = n - 1 - v->index;
  }
  n = 0;
  bool found = false;
  for (size_t at = 0; next_segment(destination, &at, &segment); n++) {
    /* With a ** in the pattern places are not certain behind it, nor before it from the end. */
    if (is_pattern && str_eq(segment, STR("**")) && (v->from_end ? n >= index : n <= index))
      return false;
    if (n == index) {
      *value = segment;
      found = !is_pattern || !pattern_is(segment);
    }
  }
  return found;
}

/* --- comparing ---------------------------------------------------------------------------- */

/* What a client's pattern consists of; the segments' texts are slices of it. */
static bool segment_covers(const struct segment *mine, struct plug_str theirs, enum kind kind)
{
  if (mine->kind == KIND_ANY)
    return true;
  if (mine->kind == KIND_LITERAL)
    return kind == KIND_LITERAL && str_eq(mine->text, theirs);
  if (kind == KIND_LITERAL)
    return segment_matches(mine->pattern, theirs);
  return str_eq(mine->text, theirs);
}

static bool segment_meets(const struct segment *mine, struct plug_str theirs, enum kind kind)
{
  if (mine->kind == KIND_ANY || kind == KIND_ANY)
    return true;
  if (mine->kind == KIND_LITERAL && kind == KIND_LITERAL)
    return str_eq(mine->text, theirs);
  if (kind == KIND_LITERAL)
    return segment_matches(mine->pattern, theirs);
  if (mine->kind == KIND_LITERAL) {
    struct plug_err err;
    struct pattern *pattern = compile_segment(theirs, &err);
    bool meets = !pattern || segment_matches(pattern, mine->text);
    pattern_free(pattern);
    return meets;
  }
  return true;
}

/* row[i] after j segments of theirs: the first i of mine can (meets) or certainly do (covers) stand
 * for them. covers_all: a ** of theirs is only absorbed by one of mine. */
struct row {
  bool at[SHAPE_SEGMENTS_MAX + 1];
};

static void skip_deep(const struct shape *shape, struct row *row)
{
  for (size_t i = 0; i < shape->n_segments; i++)
    if (row->at[i] && shape->segments[i].kind == KIND_DEEP)
      row->at[i + 1] = true;
}

static struct row step(const struct shape *shape, const struct row *from, struct plug_str theirs,
                       bool covers)
{
  enum kind kind = kind_of(theirs);
  struct row to = {{false}};
  for (size_t i = 0; i <= shape->n_segments; i++) {
    if (!from->at[i])
      continue;
    const struct segment *mine = i < shape->n_segments ? &shape->segments[i] : NULL;
    if (mine && mine->kind == KIND_DEEP) {
      to.at[i] = true;
    } else if (kind == KIND_DEEP) {
      /* It may stand for nothing and for any of mine that follow. */
      for (size_t k = i; !covers && k <= shape->n_segments; k++)
        to.at[k] = true;
    } else if (mine &&
               (covers ? segment_covers(mine, theirs, kind) : segment_meets(mine, theirs, kind))) {
      to.at[i + 1] = true;
    }
  }
  skip_deep(shape, &to);
  return to;
}

/* The row before the last segment of the pattern, too, if it is wanted. */
static struct row walk(const struct shape *shape, struct plug_str pattern, bool covers,
                       struct row *before_last)
{
  struct row row = {{false}};
  struct plug_str segment;
  row.at[0] = true;
  skip_deep(shape, &row);
  for (size_t at = 0; next_segment(pattern, &at, &segment);) {
    if (before_last)
      *before_last = row;
    row = step(shape, &row, segment, covers);
  }
  return row;
}

static bool ends_with_star(struct plug_str pattern)
{
  while (ends_with_slash(pattern))
    pattern.len--;
  return pattern.len > 1 && pattern.ptr[pattern.len - 1] == '*' &&
         pattern.ptr[pattern.len - 2] == '/';
}

/* Slashes at the end, as pattern_match takes them. */
static bool ends_are_covered(const struct shape *shape, struct plug_str pattern)
{
  const struct segment *last = shape->n_segments ? &shape->segments[shape->n_segments - 1] : NULL;
  if (last && last->kind == KIND_DEEP)
    return true;
  struct plug_str segment, theirs = STR("");
  bool deep = false, my_deep = false;
  for (size_t at = 0; next_segment(pattern, &at, &segment);) {
    theirs = segment;
    deep = deep || str_eq(segment, STR("**"));
  }
  for (size_t i = 0; i < shape->n_segments; i++)
    my_deep = my_deep || shape->segments[i].kind == KIND_DEEP;
  if (str_eq(theirs, STR("**")) || ends_with_slash(shape->text) != ends_with_slash(pattern))
    return false;
  /* Their "/a/" followed by a star matches "/a/", which of mine only the like does. */
  if (str_eq(theirs, STR("*")) && !deep)
    return last && last->star && !my_deep;
  return true;
}

bool shape_covers(const struct shape *shape, struct plug_str pattern)
{
  return pattern.len && pattern.ptr[0] == '/' &&
         walk(shape, pattern, true, NULL).at[shape->n_segments] && ends_are_covered(shape, pattern);
}

bool shape_meets(const struct shape *shape, struct plug_str pattern)
{
  size_t n = shape->n_segments;
  struct row before_last = {{false}};
  struct row row = walk(shape, pattern, false, &before_last);
  /* A star at the end also stands for nothing after a slash. */
  bool star = n && shape->segments[n - 1].star;
  bool meets = row.at[n] || (star && row.at[n - 1]);
  if (ends_with_star(pattern))
    meets = meets || before_last.at[n] || (star && before_last.at[n - 1]);
  return meets;
}

bool shape_meets_prefix(const struct shape *shape, struct plug_str prefix)
{
  struct row row = {{false}};
  struct plug_str segment;
  row.at[0] = true;
  skip_deep(shape, &row);
  for (size_t at = 0; next_segment(prefix, &at, &segment);)
    row = step(shape, &row, segment, false);
  for (size_t i = 0; i <= shape->n_segments; i++)
    if (row.at[i])
      return true;
  return false;
}
