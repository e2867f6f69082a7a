/* Strange values for the options of a plugin, each of which create is called with: L2, a check of
 * the group that is about the lifecycle. Owns nothing. The thread of the check. */
#ifndef SDK_CHECK_STRANGE_H
#define SDK_CHECK_STRANGE_H

#include "check.h"

/* Of the configuration that was given, one at a time is replaced; then nothing is left but what
 * must be there. */
void check_strange_values(struct check_run *run);

#endif
