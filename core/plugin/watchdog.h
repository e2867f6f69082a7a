/* A thread that notices when a plugin does not come back from a call: it names plugin, function and
 * thread in the log, makes it known to whoever asks whether the server is ready, and ends the
 * process when its end would wait for such a plugin. Owns its thread. */
#ifndef PLUGIN_WATCHDOG_H
#define PLUGIN_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watchdog_settings {
  uint64_t hang_ms; /* longer than this no call may take */
  /* Called again and again while some call hangs or some home is late, on the watchdog's thread;
   * NULL: nobody. */
  void (*hangs)(void *ctx);
  void *ctx;
};

/* [create] False when the thread cannot be started. One per process at a time. */
bool watchdog_start(const struct watchdog_settings *settings);
/* [create] */
void watchdog_stop(void);
/* [create] Its settings' hangs is not called any more, and no call of it is under way. */
void watchdog_tell_nobody(void);

/* [any] A call that sessions depend on hangs now. Cheap. */
bool watchdog_hangs(void);
/* [any] Such a call hangs on the control thread: nobody does what is posted there, and deadlines
 * are not kept. Cheap. */
bool watchdog_home_hangs(void);
/* [any] A call on the control thread, or on a thread that is one instance's home, lasts for so long
 * (a quarter of a second at most) that deadlines may pass meanwhile, which are kept there: loop.h
 * says whose. Cheap. */
bool watchdog_some_home_is_late(void);
/* [any] Such a call hangs on a thread that others depend on: the control thread or a worker. */
bool watchdog_core_hangs(void);
/* [any] Which, in one line for an operator ("broker.x does not return from publish"). False and an
 * empty line: none does. */
bool watchdog_reason(char *out, size_t size);

/* [create] From now on the process has that long to end; then a line says what it hangs in, and it
 * is ended with EXIT_FAILURE where it stands. */
void watchdog_end_within(uint64_t ms);

/* What is freed while the watchdog may look at it is freed between these two. */
void watchdog_lock(void);
void watchdog_unlock(void);

#endif
