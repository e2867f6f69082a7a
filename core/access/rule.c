#include "access/rule.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

/* --- words -------------------------------------------------------------------------------- */

enum word_kind { WORD_NONE, WORD_PLAIN, WORD_QUOTED, WORD_OPEN };

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

/* Takes the next word off *rest. A quoted one ends at the next quote; there are no escapes. */
static enum word_kind next_word(struct plug_str *rest, struct plug_str *word)
{
  size_t i = 0;
  while (i < rest->len && is_blank(rest->ptr[i]))
    i++;
  *rest = str_from(rest->ptr + i, rest->len - i);
  if (!rest->len)
    return WORD_NONE;
  if (rest->ptr[0] == '"') {
    const char *end = memchr(rest->ptr + 1, '"', rest->len - 1);
    if (!end)
      return WORD_OPEN;
    *word = str_from(rest->ptr + 1, (size_t)(end - rest->ptr) - 1);
    *rest = str_from(end + 1, rest->len - word->len - 2);
    if (rest->len && !is_blank(rest->ptr[0]))
      return WORD_OPEN;
    return WORD_QUOTED;
  }
  for (i = 0; i < rest->len && !is_blank(rest->ptr[i]); i++)
    ;
  *word = str_from(rest->ptr, i);
  *rest = str_from(rest->ptr + i, rest->len - i);
  return WORD_PLAIN;
}

/* --- parsing ------------------------------------------------------------------------------ */

struct parser {
  struct plug_str rest;
  struct plug_err *err;
  struct shape *shape;
  struct term terms[RULE_TERMS_MAX];
  size_t n_terms;
};

static bool __attribute__((format(printf, 2, 3))) fail(struct parser *p, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(p->err->text, sizeof p->err->text, format, args);
  va_end(args);
  p->err->code = PLUG_EINVAL;
  return false;
}

/* How much of an operator's text a message quotes. */
static int shown(struct plug_str s)
{
  return (int)(s.len < 60 ? s.len : 60);
}

static const struct {
  const char *text;
  unsigned action;
} actions[] = {
    {"subscribe", ACTION_SUBSCRIBE},
    {"subscribe-pattern", ACTION_SUBSCRIBE_PATTERN},
    {"send", ACTION_SEND},
};

const char *rule_action_text(unsigned action)
{
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
    if (actions[i].action == action)
      return actions[i].text;
  return "?";
}

bool rule_action_find(struct plug_str text, unsigned *action)
{
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
    if (str_eq(text, str_of(actions[i].text))) {
      *action = actions[i].action;
      return true;
    }
  return false;
}

/* The words up to the one that starts with a slash, joined by commas and blanks. */
static bool parse_actions(struct parser *p, unsigned *out, struct plug_str *pattern)
{
  struct plug_str word, item;
  enum word_kind kind;
  *out = 0;
  while ((kind = next_word(&p->rest, &word)) == WORD_PLAIN && word.ptr[0] != '/') {
    while (str_split(&word, ',', &item)) {
      unsigned action;
      if (!item.len)
        continue;
      if (!rule_action_find(item, &action))
        return fail(p, "'%.*s' is no action; there are subscribe, subscribe-pattern and send",
                    shown(item), item.ptr);
      *out |= action;
    }
  }
  if (!*out)
    return fail(p, "a rule starts with subscribe, subscribe-pattern or send");
  if (kind == WORD_NONE)
    return fail(p, "a pattern is missing, which starts with a slash");
  if (kind == WORD_OPEN)
    return fail(p, "a quotation mark has no partner");
  *pattern = word;
  return true;
}

static bool is_operator(struct plug_str word)
{
  return str_eq(word, STR("or")) || str_eq(word, STR("and")) || str_eq(word, STR("==")) ||
         str_eq(word, STR("if"));
}

static bool parse_side(struct parser *p, enum word_kind kind, struct plug_str word,
                       struct side *side)
{
  const struct plug_str claim = STR("claim:");
  *side = (struct side){.kind = SIDE_WORD, .text = word};
  if (kind == WORD_OPEN)
    return fail(p, "a quotation mark has no partner");
  if (kind == WORD_NONE || (kind == WORD_PLAIN && is_operator(word)))
    return fail(p, "something is missing beside '=='");
  if (kind == WORD_QUOTED)
    return true;
  if (str_eq(word, STR("user"))) {
    side->kind = SIDE_USER;
  } else if (str_has_prefix(word, claim)) {
    side->kind = SIDE_CLAIM;
    side->text = str_from(word.ptr + claim.len, word.len - claim.len);
    if (!side->text.len)
      return fail(p, "the name of a claim is missing behind 'claim:'");
  } else if (word.ptr[0] == '{' && word.ptr[word.len - 1] == '}') {
    const char *why;
    side->kind = SIDE_VARIABLE;
    side->text = str_from(word.ptr + 1, word.len - 2);
    side->variable = shape_variable(p->shape, side->text, &why);
    if (side->variable < 0)
      return fail(p, "the variable '%.*s' %s", shown(word), word.ptr,
                  why ? why : "does not stand in the pattern");
  }
  return true;
}

static bool parse_equal(struct parser *p, enum word_kind kind, struct plug_str left,
                        struct term *term)
{
  struct plug_str word;
  term->kind = TERM_EQUAL;
  if (!parse_side(p, kind, left, &term->left))
    return false;
  if (next_word(&p->rest, &word) != WORD_PLAIN || !str_eq(word, STR("==")))
    return fail(p,
                "'%.*s' is no condition; there are anyone, nobody, authenticated, permission, "
                "plugin, user NAME, role NAME and A == B",
                shown(left), left.ptr);
  kind = next_word(&p->rest, &word);
  if (!parse_side(p, kind, word, &term->right))
    return false;
  if (term->left.kind == SIDE_WORD && term->right.kind == SIDE_WORD)
    return fail(p, "both sides of '==' are plain words");
  return true;
}

static bool parse_term(struct parser *p, bool starts_all)
{
  static const struct {
    const char *text;
    enum term_kind kind;
  } plain[] = {{"anyone", TERM_ANYONE},
               {"nobody", TERM_NOBODY},
               {"authenticated", TERM_AUTHENTICATED},
               {"permission", TERM_PERMISSION},
               {"plugin", TERM_PLUGIN}};
  struct plug_str word, next, rest;
  if (p->n_terms == RULE_TERMS_MAX)
    return fail(p, "the condition has more than %d terms", RULE_TERMS_MAX);
  struct term *term = &p->terms[p->n_terms++];
  *term = (struct term){.starts_all = starts_all};
  enum word_kind kind = next_word(&p->rest, &word);
  if (kind == WORD_NONE)
    return fail(p, "a condition is missing at the end");
  if (kind == WORD_PLAIN && is_operator(word))
    return fail(p, "a condition is missing before '%.*s'", shown(word), word.ptr);
  for (size_t i = 0; kind == WORD_PLAIN && i < sizeof plain / sizeof *plain; i++)
    if (str_eq(word, str_of(plain[i].text))) {
      term->kind = plain[i].kind;
      return true;
    }
  bool is_role = kind == WORD_PLAIN && str_eq(word, STR("role"));
  bool is_user = kind == WORD_PLAIN && str_eq(word, STR("user"));
  rest = p->rest;
  if (is_role || (is_user && (next_word(&rest, &next) != WORD_PLAIN || !str_eq(next, STR("=="))))) {
    kind = next_word(&p->rest, &next);
    if (kind == WORD_OPEN)
      return fail(p, "a quotation mark has no partner");
    if (kind == WORD_NONE || (kind == WORD_PLAIN && is_operator(next)))
      return fail(p, "a name is missing behind '%s'", is_role ? "role" : "user");
    term->kind = is_role ? TERM_ROLE : TERM_USER;
    term->left = (struct side){.kind = SIDE_WORD, .text = next};
    return true;
  }
  return parse_equal(p, kind, word, term);
}

static bool parse_condition(struct parser *p)
{
  struct plug_str word = STR("");
  enum word_kind kind = next_word(&p->rest, &word);
  if (kind == WORD_NONE) {
    p->terms[p->n_terms++] = (struct term){.kind = TERM_ANYONE, .starts_all = true};
    return true;
  }
  if (kind != WORD_PLAIN || !str_eq(word, STR("if")))
    return fail(p, "behind the pattern stands 'if' and a condition, or nothing");
  bool starts_all = true;
  for (;;) {
    if (!parse_term(p, starts_all))
      return false;
    kind = next_word(&p->rest, &word);
    if (kind == WORD_NONE)
      return true;
    starts_all = kind == WORD_PLAIN && str_eq(word, STR("or"));
    if (!starts_all && (kind != WORD_PLAIN || !str_eq(word, STR("and"))))
      return fail(p, "between two conditions stands 'and' or 'or', not '%.*s'", shown(word),
                  kind == WORD_OPEN ? "\"" : word.ptr);
  }
}

/* In a pattern such a brace stands for itself. In a rule it is a slip that would make a line that
 * is to close something match nothing. */
static bool has_open_brace(struct plug_str pattern)
{
  bool open = false;
  for (size_t i = 0; i < pattern.len && !(open && pattern.ptr[i] == '/'); i++) {
    if (pattern.ptr[i] == '{')
      open = true;
    else if (pattern.ptr[i] == '}')
      open = false;
  }
  return open;
}

struct rule *rule_new(struct plug_str name, struct plug_str text, const char *file, int line,
                      struct plug_err *err)
{
  struct parser p = {.err = err};
  char *copy = str_dup(text);
  struct rule *rule = NULL;
  struct plug_str pattern;
  unsigned wanted;
  err->text[0] = '\0';
  if (!copy)
    goto no_memory;
  p.rest = str_from(copy, text.len);
  if (!parse_actions(&p, &wanted, &pattern))
    goto free_copy;
  struct plug_err why = {0};
  p.shape = shape_new(pattern, &why);
  if (!p.shape) {
    fail(&p, "bad pattern '%.*s': %.120s", shown(pattern), pattern.ptr, why.text);
    goto free_copy;
  }
  if (has_open_brace(pattern)) {
    fail(&p, "bad pattern '%.*s': a '{' is not closed", shown(pattern), pattern.ptr);
    goto free_copy;
  }
  if (!parse_condition(&p))
    goto free_copy;
  rule = malloc(sizeof *rule + p.n_terms * sizeof *p.terms);
  if (!rule)
    goto no_memory;
  *rule = (struct rule){.name = name,
                        .text = str_from(copy, text.len),
                        .file = file,
                        .line = line,
                        .actions = wanted,
                        .shape = p.shape,
                        .n_terms = p.n_terms};
  memcpy(rule->terms, p.terms, p.n_terms * sizeof *p.terms);
  return rule;

no_memory:
  fail(&p, "out of memory");
free_copy:
  shape_free(p.shape);
  free(copy);
  return NULL;
}

void rule_free(struct rule *rule)
{
  if (!rule)
    return;
  shape_free(rule->shape);
  free((char *)(uintptr_t)rule->text.ptr);
  free(rule);
}

bool rule_uses(const struct rule *rule, enum term_kind kind)
{
  for (size_t i = 0; i < rule->n_terms; i++)
    if (rule->terms[i].kind == kind)
      return true;
  return false;
}

/* --- judging ------------------------------------------------------------------------------ */

static bool has_role(const struct plug_identity *who, struct plug_str role)
{
  for (size_t i = 0; who && i < who->n_roles; i++)
    if (str_eq(who->roles[i], role))
      return true;
  return false;
}

/* The n-th value of a side: a claim may have several. False: there are no more. */
static bool side_value(const struct rule *rule, const struct side *side,
                       const struct plug_identity *who, struct plug_str destination, size_t n,
                       struct plug_str *value)
{
  switch (side->kind) {
  case SIDE_WORD:
    *value = side->text;
    return n == 0;
  case SIDE_VARIABLE:
    return n == 0 && shape_value(rule->shape, side->variable, destination, value);
  case SIDE_USER:
    if (!who || n)
      return false;
    *value = who->user;
    return true;
  case SIDE_CLAIM:
    for (size_t i = 0; who && i < who->n_attrs; i++)
      if (str_eq(who->attrs[i].key, side->text) && n-- == 0) {
        *value = who->attrs[i].value;
        return true;
      }
    return false;
  }
  return false;
}

/* Any value of the one is any value of the other; an empty one equals nothing. */
static bool sides_are_equal(const struct rule *rule, const struct term *term,
                            const struct plug_identity *who, struct plug_str destination)
{
  struct plug_str left, right;
  for (size_t i = 0; side_value(rule, &term->left, who, destination, i, &left); i++)
    for (size_t k = 0; side_value(rule, &term->right, who, destination, k, &right); k++)
      if (left.len && str_eq(left, right))
        return true;
  return false;
}

static enum rule_verdict judge_term(const struct rule *rule, const struct term *term,
                                    const struct rule_subject *subject, unsigned action,
                                    struct plug_str destination)
{
  const struct plug_identity *who = subject->who;
  bool holds = false;
  switch (term->kind) {
  case TERM_ANYONE:
    holds = true;
    break;
  case TERM_NOBODY:
    break;
  case TERM_AUTHENTICATED:
    holds = who != NULL;
    break;
  case TERM_PERMISSION:
    holds = who && subject->permitted && subject->permitted(subject->ctx, action, destination);
    break;
  case TERM_PLUGIN:
    return who ? RULE_ASK : RULE_DENY;
  case TERM_USER:
    holds = who && str_eq(who->user, term->left.text);
    break;
  case TERM_ROLE:
    holds = has_role(who, term->left.text);
    break;
  case TERM_EQUAL:
    holds = sides_are_equal(rule, term, who, destination);
    break;
  }
  return holds ? RULE_ALLOW : RULE_DENY;
}

enum rule_verdict rule_judge(const struct rule *rule, const struct rule_subject *subject,
                             unsigned action, struct plug_str destination)
{
  bool ask = false;
  enum rule_verdict all = RULE_DENY;
  for (size_t i = 0; i < rule->n_terms; i++) {
    const struct term *term = &rule->terms[i];
    if (term->starts_all) {
      if (i && all == RULE_ALLOW)
        return RULE_ALLOW;
      ask = ask || (i && all == RULE_ASK);
      all = RULE_ALLOW;
    }
    if (all == RULE_DENY)
      continue;
    enum rule_verdict verdict = judge_term(rule, term, subject, action, destination);
    if (verdict == RULE_DENY || (verdict == RULE_ASK && all == RULE_ALLOW))
      all = verdict;
  }
  if (all == RULE_ALLOW)
    return RULE_ALLOW;
  return ask || all == RULE_ASK ? RULE_ASK : RULE_DENY;
}
