/* What the checks of auth plugins ask, and what they are told: one request of authenticate or
 * authorize at a time, whose memory is taken back when it is answered, and whose answer is judged.
 * Owns nothing; the check's thread. */
#ifndef SDK_CHECK_ASK_H
#define SDK_CHECK_ASK_H

#include "check_host.h"

/* What a client shows. */
struct ask_credentials {
  struct plug_str login, passcode;
  struct plug_kv header; /* "Authorization"; no key: none */
};

/* What became of it. */
struct ask_outcome {
  struct plug_mock_verdict verdict; /* status PLUG_ALLOW: granted */
  size_t n_granted;                 /* how often grant was called */
  int64_t expires_unix_ms;
  char identity_fault[256], refusal_fault[256]; /* what is wrong with it, or empty */
};

/* Those of [check] that are let in; false: it names none. Or those of "expired-passcode" and
 * "expired-header", which are not. */
bool ask_right(struct check_run *run, struct ask_credentials *out);
bool ask_expired(struct check_run *run, struct ask_credentials *out);
/* The same with a wrong password, which is in text then: of the same length, another in one byte.
 * last: in its last byte that counts. */
void ask_spoil(struct ask_credentials *credentials, char text[2][8192], bool last);

/* An instance that ask can be used with. guarded: what it is lent becomes inaccessible. */
struct check_host *ask_start(struct check_run *run, bool guarded);
/* who: for a REFRESH, else NULL. Waits for the answer. */
void ask_authenticate(struct check_host *host, uint64_t session,
                      const struct ask_credentials *credentials, const struct plug_identity *who,
                      struct ask_outcome *out);
/* The same up to what authenticate has returned; out stays in use until ask_finish. */
struct plug_op *ask_begin(struct check_host *host, uint64_t session,
                          const struct ask_credentials *credentials,
                          const struct plug_identity *who, struct ask_outcome *out,
                          plug_status *returned);
void ask_finish(struct check_host *host, struct plug_op *op, plug_status returned,
                struct ask_outcome *out);
plug_status ask_authorize(struct check_host *host, const struct ask_outcome *who, int32_t action,
                          const char *topic, struct plug_decision *out);
void ask_end(struct check_host *host, const struct ask_outcome *who);

#endif
