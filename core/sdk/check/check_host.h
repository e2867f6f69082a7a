/* The host in the kit: the SDK's mock host with strict bookkeeping. Each breach of the contract is
 * kept with its kind, what the plugin is lent lies on pages that are taken away when it is given
 * back, the nth allocation of the host can be made to fail, and calls into the plugin are timed.
 * Owns nothing but what mock.h says; a check's process ends with the check.
 *
 * The clock moves by itself while somebody waits, as that on the wall does; where neither a watch
 * nor a thread is there to wait for, it jumps to the next timer, so that time costs nothing. */
#ifndef SDK_CHECK_HOST_H
#define SDK_CHECK_HOST_H

#include "check.h"
#include "mock_internal.h"

/* Bits of check_host_breach and its like. */
#define CHECK_BREACH(kind) (1u << (kind))
#define CHECK_ANY_BREACH   (~0u)

typedef void (*check_seen_fn)(void *arg, struct plug_op *op, enum mock_seen kind, const void *what);

struct check_host {
  struct plug_mock *mock;
  struct check_run *run;
  const char *node;
  unsigned fail_at;          /* the nth allocation of the host fails, counted from 1; 0: none */
  _Atomic unsigned n_allocs; /* so far */
  const char *failed_in;     /* which that was */
  bool lend_guarded;         /* as above; else plain memory, for checks with many messages */
  bool timed;                /* calls are timed */
  const void *presence_up;   /* what extension(PLUG_EXT_BROKER_PRESENCE) gives; NULL: a deaf one */
  const void *app_presence;  /* what extension(PLUG_EXT_PRESENCE) gives; NULL: one without users */
  void *presence_arg;        /* for the functions of those tables */
  check_seen_fn seen;        /* is shown what the plugin gives, on its thread; may be NULL */
  void *seen_arg;
  /* The slowest of those calls that took longer than they may, or NULL. */
  const char *slowest;
  uint64_t slowest_us;
  /* private */
  void **lents;
  size_t n_lents, n_back;
  const char *calling;
  uint64_t begin_us, begin_waited_us;
  _Atomic unsigned n_jobs;
  struct check_breach {
    enum mock_breach_kind kind;
    char text[200];
  } breaches[64];
  size_t n_breaches;
  const char *const *options;
};

/* ---- Instances. node: NULL is "node-1". ---- */

/* create, which must succeed. */
struct check_host *check_create(struct check_run *run, const char *node);
/* create with options of one's own; NULL when it fails, with err. overrides: name, value, ..., NULL
 * that stand instead of those of the command line; an empty value pointer "" is a value. fail_at:
 * see above. */
struct check_host *check_try_create(struct check_run *run, const char *node,
                                    const char *const *overrides, unsigned fail_at,
                                    struct plug_err *err);
/* The same, with all that an instance finds when it is made. */
struct check_making {
  const char *const *overrides;
  unsigned fail_at;
  const void *presence_up, *app_presence;
  void *presence_arg;
  check_seen_fn seen;
  void *seen_arg;
};
struct check_host *check_make(struct check_run *run, const char *node,
                              const struct check_making *making, struct plug_err *err);
/* create and start, which must succeed; of a broker, until it says that it is up. */
struct check_host *check_start(struct check_run *run, const char *node);
/* The second half of that, with an outcome. */
plug_status check_start_it(struct check_host *host);
/* drain, stop, audit, destroy, free. Returns the breaches' kinds as bits; use check_no_breach
 * before for those of one kind alone. */
void check_end(struct check_host *host);
/* The same in steps. stop: with the audit. */
plug_status check_drain(struct check_host *host);
plug_status check_stop(struct check_host *host);
void check_destroy(struct check_host *host); /* the plugin's destroy, once */
void check_free(struct check_host *host);

/* Fails the check if there is a breach of these kinds. when: for the reason, "in 100 restarts". */
void check_no_breach(struct check_host *host, unsigned kinds, const char *when);
/* The text of the first of these kinds, or NULL. */
const char *check_breach(const struct check_host *host, unsigned kinds);

/* Runs the loop for so long, by the clock on the wall. */
void check_run_for(struct check_host *host, unsigned ms);
/* Runs the loop until done(arg), at most limit_ms by the host's clock. */
bool check_run_until(struct check_host *host, bool (*done)(void *arg), void *arg,
                     unsigned limit_ms);

/* Runs the loop until at least so many messages have been delivered, at most 5 s, and a moment more
 * for those that are too many. Returns how many there are. */
size_t check_deliveries(struct check_host *host, size_t least);

/* ---- Operations ---- */
struct plug_op *check_op(struct check_host *host, uint64_t limit_ms);
/* What has become of it after the call returned status: waits to the deadline. PLUG_ETIMEDOUT is a
 * breach MOCK_LATE. */
plug_status check_wait(struct check_host *host, struct plug_op *op, plug_status status);
/* The call has returned status: a result that is not PLUG_PENDING ends the operation. Nobody waits.
 * True: it is pending, and may be completed already. */
bool check_op_returned(struct plug_op *op, plug_status status);
bool check_op_is_done(const struct plug_op *op);
plug_status check_op_status(const struct plug_op *op);

/* Around each call that a check makes into the plugin by itself. */
#define CHECK_CALL(host, name, call)  \
  do {                                \
    mock_enter((host)->mock, (name)); \
    (call);                           \
    mock_leave((host)->mock);         \
  } while (0)

/* n times piece; freed by the caller. */
struct plug_str check_repeat(const char *piece, size_t n);

/* ---- Lending. Copies that the plugin may look at until they are taken back. ---- */
void *check_lend(struct check_host *host, const void *bytes, size_t size, const char *what);
struct plug_str check_lend_str(struct check_host *host, struct plug_str s, const char *what);
void check_take_back(struct check_host *host, const void *lent);
/* All that has been lent by these two since the last call. */
void check_take_all_back(struct check_host *host);
void check_free_lents(struct check_host *host); /* check_free does */
/* What create has broken when check_try_create gave NULL, or NULL. */
const char *check_create_breach(void);

/* ---- What each kind of plugin is asked. Waits until it is answered; with _op in its name it
 * returns what the call has returned, and what was lent is to be taken back by the caller. ---- */
/* One reference, the caller's. payload may be anything. */
const struct plug_msg *check_message(struct check_host *host, const char *topic,
                                     struct plug_str payload);
void check_unref(const struct plug_msg *msg);
plug_status check_subscribe_op(struct check_host *host, const struct plug_interest *v, size_t n,
                               struct plug_op *op);
plug_status check_unsubscribe_op(struct check_host *host, const struct plug_interest *v, size_t n,
                                 struct plug_op *op);
plug_status check_subscribe(struct check_host *host, const struct plug_interest *v, size_t n);
plug_status check_unsubscribe(struct check_host *host, const struct plug_interest *v, size_t n);
plug_status check_publish(struct check_host *host, const char *topic, struct plug_str payload);
/* With an operation of the caller's, or NULL; what publish returns. */
plug_status check_publish_op(struct check_host *host, const char *topic, struct plug_str payload,
                             struct plug_op *op);
/* login and passcode: those of [check] in the configuration, or made up ones. */
plug_status check_authenticate_op(struct check_host *host, struct plug_op *op,
                                  struct plug_mock_verdict *out);
void check_authenticate(struct check_host *host, struct plug_mock_verdict *out);
/* who: of a grant. */
plug_status check_authorize_op(struct check_host *host, struct plug_op *op, int32_t action,
                               const struct plug_mock_verdict *who, struct plug_decision *out);
plug_status check_authorize(struct check_host *host, int32_t action,
                            const struct plug_mock_verdict *who, struct plug_decision *out);
/* A request for the nth claim of the plugin. */
plug_status check_request_op(struct check_host *host, struct plug_op *op, size_t claim,
                             uint32_t action, const char *body, struct plug_mock_answer *out);
void check_request(struct check_host *host, size_t claim, uint32_t action, const char *body,
                   struct plug_mock_answer *out);

/* A path that the pattern matches, in path; returns how many variables it has, at most
 * PLUG_APP_VARIABLES_MAX. */
size_t check_fill_pattern(struct plug_str pattern, char *path, size_t room, struct plug_kv *out);

/* A bit of all that the plugin does for the server; fails the check only on what hangs. So much of
 * it is published by a broker, to topics that are subscribed to. */
#define CHECK_EXERCISE_PUBLISHES 4
void check_exercise(struct check_host *host);

/* ---- The process ---- */
size_t check_count_threads(void);
size_t check_count_fds(void);
/* Bytes that malloc has given out; 0 where that is not known. */
size_t check_count_bytes(void);

#endif
