/* The conditions of a route, "authenticated and body.content not-blank": all must hold. Owns the
 * compiled form and the buckets of its rates; a lock protects the latter, the rest is immutable:
 * any thread. Nothing is called under the lock.
 *
 *   CONDITION = TERM {"and" TERM}
 *   TERM      = "authenticated" | "role" WORD | "body."MEMBER TEST
 *             | "rate" ("sender" | "room") NUMBER"/"DURATION
 *   TEST      = "present" | "not-blank" | "boolean" | "string" [RANGE] | "number" [RANGE]
 *   RANGE     = LOW".."HIGH, one of them may be left out */
#ifndef ROUTE_CONDITION_H
#define ROUTE_CONDITION_H

#include "route_template.h"

#define ROUTE_BODY 0 /* the number of the root "body" in a route's scope */

struct route_condition;

struct route_condition *route_condition_parse(struct plug_str text, size_t rate_keys,
                                              struct plug_err *err);
void route_condition_free(struct route_condition *condition); /* NULL is nothing */
bool route_condition_needs_body(const struct route_condition *condition);

/* All but the rates. condition NULL: nothing is asked. */
bool route_condition_check(const struct route_condition *condition,
                           const struct route_values *values, struct route_refusal *refusal);
/* The rates, last of all: what is refused otherwise does not count, and what one of them refuses
 * does not count for the others. room: the destination. */
bool route_condition_take(struct route_condition *condition, const struct route_values *values,
                          struct plug_str room, uint64_t now_us, struct route_refusal *refusal);

#endif
