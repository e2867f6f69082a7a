/* The handles that plugins get for their watches and timers: tokens with a number and a generation
 * in place of pointers, so that closing one twice, or using one that is closed, is noticed and
 * touches nobody else's. Owns the numbers, which are used again and never freed, not the objects.
 * Any thread; an object is its own thread's. */
#ifndef PLUGIN_HANDLE_H
#define PLUGIN_HANDLE_H

#include <stdint.h>

enum handle_kind { HANDLE_IO = 1, HANDLE_TIMER };

/* NULL when out of memory or of numbers. owner: the id of a plugin, which is named when the handle
 * is misused; it stays valid for ever. */
void *handle_new(enum handle_kind kind, void *object, const char *owner);
/* The object, or NULL after a violation of the given function. */
void *handle_get(const void *handle, enum handle_kind kind, const char *function);
/* The handle of a live object is over. */
void handle_free(void *handle);

#endif
