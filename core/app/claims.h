/* Which application answers which destination, and which are told of subscriptions to it. Owns the
 * compiled patterns; read-only once loaded: any thread. No I/O.
 *
 * Of several claims that match, the most specific one counts: without ** before with, then by fewer
 * wildcards and variables, then by the longer pattern. */
#ifndef APP_CLAIMS_H
#define APP_CLAIMS_H

#include <plugboard/app.h>

#include "access/shape.h"
#include "base/buf.h"
#include "plugin/instance.h"

struct claim {
  struct plugin_instance *instance;
  size_t number; /* among the instance's claims or watches */
  uint32_t actions;
  struct shape *shape;
  size_t n_variables;
  struct plug_str names[PLUG_APP_VARIABLES_MAX];
  int places[PLUG_APP_VARIABLES_MAX]; /* for shape_value */
};

struct claims {
  struct claim *claims, *watches; /* claims: the most specific first */
  size_t n_claims, n_watches;
};

/* Adds what an instance claims. On failure err->text is a sentence; claims_fini is still due. */
plug_status claims_add(struct claims *claims, struct plugin_instance *instance,
                       struct plug_err *err);
/* What from has of an instance, which is asked for its claims once only. */
plug_status claims_copy(struct claims *claims, const struct claims *from,
                        const struct plugin_instance *instance, struct plug_err *err);
bool claims_watch(const struct claims *claims, const struct plugin_instance *instance);
void claims_fini(struct claims *claims);

/* path: a destination without its application prefix. NULL: nobody does. */
const struct claim *claims_find(const struct claims *claims, struct plug_str path, uint32_t action);
/* The first watch of this instance that matches, or NULL. */
const struct claim *claims_find_watch(const struct claims *claims,
                                      const struct plugin_instance *instance,
                                      struct plug_str destination);

/* The variables' values in what has matched; out: PLUG_APP_VARIABLES_MAX of them. */
void claim_variables(const struct claim *claim, struct plug_str path, struct plug_kv *out);

/* "/pub/a, /pub/b and 3 more", at most max bytes; "nothing". */
void claims_put_list(const struct claims *claims, struct plug_str prefix, uint32_t action,
                     size_t max, struct buf *out);

#endif
