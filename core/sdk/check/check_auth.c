/* Group A: who is let in, and what may be kept of what they have shown. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "check_ask.h"
#include "check_options.h"
#include "check_steps.h"

#define NEEDS_RIGHT                                                                           \
  "needs somebody who is let in: login and passcode, or header (NAME: VALUE), in [check] of " \
  "--config"

/* What came of a request that was answered by the contract. */
static void judge(struct check_host *host, const struct ask_outcome *outcome, const char *whose)
{
  check_no_breach(host, CHECK_BREACH(MOCK_OP) | CHECK_BREACH(MOCK_BOTH) | CHECK_BREACH(MOCK_LATE),
                  whose);
  CHECK(host->run, !outcome->refusal_fault[0], "%s: its refusal is not well-formed: %s", whose,
        outcome->refusal_fault);
  CHECK(host->run, outcome->verdict.status != PLUG_ALLOW || outcome->n_granted == 1,
        "%s: PLUG_ALLOW is no outcome of authenticate; an identity is granted by grant", whose);
}

static void must_grant(struct check_host *host, const struct ask_outcome *outcome)
{
  judge(host, outcome, "with the credentials of [check]");
  CHECK(host->run, outcome->verdict.status == PLUG_ALLOW,
        "with the credentials of [check] nobody is let in: %d %s %s\n%s", outcome->verdict.status,
        outcome->verdict.code, outcome->verdict.reason, plug_mock_log(host->mock));
}

static void must_refuse(struct check_host *host, const struct ask_outcome *outcome,
                        const char *whose)
{
  judge(host, outcome, whose);
  CHECK(host->run, outcome->verdict.status != PLUG_ALLOW, "%s somebody is let in, as '%s'", whose,
        outcome->verdict.user);
  CHECK(host->run, outcome->verdict.status == PLUG_DENY || outcome->verdict.status == PLUG_DEFER,
        "%s the outcome is %d, a failure, and not a denial", whose, outcome->verdict.status);
}

static void judge_who(struct check_host *host, const struct ask_outcome *outcome, const char *whose)
{
  CHECK(host->run, !outcome->identity_fault[0], "%s: its identity is not well-formed: %s", whose,
        outcome->identity_fault);
}

static const struct ask_credentials made_up = {
    .login = {"check-nobody", 12},
    .passcode = {"not-the-passcode-of-anybody", 27},
    .header = {{"Authorization", 13}, {"Bearer not-a-token-of-anybody", 29}},
};

/* ---- A1 ---- */

static void a1(struct check_run *run)
{
  struct check_host *host = ask_start(run, false);
  static char text[2][8192];
  struct ask_credentials right, wrong;
  struct ask_outcome outcome;
  ask_authenticate(host, 1, &made_up, NULL, &outcome);
  must_refuse(host, &outcome, "with made up credentials");
  ask_authenticate(host, 2, &(struct ask_credentials){0}, NULL, &outcome);
  judge(host, &outcome, "without credentials");
  if (strcmp(options_of_check(run, "anonymous", "off"), "on") != 0)
    must_refuse(host, &outcome, "without credentials (unless anonymous = on in [check])");
  else if (outcome.verdict.status == PLUG_ALLOW)
    ask_end(host, &outcome);
  if (!ask_right(run, &right)) {
    check_say(run, "nobody who has no business here; the other half " NEEDS_RIGHT);
    check_end(host);
    return;
  }
  for (uint64_t session = 3; session < 6; session++) {
    ask_authenticate(host, session, &right, NULL, &outcome);
    must_grant(host, &outcome);
    ask_end(host, &outcome);
    wrong = right;
    ask_spoil(&wrong, text, true);
    ask_authenticate(host, session, &wrong, NULL, &outcome);
    must_refuse(host, &outcome, "with a credential that is wrong in one byte");
  }
  check_end(host);
}

/* ---- A2, A3 ---- */

static void a2(struct check_run *run)
{
  struct check_host *host = ask_start(run, false);
  struct ask_credentials right;
  struct ask_outcome outcome;
  if (!ask_right(run, &right))
    check_not(run, NEEDS_RIGHT);
  ask_authenticate(host, 1, &right, NULL, &outcome);
  must_grant(host, &outcome);
  judge_who(host, &outcome, "with the credentials of [check]");
  const char *user = options_of_check(run, "user", "");
  CHECK(run, !*user || strcmp(user, outcome.verdict.user) == 0,
        "the identity is '%s', and user in [check] says '%s'", outcome.verdict.user, user);
  check_say(run, "the identity is '%s', roles '%s'", outcome.verdict.user, outcome.verdict.roles);
  ask_end(host, &outcome);
  check_end(host);
}

static void a3(struct check_run *run)
{
  struct check_host *host = ask_start(run, true);
  struct ask_credentials right;
  struct ask_outcome outcomes[4], refused;
  struct plug_decision decision;
  bool some = ask_right(run, &right);
  for (uint64_t i = 0; i < 4; i++) {
    ask_authenticate(host, 10 + i, &made_up, NULL, &refused);
    if (some)
      ask_authenticate(host, i, &right, NULL, &outcomes[i]);
    check_run_for(host, 20);
  }
  for (size_t i = 0; some && i < 4; i++) {
    if (outcomes[i].verdict.status != PLUG_ALLOW)
      continue;
    ask_authorize(host, &outcomes[i], PLUG_SUBSCRIBE, "/topic/check", &decision);
    ask_authorize(host, &outcomes[i], PLUG_PUBLISH, "/topic/check", &decision);
    check_run_for(host, 20);
    ask_end(host, &outcomes[i]);
  }
  check_run_for(host, 50);
  check_end(host);
  if (!some)
    check_say(run, "of requests that are refused; the other half " NEEDS_RIGHT);
}

/* ---- A4 ---- */

static void a4(struct check_run *run)
{
  struct check_host *host = ask_start(run, false);
  struct ask_credentials credentials;
  const struct plug_plugin *plugin = check_plugin(run);
  bool waits = false;
  if (!ask_right(run, &credentials))
    credentials = made_up;
  for (unsigned round = 0; round < 4; round++) {
    struct ask_outcome outcome;
    plug_status returned;
    struct plug_op *op = ask_begin(host, round, &credentials, NULL, &outcome, &returned);
    bool open = check_op_returned(op, returned) && !check_op_is_done(op);
    waits |= open;
    if (open && round % 2)
      plug_mock_turn(host->mock, 0);
    if (open && plugin->cancel && !check_op_is_done(op))
      CHECK_CALL(host, "cancel", plugin->cancel(host->mock->self, op));
    if (returned == PLUG_PENDING)
      ask_finish(host, op, returned, &outcome);
    check_no_breach(host, CHECK_BREACH(MOCK_LATE),
                    "the client has gone; the operation still has to be completed");
    check_run_for(host, 30);
    check_no_breach(host, CHECK_BREACH(MOCK_OP) | CHECK_BREACH(MOCK_BOTH),
                    "the client has gone while its operation was open");
    if (outcome.verdict.status == PLUG_ALLOW && outcome.n_granted)
      ask_end(host, &outcome);
  }
  check_end(host);
  if (!waits)
    check_not(run, "it answers before authenticate returns");
}

/* ---- A5 ---- */

enum { SESSIONS = 100, SESSION_ROUNDS = 5 };

static void come_and_go(struct check_run *run, const struct ask_credentials *right, size_t n)
{
  struct check_host *host = ask_start(run, false);
  for (size_t i = 0; i < n; i++) {
    struct ask_outcome outcome;
    ask_authenticate(host, i + 1, right, NULL, &outcome);
    must_grant(host, &outcome);
    ask_end(host, &outcome);
  }
  check_end(host);
}

static void a5(struct check_run *run)
{
  struct ask_credentials right;
  struct ask_outcome one, other;
  struct plug_decision decision;
  mallopt(M_PERTURB, 0xA5); /* what has been freed is not read as if it were still there */
  struct check_host *host = ask_start(run, false);
  if (!ask_right(run, &right))
    check_not(run, NEEDS_RIGHT);
  ask_authenticate(host, 1, &right, NULL, &one);
  must_grant(host, &one);
  ask_authenticate(host, 2, &right, NULL, &other);
  must_grant(host, &other);
  plug_status before = ask_authorize(host, &other, PLUG_SUBSCRIBE, "/topic/check", &decision);
  ask_end(host, &one);
  plug_status after = ask_authorize(host, &other, PLUG_SUBSCRIBE, "/topic/check", &decision);
  CHECK(run, before == after,
        "when another session of the same user has ended, what %d was decided is decided %d",
        before, after);
  ask_end(host, &other);
  check_end(host);

  come_and_go(run, &right, SESSIONS);
  size_t bytes = check_count_bytes(), grown = 0;
  /* Pools and tables grow now and then; what is kept of each session grows each time. */
  for (unsigned round = 0; round < SESSION_ROUNDS; round++) {
    come_and_go(run, &right, SESSIONS);
    size_t now = check_count_bytes();
    grown = now > bytes ? now - bytes : 0;
    bytes = now;
    if (grown < SESSIONS * 16) /* less than malloc gives out at all */
      break;
  }
  CHECK(run, grown < SESSIONS * 16,
        "%d sessions have come and gone, the instance is destroyed, and %zu bytes are left",
        SESSIONS, grown);
}

/* ---- A6 ---- */

static void a6(struct check_run *run)
{
  struct check_host *host = ask_start(run, false);
  struct ask_credentials right, expired;
  struct ask_outcome outcome;
  if (!ask_right(run, &right))
    check_not(run, NEEDS_RIGHT);
  ask_authenticate(host, 1, &right, NULL, &outcome);
  must_grant(host, &outcome);
  int64_t now_unix_ms = (int64_t)time(NULL) * 1000;
  CHECK(run, !outcome.expires_unix_ms || outcome.expires_unix_ms > now_unix_ms,
        "an identity is granted that has expired %lld s ago (expires_unix_ms counts from 1970)",
        (long long)(now_unix_ms - outcome.expires_unix_ms) / 1000);
  if (ask_expired(run, &expired)) {
    struct ask_outcome late;
    ask_authenticate(host, 2, &expired, NULL, &late);
    must_refuse(host, &late, "with the expired credential of [check]");
  }
  /* A REFRESH: of oneself, or of somebody else. */
  struct plug_identity who = {.size = sizeof who, .user = str_of(outcome.verdict.user)};
  struct ask_outcome renewed;
  ask_authenticate(host, 1, &right, &who, &renewed);
  judge(host, &renewed, "in a REFRESH");
  if (renewed.verdict.status == PLUG_ALLOW) {
    CHECK(run, strcmp(renewed.verdict.user, outcome.verdict.user) == 0,
          "a REFRESH makes '%s' of '%s'", renewed.verdict.user, outcome.verdict.user);
    ask_end(host, &renewed);
  }
  who.user = STR("check-another");
  ask_authenticate(host, 1, &right, &who, &renewed);
  judge(host, &renewed, "in a REFRESH of another's session");
  CHECK(run, renewed.verdict.status != PLUG_ALLOW,
        "a REFRESH of the session of 'check-another' grants '%s': the user has to be the same",
        renewed.verdict.user);
  ask_end(host, &outcome);
  check_end(host);
}

/* ---- A7 ---- */

static const char *const topics[] = {"/topic/check", "/topic/check/a",    "/topic/check/a/b",
                                     "/queue/check", "/user/queue/check", "/topic/other"};
enum { TOPICS = sizeof topics / sizeof topics[0], DAY_MS = 24 * 3600 * 1000 };

static bool is_verdict(plug_status status)
{
  return status == PLUG_ALLOW || status == PLUG_DENY || status == PLUG_DEFER;
}

static void a7_one(struct check_host *host, const struct ask_outcome *who, int32_t action,
                   size_t topic)
{
  struct check_run *run = host->run;
  struct plug_decision decision, other;
  const char *what = action == PLUG_SUBSCRIBE ? "subscribe to" : "publish to";
  plug_status verdict = ask_authorize(host, who, action, topics[topic], &decision);
  check_no_breach(host, CHECK_BREACH(MOCK_OP) | CHECK_BREACH(MOCK_BOTH) | CHECK_BREACH(MOCK_LATE),
                  "in authorize");
  CHECK(run, is_verdict(verdict) || verdict < 0, "to %s %s: the verdict is %d, which there is not",
        what, topics[topic], verdict);
  CHECK(run, decision.size == sizeof decision, "authorize changes the size of what it fills");
  CHECK(run, decision.scope <= PLUG_SCOPE_SESSION, "to %s %s: the scope is %u, which there is not",
        what, topics[topic], decision.scope);
  CHECK(run, decision.cache_ms <= DAY_MS,
        "to %s %s: the decision may be kept for %u s, more than a day", what, topics[topic],
        decision.cache_ms / 1000);
  if (!decision.cache_ms || !is_verdict(verdict))
    return;
  size_t len = strlen(topics[topic]);
  for (size_t i = 0; i < TOPICS; i++) {
    bool below = strncmp(topics[i], topics[topic], len) == 0 && topics[i][len] == '/';
    if (i != topic && !(below && decision.scope == PLUG_SCOPE_PREFIX) &&
        decision.scope != PLUG_SCOPE_SESSION)
      continue;
    plug_status again = ask_authorize(host, who, action, topics[i], &other);
    CHECK(run, again == verdict, "to %s %s is decided %d, said to hold %s; but %s is decided %d",
          what, topics[topic], verdict,
          decision.scope == PLUG_SCOPE_SESSION  ? "for all the session"
          : decision.scope == PLUG_SCOPE_PREFIX ? "for all below it"
                                                : "for a while",
          topics[i], again);
  }
}

static void a7(struct check_run *run)
{
  struct check_host *host = ask_start(run, false);
  struct ask_credentials right;
  struct ask_outcome who;
  if (!check_auth(run)->authorize)
    check_not(run, "it has no authorize");
  if (!ask_right(run, &right))
    check_not(run, NEEDS_RIGHT);
  ask_authenticate(host, 1, &right, NULL, &who);
  must_grant(host, &who);
  for (size_t i = 0; i < TOPICS; i++) {
    a7_one(host, &who, PLUG_SUBSCRIBE, i);
    a7_one(host, &who, PLUG_PUBLISH, i);
  }
  ask_end(host, &who);
  check_end(host);
}

/* ---- A8 ---- */

static void a8(struct check_run *run)
{
  struct check_host *host = ask_start(run, true);
  struct ask_credentials right, hostile;
  bool some = ask_right(run, &right);
  const struct plug_str corpus[] = {
      STR("\0"),
      STR("a\0b"),
      STR("ann\n"),
      STR("\x7F\x1B[31m"),
      STR("\xC0\xAF"),
      STR("\xED\xA0\x80"),
      STR("\xF4\x90\x80\x80"),
      STR("\xFF\xFE"),
      STR("."),
      STR(".."),
      STR("..."),
      STR("../../../etc/passwd"),
      STR("%n%n%s%s"),
      STR("*)(uid=*"),
      STR("' OR 1=1 --"),
      STR("${jndi:x}"),
      STR("e30.e30."),
      STR("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."),
      STR("eyJhbGciOiJIUzI1NiJ9.e30.AAAA"),
      STR("W1tbW1tbW1tbW1tbW1tbW10.W10.W10"),
      STR("Bearer"),
      STR("Bearer "),
      STR("Bearer \0"),
      STR("Bearer Bearer Bearer"),
      STR("Basic ====="),
      STR("$6$rounds=999999999$x$y"),
      STR(":"),
      STR("{}"),
      check_repeat("A", 64),
      check_repeat("A", 255),
      check_repeat("A", 256),
      check_repeat("A", 4096),
      check_repeat("A", 65536),
      check_repeat(".", 65536),
      check_repeat("=", 8192),
      check_repeat("\xC3\xA4", 20000),
      check_repeat("eyI", 20000),
      check_repeat("W1tb", 10000),
  };
  enum { N = sizeof corpus / sizeof corpus[0] };
  for (size_t i = 0; i < N; i++)
    for (unsigned where = 0; where < (some ? 5u : 3u); where++) {
      struct ask_outcome outcome;
      char whose[64];
      hostile = made_up;
      if (where >= 3)
        hostile = right;
      if (where == 0 || where == 3)
        hostile.login = corpus[i];
      if (where == 1 || where == 4)
        hostile.passcode = corpus[i];
      if (where == 2 || where == 4)
        hostile.header = (struct plug_kv){STR("Authorization"), corpus[i]};
      snprintf(whose, sizeof whose, "with number %zu of the corpus as %s", i,
               where == 0 || where == 3   ? "login"
               : where == 1 || where == 4 ? "passcode"
                                          : "header");
      ask_authenticate(host, 1, &hostile, NULL, &outcome);
      judge(host, &outcome, whose);
      judge_who(host, &outcome, whose);
      /* The right password with another name may be a token, which needs none. */
      CHECK(run, where == 3 || outcome.verdict.status != PLUG_ALLOW,
            "%s somebody is let in, as '%s'", whose, outcome.verdict.user);
      if (outcome.verdict.status == PLUG_ALLOW)
        ask_end(host, &outcome);
    }
  if (some) {
    struct ask_outcome outcome;
    ask_authenticate(host, 2, &right, NULL, &outcome);
    must_grant(host, &outcome);
    ask_end(host, &outcome);
  }
  check_end(host);
}

/* ---- A9 ---- */

static void must_not_tell(struct check_host *host, const char *where, const char *text,
                          struct plug_str secret, const char *whose)
{
  if (secret.len < 6)
    return;
  CHECK(host->run, !memmem(text, strlen(text), secret.ptr, secret.len), "%s is in %s: %s", whose,
        where, text);
}

static void a9(struct check_run *run)
{
  static const struct ask_credentials canary = {
      .login = {"check-nobody", 12},
      .passcode = {"canary-of-a-passcode-71b0c5", 27},
      .header = {{"Authorization", 13}, {"Bearer canary-of-a-token-9e22f4", 31}},
  };
  static const struct plug_str marks[] = {{"canary-of-a-passcode", 20}, {"canary-of-a-token", 17}};
  static char text[2][8192];
  struct check_host *host = ask_start(run, false);
  struct ask_credentials right, wrong;
  struct ask_outcome outcome;
  ask_authenticate(host, 1, &canary, NULL, &outcome);
  struct ask_credentials known = canary;
  bool some = ask_right(run, &right);
  if (some) {
    known.login = right.login;
    ask_authenticate(host, 2, &known, NULL, &outcome);
    ask_authenticate(host, 3, &right, NULL, &outcome);
    if (outcome.verdict.status == PLUG_ALLOW)
      ask_end(host, &outcome);
    wrong = right;
    ask_spoil(&wrong, text, true);
    ask_authenticate(host, 4, &wrong, NULL, &outcome);
    must_not_tell(host, "the reason of a refusal", outcome.verdict.reason, wrong.passcode,
                  "the passcode");
  }
  check_run_for(host, 20);
  check_drain(host);
  check_stop(host);
  const char *log = plug_mock_log(host->mock);
  for (size_t i = 0; i < 2; i++)
    must_not_tell(host, "the log, or in what goes there", log, marks[i], "a credential");
  if (some) {
    must_not_tell(host, "the log", log, right.passcode, "the passcode of [check]");
    must_not_tell(host, "the log", log, right.header.value, "the header of [check]");
    must_not_tell(host, "the log", log, wrong.passcode, "a passcode that is nearly right");
  }
  const struct plug_plugin *plugin = check_plugin(run);
  for (size_t i = 0; i < plugin->n_options; i++) {
    const char *value = mock_value_of(host->mock, &plugin->options[i]);
    if (plugin->options[i].type == PLUG_OPT_SECRET && value)
      must_not_tell(host, "the log", log, str_of(value), plugin->options[i].name);
  }
  check_destroy(host);
  check_free(host);
}

/* ---- A10 ---- */

static void a10(struct check_run *run)
{
  struct ask_credentials right, first, last;
  struct ask_outcome outcome;
  static char text[2][2][8192];
  struct check_host *host = ask_start(run, false);
  if (!ask_right(run, &right) || !right.login.len || !right.passcode.len)
    check_not(run, "needs login and passcode in [check] of --config");
  if (memchr(right.passcode.ptr, '.', right.passcode.len) && right.passcode.len > 40)
    check_not(run, "the passcode is a token, of which not every byte is a secret");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  check_not(run, "instructions are not counted under a sanitizer");
#endif
  first = last = right;
  ask_spoil(&first, text[0], false);
  ask_spoil(&last, text[1], true);
  /* What is set up with the first request has been. */
  ask_authenticate(host, 1, &first, NULL, &outcome);
  ask_authenticate(host, 1, &last, NULL, &outcome);
  long at_first = steps_count(host, &first), at_last = steps_count(host, &last);
  if (at_first == STEPS_TOO_MANY || at_last == STEPS_TOO_MANY)
    check_not(run, "authenticate takes more than %d instructions", STEPS_MAX);
  if (at_first == STEPS_LATER || at_last == STEPS_LATER)
    check_not(run, "it answers after authenticate has returned");
  if (at_first < 0 || at_last < 0)
    check_not(run, "this system does not let a process be traced");
  CHECK(
      run, at_first == at_last,
      "a passcode that is wrong in its first byte takes %ld instructions, one that is wrong in its "
      "last %ld: use plug_secret_equal",
      at_first, at_last);
  check_say(run, "%ld instructions, wherever the passcode is wrong", at_first);
  check_end(host);
}

static const struct check checks[] = {
    {"A1", "who has the right credentials is let in, and nobody else",
     "Made up credentials, none at all (unless anonymous = on in [check]), those of [check] and "
     "the same with one byte changed. Only those of [check] are granted an identity, by one call "
     "of grant; all others are denied or deferred, which is not a failure: failures are logged as "
     "errors, for the operator to mend. Codes of refusals are of [a-z0-9-]{1,32}.",
     60, a1},
    {"A2", "identities are well-formed",
     "The user has 1 to 255 bytes without control characters, roles and attributes have names, "
     "permissions have actions and patterns, flags are known, it does not expire before 1970. "
     "Where [check] has a user, that has to be it.",
     0, a2},
    {"A3", "nothing of a request is looked at after its answer",
     "The memory of each request, every string and the structure itself, becomes inaccessible when "
     "its operation has been completed, for authorize, too. Then time passes, more is asked, "
     "sessions end. A crash here means that a pointer was kept: copy what is needed later, and no "
     "credential.",
     60, a3},
    {"A4", "a client that leaves meanwhile leaves nothing open",
     "While an operation of authenticate is open, cancel is called, where there is one. The "
     "operation has to be completed all the same, once. If it is granted after all, the session's "
     "end follows at once. Does not apply where everything is answered at once.",
     60, a4},
    {"A5", "each session has a context of its own, which its end frees",
     "Two sessions of one user: the end of the first must change nothing for the second. Then "
     "a hundred sessions come and go in an instance of their own, again and again: when it is "
     "destroyed nothing of them is left. session_end is called once for every identity that was "
     "granted.",
     120, a5},
    {"A6", "what has expired is not granted, and a REFRESH renews the same user",
     "An identity that is granted does not expire in the past; the credentials expired-passcode or "
     "expired-header of [check] are refused. A REFRESH of a session of another user must not grant "
     "the identity of the credentials that are shown: the session would change hands.",
     60, a6},
    {"A7", "decisions are as wide and as long as they say",
     "The verdict is PLUG_ALLOW, PLUG_DENY, PLUG_DEFER or a failure, the scope one of the three, "
     "cache_ms at most a day. With cache_ms set, the same question gets the same answer, and so do "
     "the topics below with PLUG_SCOPE_PREFIX and all others with PLUG_SCOPE_SESSION: the server "
     "does not ask again for these.",
     60, a7},
    {"A8", "hostile credentials neither get in nor do harm",
     "Some forty strings as login, passcode and header: NULs, control characters, what is not "
     "UTF-8, 64 KiB, what looks like a token, a format, a query, a path. Each string ends at the "
     "end of its memory, so that reading on is a crash. None is let in; a name that is granted has "
     "to be well-formed, whatever it was made from.",
     120, a8},
    {"A9", "no secret is logged",
     "After right, wrong and nearly right credentials, the log, all levels of it, and the details "
     "of refusals and operations are searched for passcodes, tokens, and for the values of options "
     "of the type SECRET.",
     60, a9},
    {"A10", "a denial does not tell where a password is wrong",
     "The passcode of [check], wrong in its first byte and wrong in its last: the instructions "
     "until authenticate has returned are counted, one by one, and have to be as many. Compare "
     "with "
     "plug_secret_equal, or compare digests. Does not apply to tokens, nor where the answer comes "
     "from another thread.",
     120, a10},
};

const struct check_group check_group_auth = CHECK_GROUP("A", "auth plugins", checks);
