/* The border between plugins and the server: who broke the contract of the public headers is named
 * here, and whether a call comes from where it may. Owns nothing. Any thread. */
#ifndef PLUGIN_BORDER_H
#define PLUGIN_BORDER_H

#include <stdbool.h>

struct plugin_instance;

/* Fatal in debug builds, one log line a second in others. */
void border_violation(struct plugin_instance *instance, const char *function, const char *what);
/* The same when only the plugin is known, or nobody (NULL). */
void border_violation_of(const char *id, const char *function, const char *what);

/* True on the home thread; otherwise a violation. */
bool border_is_home(struct plugin_instance *instance, const char *function);
/* True inside create, on its thread; otherwise a violation. */
bool border_is_create(struct plugin_instance *instance, const char *function);

#endif
