/* What an auth plugin completes its operations with: identities, refusals and decisions, copied
 * into one allocation each, which travels as the detail of the operation. Owns nothing after the
 * call. Any thread. */
#ifndef PLUGIN_GRANT_H
#define PLUGIN_GRANT_H

#include <stdbool.h>

#include <plugboard/auth.h>

#include "plugin/op.h"

/* Statuses that only the upcalls of this file give; the detail holds the struct of that name. */
#define GRANT_IDENTITY (OP_STATUS_PLUGIN_MAX + 1) /* struct plug_identity */
#define GRANT_REFUSAL  (OP_STATUS_PLUGIN_MAX + 2) /* struct plug_refusal */
#define GRANT_DECISION (OP_STATUS_PLUGIN_MAX + 3) /* struct grant_decision */

struct grant_decision {
  plug_status verdict;
  struct plug_decision decision;
};

/* plug_host.auth of every instance that is an auth plugin. */
extern const struct plug_auth_up grant_auth_up;

/* All that it points to may be there. */
bool grant_is_identity(const struct plug_identity *who);
/* A copy in one allocation, for free(); NULL when out of memory. extra: bytes at its start that are
 * left to the caller, aligned as malloc aligns; the identity stands behind them. */
void *grant_copy_identity(const struct plug_identity *who, size_t extra, size_t *len);

#endif
