/* Templates: JSON whose strings have places to fill, "{body.content}", and destinations with such
 * places. What is filled in is a JSON value of its own: nothing in it can become structure. Owns
 * the compiled form; immutable: any thread.
 *
 *   {body} {body.a.b}  the body or a member       {user} {session}  of the sender
 *   {name}             a variable of the path     {claim.name}      of the sender's identity
 *   {now} {now.ms}     an ISO instant, epoch ms   {uuid} {uuid7}    a fresh one
 *
 * A string that is one place becomes the value, of whatever type; within other text it becomes the
 * value's text. "?" before the brace makes what is missing null. "{{" is a brace. */
#ifndef ROUTE_TEMPLATE_H
#define ROUTE_TEMPLATE_H

#include <jansson.h>

#include "route_path.h"

struct route_template;

/* What it is filled from. */
struct route_values {
  const struct plug_app_request *request;
  const struct route_path *path;
  struct plug_str variables[PLUG_APP_VARIABLES_MAX]; /* checked */
  json_t *body;                                      /* NULL: nothing needs it */
  int64_t now_ms;                                    /* Unix */
};

/* NULL with err->text, or PLUG_ENOMEM in err->code. */
struct route_template *route_template_json(struct plug_str text, const struct route_path *path,
                                           struct plug_err *err);
struct route_template *route_template_destination(struct plug_str text,
                                                  const struct route_path *path,
                                                  struct plug_err *err);
void route_template_free(struct route_template *t); /* NULL is nothing */
bool route_template_needs_body(const struct route_template *t);

/* The text for free() with its length; NULL: refused, or without memory. */
char *route_template_fill(const struct route_template *t, const struct route_values *values,
                          size_t *len, struct route_refusal *refusal);

/* A member of the body by "a.b"; NULL: it is not there. Borrowed. */
json_t *route_member(json_t *body, struct plug_str path);

#endif
