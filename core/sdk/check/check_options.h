/* The options with which a check creates an instance: those of the command line's section, checked
 * as the server does, made up where nothing was written and something must be. Owns what it makes.
 * The thread of the check. */
#ifndef SDK_CHECK_OPTIONS_H
#define SDK_CHECK_OPTIONS_H

#include "check.h"

/* name, value, ..., NULL; overrides (may be NULL, of the same form) stand first. A required option
 * that nobody can make up fails the check, which says how to give it. */
const char *const *options_make(struct check_run *run, const char *const *overrides);
void options_free(const char *const *options);

/* The value of a key of [check] in the configuration, or def. */
const char *options_of_check(const struct check_run *run, const char *key, const char *def);

#endif
