/* SPDX-License-Identifier: MIT
 *
 * plugboard/host.h: what the server does for a plugin.
 *
 * THREADS. Every function here, and every function that a plugin gives, carries one of three tags:
 *
 *   [create]  the single-threaded set-up (or tear-down) of one instance; nothing else of that
 *             instance runs meanwhile.
 *   [home]    the instance's home thread. Symbolic: at most one thread at a time is "home" of an
 *             instance and all [home] calls are ordered. on_home() tells whether you are there.
 *             A [home] function must return within about a millisecond; the server measures it.
 *   [any]     any thread, concurrently. Never calls back into the plugin before it returns, so it
 *             may be called with your own locks held.
 *
 * OWNERSHIP. Nobody frees what the other side allocated. A pointer argument is borrowed until the
 * call returns or, when it returned PLUG_PENDING, until that operation is completed. A message is
 * kept with msg_ref and released with msg_unref; nothing else is counted.
 */
#ifndef PLUGBOARD_HOST_H
#define PLUGBOARD_HOST_H

#include <plugboard/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

struct plug_host; /* one per plugin instance */
struct plug_op;   /* one asynchronous request; owned by the server, completed once by the plugin */
struct plug_io;
struct plug_timer;
struct plug_broker_up;
struct plug_auth_up;
struct plug_app_up;

/* Levels of log(). VIOLATION: somebody broke the contract of these headers. */
#define PLUG_LOG_DEBUG     0
#define PLUG_LOG_INFO      1
#define PLUG_LOG_WARN      2
#define PLUG_LOG_ERROR     3
#define PLUG_LOG_VIOLATION 4

/* Readiness bits of io_open, io_want and plug_io_fn. Errors and hang-ups report as READ. */
#define PLUG_IO_READ  1u
#define PLUG_IO_WRITE 2u

/* plug_msg.flags */
#define PLUG_MSG_BINARY 1u /* the payload is not valid UTF-8 */

struct plug_position {
  uint64_t offset, epoch;
};

/* Immutable from the moment a plugin can see it; grows at the tail only. */
struct plug_msg {
  uint32_t size, flags;
  uint64_t id; /* unique per origin node */
  struct plug_str topic, content_type, origin, payload;
  const struct plug_kv *headers; /* what else the sender wrote; unescaped, order kept */
  size_t n_headers;
  struct plug_position pos; /* reserved for brokers with history */
  uint32_t keep, keep_s;    /* reserved for brokers with history */
};

/* Input of msg_make; everything is copied. */
struct plug_msg_init {
  uint32_t size, flags; /* flags: 0; the server finds PLUG_MSG_BINARY out by itself */
  struct plug_str topic, content_type, payload;
  const struct plug_kv *headers;
  size_t n_headers;
  struct plug_position pos;
};

typedef void (*plug_fn)(void *arg) PLUG_NOEXCEPT;
typedef void (*plug_io_fn)(void *arg, int fd, uint32_t ready) PLUG_NOEXCEPT;

struct plug_host {
  uint32_t size;
  uint16_t abi_major, abi_minor;
  const char *server;                  /* C string, "plugboard 0.1.0" */
  const char *instance;                /* C string, the configuration section, "broker.redis" */
  const char *node;                    /* C string, this node's id, unique in a cluster */
  const struct plug_broker_up *broker; /* upcalls; NULL if the plugin is not a broker */
  const struct plug_auth_up *auth;     /* upcalls; NULL if the server asks no auth plugin */

  /* [any] Is this level written at all? Ask before formatting. */
  int32_t (*log_on)(const struct plug_host *, int32_t level) PLUG_NOEXCEPT;
  /* [any] One finished line without a newline; the server adds time, level and instance. */
  void (*log)(const struct plug_host *, int32_t level, struct plug_str line) PLUG_NOEXCEPT;

  /* [create] Configuration, already checked against the plugin's option table. out is borrowed
   * until create returns. PLUG_EINVAL: no such option, or neither value nor default. */
  plug_status (*cfg_str)(const struct plug_host *, const char *key,
                         struct plug_str *out) PLUG_NOEXCEPT;
  /* [create] Integers; bools as 0 and 1, durations in milliseconds, sizes in bytes. */
  plug_status (*cfg_i64)(const struct plug_host *, const char *key, int64_t *out) PLUG_NOEXCEPT;

  /* [any] Monotonic milliseconds. */
  uint64_t (*now_ms)(const struct plug_host *) PLUG_NOEXCEPT;
  /* [any] 1 on the instance's home thread, else 0. */
  int32_t (*on_home)(const struct plug_host *) PLUG_NOEXCEPT;
  /* [any] Runs fn(arg) on the home thread, after the calls already under way; FIFO per caller. */
  plug_status (*post)(const struct plug_host *, plug_fn, void *arg) PLUG_NOEXCEPT;

  /* [home] Watches fd, level-triggered, one watch per descriptor; NULL when out of memory. The
   * descriptor stays the plugin's, who closes it after io_close. */
  struct plug_io *(*io_open)(const struct plug_host *, int fd, uint32_t want, plug_io_fn,
                             void *arg)PLUG_NOEXCEPT;
  /* [home] Replaces the set of wanted readiness; 0 pauses. */
  void (*io_want)(struct plug_io *, uint32_t want) PLUG_NOEXCEPT;
  /* [home] Ends the watch. Its callback never runs again, not even when already due. */
  void (*io_close)(struct plug_io *) PLUG_NOEXCEPT;
  /* [home] One-shot timers, armed and re-armed with timer_set; NULL when out of memory. */
  struct plug_timer *(*timer_new)(const struct plug_host *, plug_fn, void *arg)PLUG_NOEXCEPT;
  void (*timer_set)(struct plug_timer *, uint64_t after_ms) PLUG_NOEXCEPT;
  void (*timer_stop)(struct plug_timer *) PLUG_NOEXCEPT;
  void (*timer_free)(struct plug_timer *) PLUG_NOEXCEPT;

  /* [any] Completes an operation that was taken with PLUG_PENDING; detail is for the log and is
   * borrowed for the call. Completing twice is a violation. */
  void (*op_done)(struct plug_op *, plug_status, struct plug_str detail) PLUG_NOEXCEPT;
  /* [any] When the server stops waiting for it, on the clock of now_ms. */
  uint64_t (*op_deadline_ms)(const struct plug_op *) PLUG_NOEXCEPT;

  /* [any] A new message that this node is the origin of, one reference held by the caller; NULL
   * when out of memory, and, with a line in the log, when it is over the [limits] of the server,
   * its topic is empty, or a header would break the frames made of it: a name that is empty or that
   * only the server writes (destination, message-id, subscription, ack, content-type,
   * content-length), NUL, or what is not UTF-8. */
  const struct plug_msg *(*msg_make)(const struct plug_host *,
                                     const struct plug_msg_init *)PLUG_NOEXCEPT;
  /* [any] The reverse of msg_encode, keeping origin and id; NULL when wire is not a message. */
  const struct plug_msg *(*msg_decode)(const struct plug_host *, struct plug_str wire)PLUG_NOEXCEPT;
  /* [any] The cluster's wire format of a message: opaque bytes that live as long as the message.
   * Empty when out of memory. */
  struct plug_str (*msg_encode)(const struct plug_msg *) PLUG_NOEXCEPT;
  void (*msg_ref)(const struct plug_msg *) PLUG_NOEXCEPT;   /* [any] */
  void (*msg_unref)(const struct plug_msg *) PLUG_NOEXCEPT; /* [any] */

  /* [any] The server's half of an optional feature ("plug.host.metrics/1"), or NULL. */
  const void *(*extension)(const struct plug_host *, const char *id)PLUG_NOEXCEPT;

#if PLUG_TARGET_MINOR >= 3
  const struct plug_app_up *app; /* upcalls; NULL if the plugin is not an application */
#endif
};

#ifdef __cplusplus
}
#endif
#endif
