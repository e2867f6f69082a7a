/* One line on standard error when the process dies of a signal, with the plugin and the function
 * that it died in, before the signal takes its course (and the core file is written). Owns the
 * handlers of the signals of faults. */
#ifndef PLUGIN_CRASH_H
#define PLUGIN_CRASH_H

#include <signal.h>

#include <plugboard/abi.h>

/* [create] Once per process. Handlers that are set already, as by a sanitizer, stay. */
void crash_handlers_set(void);

/* [any] Takes the signals of faults out of a set that is about to be blocked: a fault whose signal
 * is blocked kills without a word. */
void crash_keep_signals(sigset_t *blocked);

/* [create] An image was mapped: id is named when code of it crashes on a thread of its own. id and
 * at, an address within the image, stay valid for ever, as images do. */
void crash_image_add(const char *id, const void *at);

#endif
