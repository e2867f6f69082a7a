/* A stack for the handler of faults (crash.h), one per thread, for the case that the thread's own
 * has overflowed. Owns the stacks, which end with their threads. */
#ifndef PLUGIN_CRASH_STACK_H
#define PLUGIN_CRASH_STACK_H

/* [any] Gives this thread one, unless it has one already. */
void crash_stack_set(void);

#endif
