/* SPDX-License-Identifier: MIT
 *
 * plugboard/app.h: an application answers what clients SEND below the application prefixes.
 *
 * It claims patterns of destinations. Each SEND to one of them is given to it with the sender's
 * identity, the path's variables and the body, and is completed with one answer: messages to
 * publish, a reply to the sender, or an error for the sender. Nothing of an answer with an error is
 * published. A RECEIPT that the client has asked for follows when the answer is there and the
 * broker has taken every message in it.
 *
 * It may answer SUBSCRIBEs to claimed destinations, too: with one message, straight to the
 * subscriber, after which there is no subscription.
 *
 * And it may watch the subscriptions to broker destinations: it is told of each that has begun and
 * has ended, after it took effect, so that what it publishes then reaches the new subscriber, too.
 */
#ifndef PLUGBOARD_APP_H
#define PLUGBOARD_APP_H

#include <plugboard/auth.h>
#include <plugboard/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUG_APP_SEND      1u /* plug_claim.actions, plug_app_request.action */
#define PLUG_APP_SUBSCRIBE 2u

#define PLUG_APP_VARIABLES_MAX 8 /* of one pattern */

/* What an application answers. Passed in arrays: frozen. */
struct plug_claim {
  /* Ant-style, below the prefix: "/rooms/{room}/chat" claims "/pub/rooms/7/chat" where /pub is an
   * application prefix. {name} stands for one whole segment. */
  struct plug_str pattern;
  uint32_t actions;
  uint32_t reserved;
};

struct plug_app_claims { /* its arrays live as long as the instance */
  uint32_t size, reserved;
  const struct plug_claim *claims;
  size_t n_claims;
  const struct plug_str *watches; /* patterns of broker destinations, with their prefix */
  size_t n_watches;
};

/* A SEND or SUBSCRIBE. Grows at the tail. */
struct plug_app_request {
  uint32_t size;
  uint32_t action;
  uint64_t session;                /* names the session on this node until PLUG_APP_DISCONNECTED */
  struct plug_str session_id;      /* of CONNECTED, unique in the cluster */
  const struct plug_identity *who; /* NULL: nobody that an auth plugin knows; ctx is not given */
  struct plug_str destination;     /* as the client wrote it */
  struct plug_str path;            /* the same without the prefix */
  size_t claim;                    /* the number of the claim that matched */
  const struct plug_kv *variables; /* of its pattern, in its order */
  size_t n_variables;
  const struct plug_kv *headers; /* of the frame, unescaped, in its order; no credentials */
  size_t n_headers;
  struct plug_str content_type, body;
};

/* Passed in arrays: frozen. */
struct plug_app_message {
  /* A broker destination, or /user/NAME/... for all sessions of a user and of the session that is
   * named so ('/' in a name is written %2F). In a reply: what the sender has subscribed to as
   * /user/..., without /user; ignored in the answer to a SUBSCRIBE. */
  struct plug_str destination;
  struct plug_str content_type, body;
  const struct plug_kv *headers;
  size_t n_headers;
};

struct plug_app_error {
  uint32_t size, reserved;
  struct plug_str code;   /* [a-z0-9-]{1,32}, for programs */
  struct plug_str reason; /* for the client's eyes, one sentence; empty: a neutral text */
  struct plug_str detail; /* for the log; empty: not logged */
};

/* Everything is copied. */
struct plug_app_answer {
  uint32_t size, reserved;
  const struct plug_app_message *publishes;
  size_t n_publishes;
  const struct plug_app_message *reply; /* or NULL */
  const struct plug_app_error *error;   /* or NULL; else nothing is published, no reply is sent */
};

#define PLUG_APP_SUBSCRIBED   1u /* plug_app_event.kind */
#define PLUG_APP_UNSUBSCRIBED 2u
#define PLUG_APP_DISCONNECTED 3u /* after the end of all its subscriptions has been told */

#if PLUG_TARGET_MINOR >= 4
/* plug_app_event.flags: it is a subscription that had begun before this instance was started, which
 * has taken over from another one of the same name while the server runs; that one has been told of
 * its beginning. Whoever keeps count of who is there counts it, and greets nobody. */
#define PLUG_APP_STANDING 1u
#endif

/* Borrowed for the call. Grows at the tail. */
struct plug_app_event {
  uint32_t size;
  uint32_t kind;
  uint64_t session;
  struct plug_str session_id;
  const struct plug_identity *who; /* as in plug_app_request */
  struct plug_str subscription;    /* its id; empty for DISCONNECTED, like what follows */
  struct plug_str destination;
  size_t watch; /* the number of the watch that matched, the first of them */
  const struct plug_kv *variables;
  size_t n_variables;
#if PLUG_TARGET_MINOR >= 4
  uint32_t flags, reserved;
#endif
};

#define PLUG_APP_ANY 1u /* plug_app.flags: request may run on any thread, several at once */

struct plug_app {
  uint32_t size, flags;
  /* [create] Called once after create; fills *out. */
  void (*claims)(void *self, struct plug_app_claims *out) PLUG_NOEXCEPT;
  /* [home], or [any] with PLUG_APP_ANY. Optional without claims. PLUG_OK: taken, and there is no
   * more to it. PLUG_PENDING: answer or op_done, now or later; until then the request may be looked
   * at. A failure is an error for the sender. */
  plug_status (*request)(void *self, const struct plug_app_request *,
                         struct plug_op *op) PLUG_NOEXCEPT;
  /* [home] Optional without watches. Subscriptions to patterns are not told. */
  void (*event)(void *self, const struct plug_app_event *) PLUG_NOEXCEPT;
};

/* [home] The outcome of a publish: PLUG_OK, or why the broker did not take it. */
typedef void (*plug_app_published_fn)(void *arg, plug_status) PLUG_NOEXCEPT;

struct plug_app_up {
  uint32_t size, reserved;
  /* [any] Completes an operation of request. */
  void (*answer)(struct plug_op *, const struct plug_app_answer *) PLUG_NOEXCEPT;
  /* [any] Publishes without having been asked, per destination in the order of the calls of one
   * thread. The message is copied. done may be NULL; it is called exactly once if the result is
   * PLUG_OK, and stop must wait for it. PLUG_EINVAL: no such destination. PLUG_ENOMEM. PLUG_ESTATE:
   * before start, after drain. */
  plug_status (*publish)(const struct plug_host *, const struct plug_app_message *,
                         plug_app_published_fn done, void *arg) PLUG_NOEXCEPT;
#if PLUG_TARGET_MINOR >= 4
  /* [any] Past the broker, to the sessions of this node only: for what every node says for itself.
   * session 0: to all that have subscribed to the destination; else to that session's subscription
   * of that id alone, as an event has named both, if it is to this destination and still there. Per
   * destination in the order of the calls of one thread. Copied. The failures are those of publish.
   */
  plug_status (*publish_local)(const struct plug_host *, const struct plug_app_message *,
                               uint64_t session, struct plug_str subscription) PLUG_NOEXCEPT;
  /* [any] Would this be published? For answers that come from elsewhere and hold several messages,
   * so that all of them are, or none. PLUG_ETOOBIG: it is over the [limits] of the server, or has a
   * header that is no text; PLUG_EINVAL: else there is no such destination; PLUG_ESTATE. */
  plug_status (*check)(const struct plug_host *, const struct plug_app_message *) PLUG_NOEXCEPT;
#endif
};

#ifdef __cplusplus
}
#endif
#endif
