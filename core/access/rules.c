#include "access/rules.h"

#include <stdlib.h>

#include "base/str.h"
#include "config/fault.h"

/* --- loading ------------------------------------------------------------------------------ */

static bool meets_any(const struct rule *rule, const struct destination_prefixes *prefixes)
{
  for (size_t i = 0; i < prefixes->n; i++)
    if (shape_meets_prefix(rule->shape, prefixes->items[i]))
      return true;
  return false;
}

/* Can the condition hold for anybody? */
static bool needs_identity(const struct rule *rule)
{
  bool all_need = false;
  for (size_t i = 0; i < rule->n_terms; i++) {
    const struct term *term = &rule->terms[i];
    if (term->starts_all) {
      if (i && !all_need)
        return false;
      all_need = false;
    }
    if (term->kind == TERM_EQUAL)
      all_need = all_need || term->left.kind == SIDE_USER || term->left.kind == SIDE_CLAIM ||
                 term->right.kind == SIDE_USER || term->right.kind == SIDE_CLAIM;
    else
      all_need = all_need || (term->kind != TERM_ANYONE && term->kind != TERM_NOBODY);
  }
  return all_need;
}

/* Why the rule can never match for this action, or NULL. */
static const char *dead_by_prefix(const struct rule *rule, const struct rules_world *world,
                                  unsigned action)
{
  const struct destination_rules *destinations = world->destinations;
  bool open = false;
  for (size_t i = 0; i == 0 || i < world->n_destinations; i++) {
    if (destinations[i].spring) /* its prefixes need not end at a slash */
      return NULL;
    open = open || meets_any(rule, &destinations[i].client_send);
  }
  bool app = meets_any(rule, &destinations->app);
  bool user = destinations->user.len && shape_meets_prefix(rule->shape, destinations->user);
  if (action == ACTION_SUBSCRIBE_PATTERN && !world->patterns)
    return "pattern subscriptions are switched off ([destinations] patterns)";
  if (!app && !user && !meets_any(rule, &destinations->broker))
    return "its pattern lies outside every prefix of [destinations]";
  if (action == ACTION_SEND && !app && !open)
    return "clients may not SEND there ([destinations] client-send)";
  return NULL;
}

static plug_status check(const struct rules *rules, const struct rule *rule,
                         const struct rules_world *world, struct plug_err *err)
{
  if (!world->authenticates && needs_identity(rule))
    return fault_at(err, rule->file, rule->line,
                    "[access] %.*s: its condition can never hold: there is no auth plugin ([auth] "
                    "plugins)",
                    STR_ARG(rule->name));
  for (unsigned action = ACTION_SUBSCRIBE; action <= ACTION_SEND; action <<= 1) {
    if (!(rule->actions & action))
      continue;
    const char *dead = dead_by_prefix(rule, world, action);
    if (dead)
      return fault_at(err, rule->file, rule->line, "[access] %.*s can never match %s: %s",
                      STR_ARG(rule->name), rule_action_text(action), dead);
    for (size_t i = 0; i < rules->n; i++)
      if ((rules->items[i]->actions & action) &&
          shape_covers(rules->items[i]->shape, shape_text(rule->shape)))
        return fault_at(err, rule->file, rule->line,
                        "[access] %.*s can never match %s: %.*s in line %d comes first and "
                        "matches all that it does",
                        STR_ARG(rule->name), rule_action_text(action),
                        STR_ARG(rules->items[i]->name), rules->items[i]->line);
  }
  return PLUG_OK;
}

static plug_status add(struct rules *rules, const struct config_entry *entry,
                       const struct rules_world *world, struct plug_err *err)
{
  struct plug_err why = {0};
  struct rule *rule =
      rule_new(str_of(entry->key), str_of(entry->value), entry->file, entry->line, &why);
  if (!rule)
    return fault_at(err, entry->file, entry->line, "[access] %s: %s", entry->key, why.text);
  plug_status status = check(rules, rule, world, err);
  if (status != PLUG_OK) {
    rule_free(rule);
    return status;
  }
  rules->asks = rules->asks || rule_uses(rule, TERM_PLUGIN);
  rules->items[rules->n++] = rule;
  return PLUG_OK;
}

plug_status rules_load(struct rules *rules, const struct config_section *section,
                       const struct rules_world *world, struct plug_err *err)
{
  *rules = (struct rules){.default_allow = section == NULL};
  if (!section)
    return PLUG_OK;
  size_t n = 0;
  const struct list *head = &section->entries;
  for (const struct list *link = head->next; link != head; link = link->next)
    n++;
  if (!n && !section->damaged)
    return fault_at(err, section->file, section->line,
                    "[access] has no rules, which denies everything to everybody; without the "
                    "section [destinations] decides");
  rules->items = calloc(n + 1, sizeof(struct rule *));
  if (!rules->items)
    return fault_no_memory(err);
  for (const struct list *link = head->next; link != head; link = link->next) {
    plug_status status =
        add(rules, container_of(link, const struct config_entry, link), world, err);
    if (status != PLUG_OK) {
      rules_fini(rules);
      return status;
    }
  }
  return PLUG_OK;
}

void rules_fini(struct rules *rules)
{
  for (size_t i = 0; i < rules->n; i++)
    rule_free(rules->items[i]);
  free(rules->items);
  *rules = (struct rules){0};
}

/* --- judging ------------------------------------------------------------------------------ */

static enum rule_verdict judge_default(const struct rules *rules,
                                       const struct rule_subject *subject, unsigned action,
                                       struct plug_str destination)
{
  const struct plug_identity *who = subject->who;
  if (!rules->default_allow)
    return RULE_DENY;
  if (!who || (!(who->flags & PLUG_IDENTITY_LIMITED) && !who->n_permissions))
    return RULE_ALLOW;
  return subject->permitted(subject->ctx, action, destination) ? RULE_ALLOW : RULE_DENY;
}

static enum rule_verdict judge_pattern(const struct rules *rules,
                                       const struct rule_subject *subject, unsigned action,
                                       struct plug_str pattern, const struct rule **by)
{
  bool ask = false;
  for (size_t i = 0; i < rules->n; i++) {
    const struct rule *rule = rules->items[i];
    if (!(rule->actions & action) || !shape_meets(rule->shape, pattern))
      continue;
    enum rule_verdict verdict = rule_judge(rule, subject, action, pattern);
    *by = rule;
    if (verdict == RULE_DENY)
      return RULE_DENY;
    ask = ask || verdict == RULE_ASK;
    if (shape_covers(rule->shape, pattern))
      return ask ? RULE_ASK : RULE_ALLOW;
  }
  *by = NULL; /* something of it is left that no rule matches */
  return RULE_DENY;
}

static enum rule_verdict judge(const struct rules *rules, const struct rule_subject *subject,
                               unsigned action, struct plug_str destination, bool is_pattern,
                               const struct rule **by)
{
  if (!rules->n)
    return judge_default(rules, subject, action, destination);
  if (is_pattern) {
    enum rule_verdict right =
        judge_pattern(rules, subject, ACTION_SUBSCRIBE_PATTERN, destination, by);
    if (right == RULE_DENY)
      return right;
    enum rule_verdict each = judge_pattern(rules, subject, ACTION_SUBSCRIBE, destination, by);
    return each == RULE_ALLOW ? right : each;
  }
  for (size_t i = 0; i < rules->n; i++) {
    const struct rule *rule = rules->items[i];
    if (!(rule->actions & action) || !shape_match(rule->shape, destination))
      continue;
    *by = rule;
    return rule_judge(rule, subject, action, destination);
  }
  return RULE_DENY;
}

enum rule_verdict rules_judge(const struct rules *rules, const struct rule_subject *subject,
                              unsigned action, struct plug_str destination, bool is_pattern,
                              const struct rule **by)
{
  *by = NULL;
  enum rule_verdict verdict = judge(rules, subject, action, destination, is_pattern, by);
  bool limited = subject->who && (subject->who->flags & PLUG_IDENTITY_LIMITED);
  if (verdict == RULE_DENY || !limited || subject->permitted(subject->ctx, action, destination))
    return verdict;
  *by = NULL;
  return RULE_DENY;
}

/* --- classes ------------------------------------------------------------------------------ */

static void put_text(struct buf *out, struct plug_str text)
{
  buf_put(out, &text.len, sizeof text.len);
  buf_put_str(out, text);
}

static void put_claim(struct buf *out, const struct plug_identity *who, struct plug_str name)
{
  size_t n = 0;
  for (size_t i = 0; i < who->n_attrs; i++)
    n += str_eq(who->attrs[i].key, name);
  buf_put(out, &n, sizeof n);
  for (size_t i = 0; i < who->n_attrs; i++)
    if (str_eq(who->attrs[i].key, name))
      put_text(out, who->attrs[i].value);
}

static void put_permissions(struct buf *out, const struct plug_identity *who)
{
  buf_put(out, &who->n_permissions, sizeof who->n_permissions);
  for (size_t i = 0; i < who->n_permissions; i++) {
    buf_put(out, &who->permissions[i].actions, sizeof who->permissions[i].actions);
    put_text(out, who->permissions[i].pattern);
  }
}

static void put_side(struct buf *out, const struct side *side, const struct plug_identity *who)
{
  if (side->kind == SIDE_USER)
    put_text(out, who->user);
  else if (side->kind == SIDE_CLAIM)
    put_claim(out, who, side->text);
}

/* Answers where these are all that a rule asks, else what is compared. */
static void put_term(struct buf *out, const struct term *term, const struct plug_identity *who)
{
  switch (term->kind) {
  case TERM_ROLE: {
    bool has = false;
    for (size_t i = 0; i < who->n_roles && !has; i++)
      has = str_eq(who->roles[i], term->left.text);
    buf_put_char(out, has ? '1' : '0');
    break;
  }
  case TERM_USER:
    buf_put_char(out, str_eq(who->user, term->left.text) ? '1' : '0');
    break;
  case TERM_EQUAL:
    put_side(out, &term->left, who);
    put_side(out, &term->right, who);
    break;
  case TERM_PERMISSION:
    put_permissions(out, who);
    break;
  default:
    break;
  }
}

bool rules_put_key(const struct rules *rules, const struct plug_identity *who, struct buf *out)
{
  if (!who)
    return true; /* the empty key: nobody */
  bool limited = (who->flags & PLUG_IDENTITY_LIMITED) != 0;
  buf_put_char(out, limited ? 'l' : '-');
  if (!rules->n || limited)
    put_permissions(out, who);
  for (size_t i = 0; i < rules->n; i++)
    for (size_t k = 0; k < rules->items[i]->n_terms; k++)
      put_term(out, &rules->items[i]->terms[k], who);
  return !rules->asks;
}
