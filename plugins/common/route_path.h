/* A route's pattern, "/contents/{contentId:uuid}/chat": an Ant-style pattern whose variables may
 * have a type. Owns its text; immutable: any thread.
 *
 *   {name}       any segment            {name:int}    a whole number of at most 18 digits
 *   {name:uuid}  a UUID, any case       {name:slug}   letters, digits, '-' and '_'
 *   {name:a|b}   one of these words */
#ifndef ROUTE_PATH_H
#define ROUTE_PATH_H

#include <plugboard/app.h>

#include "route_text.h"

enum route_type { ROUTE_ANY, ROUTE_UUID, ROUTE_INT, ROUTE_SLUG, ROUTE_ENUM };

struct route_variable {
  struct plug_str name;
  enum route_type type;
  struct plug_str words; /* of ROUTE_ENUM: "a|b" */
};

struct route_path {
  char *claim; /* the pattern without types; owned */
  char *text;  /* owned */
  struct route_variable variables[PLUG_APP_VARIABLES_MAX];
  size_t n;
};

plug_status route_path_parse(struct route_path *path, struct plug_str text, struct plug_err *err);
void route_path_fini(struct route_path *path);

/* Judges a value by the variable's type, and writes it as it is to be used: a UUID in lower case.
 * out has room for value.len bytes. */
bool route_variable_check(const struct route_variable *variable, struct plug_str value, char *out,
                          struct route_refusal *refusal);

#endif
