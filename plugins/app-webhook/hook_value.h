/* Values of keys that a section with a name has, whose types the server does not know: read as the
 * server reads those of an option table. No state. Any thread. */
#ifndef HOOK_VALUE_H
#define HOOK_VALUE_H

#include <stdbool.h>

#include <plugboard/plugin.h>

static inline bool hook_eq(struct plug_str a, const char *b)
{
  size_t len = 0;
  while (len < a.len && b[len] && a.ptr[len] == b[len])
    len++;
  return len == a.len && !b[len];
}

/* A number, a duration in milliseconds, a size in bytes, or the place of a word among the option's
 * choices. False with a sentence in why. */
bool hook_value_parse(const struct plug_option *option, struct plug_str text, uint64_t *out,
                      char why[160]);

/* Takes the next item of a list of patterns off *rest; a comma between braces does not end it.
 * False: there is none. */
bool hook_value_item(struct plug_str *rest, struct plug_str *item);

#endif
