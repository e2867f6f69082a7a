/* Who is an operator: whoever shows a token of [admin], or came by its Unix socket. Shared by all
 * workers; made before they run. Owns digests of the tokens. Any thread, but for what is tagged. */
#ifndef OPS_ADMIN_AUTH_H
#define OPS_ADMIN_AUTH_H

#include "config/settings.h"
#include "net/mount.h"

struct admin_auth;

/* NULL when out of memory. */
struct admin_auth *admin_auth_new(const struct settings *settings);
void admin_auth_free(struct admin_auth *auth);

/* [main] The tokens of a reload, in three steps as struct reload_part has them. Those that were are
 * kept until the next, for workers that are looking at them. prepare is false when out of memory.
 */
bool admin_auth_prepare(struct admin_auth *auth, const struct settings *settings);
void admin_auth_commit(struct admin_auth *auth);
void admin_auth_cancel(struct admin_auth *auth);

/* False: the request has been answered, with 401 or 429. */
bool admin_auth_check(struct admin_auth *auth, struct mount_request *request);

#endif
