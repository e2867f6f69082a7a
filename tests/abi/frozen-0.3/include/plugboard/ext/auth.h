/* SPDX-License-Identifier: MIT
 *
 * plugboard/ext/auth.h: extension "plug.host.auth/1", identities after they were granted.
 *
 * For auth plugins only. A call concerns the sessions of this node whose identity this instance
 * has granted, takes effect soon after it returns, and finding no such session is no failure.
 */
#ifndef PLUGBOARD_EXT_AUTH_H
#define PLUGBOARD_EXT_AUTH_H

#include <plugboard/auth.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUG_EXT_AUTH "plug.host.auth/1"

/* What becomes of a session whose identity is invalidated */
#define PLUG_INVALIDATE_CHECK 0u /* decisions are forgotten, live subscriptions judged again */
#define PLUG_INVALIDATE_CLOSE 1u /* it ends with an ERROR, error-code: session-revoked */

struct plug_auth_control {
  uint32_t size, reserved;
  /* [any] All sessions of a user. reason: for the client of a session that ends, may be empty.
   * PLUG_ENOMEM, PLUG_ESTATE (before start, after stop), PLUG_EINVAL (unknown flags). */
  plug_status (*invalidate_user)(const struct plug_host *, struct plug_str user, uint32_t flags,
                                 struct plug_str reason) PLUG_NOEXCEPT;
  /* [any] One session, by the number of its plug_auth_request. */
  plug_status (*invalidate_session)(const struct plug_host *, uint64_t session, uint32_t flags,
                                    struct plug_str reason) PLUG_NOEXCEPT;
  /* [any] Another identity, of the same user, for all sessions of who->user: roles, attributes,
   * permissions and expiry are copied, each session keeps its ctx. Then as PLUG_INVALIDATE_CHECK.
   */
  plug_status (*update_user)(const struct plug_host *,
                             const struct plug_identity *who) PLUG_NOEXCEPT;
};

#ifdef __cplusplus
}
#endif
#endif
