/* How many instructions a request takes, counted one by one in a copy of the process: what an
 * answer must not betray by the time that it takes. Owns nothing. The thread of the check, which is
 * the only one of its process. */
#ifndef SDK_CHECK_STEPS_H
#define SDK_CHECK_STEPS_H

#include "check_ask.h"

enum { STEPS_MAX = 2000000, STEPS_TOO_MANY = -1, STEPS_UNTRACED = -2, STEPS_LATER = -3 };

/* Instructions from here to the return of authenticate, in a copy of this process, which has one
 * thread and is in the same state each time: the clock has no part in it. Or why there is no
 * number: more than STEPS_MAX, the system does not let a process be traced, or the answer comes
 * later. */
long steps_count(struct check_host *host, const struct ask_credentials *credentials);

#endif
