#include "plugin/crash_stack.h"

#include <signal.h>

static _Thread_local char handler_stack[16 * 1024];

void crash_stack_set(void)
{
  stack_t before, stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
  if (sigaltstack(NULL, &before) == 0 && (before.ss_flags & SS_DISABLE))
    sigaltstack(&stack, NULL);
}
