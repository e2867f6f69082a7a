/* Who may do what: the auth plugins, the rules of [access], and on each worker who its sessions
 * are. `struct access` is the server's and read-only while workers run: a reload makes the next
 * one. A `struct access_worker` and its subjects belong to one worker. Functions are tagged
 * [start], [worker] or [any].
 *
 * A session is a *subject*: it may have an identity, and belongs to an access class. Subjects of
 * one class have equal rights, so that what is found open to one of them is open to all; ids of
 * classes are never used again, which makes a cache of decisions forget by itself. */
#ifndef ACCESS_ACCESS_H
#define ACCESS_ACCESS_H

#include "access/ask.h"
#include "access/login.h"
#include "access/rules.h"

#define ACCESS_TOKEN_DESTINATION "/plugboard/token" /* renewals go in, warnings come out */

struct access;
struct access_worker;
struct subject;

struct access_settings {
  struct chain_settings chain;
  struct rules_world world; /* authenticates is set here */
  bool anonymous;           /* who shows no credentials is let in as nobody */
  bool close_denied;        /* a denied SUBSCRIBE or SEND ends the session */
  uint64_t warning_ms;      /* how long before an identity's end its client is told */
  uint64_t max_former;      /* generations of plugins that sessions still have identities of */
};

/* [start] NULL on failure, with err->text. loop NULL: for --check. *wanted is false, and the result
 * NULL without a fault, where neither plugins nor rules are configured. */
struct access *access_new(const struct access_settings *settings, const struct config *config,
                          struct loop *loop, bool *wanted, struct plug_err *err);
/* [main] While workers run: the next one, by other rules and settings. new_plugins NULL: with the
 * same plugins; else with new instances, at home there, which have been started. former lives until
 * no worker has it any more, and its plugins until no session has an identity of theirs. */
struct access *access_renewed(const struct access *former, const struct access_settings *settings,
                              const struct config *config, struct loop *new_plugins,
                              struct plug_err *err);
/* [main] Of plugins that are to be stopped in the end. */
size_t access_n_instances(const struct access *access);
/* [main] One with new plugins that no worker was given: they stop. access_free is due. */
void access_abandon(struct access *access);
/* [main] Stops former plugins that nobody needs any more. True: there are others, look again. */
bool access_tend(struct access *access);
/* [main] Frees what has stopped: to be called before workers are sent something, and, with done,
 * after all have got it. */
void access_settle(struct access *access, bool done);
plug_status access_start(struct access *access, struct plug_err *err);
/* [start] After the workers have ended: access_drain, then all that is in their inboxes is done,
 * then access_stop. */
void access_drain(struct access *access);
void access_stop(struct access *access);
void access_free(struct access *access); /* NULL is nothing */

const struct rules *access_rules(const struct access *access);
const struct access_settings *access_settings_of(const struct access *access); /* [any] */
const struct chain *access_chain(const struct access *access);                 /* [any] */

/* --- a worker's part ---------------------------------------------------------------------- */

/* What becomes of a subject, told to its owner. */
struct access_events {
  /* The verdict of access_login. For a CONNECT or a renewal that was granted the subject has its
   * new identity already. */
  void (*login)(void *owner, const struct login_verdict *verdict);
  /* The answer to access_ask. */
  void (*answered)(void *owner, const struct ask_result *result);
  /* The rules are others. First whether they are for it, then, with its new class, that what it is
   * subscribed to is to be judged again. */
  bool (*under_rules)(void *owner);
  void (*renewed)(void *owner);
  /* Its rights may have become less: what it is subscribed to is to be judged again. */
  void (*changed)(void *owner);
  /* Its identity was taken away. */
  void (*revoked)(void *owner, const char *reason);
};

/* [start] Before the worker runs; NULL when out of memory. */
struct access_worker *access_worker_new(struct access *access, unsigned index, struct inbox *inbox,
                                        const struct access_events *events);
/* [start] No subject is left, and no plugin runs. NULL is nothing. */
void access_worker_free(struct access_worker *worker);
const struct access *access_of(const struct access_worker *worker);
/* [worker] Goes over to the next one. Its subjects are judged again, so many with each call of
 * access_worker_judge_again; false: there are no more. */
void access_worker_renew(struct access_worker *worker, struct access *access);
bool access_worker_judge_again(struct access_worker *worker, size_t n);

/* [worker] A session's subject, of nobody's class. number: unique on this worker. NULL when out of
 * memory. */
struct subject *subject_new(struct access_worker *worker, uint64_t number, void *owner);
/* Whether the rules are for it; else it may do what its own permissions allow. */
void subject_use_rules(struct subject *subject, bool rules);
void subject_free(struct subject *subject); /* its session has ended; NULL is nothing */

const struct plug_identity *subject_who(const struct subject *subject); /* NULL: nobody */
struct identity *subject_identity(const struct subject *subject);       /* likewise; borrowed */
uint64_t subject_class(const struct subject *subject);                  /* never 0 */
/* On the clock of clock_now_ms; UINT64_MAX: its identity never ends. */
uint64_t subject_expires_ms(const struct subject *subject);
/* When a half is over of what its identity had left when it came to it; likewise. */
uint64_t subject_half_ms(const struct subject *subject);

/* [worker] Asks the auth plugins. handshake is taken over. False when out of memory; otherwise
 * events->login follows. One at a time. */
bool subject_login(struct subject *subject, int32_t stage, const struct stomp_frame *frame,
                   struct handshake *handshake);
bool subject_logs_in(const struct subject *subject);

/* [worker] Judges. *lasting: the verdict holds for all of the class as long as it exists. RULE_ASK:
 * subject_ask. */
enum rule_verdict subject_judge(struct subject *subject, unsigned action,
                                struct plug_str destination, bool is_pattern, bool *lasting);
/* Asks the plugin. PLUG_OK: *allowed is the answer. PLUG_PENDING: events->answered follows. */
plug_status subject_ask(struct subject *subject, unsigned action, struct plug_str destination,
                        bool is_pattern, struct plug_str tag, bool *allowed);

#endif
