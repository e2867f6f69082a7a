#include "access/explain.h"

#include <stdlib.h>

#include "access/identity.h"
#include "base/str.h"

struct question {
  const struct explain_request *request;
  struct plug_identity who;
  bool nobody;
  unsigned action;
  struct plug_str destination;
  bool is_pattern;
};

/* Permissions come with tokens, which there are none of here. */
static bool never_permitted(const void *ctx, unsigned action, struct plug_str destination)
{
  (void)ctx, (void)action, (void)destination;
  return false;
}

static void put_rule(struct buf *out, const char *verdict, const struct rule *rule)
{
  buf_putf(out, "%s by rule '%.*s', ", verdict, STR_ARG(rule->name));
  if (rule->line)
    buf_putf(out, "%s:%d: ", rule->file, rule->line);
  else
    buf_putf(out, "%s: ", rule->file);
  buf_put_str(out, rule->text);
  buf_put_char(out, '\n');
}

/* What [destinations] says before any rule is asked; false: it has denied. */
static bool is_open(const struct question *q, struct buf *out)
{
  const struct rules_world *world = q->request->world;
  const char *why;
  if (!destination_valid(q->destination, q->request->max_destination_length, &why)) {
    buf_putf(out, "denied: %s\n", why);
    return false;
  }
  switch (destination_classify(world->destinations, q->destination)) {
  case DESTINATION_NONE:
    buf_putf(out, "denied by [destinations]: the destination is outside every prefix\n");
    return false;
  case DESTINATION_APP:
    return true;
  case DESTINATION_BROKER:
    break;
  }
  if (q->action == ACTION_SEND && !destination_may_send(world->destinations, q->destination)) {
    buf_putf(out, "denied by [destinations]: client-send does not open it to clients\n");
    return false;
  }
  if (q->is_pattern && !world->patterns) {
    buf_putf(out, "denied by [destinations]: patterns are switched off\n");
    return false;
  }
  return true;
}

static plug_status judge(const struct question *q, struct buf *out)
{
  const struct rules *rules = q->request->rules;
  struct rule_subject subject = {.who = q->nobody ? NULL : &q->who, .permitted = never_permitted};
  const struct rule *by;
  if (!is_open(q, out))
    return PLUG_DENY;
  enum rule_verdict verdict =
      rules_judge(rules, &subject, q->action, q->destination, q->is_pattern, &by);
  const char *text = verdict == RULE_ALLOW ? "allowed" : "denied";
  if (verdict == RULE_ASK) {
    put_rule(out, "decided", by);
    buf_putf(out, "which asks the auth plugin when it happens\n");
  } else if (by) {
    put_rule(out, text, by);
    if (verdict == RULE_DENY && rule_uses(by, TERM_PERMISSION))
      buf_putf(out, "unless the client's token has a permission for it\n");
  } else if (rules->default_allow) {
    buf_putf(out, "%s: there is no [access] section, so that [destinations] decides\n", text);
  } else if (q->is_pattern) {
    buf_putf(out, "denied: no rules of [access] cover all that the pattern can match, both for "
                  "subscribe-pattern and for subscribe\n");
  } else {
    buf_putf(out, "denied: no rule of [access] matches\n");
  }
  return verdict == RULE_ALLOW ? PLUG_OK : PLUG_DENY;
}

static plug_status usage(struct buf *out, const char *why, struct plug_str word)
{
  buf_putf(out, "--explain-access: %s%.*s; it takes USER ROLE... ACTION DESTINATION\n", why,
           STR_ARG(word));
  return PLUG_EINVAL;
}

static void add_word(struct question *q, struct plug_str *roles, struct plug_kv *attrs,
                     struct plug_str word)
{
  const struct plug_str claim = STR("claim:");
  const char *equals = word.len ? memchr(word.ptr, '=', word.len) : NULL;
  if (!str_has_prefix(word, claim) || !equals) {
    roles[q->who.n_roles++] = word;
    return;
  }
  size_t at = (size_t)(equals - word.ptr);
  attrs[q->who.n_attrs++] = (struct plug_kv){str_from(word.ptr + claim.len, at - claim.len),
                                             str_from(equals + 1, word.len - at - 1)};
}

plug_status explain_access(const struct explain_request *request, struct buf *out)
{
  size_t n = request->n_words;
  struct question q = {.request = request};
  if (n < 3)
    return usage(out, "too few words", STR(""));
  struct plug_str action = str_of(request->words[n - 2]), user = str_of(request->words[0]);
  q.destination = str_of(request->words[n - 1]);
  if (!rule_action_find(action, &q.action))
    return usage(out, "the action is subscribe or send, not ", action);
  q.is_pattern = q.action != ACTION_SEND && pattern_is(q.destination);
  if (q.action == ACTION_SUBSCRIBE_PATTERN) {
    if (!q.is_pattern)
      return usage(out, "this is no pattern: ", q.destination);
    q.action = ACTION_SUBSCRIBE;
  }
  struct plug_str *roles = calloc(n, sizeof *roles);
  struct plug_kv *attrs = calloc(n, sizeof *attrs);
  plug_status status = PLUG_ENOMEM;
  if (roles && attrs) {
    q.nobody = str_eq(user, STR("-"));
    q.who =
        (struct plug_identity){.size = sizeof q.who, .user = user, .roles = roles, .attrs = attrs};
    for (size_t i = 1; i + 2 < n; i++)
      add_word(&q, roles, attrs, str_of(request->words[i]));
    status = judge(&q, out);
  }
  free(roles);
  free(attrs);
  return status;
}
