/* SPDX-License-Identifier: MIT
 *
 * mock_internal.h: what the files of the mock host share: the instance and what hangs off it.
 *
 * mock_services.c  log, configuration, clock, watches, timers, operations
 * mock_messages.c  messages and their wire format
 * mock_upcalls.c   metrics, and what brokers, auth plugins and applications call
 * plug_mock_host.c the instance, its loop, and what tests call
 */
#ifndef MOCK_INTERNAL_H
#define MOCK_INTERNAL_H

#include "plug_mock_host.h"

#if PLUG_TARGET_MINOR != PLUG_ABI_MINOR
#error "the mock host has all of its minor: define PLUG_TARGET_MINOR in the plugin's source only"
#endif

#include <pthread.h>

enum { MAX_METRICS = 64, MAX_PUBLISHED = 64 };

enum mock_phase { PHASE_CREATED, PHASE_RUNNING, PHASE_STOPPED };

/* What was broken, for those who count more than how often. */
enum mock_breach_kind {
  MOCK_THREAD,  /* a function away from its thread, or not in its phase */
  MOCK_USE,     /* what no thread may do: freed twice, a name that is none */
  MOCK_STOPPED, /* a call of the host after stop */
  MOCK_OP,      /* an operation that is not to be completed now, or not so */
  MOCK_BOTH,    /* an operation that is completed and answered by the call, too */
  MOCK_LATE,    /* an operation that is not completed in time */
  MOCK_LEFT     /* something left behind by stop or destroy */
};

/* What a plugin has given, and what is pointed to with it. */
enum mock_seen {
  MOCK_SEEN_STATE,    /* struct mock_state */
  MOCK_SEEN_IDENTITY, /* struct plug_identity */
  MOCK_SEEN_REFUSAL,  /* struct plug_refusal */
  MOCK_SEEN_ANSWER,   /* struct plug_app_answer */
  MOCK_SEEN_MESSAGE   /* struct plug_app_message, published unasked */
};

struct mock_state {
  int32_t state;
  uint32_t flags;
};

struct plug_mock;

/* What plugboard-check adds to the mock; NULL in unit tests. */
struct mock_kit {
  /* Under the lock. */
  void (*breach)(struct plug_mock *mock, enum mock_breach_kind kind, const char *what);
  /* [any] A function of the host was called. 1: it is to fail, if it is one that can for want of
   * memory. */
  int (*used)(struct plug_mock *mock, const char *function, int can_fail);
  /* [home] Around each call into the plugin. */
  void (*enter)(struct plug_mock *mock, const char *function);
  void (*leave)(struct plug_mock *mock);
  const void *(*extension)(const struct plug_host *host, const char *id);
  /* Memory that the plugin may look at until it is taken back; head bytes before it stay the
   * host's. Zeroed. */
  void *(*lend)(struct plug_mock *mock, size_t head, size_t size, const char *what);
  void (*take_back)(struct plug_mock *mock, void *lent);
  void (*free_lent)(struct plug_mock *mock, void *lent);
  /* [any] Before it is kept. op: NULL where there is none. */
  void (*seen)(struct plug_mock *mock, struct plug_op *op, enum mock_seen kind, const void *what);
  /* [home] 1: nothing will happen before the clock moves. */
  int (*idle)(struct plug_mock *mock);
};

struct plug_io {
  struct plug_io *next;
  struct plug_mock *mock;
  plug_io_fn fn;
  void *arg;
  int fd;
  uint32_t want;
  int closed;
};

struct plug_timer {
  struct plug_timer *next;
  struct plug_mock *mock;
  plug_fn fn;
  void *arg;
  uint64_t set_ms, due_ms,
      turn; /* turn: of two that are due at once, the one set first runs first */
  int armed, freed;
};

/* Freed with the mock: one that is completed too late is still there to be told so. */
struct plug_op {
  struct plug_op *next;
  struct plug_mock *mock;
  uint64_t deadline_ms;
  int done, offered; /* offered: a callback has returned PLUG_PENDING, or has not yet returned */
  plug_status status;
  struct plug_mock_verdict *verdict;
  struct plug_decision *decision;
  struct plug_mock_answer *answer;
  /* A reference is given back with the completion, once the call has returned. */
  const struct plug_msg *lent;
  int returned;
};

struct plug_metric {
  struct plug_mock *mock;
  char name[64];
  int64_t value;
  int is_gauge;
};

/* Stands right before the struct plug_msg that the plugin sees, with its headers and bytes. */
struct mock_msg {
  struct mock_msg *next;
  struct plug_mock *mock;
  char *wire;
  size_t wire_len;
  int refs, kept; /* kept: those of refs that the record of deliveries holds */
  uint64_t spare; /* what follows is aligned to 16 bytes */
};

struct mock_call {
  struct mock_call *next;
  plug_fn fn;
  void *arg;
  plug_app_published_fn published; /* instead of fn */
};

struct mock_delivery {
  const struct plug_msg *msg;
  uint64_t interest;
};

struct plug_mock {
  struct plug_host host; /* first: the plugin's pointer is ours */
  const struct mock_kit *kit;
  void *kit_data;
  const struct plug_plugin *plugin;
  const char *const *options;
  void *self;
  enum mock_phase phase;
  int in_create;
  pthread_t home;
  pthread_mutex_t lock; /* of all below that functions tagged [any] touch */
  struct mock_call *calls, **calls_end;
  struct plug_op *ops;
  struct mock_msg *msgs;
  uint64_t now_ms, next_id, next_turn;
  size_t n_breaches;
  char *log;
  size_t log_len;
  struct mock_delivery *deliveries;
  size_t n_deliveries;
  plug_status deliver_status;
  plug_status publish_status; /* what publish of an application answers where it could be done */
  struct plug_metric metrics[MAX_METRICS];
  size_t n_metrics;
  struct plug_mock_message published[MAX_PUBLISHED];
  size_t n_published;
  /* Of the home thread. */
  struct plug_io *ios;
  struct plug_timer *timers;
  int32_t state;
  struct plug_app_claims claims;
};

static inline struct plug_mock *mock_of(const struct plug_host *host)
{
  return (struct plug_mock *)(uintptr_t)host;
}

static inline struct mock_msg *mock_msg_of(const struct plug_msg *msg)
{
  return (struct mock_msg *)(uintptr_t)msg - 1;
}

static inline struct plug_msg *mock_msg_seen(struct mock_msg *m)
{
  return (struct plug_msg *)(m + 1);
}

static inline void mock_enter(struct plug_mock *mock, const char *function)
{
  if (mock->kit)
    mock->kit->enter(mock, function);
}

static inline void mock_leave(struct plug_mock *mock)
{
  if (mock->kit)
    mock->kit->leave(mock);
}

static inline void mock_see(struct plug_mock *mock, struct plug_op *op, enum mock_seen kind,
                            const void *what)
{
  if (mock->kit)
    mock->kit->seen(mock, op, kind, what);
}

/* At the begin of a function of the host. 1: it has no memory. */
static inline int mock_used(struct plug_mock *mock, const char *function, int can_fail)
{
  return mock->kit ? mock->kit->used(mock, function, can_fail) : 0;
}

void *mock_must(void *memory);
/* plug_mock_new with a kit, and plug_mock_free in its steps: stop and audit; destroy and audit;
 * free. */
struct plug_mock *mock_new(const struct plug_plugin *plugin, const char *const *options,
                           const struct mock_kit *kit, void *kit_data, const char *instance,
                           const char *node, struct plug_err *err);
plug_status mock_stop(struct plug_mock *mock);
void mock_audit(struct plug_mock *mock);
void mock_destroy(struct plug_mock *mock);
void mock_free(struct plug_mock *mock);
/* Under the lock. */
void mock_append_log(struct plug_mock *mock, const char *level, struct plug_str line);
void mock_breach_locked(struct plug_mock *mock, enum mock_breach_kind kind, const char *what);
/* Takes the lock. */
void mock_breach(struct plug_mock *mock, enum mock_breach_kind kind, const char *what);
/* For what is tagged [home] and needs an instance that has not been stopped. */
void mock_check_home(struct plug_mock *mock, const char *what);
/* As a C string, cut to the room. */
void mock_keep_text(char *to, size_t room, struct plug_str s);

const struct plug_option *mock_find_option(const struct plug_plugin *plugin, const char *name);
const char *mock_value_of(const struct plug_mock *mock, const struct plug_option *option);
int mock_is_number(uint32_t type);
/* What cfg_i64 gives for a text; 0 when it is none of the type. */
int mock_read_number(uint32_t type, const char *text, int64_t *out);

/* Runs fn, or published, on the home thread. */
void mock_post_call(struct plug_mock *mock, plug_fn fn, plug_app_published_fn published, void *arg);
/* Under the lock. 1 if op may be completed now. */
int mock_take_completion(struct plug_op *op, const char *how);
struct plug_op *mock_new_op(struct plug_mock *mock, uint64_t limit_ms);
/* The outcome of a callback that has returned status. */
plug_status mock_wait_for(struct plug_op *op, plug_status status);

/* msg_unref, under the lock. */
void mock_unref_locked(const struct plug_msg *msg);
/* A message whose origin is another node's, or this one's; id 0: the next of this node. */
const struct plug_msg *mock_make_msg(struct plug_mock *mock, const struct plug_msg_init *init,
                                     struct plug_str origin, uint64_t id);

/* Each sets its members of the table. */
void mock_fill_services(struct plug_host *host);
void mock_fill_messages(struct plug_host *host);
void mock_fill_upcalls(struct plug_host *host, const struct plug_plugin *plugin);

#endif
