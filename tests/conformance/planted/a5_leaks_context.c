/* caught by: A5 — the context of an identity is not freed when its session ends. */
#include "planted_auth.h"

static void session_end(void *self, void *ctx)
{
  (void)self, (void)ctx;
}

#define SESSION_END session_end
#include "planted_auth_entry.h"
