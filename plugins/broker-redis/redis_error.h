/* What an error of Redis means and what an operator can do about it. Owns nothing, any thread. */
#ifndef REDIS_ERROR_H
#define REDIS_ERROR_H

#include <stdbool.h>

#include <plugboard/abi.h>

enum { REDIS_WHY_MAX = 320 };

/* One sentence for the log, NUL-terminated. secret: the command carried a password, and some
 * servers repeat commands in their errors: only what cannot hold it is shown. */
void redis_error_explain(struct plug_str error, bool secret, char out[REDIS_WHY_MAX]);
/* PLUG_EDENIED if Redis refuses us, PLUG_EUNAVAIL if it may work later. */
plug_status redis_error_status(struct plug_str error);
/* The server cannot serve us, now or in this role: a new connection is the way out. */
bool redis_error_is_fatal(struct plug_str error);

#endif
