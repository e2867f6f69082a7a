/* The border between plugins and the server: who broke the contract of the public headers is named
 * here, and whether a call comes from where it may. Owns nothing. Any thread. */
#ifndef PLUGIN_BORDER_H
#define PLUGIN_BORDER_H

#include <stdbool.h>
#include <stddef.h>

#include <plugboard/abi.h>

struct plugin_instance;

/* Fatal in debug builds, one log line a second in others. */
void border_violation(struct plugin_instance *instance, const char *function, const char *what);
/* The same when only the plugin is known, or nobody (NULL). */
void border_violation_of(const char *id, const char *function, const char *what);

/* True on the home thread; otherwise a violation. */
bool border_is_home(struct plugin_instance *instance, const char *function);
/* True inside create, on its thread; otherwise a violation. */
bool border_is_create(struct plugin_instance *instance, const char *function);

/* What can be told from what was meant: texts and tables that are NULL and have a length all the
 * same, or one that nothing in this process can have. */
bool border_is_text(struct plug_str text);
bool border_are_texts(const struct plug_str *texts, size_t n);
bool border_are_pairs(const struct plug_kv *pairs, size_t n);
bool border_is_table(const void *items, size_t n);
/* all_well, after a violation if it is not. */
bool border_accepts(struct plugin_instance *instance, const char *function, bool all_well);
#define BORDER_GARBAGE "given garbage: a NULL, or a length that cannot be"

#endif
