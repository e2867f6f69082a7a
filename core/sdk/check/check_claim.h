/* What the checks of applications send: requests for claims and events for watches, in memory that
 * is taken back when they are answered, and what came of them. Owns nothing; the check's thread. */
#ifndef SDK_CHECK_CLAIM_H
#define SDK_CHECK_CLAIM_H

#include "check_host.h"

struct claim_request {
  size_t claim;
  uint32_t action;
  uint64_t session;
  const char *value; /* of each variable; NULL: "seven" */
  struct plug_str content_type, body;
  bool anonymous;
};

struct claim_outcome {
  struct plug_mock_answer answer;
  char fault[256]; /* what is not well-formed of it, or empty */
  /* private */
  uint32_t action;
};

/* An instance, started. guarded: what it is lent becomes inaccessible. unasked (may be NULL): what
 * is wrong with what it publishes by itself is put there, 256 bytes. */
struct check_host *claim_start(struct check_run *run, bool guarded, char *unasked);

/* Claims with their actions, one after the other, at most 16: false behind the last. Those with
 * expressions are left out: the kit makes up no value that matches. */
bool claim_next(const struct check_host *host, size_t *i, struct claim_request *out);
/* From *w on, the next watch likewise; true: *w is one. */
bool claim_next_watch(const struct check_host *host, size_t *w);

void claim_request(struct check_host *host, const struct claim_request *request,
                   struct claim_outcome *out);
/* The same up to what request has returned; out stays in use until claim_finish. What was lent is
 * taken back by check_take_all_back. */
struct plug_op *claim_begin(struct check_host *host, const struct claim_request *request,
                            struct claim_outcome *out, plug_status *returned);
void claim_finish(struct check_host *host, struct plug_op *op, plug_status returned,
                  struct claim_outcome *out);
/* The kind of the answer, without what may be another each time: for comparing. */
void claim_describe(const struct claim_outcome *outcome, char *out, size_t room);

/* kind: PLUG_APP_SUBSCRIBED, ... watch is not looked at for PLUG_APP_DISCONNECTED. */
void claim_event(struct check_host *host, uint32_t kind, size_t watch, uint64_t session,
                 const char *subscription);

#endif
