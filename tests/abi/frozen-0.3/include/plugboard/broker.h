/* SPDX-License-Identifier: MIT
 *
 * plugboard/broker.h: a broker carries messages between nodes.
 *
 * The server owns sessions, subscriptions, fan-out and every queue towards a client. A broker is a
 * pipe: it is told which topics this node wants, it publishes, and it hands what arrives to
 * deliver(). It keeps no list of topics for recovery: after a lost connection it reports
 * PLUG_STATE_UP with PLUG_INTERESTS_LOST and the server subscribes everything again, in batches.
 * Until that is done it calls publish only of brokers with PLUG_CAP_PUBLISH_ANY.
 *
 * With PLUG_CAP_ECHO the broker delivers this node's own messages too, and the server never
 * delivers them by itself, so that all nodes see one order and nothing comes twice. Without it
 * the server delivers to local sessions when publish has succeeded, per topic in the order in which
 * publish was called.
 *
 * With PLUG_CAP_DIRECT publish is one call of deliver, with interest 0, before it returns, and
 * nothing else that anybody could notice. The server then leaves publish out for a message that no
 * session of this node wants. It takes PLUG_CAP_ECHO and PLUG_CAP_PUBLISH_ANY, and rules out
 * PLUG_CAP_CROSS_NODE.
 */
#ifndef PLUGBOARD_BROKER_H
#define PLUGBOARD_BROKER_H

#include <plugboard/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUG_CAP_CROSS_NODE  (1u << 0) /* other nodes receive what is published here */
#define PLUG_CAP_ECHO        (1u << 1) /* the publishing node gets its own messages back */
#define PLUG_CAP_PATTERN     (1u << 2) /* understands interests flagged PLUG_INTEREST_PATTERN */
#define PLUG_CAP_ORDERED     (1u << 3) /* per topic, delivery order is publish order */
#define PLUG_CAP_ACK         (1u << 4) /* publish completes when the backend has accepted it */
#define PLUG_CAP_NO_GAPS     (1u << 5) /* nothing is lost while the backend is up */
#define PLUG_CAP_PUBLISH_ANY (1u << 6) /* publish may be called on any thread */
#define PLUG_CAP_DIRECT      (1u << 7) /* publish does nothing but deliver, at once */

#define PLUG_INTEREST_PATTERN 1u /* topic is an Ant-style pattern, not a name */

/* Passed in arrays: frozen. id is never reused and never 0. */
struct plug_interest {
  uint64_t id;
  struct plug_str topic;
  uint64_t flags;
};

#define PLUG_STATE_UP       0
#define PLUG_STATE_DOWN     1 /* not reachable, being retried */
#define PLUG_STATE_STARTING 2

struct plug_health {
  uint32_t size; /* set by the server */
  int32_t state; /* PLUG_STATE_... */
  uint64_t since_ms;
  uint32_t rtt_us;
  char text[108]; /* NUL-terminated, for operators */
};

struct plug_broker {
  uint32_t size, caps;
  uint64_t max_payload; /* bytes; 0 is no limit */

  /* [home] This node wants v[0..n). Done means: what is published from now on is delivered. A
   * failure means that none of the batch counts as subscribed. v is borrowed (see host.h). */
  plug_status (*subscribe)(void *self, const struct plug_interest *v, size_t n,
                           struct plug_op *op) PLUG_NOEXCEPT;
  /* [home] This node no longer wants v[0..n). A delivery that comes late is dropped by the host. */
  plug_status (*unsubscribe)(void *self, const struct plug_interest *v, size_t n,
                             struct plug_op *op) PLUG_NOEXCEPT;
  /* [home], or [any] with PLUG_CAP_PUBLISH_ANY. op is NULL when nobody waits for the outcome;
   * PLUG_PENDING then means "accepted". The message is borrowed: take a reference to keep it. */
  plug_status (*publish)(void *self, const struct plug_msg *, struct plug_op *op) PLUG_NOEXCEPT;
  /* [home] Fills out; must not block. */
  void (*health)(void *self, struct plug_health *out) PLUG_NOEXCEPT;
  /* [home] Optional. 1: this node is congested, read more slowly if you can; 0: go on. Not called
   * by servers of this minor, which say so by PLUG_EAGAIN from deliver. */
  void (*flow)(void *self, int32_t paused) PLUG_NOEXCEPT;
};

/* A flag of state(): subscribe everything again. Given with PLUG_STATE_DOWN too, it makes those who
 * subscribe meanwhile wait until the backend is back. */
#define PLUG_INTERESTS_LOST 1u

struct plug_broker_up {
  uint32_t size, reserved;
  /* [any] Hands a message to the local subscribers. interest: the id under which it arrived, so
   * that only the subscriptions of that topic or pattern get it, or 0 for "look up all that
   * match the topic". Calls made by one thread for one topic arrive in that order.
   * PLUG_EAGAIN: delivered, but the node is congested. PLUG_EUNAVAIL, PLUG_ENOMEM: dropped for the
   * sessions of at least one worker, which is too far behind; counted, and not to be tried again,
   * for others have it. PLUG_ESTATE: after stop. The reference stays the caller's. */
  plug_status (*deliver)(const struct plug_host *, uint64_t interest,
                         const struct plug_msg *) PLUG_NOEXCEPT;
  /* [home] state is PLUG_STATE_...; why is one sentence for the log. The server may call subscribe,
   * unsubscribe and publish before this returns. */
  void (*state)(const struct plug_host *, int32_t state, uint32_t flags,
                struct plug_str why) PLUG_NOEXCEPT;
};

#ifdef __cplusplus
}
#endif
#endif
