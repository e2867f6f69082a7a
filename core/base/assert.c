#include "base/assert.h"

#include <stdlib.h>

#include "base/log.h"

_Noreturn void invariant_failed(const char *file, int line, const char *condition)
{
  log_error("core", "invariant broken at %s:%d: %s", file, line, condition);
  abort();
}
