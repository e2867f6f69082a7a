/* The shape of a rule's pattern: matches destinations as hub/pattern.h does, gives the values of
 * its path variables, and compares itself with whole patterns: does it cover all that another one
 * can match, or nothing of it? Owns one allocation and its compiled patterns; immutable: any
 * thread.
 *
 * Comparisons err on the safe side: shape_covers is true only if it is certain, shape_meets is
 * false only if it is certain. */
#ifndef ACCESS_SHAPE_H
#define ACCESS_SHAPE_H

#include "hub/pattern.h"

#define SHAPE_SEGMENTS_MAX  64 /* of the pattern of a rule or of a permission */
#define SHAPE_VARIABLES_MAX 8

struct shape;

/* NULL with err->text for what cannot be compiled. */
struct shape *shape_new(struct plug_str text, struct plug_err *err);
void shape_free(struct shape *shape); /* NULL is nothing */

struct plug_str shape_text(const struct shape *shape);
bool shape_match(const struct shape *shape, struct plug_str destination);

/* The number of a variable that is a whole segment with a definite place; -1: there is none of that
 * name. *why is then a static sentence about it, or NULL if the name does not occur at all. */
int shape_variable(const struct shape *shape, struct plug_str name, const char **why);
/* Its value in a destination that matches, or in a pattern that shape_covers: false if that does
 * not say, because something there is a wildcard or the place is not certain. */
bool shape_value(const struct shape *shape, int variable, struct plug_str destination,
                 struct plug_str *value);

/* Is each destination that the pattern matches matched by the shape, too? */
bool shape_covers(const struct shape *shape, struct plug_str pattern);
/* May there be a destination that both match? */
bool shape_meets(const struct shape *shape, struct plug_str pattern);
/* The same for a prefix and all that is below it. */
bool shape_meets_prefix(const struct shape *shape, struct plug_str prefix);

#endif
