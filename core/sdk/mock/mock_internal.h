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
};

struct plug_metric {
  struct plug_mock *mock;
  char name[64];
  int64_t value;
  int is_gauge;
};

struct mock_msg {
  struct plug_msg msg; /* first: the plugin's pointer is ours */
  struct mock_msg *next;
  struct plug_mock *mock;
  int refs, kept; /* kept: those of refs that the record of deliveries holds */
  struct plug_kv *headers;
  char *bytes, *wire;
  size_t wire_len;
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

void *mock_must(void *memory);
/* Under the lock. */
void mock_append_log(struct plug_mock *mock, const char *level, struct plug_str line);
void mock_breach_locked(struct plug_mock *mock, const char *what);
/* Takes the lock. */
void mock_breach(struct plug_mock *mock, const char *what);
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

/* Each sets its members of the table. */
void mock_fill_services(struct plug_host *host);
void mock_fill_messages(struct plug_host *host);
void mock_fill_upcalls(struct plug_host *host, const struct plug_plugin *plugin);

#endif
