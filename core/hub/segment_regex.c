#include "hub/segment_regex.h"

#include "base/str.h"

#define CODE_POINTS 0x110000u
#define REPEAT_MAX  100u
#define UNBOUNDED   UINT32_MAX
/* Every byte makes at most two nodes (itself and a concatenation), plus the root's. */
#define NODES_MAX   (2 * SEGMENT_REGEX_TEXT_MAX + 8)

enum op {
  OP_CHAR, /* y: code point */
  OP_ANY,
  OP_SET,     /* y ranges from x */
  OP_NOT_SET, /* none of y ranges from x */
  OP_SPLIT,   /* to x and to y */
  OP_JUMP,    /* to x */
  OP_BEGIN,
  OP_END,
  OP_MATCH,
};

enum node_type { NODE_EMPTY, NODE_INSN, NODE_CAT, NODE_ALT, NODE_REPEAT };

struct node {
  enum node_type type;
  uint16_t left, right;
  uint32_t min, max;
  struct segment_regex_insn insn;
};

struct parser {
  struct segment_regex_builder *builder;
  struct plug_str text;
  size_t at;
  const char *why;
  size_t n_nodes;
  struct node nodes[NODES_MAX];
};

static const char *const too_large = "the expressions of the pattern are too large";

uint32_t segment_regex_next_char(struct plug_str text, size_t *at)
{
  const unsigned char *p = (const unsigned char *)text.ptr + *at;
  size_t left = text.len - *at;
  unsigned more = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : p[0] < 0xf5 ? 3 : 0;
  *at += 1;
  if (p[0] < 0x80)
    return p[0];
  if (more == 0 || left <= more)
    return CODE_POINTS + p[0];
  uint32_t c = p[0] & (0x3fu >> more);
  for (unsigned i = 1; i <= more; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return CODE_POINTS + p[0];
    c = c << 6 | (p[i] & 0x3fu);
  }
  static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
  if (c < least[more] || c >= CODE_POINTS || (c >= 0xd800 && c < 0xe000))
    return CODE_POINTS + p[0];
  *at += more;
  return c;
}

static bool emit(struct segment_regex_builder *b, enum op op, unsigned x, uint32_t y)
{
  if (b->n_code == SEGMENT_REGEX_CODE_MAX)
    return false;
  b->code[b->n_code++] = (struct segment_regex_insn){(uint16_t)op, (uint16_t)x, y};
  return true;
}

static bool add_range(struct segment_regex_builder *b, uint32_t low, uint32_t high)
{
  if (b->n_ranges == SEGMENT_REGEX_RANGES_MAX)
    return false;
  b->ranges[b->n_ranges++] = (struct segment_regex_range){low, high};
  return true;
}

/* --- parsing ------------------------------------------------------------------------------ */

static bool fail(struct parser *p, const char *why)
{
  if (!p->why)
    p->why = why;
  return false;
}

static bool at_end(const struct parser *p)
{
  return p->at == p->text.len;
}

static bool peek_is(const struct parser *p, char c)
{
  return !at_end(p) && p->text.ptr[p->at] == c;
}

static bool take(struct parser *p, char c)
{
  if (!peek_is(p, c))
    return false;
  p->at++;
  return true;
}

static bool node_new(struct parser *p, struct node node, uint16_t *out)
{
  if (p->n_nodes == NODES_MAX)
    return fail(p, too_large);
  *out = (uint16_t)p->n_nodes;
  p->nodes[p->n_nodes++] = node;
  return true;
}

static bool insn_node(struct parser *p, enum op op, unsigned x, uint32_t y, uint16_t *out)
{
  struct node node = {.type = NODE_INSN, .insn = {(uint16_t)op, (uint16_t)x, y}};
  return node_new(p, node, out);
}

/* Adds the ranges of \d, \w or \s, in which case an upper-case letter means their complement. */
static bool add_named_set(struct parser *p, char name)
{
  static const struct segment_regex_range digit[] = {{'0', '9'}},
                                          word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
                                          space[] = {{'\t', '\r'}, {' ', ' '}};
  const struct segment_regex_range *ranges = digit;
  size_t n = 1;
  if (name == 'w' || name == 'W') {
    ranges = word;
    n = sizeof word / sizeof word[0];
  } else if (name == 's' || name == 'S') {
    ranges = space;
    n = sizeof space / sizeof space[0];
  }
  bool complement = name >= 'A' && name <= 'Z', ok = true;
  uint32_t next = 0;
  for (size_t i = 0; i < n; i++) {
    if (!complement) {
      ok = ok && add_range(p->builder, ranges[i].low, ranges[i].high);
    } else {
      if (ranges[i].low > next)
        ok = ok && add_range(p->builder, next, ranges[i].low - 1);
      next = ranges[i].high + 1;
    }
  }
  if (complement)
    ok = ok && add_range(p->builder, next, UINT32_MAX);
  return ok || fail(p, too_large);
}

static bool is_named_set(char c)
{
  return c == 'd' || c == 'D' || c == 'w' || c == 'W' || c == 's' || c == 'S';
}

/* What follows a backslash: a named set (*name is its letter), or one character (*name is 0). */
static bool parse_escape(struct parser *p, char *name, uint32_t *c)
{
  if (at_end(p))
    return fail(p, "the expression ends with a backslash");
  char next = p->text.ptr[p->at];
  *name = 0;
  if (is_named_set(next)) {
    *name = next;
    p->at++;
    return true;
  }
  if ((next >= '0' && next <= '9') || (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z'))
    return fail(p, "of the escapes only \\d \\w \\s \\D \\W \\S and escaped punctuation are known");
  *c = segment_regex_next_char(p->text, &p->at);
  return true;
}

static bool parse_set(struct parser *p, uint16_t *out)
{
  bool negated = take(p, '^');
  uint16_t first = p->builder->n_ranges;
  for (bool empty = true; empty || !peek_is(p, ']'); empty = false) {
    if (at_end(p))
      return fail(p, "a '[' is not closed");
    if (peek_is(p, '['))
      return fail(p, "a set within a set is not supported; escape the '['");
    if (peek_is(p, ']'))
      return fail(p, "a set is empty; escape a ']' that belongs to it");
    if (peek_is(p, '&') && p->at + 1 < p->text.len && p->text.ptr[p->at + 1] == '&')
      return fail(p, "'&&' is not supported in a set");
    char name = 0;
    uint32_t low = 0, high;
    if (take(p, '\\')) {
      if (!parse_escape(p, &name, &low))
        return false;
      if (name) {
        if (!add_named_set(p, name))
          return false;
        continue;
      }
    } else {
      low = segment_regex_next_char(p->text, &p->at);
    }
    high = low;
    bool last = p->at + 1 >= p->text.len || p->text.ptr[p->at + 1] == ']';
    if (peek_is(p, '-') && !last) {
      p->at++;
      if (peek_is(p, '['))
        return fail(p, "a set within a set is not supported; escape the '['");
      if (take(p, '\\')) {
        if (!parse_escape(p, &name, &high))
          return false;
        if (name)
          return fail(p, "a range in a set ends with a character");
      } else {
        high = segment_regex_next_char(p->text, &p->at);
      }
      if (high < low)
        return fail(p, "a range in a set runs backwards");
    }
    if (!add_range(p->builder, low, high))
      return fail(p, too_large);
  }
  p->at++;
  return insn_node(p, negated ? OP_NOT_SET : OP_SET, first,
                   (uint32_t)(p->builder->n_ranges - first), out);
}

static bool parse_alternatives(struct parser *p, uint16_t *out);

static bool parse_atom(struct parser *p, uint16_t *out)
{
  if (take(p, '(')) {
    if (take(p, '?') && !take(p, ':'))
      return fail(p, "of the groups only ( ) and (?: ) are supported");
    if (!parse_alternatives(p, out))
      return false;
    return take(p, ')') || fail(p, "a '(' is not closed");
  }
  if (take(p, '['))
    return parse_set(p, out);
  if (take(p, '.'))
    return insn_node(p, OP_ANY, 0, 0, out);
  if (take(p, '^'))
    return insn_node(p, OP_BEGIN, 0, 0, out);
  if (take(p, '$'))
    return insn_node(p, OP_END, 0, 0, out);
  if (peek_is(p, '*') || peek_is(p, '+') || peek_is(p, '?') || peek_is(p, '{'))
    return fail(p, "there is nothing to repeat");
  uint32_t c;
  if (take(p, '\\')) {
    char name;
    if (!parse_escape(p, &name, &c))
      return false;
    if (name) {
      uint16_t first = p->builder->n_ranges;
      return add_named_set(p, name) &&
             insn_node(p, OP_SET, first, (uint32_t)(p->builder->n_ranges - first), out);
    }
  } else {
    c = segment_regex_next_char(p->text, &p->at);
  }
  return insn_node(p, OP_CHAR, 0, c, out);
}

static bool parse_number(struct parser *p, uint32_t *out)
{
  size_t start = p->at;
  uint32_t value = 0;
  while (!at_end(p) && p->text.ptr[p->at] >= '0' && p->text.ptr[p->at] <= '9') {
    value = value * 10 + (uint32_t)(p->text.ptr[p->at++] - '0');
    if (value > REPEAT_MAX)
      return fail(p, "a repetition of more than 100 is not supported");
  }
  *out = value;
  return p->at > start || fail(p, "a repetition is written {2}, {2,} or {2,4}");
}

/* A quantifier, if there is one. */
static bool parse_counts(struct parser *p, uint32_t *min, uint32_t *max, bool *found)
{
  *found = true;
  *min = 0;
  *max = UNBOUNDED;
  if (take(p, '*'))
    return true;
  if (take(p, '+')) {
    *min = 1;
    return true;
  }
  if (take(p, '?')) {
    *max = 1;
    return true;
  }
  if (!take(p, '{')) {
    *found = false;
    return true;
  }
  if (!parse_number(p, min))
    return false;
  *max = *min;
  if (take(p, ',')) {
    *max = UNBOUNDED;
    if (!peek_is(p, '}') && !parse_number(p, max))
      return false;
  }
  if (!take(p, '}') || *max < *min)
    return fail(p, "a repetition is written {2}, {2,} or {2,4}");
  return true;
}

static bool parse_repeated(struct parser *p, uint16_t *out)
{
  uint32_t min, max;
  bool found;
  if (!parse_atom(p, out) || !parse_counts(p, &min, &max, &found))
    return false;
  if (!found)
    return true;
  take(p, '?'); /* lazy: the same texts match */
  if (peek_is(p, '*') || peek_is(p, '+') || peek_is(p, '?') || peek_is(p, '{'))
    return fail(p, "a repetition cannot be repeated; put it into a group");
  struct node node = {.type = NODE_REPEAT, .left = *out, .min = min, .max = max};
  return node_new(p, node, out);
}

static bool parse_sequence(struct parser *p, uint16_t *out)
{
  bool first = true;
  while (!at_end(p) && !peek_is(p, '|') && !peek_is(p, ')')) {
    uint16_t item = 0;
    if (!parse_repeated(p, &item))
      return false;
    struct node node = {.type = NODE_CAT, .left = *out, .right = item};
    if (first)
      *out = item;
    else if (!node_new(p, node, out))
      return false;
    first = false;
  }
  return !first || node_new(p, (struct node){.type = NODE_EMPTY}, out);
}

/* Groups nest at most as deep as the text is long, which bounds the recursion here and in put. */
static bool parse_alternatives(struct parser *p, uint16_t *out)
{
  if (!parse_sequence(p, out))
    return false;
  while (take(p, '|')) {
    uint16_t right;
    if (!parse_sequence(p, &right))
      return false;
    struct node node = {.type = NODE_ALT, .left = *out, .right = right};
    if (!node_new(p, node, out))
      return false;
  }
  return true;
}

/* --- code --------------------------------------------------------------------------------- */

static bool put(const struct parser *p, uint16_t index);

/* One or none. */
static bool put_optional(const struct parser *p, uint16_t index)
{
  struct segment_regex_builder *b = p->builder;
  uint16_t split = b->n_code;
  if (!emit(b, OP_SPLIT, split + 1u, 0) || !put(p, index))
    return false;
  b->code[split].y = b->n_code;
  return true;
}

static bool put_repeat(const struct parser *p, const struct node *node)
{
  struct segment_regex_builder *b = p->builder;
  bool unbounded = node->max == UNBOUNDED;
  uint16_t start = b->n_code;
  for (uint32_t i = 0; i < node->min; i++) {
    start = b->n_code;
    if (!put(p, node->left))
      return false;
  }
  if (unbounded && node->min)
    return emit(b, OP_SPLIT, start, b->n_code + 1u);
  if (unbounded) {
    if (!put_optional(p, node->left) || !emit(b, OP_JUMP, start, 0))
      return false;
    b->code[start].y = b->n_code;
    return true;
  }
  for (uint32_t i = node->min; i < node->max; i++)
    if (!put_optional(p, node->left))
      return false;
  return node->max > 0 || emit(b, OP_JUMP, b->n_code + 1u, 0);
}

/* Always emits something, also for what matches nothing, so that the limit of instructions bounds
 * the work of nested repetitions. */
static bool put(const struct parser *p, uint16_t index)
{
  const struct node *node = &p->nodes[index];
  struct segment_regex_builder *b = p->builder;
  uint16_t split, jump;
  switch (node->type) {
  case NODE_EMPTY:
    return emit(b, OP_JUMP, b->n_code + 1u, 0);
  case NODE_INSN:
    return emit(b, (enum op)node->insn.op, node->insn.x, node->insn.y);
  case NODE_CAT:
    return put(p, node->left) && put(p, node->right);
  case NODE_REPEAT:
    return put_repeat(p, node);
  case NODE_ALT:
    split = b->n_code;
    if (!emit(b, OP_SPLIT, split + 1u, 0) || !put(p, node->left))
      return false;
    jump = b->n_code;
    if (!emit(b, OP_JUMP, 0, 0))
      return false;
    b->code[split].y = b->n_code;
    if (!put(p, node->right))
      return false;
    b->code[jump].x = b->n_code;
    return true;
  }
  return false;
}

static bool said(bool ok, const char **why)
{
  if (!ok)
    *why = too_large;
  return ok;
}

bool segment_regex_add_literal(struct segment_regex_builder *b, struct plug_str text,
                               const char **why)
{
  bool ok = true;
  for (size_t at = 0; ok && at < text.len;)
    ok = emit(b, OP_CHAR, 0, segment_regex_next_char(text, &at));
  return said(ok, why);
}

bool segment_regex_add_any(struct segment_regex_builder *b, const char **why)
{
  return said(emit(b, OP_ANY, 0, 0), why);
}

bool segment_regex_add_any_run(struct segment_regex_builder *b, const char **why)
{
  uint16_t start = b->n_code;
  return said(emit(b, OP_SPLIT, start + 1u, start + 3u) && emit(b, OP_ANY, 0, 0) &&
                  emit(b, OP_JUMP, start, 0),
              why);
}

bool segment_regex_add(struct segment_regex_builder *b, struct plug_str regex, const char **why)
{
  struct parser p; /* nodes are written before they are read */
  uint16_t root = 0;
  p.builder = b;
  p.text = regex;
  p.at = 0;
  p.why = NULL;
  p.n_nodes = 0;
  if (regex.len > SEGMENT_REGEX_TEXT_MAX)
    fail(&p, "an expression is longer than 128 bytes");
  else if (parse_alternatives(&p, &root) && !at_end(&p))
    fail(&p, "a ')' closes no group");
  else if (!p.why && !put(&p, root))
    fail(&p, too_large);
  if (p.why)
    *why = p.why;
  return !p.why;
}

bool segment_regex_end(struct segment_regex_builder *b, const char **why)
{
  return said(emit(b, OP_MATCH, 0, 0), why);
}

/* --- matching ----------------------------------------------------------------------------- */

struct states {
  uint16_t items[SEGMENT_REGEX_CODE_MAX];
  unsigned n;
};

struct run {
  const struct segment_regex_insn *code;
  bool at_begin, at_end;
  bool matched;
  unsigned step;
  uint64_t taken; /* instructions that were looked at, ranges of sets among them */
  unsigned seen[SEGMENT_REGEX_CODE_MAX]; /* the step in which the instruction was last added */
};

/* Adds the instruction at pc and all that is reached from it without reading a character. */
static void add_state(struct run *run, struct states *states, unsigned pc)
{
  /* An instruction is expanded once per step, and only a split adds one entry more than it takes.
   */
  uint16_t stack[SEGMENT_REGEX_CODE_MAX + 1];
  unsigned n = 0;
  stack[n++] = (uint16_t)pc;
  while (n) {
    pc = stack[--n];
    run->taken++;
    if (run->seen[pc] == run->step)
      continue;
    run->seen[pc] = run->step;
    const struct segment_regex_insn *insn = &run->code[pc];
    switch ((enum op)insn->op) {
    case OP_SPLIT:
      stack[n++] = (uint16_t)insn->y;
      stack[n++] = insn->x;
      break;
    case OP_JUMP:
      stack[n++] = insn->x;
      break;
    case OP_BEGIN:
      if (run->at_begin)
        stack[n++] = (uint16_t)(pc + 1);
      break;
    case OP_END:
      if (run->at_end)
        stack[n++] = (uint16_t)(pc + 1);
      break;
    case OP_MATCH:
      run->matched = true;
      break;
    default:
      states->items[states->n++] = (uint16_t)pc;
    }
  }
}

static bool reads(const struct segment_regex_insn *insn, const struct segment_regex_range *ranges,
                  uint32_t c)
{
  if (insn->op == OP_CHAR)
    return insn->y == c;
  if (insn->op == OP_ANY)
    return true;
  bool in = false;
  for (uint32_t i = 0; i < insn->y && !in; i++)
    in = c >= ranges[insn->x + i].low && c <= ranges[insn->x + i].high;
  return in == (insn->op == OP_SET);
}

bool segment_regex_match(const struct segment_regex_insn *code,
                         const struct segment_regex_range *ranges, uint16_t start,
                         struct plug_str text, uint64_t *left)
{
  struct states lists[2];
  struct states *now = &lists[0], *next = &lists[1];
  struct run run = {.code = code, .at_begin = true, .at_end = text.len == 0, .step = 1};
  now->n = 0;
  add_state(&run, now, start);
  for (size_t at = 0; at < text.len && now->n;) {
    uint32_t c = segment_regex_next_char(text, &at);
    run.at_begin = false;
    run.at_end = at == text.len;
    run.matched = false;
    run.step++;
    next->n = 0;
    for (unsigned i = 0; i < now->n; i++) {
      const struct segment_regex_insn *insn = &code[now->items[i]];
      run.taken += 1 + (insn->op == OP_SET || insn->op == OP_NOT_SET ? insn->y / 4 : 0);
      if (reads(insn, ranges, c))
        add_state(&run, next, now->items[i] + 1u);
    }
    if (run.taken >= *left) {
      *left = 0;
      return false;
    }
    struct states *swap = now;
    now = next;
    next = swap;
    if (run.at_end)
      break;
  }
  *left = *left > run.taken ? *left - run.taken : 0;
  return *left && run.at_end && run.matched;
}
