/* Templates: JSON whose strings have places to fill, "{body.content}", and destinations with such
 * places. What is filled in is a JSON value of its own: nothing in it can become structure. Owns
 * the compiled form; immutable: any thread.
 *
 *   {root} {root.a.b}  a JSON value or a member   {user} {session}  of the sender
 *   {name}             a variable of the path     {claim.name}      of the sender's identity
 *   {now} {now.ms}     an ISO instant, epoch ms   {uuid} {uuid7}    a fresh one
 *
 * Which roots there are, and whether there is a sender, is the scope's: a route has "body".
 *
 * A string that is one place becomes the value, of whatever type; within other text it becomes the
 * value's text. "?" before the brace makes what is missing null. "{{" is a brace. */
#ifndef ROUTE_TEMPLATE_H
#define ROUTE_TEMPLATE_H

#include <jansson.h>

#include "route_path.h"

struct route_template;

#define ROUTE_ROOTS_MAX 4

/* What there is to fill in; it lives as long as the templates made with it. */
struct route_scope {
  const struct route_path *path;
  const char *roots[ROUTE_ROOTS_MAX]; /* names; they come before words like "user" */
  size_t n_roots;
  bool has_sender;
};

/* What it is filled from. */
struct route_values {
  const struct plug_identity *who;                   /* of the sender, or NULL */
  struct plug_str session;                           /* likewise */
  struct plug_str variables[PLUG_APP_VARIABLES_MAX]; /* checked */
  json_t *roots[ROUTE_ROOTS_MAX];                    /* NULL: nothing needs it */
  int64_t now_ms;                                    /* Unix */
};

/* NULL with err->text, or PLUG_ENOMEM in err->code. */
struct route_template *route_template_json(struct plug_str text, const struct route_scope *scope,
                                           struct plug_err *err);
struct route_template *route_template_destination(struct plug_str text,
                                                  const struct route_scope *scope,
                                                  struct plug_err *err);
void route_template_free(struct route_template *t); /* NULL is nothing */
bool route_template_needs_root(const struct route_template *t, size_t root);

/* What a template of JSON makes, without writing it down: a new reference; NULL: refused, or
 * without memory. Not of a destination. */
json_t *route_template_make(const struct route_template *t, const struct route_values *values,
                            struct route_refusal *refusal);
/* The text for free() with its length; NULL: refused, or without memory. */
char *route_template_fill(const struct route_template *t, const struct route_values *values,
                          size_t *len, struct route_refusal *refusal);

/* A member of a root by "a.b"; NULL: it is not there. Borrowed. */
json_t *route_member(json_t *root, struct plug_str path);

#endif
