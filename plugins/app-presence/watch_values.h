/* What the templates of all parts are filled with: the time, the variables of the pattern, and what
 * an application has said about a member. No state. Any thread. */
#ifndef WATCH_VALUES_H
#define WATCH_VALUES_H

#include "watch_section.h"

/* The current time, and the pattern's variables. */
struct route_values watch_values(const struct watch_section *section,
                                 const struct plug_str *variables);
/* A template that needs no more: the text for free(), or NULL. */
char *watch_values_fill(const struct watch_section *section, const struct plug_str *variables,
                        const struct route_template *template, size_t *len);
/* What an application has said about a member, as JSON; null when it has said nothing. */
json_t *watch_values_info(struct plug_str info);

#endif
