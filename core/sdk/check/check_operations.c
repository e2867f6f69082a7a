/* Group O: operations. Each kind of them that a plugin has is called, waited for, cancelled,
 * stopped and left to its deadline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "check_host.h"

/* One operation, and room for what it is answered with. */
struct asked {
  struct plug_op *op;
  plug_status returned;
  bool pending;
  struct plug_mock_verdict verdict;
  struct plug_decision decision;
  struct plug_mock_answer answer;
};

enum kind { SUBSCRIBE, UNSUBSCRIBE, PUBLISH, AUTHENTICATE, AUTHORIZE, REQUEST, N_KINDS };

static const char *const kind_names[N_KINDS] = {"subscribe",    "unsubscribe", "publish",
                                                "authenticate", "authorize",   "request"};

/* Of a grant, for authorize; without one it is not asked. */
static struct plug_mock_verdict granted;

static bool has_kind(const struct check_host *host, enum kind kind)
{
  const struct plug_plugin *plugin = host->mock->plugin;
  switch (kind) {
  case SUBSCRIBE:
  case UNSUBSCRIBE:
  case PUBLISH:
    return plugin->broker;
  case AUTHENTICATE:
    return plugin->auth;
  case AUTHORIZE:
    return plugin->auth && granted.status == PLUG_ALLOW;
  default:
    return plugin->app && plugin->app->request && host->mock->claims.n_claims;
  }
}

/* guarded: what is lent is made inaccessible after its time; whoever looks at it all the same is
 * O6's to find. */
static struct check_host *start(struct check_run *run, bool guarded)
{
  struct check_host *host = check_start(run, NULL);
  host->lend_guarded = guarded;
  if (host->mock->plugin->auth)
    check_authenticate(host, &granted);
  return host;
}

static void ask(struct check_host *host, enum kind kind, uint64_t limit_ms, struct asked *asked)
{
  static const struct plug_interest interest = {7, {"/topic/check.o", 14}, 0};
  memset(asked, 0, sizeof *asked);
  asked->op = check_op(host, limit_ms);
  switch (kind) {
  case SUBSCRIBE:
    asked->returned = check_subscribe_op(host, &interest, 1, asked->op);
    break;
  case UNSUBSCRIBE:
    asked->returned = check_unsubscribe_op(host, &interest, 1, asked->op);
    break;
  case PUBLISH:
    asked->returned = check_publish_op(host, "/topic/check.o", str_of("hello"), asked->op);
    break;
  case AUTHENTICATE:
    asked->returned = check_authenticate_op(host, asked->op, &asked->verdict);
    break;
  case AUTHORIZE:
    asked->returned =
        check_authorize_op(host, asked->op, PLUG_SUBSCRIBE, &granted, &asked->decision);
    break;
  default: {
    uint32_t actions = host->mock->claims.claims[0].actions;
    asked->returned = check_request_op(host, asked->op, 0,
                                       actions & PLUG_APP_SEND ? PLUG_APP_SEND : PLUG_APP_SUBSCRIBE,
                                       "{\"text\":\"hello\"}", &asked->answer);
  }
  }
  CHECK(host->run, asked->returned <= PLUG_DEFER, "%s returns %d, which is no status",
        kind_names[kind], asked->returned);
  asked->pending = check_op_returned(asked->op, asked->returned);
}

static bool is_done(void *arg)
{
  struct asked *asked = arg;
  return !asked->pending || check_op_is_done(asked->op);
}

static plug_status outcome(const struct asked *asked)
{
  return asked->pending ? check_op_status(asked->op) : asked->returned;
}

static void cancel(struct check_host *host, struct plug_op *op)
{
  const struct plug_plugin *plugin = host->mock->plugin;
  if (plugin->cancel && !check_op_is_done(op))
    CHECK_CALL(host, "cancel", plugin->cancel(host->mock->self, op));
}

/* What it was granted has an end, and what it was lent is taken back. */
static void finish(struct check_host *host, struct asked *asked)
{
  const struct plug_auth *auth = host->mock->plugin->auth;
  if (asked->op && asked->op->verdict && outcome(asked) == PLUG_ALLOW && auth->session_end)
    CHECK_CALL(host, "session_end", auth->session_end(host->mock->self, asked->verdict.ctx));
  if (asked->op)
    asked->op->verdict = NULL;
  if (is_done(asked))
    check_take_all_back(host);
}

/* drain, stop and destroy, after the end of the session of start. */
static void end(struct check_host *host, bool drains)
{
  const struct plug_auth *auth = host->mock->plugin->auth;
  if (auth && auth->session_end && granted.status == PLUG_ALLOW)
    CHECK_CALL(host, "session_end", auth->session_end(host->mock->self, granted.ctx));
  if (drains)
    check_drain(host);
  check_stop(host);
}

static const unsigned of_operations = CHECK_BREACH(MOCK_OP);

/* ---- O1 ---- */

static void once_each(struct check_run *run)
{
  struct asked *asked = calloc(N_KINDS * 2, sizeof *asked);
  unsigned n_pending = 0;
  CHECK(run, asked, "out of memory");
  struct check_host *host = start(run, false);
  for (enum kind kind = 0; kind < N_KINDS; kind++) {
    if (!has_kind(host, kind))
      continue;
    ask(host, kind, 10000, &asked[0]);
    n_pending += asked[0].pending;
    CHECK(run, check_run_until(host, is_done, &asked[0], 15000),
          "%s has returned PLUG_PENDING, and is never completed", kind_names[kind]);
    check_run_for(host, 5);
    check_no_breach(host, of_operations, kind_names[kind]);
    finish(host, &asked[0]);
    /* Cancelled at once, and when it is over nothing more comes. */
    ask(host, kind, 10000, &asked[0]);
    cancel(host, asked[0].op);
    CHECK(run, check_run_until(host, is_done, &asked[0], 15000),
          "%s is never completed after cancel", kind_names[kind]);
    check_run_for(host, 5);
    check_no_breach(host, of_operations, "cancelled");
    finish(host, &asked[0]);
  }
  memset(asked, 0, N_KINDS * sizeof *asked);
  /* Open when stop comes, as after a drain that was not over in time. */
  for (enum kind kind = 0; kind < N_KINDS; kind++)
    if (has_kind(host, kind) && kind != AUTHENTICATE)
      ask(host, kind, 10000, &asked[kind]);
  if (has_kind(host, AUTHENTICATE))
    ask(host, AUTHENTICATE, 10000, &asked[AUTHENTICATE]);
  if (asked[AUTHENTICATE].op && is_done(&asked[AUTHENTICATE]))
    finish(host, &asked[AUTHENTICATE]);
  end(host, false);
  for (enum kind kind = 0; kind < N_KINDS; kind++)
    CHECK(run, !asked[kind].op || is_done(&asked[kind]),
          "%s was open when stop was called, and is when stop is over", kind_names[kind]);
  check_destroy(host);
  check_no_breach(host, of_operations, "stopped with open operations");
  check_say(run,
            n_pending ? "%u kinds of operations are answered later" : "all are answered at once",
            n_pending);
}

/* ---- O2 ---- */

static void same_answer(struct check_run *run, const char *name, const struct asked *a,
                        const struct asked *b)
{
  CHECK(run, outcome(a) == outcome(b), "%s answers %d %s, and the same again %d %s", name,
        outcome(a), a->pending ? "later" : "at once", outcome(b), b->pending ? "later" : "at once");
  CHECK(run,
        !strcmp(a->verdict.user, b->verdict.user) && !strcmp(a->verdict.roles, b->verdict.roles),
        "%s grants '%s', and the same again '%s'", name, a->verdict.user, b->verdict.user);
  CHECK(run, !strcmp(a->verdict.code, b->verdict.code), "%s refuses with '%s', and again with '%s'",
        name, a->verdict.code, b->verdict.code);
  CHECK(run, a->decision.scope == b->decision.scope || outcome(a) != PLUG_ALLOW,
        "%s decides with scope %u, and the same again with %u", name, a->decision.scope,
        b->decision.scope);
  CHECK(run,
        a->answer.n_publishes == b->answer.n_publishes &&
            a->answer.has_reply == b->answer.has_reply && !strcmp(a->answer.code, b->answer.code),
        "%s answers with %zu messages, and the same again with %zu", name, a->answer.n_publishes,
        b->answer.n_publishes);
}

static void same_later(struct check_run *run)
{
  struct asked *asked = calloc(4, sizeof *asked);
  CHECK(run, asked, "out of memory");
  struct check_host *host = start(run, false);
  for (enum kind kind = 0; kind < N_KINDS; kind++) {
    if (!has_kind(host, kind))
      continue;
    for (int i = 0; i < 4; i++) {
      ask(host, kind, 10000, &asked[i]);
      CHECK(run, check_run_until(host, is_done, &asked[i], 15000), "%s is never completed",
            kind_names[kind]);
      if (i)
        same_answer(run, kind_names[kind], &asked[0], &asked[i]);
    }
    for (int i = 0; i < 4; i++)
      finish(host, &asked[i]);
  }
  end(host, true);
  check_destroy(host);
}

/* ---- O3, O5 ---- */

/* The host has stopped waiting before the plugin has begun. */
static void late_is_good_enough(struct check_run *run)
{
  struct asked *asked = calloc(1, sizeof *asked);
  unsigned n = 0;
  CHECK(run, asked, "out of memory");
  struct check_host *host = start(run, false);
  for (enum kind kind = 0; kind < N_KINDS; kind++) {
    if (!has_kind(host, kind))
      continue;
    ask(host, kind, 0, asked);
    n += asked->pending;
    plug_mock_advance(host->mock, 1);
    CHECK(run, check_run_until(host, is_done, asked, 15000),
          "%s, whose deadline has passed, is never completed: the host keeps its operation until "
          "the plugin has done so",
          kind_names[kind]);
    finish(host, asked);
  }
  end(host, true);
  check_destroy(host);
  check_no_breach(host, of_operations | CHECK_BREACH(MOCK_USE), "completed late");
  if (!n)
    check_not(run, "all of its operations are answered at once");
  check_say(run, "%u kinds of operations", n);
}

static void deadline_or_cancel(struct check_run *run)
{
  enum { LIMIT_MS = 2000, GRACE_MS = 1000 };
  struct asked *asked = calloc(1, sizeof *asked);
  unsigned n = 0;
  CHECK(run, asked, "out of memory");
  struct check_host *host = start(run, false);
  bool can_cancel = host->mock->plugin->cancel != NULL;
  for (enum kind kind = 0; kind < N_KINDS; kind++) {
    if (!has_kind(host, kind))
      continue;
    ask(host, kind, LIMIT_MS, asked);
    n += asked->pending;
    bool done = check_run_until(host, is_done, asked, LIMIT_MS);
    if (!done)
      cancel(host, asked->op);
    CHECK(run, done || check_run_until(host, is_done, asked, GRACE_MS),
          "%s is open a second after its deadline, %s", kind_names[kind],
          can_cancel ? "at which it was cancelled" : "and there is no cancel");
    finish(host, asked);
    if (!can_cancel)
      continue;
    ask(host, kind, LIMIT_MS, asked);
    cancel(host, asked->op);
    CHECK(run, check_run_until(host, is_done, asked, LIMIT_MS + GRACE_MS),
          "%s is cancelled, and open a second after its deadline", kind_names[kind]);
    finish(host, asked);
  }
  end(host, true);
  check_destroy(host);
  if (!n)
    check_not(run, "all of its operations are answered at once");
  check_say(run, "%u kinds of operations%s", n, can_cancel ? ", cancelled, too" : "");
}

/* ---- O4 ---- */

static void without_an_operation(struct check_run *run)
{
  const struct plug_broker *broker = check_broker(run);
  struct check_host *host = check_start(run, NULL);
  struct plug_interest interest = {1, str_of("/topic/check.o4"), 0};
  check_subscribe(host, &interest, 1);
  for (int i = 0; i < 4; i++) {
    plug_status status = check_publish_op(host, "/topic/check.o4", str_of("hello"), NULL);
    CHECK(run, status == PLUG_OK || status == PLUG_PENDING || status == PLUG_EAGAIN,
          "publish without an operation returns %d", status);
  }
  struct plug_op *op = check_op(host, 10000);
  plug_status status =
      check_wait(host, op, check_publish_op(host, "/topic/check.o4", str_of("hello"), op));
  CHECK(run, status == PLUG_OK || status == PLUG_EAGAIN,
        "publish with an operation ends with %d after four without", status);
  uint32_t sure = PLUG_CAP_ECHO | PLUG_CAP_NO_GAPS;
  if ((broker->caps & sure) == sure) {
    size_t n = check_deliveries(host, 5);
    CHECK(run, n == 5,
          "of five messages, four of them published without an operation, %zu came back", n);
  }
  check_drain(host);
  check_stop(host);
  check_destroy(host);
  check_no_breach(host, of_operations | CHECK_BREACH(MOCK_USE) | CHECK_BREACH(MOCK_LEFT),
                  "published without an operation");
}

/* ---- O6 ---- */

static void before_return(struct check_run *run)
{
  struct asked *asked = calloc(1, sizeof *asked);
  unsigned n = 0;
  CHECK(run, asked, "out of memory");
  struct check_host *host = start(run, true);
  for (enum kind kind = 0; kind < N_KINDS; kind++) {
    if (!has_kind(host, kind))
      continue;
    for (int i = 0; i < 3; i++) {
      ask(host, kind, 10000, asked);
      /* What the call has completed before it returned is over: its memory is gone. */
      if (asked->pending && check_op_is_done(asked->op)) {
        n++;
        check_take_all_back(host);
      }
      check_no_breach(host, CHECK_BREACH(MOCK_BOTH), kind_names[kind]);
      check_run_until(host, is_done, asked, 15000);
      finish(host, asked);
      check_run_for(host, 2);
    }
  }
  end(host, true);
  check_destroy(host);
  check_no_breach(host, CHECK_BREACH(MOCK_BOTH), "completed before return");
  check_say(run, n ? "%u answers came before the call returned" : "no answer comes before return",
            n);
}

static const struct check checks[] = {
    {"O1", "each operation is completed exactly once",
     "Every kind of operation is asked for and waited for; asked for and cancelled; and open when "
     "drain and stop are called. Who returns PLUG_PENDING completes it once, with op_done, grant, "
     "refuse, decide or answer; who returns anything else has not taken it, and never touches it.",
     60, once_each},
    {"O2", "the same question, the same answer, at once or later",
     "The same is asked four times, one after the other. A plugin may answer the first time after "
     "a look-up and then at once; status, user, roles, code, scope and messages are the same.",
     60, same_later},
    {"O3", "an operation may be completed after its deadline",
     "The deadline has passed before the plugin begins. The host no longer waits, but keeps the "
     "operation until the plugin completes it, which it must: an operation that is forgotten keeps "
     "its memory, and stop waiting.",
     60, late_is_good_enough},
    {"O4", "publish without an operation",
     "Where nobody waits for the outcome, publish is called with op NULL. It does the same as "
     "else; "
     "PLUG_PENDING then means accepted, and there is nothing to complete.",
     0, without_an_operation},
    {"O5", "the deadline is kept, or cancel honoured",
     "An operation is completed before its deadline (op_deadline_ms), or within a second of "
     "cancel, "
     "which the host calls then. Cancel is a request: the operation still has to be completed, as "
     "a "
     "rule with PLUG_ECANCELED. And nothing of the operation is looked at afterwards.",
     90, deadline_or_cancel},
    {"O6", "an operation may be completed before the call returns",
     "The call that completes its operation itself must return PLUG_PENDING, not a result; and "
     "what "
     "it was lent for the call is gone when it has returned, for the operation is over.",
     0, before_return},
};

const struct check_group check_group_operations = CHECK_GROUP("O", "operations", checks);
