/* The rules of [access]: the first that matches decides, and where none does the answer is no.
 * Without any rule everybody whom an auth plugin granted may do what [destinations] allows, as far
 * as a list of permissions of their own reaches. Owns the rules; read-only once loaded: any thread.
 *
 * An identity that is limited to its permissions may do nothing beyond them, whatever rules say.
 *
 * A pattern is judged as all that it can match: every rule that may meet it has to allow it, until
 * one covers it whole, once for subscribe-pattern and once for subscribe. */
#ifndef ACCESS_RULES_H
#define ACCESS_RULES_H

#include "access/rule.h"
#include "config/config.h"
#include "hub/destination.h"

struct rules {
  struct rule **items;
  size_t n;
  bool default_allow; /* without rules: who is not limited by permissions may */
  bool asks;          /* a rule has the condition "plugin" */
};

/* What the rules must fit, so that one which can never match is found. */
struct rules_world {
  const struct destination_rules *destinations; /* behind the first those of doors of their own */
  size_t n_destinations;                        /* 0 is 1 */
  bool patterns;                                /* pattern subscriptions are switched on */
  bool authenticates;                           /* there is an auth plugin */
};

/* section may be NULL. On failure err->text is "FILE:LINE: ...". */
plug_status rules_load(struct rules *rules, const struct config_section *section,
                       const struct rules_world *world, struct plug_err *err);
void rules_fini(struct rules *rules);

/* Judges; *by is the rule that decided, NULL: none matched. For a subscription to a pattern action
 * is ACTION_SUBSCRIBE and is_pattern true. */
enum rule_verdict rules_judge(const struct rules *rules, const struct rule_subject *subject,
                              unsigned action, struct plug_str destination, bool is_pattern,
                              const struct rule **by);

/* Whatever of an identity the rules look at, as bytes: identities with equal keys have equal
 * rights. False: the rules ask a plugin, so that no two are known to be equal. */
bool rules_put_key(const struct rules *rules, const struct plug_identity *who, struct buf *out);

#endif
