/* SPDX-License-Identifier: MIT
 *
 * plugboard/auth.h: an auth plugin decides who somebody is and what they may do.
 *
 * Plugins are asked in the configured order; PLUG_DEFER passes on, and when all defer the answer is
 * no. A failure or a timeout is a denial too, logged as an error. An operation of authenticate is
 * completed with exactly one of grant, refuse and op_done (PLUG_DENY, PLUG_DEFER or a failure).
 *
 * A client that is being judged is not read from: what it sent behind its CONNECT waits.
 */
#ifndef PLUGBOARD_AUTH_H
#define PLUGBOARD_AUTH_H

#include <plugboard/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUG_STAGE_HANDSHAKE 1 /* the HTTP upgrade; not asked by servers of this minor */
#define PLUG_STAGE_CONNECT   2 /* the STOMP CONNECT frame */
#define PLUG_STAGE_REFRESH   3 /* an identity that is renewed in place */

/* Actions, and bits of plug_permission.actions */
#define PLUG_SUBSCRIBE 1
#define PLUG_PUBLISH   2

#define PLUG_AUTHORIZE_ANY (1u << 0) /* plug_auth.flags: authorize may run on any thread */

struct plug_identity;

/* What a client has shown. Everything is borrowed until the operation is completed, and wiped then:
 * whoever keeps a credential longer has to copy it, and should not. Grows at the tail. */
struct plug_auth_request {
  uint32_t size;
  int32_t stage;
  uint64_t session;            /* names the session on this node until its session_end */
  struct plug_str peer;        /* "192.0.2.7:40112", "[2001:db8::1]:40112" */
  struct plug_str vhost;       /* CONNECT: the frame's host header, else that of the handshake */
  struct plug_str path, query; /* of the handshake; the query without '?', as it was sent */
  struct plug_str subprotocol;
  struct plug_str tls_subject;     /* of a verified client certificate */
  struct plug_str login, passcode; /* headers of that name, of CONNECT and of REFRESH */
  const struct plug_kv *headers;   /* of the STOMP frame, unescaped, in its order */
  size_t n_headers;
#if PLUG_TARGET_MINOR >= 2
  const struct plug_kv *http_headers; /* CONNECT: of the handshake, names in lower case; else 0 */
  size_t n_http_headers;
  struct plug_str body;            /* REFRESH: of the SEND frame */
  const struct plug_identity *who; /* REFRESH: what is to be renewed; else NULL */
#endif
};

/* One entry of a list that limits what its bearer may do. Passed in arrays: frozen. */
struct plug_permission {
  uint32_t actions; /* PLUG_SUBSCRIBE, PLUG_PUBLISH or both */
  uint32_t reserved;
  struct plug_str pattern; /* a destination or an Ant-style pattern */
};

/* plug_identity.flags: the permissions are all that its bearer may do, even if there are none.
 * Without it a list of no permissions says nothing. */
#define PLUG_IDENTITY_LIMITED 1u

struct plug_identity { /* deep-copied by grant() */
  uint32_t size, flags;
  struct plug_str user; /* not empty; no control characters, at most 255 bytes */
  const struct plug_str *roles;
  size_t n_roles;
  const struct plug_kv *attrs; /* claims for rules and application plugins; a key may repeat */
  size_t n_attrs;
  int64_t expires_unix_ms; /* 0 is never; the server enforces it */
  void *ctx;               /* given back in authorize and session_end */
#if PLUG_TARGET_MINOR >= 2
  const struct plug_permission *permissions;
  size_t n_permissions;
#endif
};

/* A denial that says more. Everything is copied. */
struct plug_refusal {
  uint32_t size, reserved;
  struct plug_str code;   /* [a-z0-9-]{1,32}, for programs: the ERROR's header error-code */
  struct plug_str reason; /* for the client's eyes, the ERROR's message; empty: a neutral text */
  struct plug_str detail; /* for the log; never a credential */
};

/* Codes that clients know. PLUG_CODE_EXPIRED makes a page fetch a new token instead of trying the
 * old one for ever. */
#define PLUG_CODE_EXPIRED "token-expired"
#define PLUG_CODE_FAILED  "authentication-failed" /* what a plain PLUG_DENY becomes */
#define PLUG_CODE_BUSY    "authentication-busy"   /* the same again later may succeed */

#define PLUG_AUTHZ_PATTERN 1u /* plug_authz_request.flags: topic is a pattern, PLUG_SUBSCRIBE */

struct plug_authz_request {
  uint32_t size;
  int32_t action; /* PLUG_SUBSCRIBE or PLUG_PUBLISH */
  uint64_t session;
  const struct plug_identity *who;
  struct plug_str topic;
#if PLUG_TARGET_MINOR >= 2
  uint32_t flags, reserved;
#endif
};

#define PLUG_SCOPE_TOPIC   0 /* the verdict holds for this topic */
#define PLUG_SCOPE_PREFIX  1 /* ... for all topics below it */
#define PLUG_SCOPE_SESSION 2 /* ... for the whole session */

struct plug_decision {
  uint32_t size, scope, cache_ms, reserved;
};

/* Where a plugin looks for credentials in STOMP frames. The server allows these headers of CONNECT
 * max_bytes each instead of max-header-size, never passes them on to subscribers and wipes them. */
struct plug_credentials {
  uint32_t size, reserved;
  const struct plug_str *headers; /* names, compared without case; live as long as the instance */
  size_t n_headers;
  uint64_t max_bytes; /* 0: max-header-size is enough */
};

struct plug_auth {
  uint32_t size, flags;
  /* [home] DENY, DEFER or a failure at once; or PLUG_PENDING, and grant, refuse or op_done, now or
   * later. The identity of a REFRESH must be of the same user. */
  plug_status (*authenticate)(void *self, const struct plug_auth_request *,
                              struct plug_op *op) PLUG_NOEXCEPT;
  /* [home], or [any] with PLUG_AUTHORIZE_ANY. ALLOW, DENY or DEFER with *out filled, or pending.
   * Asked where a rule of [access] says so, and of the plugin that granted the identity. */
  plug_status (*authorize)(void *self, const struct plug_authz_request *, struct plug_decision *out,
                           struct plug_op *op) PLUG_NOEXCEPT;
  /* [home] Optional. Exactly once per granted identity: the session has ended, has got another
   * identity by a REFRESH, or was gone before the grant. */
  void (*session_end)(void *self, void *ctx) PLUG_NOEXCEPT;
#if PLUG_TARGET_MINOR >= 2
  /* [create] Optional. Called once after create; fills *out. */
  void (*credentials)(void *self, struct plug_credentials *out) PLUG_NOEXCEPT;
#endif
};

struct plug_auth_up { /* each completes the operation [any] */
  uint32_t size, reserved;
  void (*grant)(struct plug_op *, const struct plug_identity *) PLUG_NOEXCEPT;
  void (*decide)(struct plug_op *, plug_status verdict, const struct plug_decision *) PLUG_NOEXCEPT;
#if PLUG_TARGET_MINOR >= 2
  void (*refuse)(struct plug_op *, const struct plug_refusal *) PLUG_NOEXCEPT;
#endif
};

#ifdef __cplusplus
}
#endif
#endif
