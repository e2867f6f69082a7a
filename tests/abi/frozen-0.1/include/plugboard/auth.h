/* SPDX-License-Identifier: MIT
 *
 * plugboard/auth.h: an auth plugin decides who somebody is and what they may do.
 *
 * Plugins are asked in the configured order; PLUG_DEFER passes on, and when all defer the answer is
 * no. A failure or a timeout is a denial too, logged as an error.
 */
#ifndef PLUGBOARD_AUTH_H
#define PLUGBOARD_AUTH_H

#include <plugboard/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUG_STAGE_HANDSHAKE 1 /* the HTTP upgrade */
#define PLUG_STAGE_CONNECT   2 /* the STOMP CONNECT frame */
#define PLUG_STAGE_REFRESH   3 /* an identity that is renewed in place */

#define PLUG_SUBSCRIBE 1
#define PLUG_PUBLISH   2

#define PLUG_AUTHORIZE_ANY (1u << 0) /* plug_auth.flags: authorize may run on any thread */

struct plug_auth_request {
  uint32_t size;
  int32_t stage;
  uint64_t session;
  struct plug_str peer, vhost, path, query, subprotocol, tls_subject, login, passcode;
  const struct plug_kv *headers;
  size_t n_headers;
};

struct plug_identity { /* deep-copied by grant() */
  uint32_t size, flags;
  struct plug_str user;
  const struct plug_str *roles;
  size_t n_roles;
  const struct plug_kv *attrs;
  size_t n_attrs;
  int64_t expires_unix_ms; /* 0 is never */
  void *ctx;               /* given back in authorize and session_end */
};

struct plug_authz_request {
  uint32_t size;
  int32_t action; /* PLUG_SUBSCRIBE or PLUG_PUBLISH */
  uint64_t session;
  const struct plug_identity *who;
  struct plug_str topic;
};

#define PLUG_SCOPE_TOPIC   0 /* the verdict holds for this topic */
#define PLUG_SCOPE_PREFIX  1 /* ... for all topics below it */
#define PLUG_SCOPE_SESSION 2 /* ... for the whole session */

struct plug_decision {
  uint32_t size, scope, cache_ms, reserved;
};

struct plug_auth {
  uint32_t size, flags;
  /* [home] DENY, DEFER or a failure at once; to accept, call grant and return PLUG_PENDING. */
  plug_status (*authenticate)(void *self, const struct plug_auth_request *,
                              struct plug_op *op) PLUG_NOEXCEPT;
  /* [home], or [any] with PLUG_AUTHORIZE_ANY. ALLOW, DENY or DEFER with *out filled, or pending. */
  plug_status (*authorize)(void *self, const struct plug_authz_request *, struct plug_decision *out,
                           struct plug_op *op) PLUG_NOEXCEPT;
  /* [home] Optional. Exactly once per granted identity. */
  void (*session_end)(void *self, void *ctx) PLUG_NOEXCEPT;
};

struct plug_auth_up { /* each completes the operation [any] */
  uint32_t size, reserved;
  void (*grant)(struct plug_op *, const struct plug_identity *) PLUG_NOEXCEPT;
  void (*decide)(struct plug_op *, plug_status verdict, const struct plug_decision *) PLUG_NOEXCEPT;
};

#ifdef __cplusplus
}
#endif
#endif
