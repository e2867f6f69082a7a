/* One rule of [access]: actions, a pattern, and the condition under which its match is allowed.
 *
 *   RULE      = ACTION {"," ACTION} PATTERN ["if" CONDITION]      without: anyone
 *   ACTION    = "subscribe" | "subscribe-pattern" | "send"
 *   CONDITION = ALL {"or" ALL}
 *   ALL       = TERM {"and" TERM}
 *   TERM      = "anyone" | "nobody" | "authenticated" | "permission" | "plugin"
 *             | "user" WORD | "role" WORD
 *             | SIDE "==" SIDE          SIDE = "{"variable"}" | "user" | "claim:"NAME | WORD
 *   WORD      = a run without blanks, or "anything in quotes"
 *
 * Parsing does no I/O. Owns one allocation and its shape; immutable: any thread. */
#ifndef ACCESS_RULE_H
#define ACCESS_RULE_H

#include <plugboard/auth.h>

#include "access/shape.h"
#include "base/buf.h"

#define ACTION_SUBSCRIBE         1u /* to one destination */
#define ACTION_SUBSCRIBE_PATTERN 2u /* to all that a pattern matches */
#define ACTION_SEND              4u

#define RULE_TERMS_MAX 32

enum term_kind {
  TERM_ANYONE,
  TERM_NOBODY,
  TERM_AUTHENTICATED,
  TERM_PERMISSION,
  TERM_PLUGIN,
  TERM_USER, /* left */
  TERM_ROLE, /* left */
  TERM_EQUAL,
};

enum side_kind { SIDE_WORD, SIDE_VARIABLE, SIDE_USER, SIDE_CLAIM };

struct side {
  enum side_kind kind;
  int variable;
  struct plug_str text; /* the word, or the claim's name */
};

struct term {
  enum term_kind kind;
  bool starts_all; /* an "or" stands before it */
  struct side left, right;
};

struct rule {
  struct plug_str name, text; /* as they stand in the configuration */
  const char *file;
  int line;
  unsigned actions;
  struct shape *shape;
  size_t n_terms;
  struct term terms[]; /* behind them the text */
};

/* NULL with err->text: one sentence, without the place. name and file outlive the rule. */
struct rule *rule_new(struct plug_str name, struct plug_str text, const char *file, int line,
                      struct plug_err *err);
void rule_free(struct rule *rule); /* NULL is nothing */

/* Who asks; who NULL: nobody that an auth plugin knows. */
struct rule_subject {
  const struct plug_identity *who;
  /* Do the permissions of who cover this? */
  bool (*permitted)(const void *ctx, unsigned action, struct plug_str destination);
  const void *ctx;
};

enum rule_verdict {
  RULE_DENY,
  RULE_ALLOW,
  RULE_ASK, /* the plugin, and nothing else would do */
};

/* The condition for a destination that the rule's shape matches, or a pattern that it meets. What a
 * pattern leaves open counts as false. */
enum rule_verdict rule_judge(const struct rule *rule, const struct rule_subject *subject,
                             unsigned action, struct plug_str destination);

/* Does its condition look at anything but whether somebody is known? */
bool rule_uses(const struct rule *rule, enum term_kind kind);

/* "send" for one action, for messages. */
const char *rule_action_text(unsigned action);
bool rule_action_find(struct plug_str text, unsigned *action);

#endif
