/* A rule, a newline, a pattern, a newline, a destination. What is parsed is judged, and what shapes
 * say of patterns is compared with what both match: a shape that covers a pattern matches all that
 * the pattern does, and one that does not meet it nothing of that. */
#include <stdlib.h>

#include "access/rule.h"
#include "base/str.h"

static bool always(const void *ctx, unsigned action, struct plug_str destination)
{
  (void)ctx, (void)action, (void)destination;
  return true;
}

static void compare(const struct rule *rule, struct plug_str text, struct plug_str destination)
{
  struct plug_err err;
  struct pattern *pattern = pattern_compile(text, &err);
  if (!pattern)
    return;
  bool covers = shape_covers(rule->shape, text), meets = shape_meets(rule->shape, text);
  bool mine = shape_match(rule->shape, destination), theirs = pattern_match(pattern, destination);
  if (covers && theirs && !mine)
    abort();
  if (!meets && theirs && mine)
    abort();
  pattern_free(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct plug_str rest = str_from((const char *)data, size), text, pattern;
  const char *end = size ? memchr(data, '\n', size) : NULL;
  if (!end)
    return 0;
  text = str_from(rest.ptr, (size_t)(end - rest.ptr));
  rest = str_from(end + 1, rest.len - text.len - 1);
  end = rest.len ? memchr(rest.ptr, '\n', rest.len) : NULL;
  if (!end)
    return 0;
  pattern = str_from(rest.ptr, (size_t)(end - rest.ptr));
  rest = str_from(end + 1, rest.len - pattern.len - 1);
  if (memchr(text.ptr, '\0', text.len))
    return 0; /* the configuration's lines have none */

  struct plug_err err = {0};
  struct rule *rule = rule_new(STR("name"), text, "file", 1, &err);
  if (!rule) {
    if (!err.text[0])
      abort();
    return 0;
  }
  if (!rule->actions || !rule->n_terms)
    abort();
  struct plug_str roles[] = {STR("A"), STR("B")};
  struct plug_kv attrs[] = {{STR("id"), STR("1")}, {STR("id"), STR("2")}};
  struct plug_identity who = {.size = sizeof who,
                              .user = STR("alice"),
                              .roles = roles,
                              .n_roles = 2,
                              .attrs = attrs,
                              .n_attrs = 2};
  struct rule_subject known = {&who, always, NULL}, nobody = {NULL, always, NULL};
  if (shape_match(rule->shape, rest)) {
    rule_judge(rule, &known, ACTION_SEND, rest);
    rule_judge(rule, &nobody, ACTION_SUBSCRIBE, rest);
  }
  if (pattern_is(pattern) && shape_meets(rule->shape, pattern))
    rule_judge(rule, &known, ACTION_SUBSCRIBE_PATTERN, pattern);
  compare(rule, pattern, rest);
  rule_free(rule);
  return 0;
}
