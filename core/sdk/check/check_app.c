/* Group P: applications. What they claim they answer, once each, with what can be published. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "check_claim.h"
#include "check_pattern.h"

static const unsigned by_contract =
    CHECK_BREACH(MOCK_OP) | CHECK_BREACH(MOCK_BOTH) | CHECK_BREACH(MOCK_LATE);

static void needs_claims(const struct check_host *host)
{
  struct claim_request request;
  size_t i = 0;
  if (!claim_next(host, &i, &request))
    check_not(host->run, "with these options it claims nothing, or only what has expressions");
}

static size_t needs_watches(const struct check_host *host)
{
  size_t w = 0;
  if (!claim_next_watch(host, &w))
    check_not(host->run, "with these options it watches nothing, or only what has expressions");
  return w;
}

/* "SEND to /rooms/{room}" */
static const char *name_of(const struct check_host *host, const struct claim_request *request)
{
  static char name[128];
  struct plug_str pattern = host->mock->claims.claims[request->claim].pattern;
  snprintf(name, sizeof name, "%s to %.*s", request->action == PLUG_APP_SEND ? "SEND" : "SUBSCRIBE",
           (int)(pattern.len < 80 ? pattern.len : 80), pattern.ptr);
  return name;
}

static void judge(struct check_host *host, const struct claim_request *request,
                  const struct claim_outcome *outcome)
{
  plug_status status = outcome->answer.status;
  check_no_breach(host, by_contract, name_of(host, request));
  CHECK(host->run, status <= PLUG_OK, "%s: the outcome is %d, which no request has",
        name_of(host, request), status);
}

/* ---- P1 ---- */

static void judge_pattern(struct check_run *run, const char *what, size_t i,
                          struct plug_str pattern)
{
  size_t n_variables;
  CHECK(run, pattern.ptr || !pattern.len, "%s %zu is nothing, and has a length", what, i);
  const char *fault = check_pattern_fault(pattern, &n_variables);
  CHECK(run, !fault, "%s %zu, '%.*s', %s", what, i, (int)pattern.len, pattern.ptr, fault);
  CHECK(run, n_variables <= PLUG_APP_VARIABLES_MAX,
        "%s %zu, '%.*s', has %zu variables, more than %d", what, i, (int)pattern.len, pattern.ptr,
        n_variables, PLUG_APP_VARIABLES_MAX);
}

static void p1(struct check_run *run)
{
  const struct plug_app *app = check_app(run);
  struct check_host *host = check_create(run, NULL);
  const struct plug_app_claims *claims = &host->mock->claims;
  CHECK(run, claims->size == sizeof *claims, "claims changes the size of what it fills");
  CHECK(run, claims->claims || !claims->n_claims, "there are %zu claims, at no address",
        claims->n_claims);
  CHECK(run, claims->watches || !claims->n_watches, "there are %zu watches, at no address",
        claims->n_watches);
  CHECK(run, !claims->n_claims || app->request, "it has claims, and no request");
  CHECK(run, !claims->n_watches || app->event, "it has watches, and no event");
  for (size_t i = 0; i < claims->n_claims; i++) {
    const struct plug_claim *claim = &claims->claims[i];
    judge_pattern(run, "claim", i, claim->pattern);
    CHECK(run, claim->actions && !(claim->actions & ~(PLUG_APP_SEND | PLUG_APP_SUBSCRIBE)),
          "claim %zu, '%.*s', is for the actions %u", i, (int)claim->pattern.len,
          claim->pattern.ptr, claim->actions);
    CHECK(run, !claim->reserved, "claim %zu: reserved is %u", i, claim->reserved);
    for (size_t k = 0; k < i; k++)
      CHECK(run,
            !(str_eq(claims->claims[k].pattern, claim->pattern) &&
              claims->claims[k].actions & claim->actions),
            "claims %zu and %zu are the same, '%.*s': the second is never asked", k, i,
            (int)claim->pattern.len, claim->pattern.ptr);
  }
  for (size_t i = 0; i < claims->n_watches; i++)
    judge_pattern(run, "watch", i, claims->watches[i]);
  check_say(run, "%zu claims, %zu watches", claims->n_claims, claims->n_watches);
  check_destroy(host);
  check_free(host);
}

/* ---- P2, P3 ---- */

static const struct plug_str plain_bodies[] = {
    {"{\"text\":\"hello\"}", 16}, {"", 0}, {"hello", 5}, {"[]", 2}, {"null", 4}, {"{}", 2},
};

static void p2(struct check_run *run)
{
  struct check_host *host = claim_start(run, false, NULL);
  struct claim_request request;
  struct claim_outcome outcome;
  needs_claims(host);
  for (size_t i = 0; claim_next(host, &i, &request);)
    for (size_t k = 0; k < sizeof plain_bodies / sizeof plain_bodies[0]; k++) {
      request.session = 1 + k % 3;
      request.anonymous = k == 2;
      if (request.action == PLUG_APP_SEND)
        request.body = plain_bodies[k];
      claim_request(host, &request, &outcome);
      judge(host, &request, &outcome);
    }
  check_run_for(host, 20);
  check_no_breach(host, by_contract, "after the last answer");
  check_end(host);
}

static void p3(struct check_run *run)
{
  static const struct plug_str more[] = {
      {"two\nlines", 9}, {"\xC3(", 2}, {"\0", 1}, {"{\"text\":\"\xFF\"}", 12}, {"{\"text\":", 8}};
  struct check_host *host = claim_start(run, false, NULL);
  struct claim_request request;
  struct claim_outcome outcome;
  size_t n_plain = sizeof plain_bodies / sizeof plain_bodies[0];
  needs_claims(host);
  for (size_t i = 0; claim_next(host, &i, &request);)
    for (size_t k = 0; k < n_plain + sizeof more / sizeof more[0]; k++) {
      if (request.action == PLUG_APP_SEND)
        request.body = k < n_plain ? plain_bodies[k] : more[k - n_plain];
      request.anonymous = k % 4 == 3;
      claim_request(host, &request, &outcome);
      judge(host, &request, &outcome);
      CHECK(run, !outcome.fault[0], "%s: the answer is not well-formed: %s",
            name_of(host, &request), outcome.fault);
    }
  check_end(host);
}

/* ---- P4 ---- */

static void p4(struct check_run *run)
{
  struct check_host *host = claim_start(run, true, NULL);
  struct claim_request request;
  struct claim_outcome outcome;
  const struct plug_str corpus[] = {
      STR(""),
      STR("\0"),
      STR("a\0b"),
      STR("\xFF\xFE"),
      STR("\xC0\x80"),
      STR("\xED\xA0\x80"),
      STR("\xEF\xBB\xBF{}"),
      STR("{"),
      STR("{\"a\":"),
      STR("{\"a\":1,\"a\":2}"),
      STR("{\"a\":1e999999}"),
      STR("-"),
      STR("1e400"),
      STR("99999999999999999999999999"),
      STR("\"\\ud800\""),
      STR("\"\\u0000\""),
      STR("{\"\\u0000\":1}"),
      STR("{} {}"),
      STR("%n%s%x"),
      STR("\r\n\r\n"),
      STR("MESSAGE\n\n\0"),
      check_repeat("[", 100000),
      check_repeat("{\"a\":", 50000),
      check_repeat("[[],", 50000),
      check_repeat("\"", 65537),
      check_repeat("A", 65536),
      check_repeat("\\", 65536),
      check_repeat("\xC3\xA4", 100000),
      check_repeat("{\"a\":1},", 100000),
      check_repeat("0", 300000),
  };
  static const char *const values[] = {"%", "..", "\xC3\xA4", " ", "a b\"c", "{x}", "*", "%2F"};
  needs_claims(host);
  for (size_t i = 0; claim_next(host, &i, &request);) {
    for (size_t k = 0; request.action == PLUG_APP_SEND && k < sizeof corpus / sizeof corpus[0];
         k++) {
      request.body = corpus[k];
      request.content_type = k % 3 ? STR("application/json") : str_from(NULL, 0);
      request.anonymous = k % 2;
      claim_request(host, &request, &outcome);
      judge(host, &request, &outcome);
    }
    for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
      request.value = values[k];
      request.body = request.action == PLUG_APP_SEND ? STR("{}") : str_from(NULL, 0);
      claim_request(host, &request, &outcome);
      judge(host, &request, &outcome);
      CHECK(run, !outcome.fault[0],
            "%s, with a variable of '%s': the answer is not well-formed: %s",
            name_of(host, &request), values[k], outcome.fault);
    }
  }
  check_run_for(host, 20);
  check_no_breach(host, by_contract, "after the last answer");
  check_end(host);
}

/* ---- P5 ---- */

enum { EVENT_SESSIONS = 400 };

static void sessions_come_and_go(struct check_host *host, size_t w, uint64_t first)
{
  for (uint64_t session = first; session < first + EVENT_SESSIONS; session++) {
    claim_event(host, PLUG_APP_SUBSCRIBED, w, session, "sub-0");
    plug_mock_turn(host->mock, 0);
    claim_event(host, PLUG_APP_UNSUBSCRIBED, w, session, "sub-0");
    claim_event(host, PLUG_APP_DISCONNECTED, 0, session, "");
    plug_mock_turn(host->mock, 0);
  }
}

static bool never(void *arg)
{
  (void)arg;
  return false;
}

/* What the plugin has: without the log, and what the kit lends. */
static size_t bytes_of(struct check_host *host)
{
  check_free_lents(host);
  free(host->mock->log);
  host->mock->log = NULL;
  host->mock->log_len = 0;
  /* The mock keeps what has been closed, to see it used. */
  size_t own = 0;
  for (struct plug_io *io = host->mock->ios; io; io = io->next)
    own += malloc_usable_size(io) + sizeof(size_t);
  for (struct plug_timer *timer = host->mock->timers; timer; timer = timer->next)
    own += malloc_usable_size(timer) + sizeof(size_t);
  return check_count_bytes() - own;
}

/* The same when what lingers has gone: as soon as it is no more than that, or does not fall. */
static size_t settled_bytes(struct check_host *host, size_t enough)
{
  size_t bytes = bytes_of(host);
  for (unsigned i = 0; i < 5 && bytes > enough; i++) {
    check_run_until(host, never, NULL, 3000);
    size_t now = bytes_of(host);
    if (!enough && now >= bytes)
      break;
    bytes = now;
  }
  return bytes;
}

static void p5(struct check_run *run)
{
  struct check_host *host = claim_start(run, true, NULL);
  size_t watch = needs_watches(host);
  for (size_t w = watch; claim_next_watch(host, &w); w++) {
    claim_event(host, PLUG_APP_UNSUBSCRIBED, w, 90, "nobody");
    claim_event(host, PLUG_APP_DISCONNECTED, w, 91, "");
    claim_event(host, PLUG_APP_SUBSCRIBED, w, 1, "sub-0");
    claim_event(host, PLUG_APP_SUBSCRIBED, w, 1, "sub-0");
    claim_event(host, PLUG_APP_SUBSCRIBED, w, 1, "sub-1");
    claim_event(host, PLUG_APP_SUBSCRIBED, w, 2, "sub-0");
    check_run_for(host, 5);
    claim_event(host, PLUG_APP_UNSUBSCRIBED, w, 1, "sub-1");
    claim_event(host, PLUG_APP_UNSUBSCRIBED, w, 1, "sub-1");
    claim_event(host, PLUG_APP_UNSUBSCRIBED, w, 2, "another");
    claim_event(host, PLUG_APP_DISCONNECTED, w, 1, "");
    claim_event(host, PLUG_APP_UNSUBSCRIBED, w, 1, "sub-0");
    claim_event(host, PLUG_APP_SUBSCRIBED, w, 1, "sub-0");
    claim_event(host, PLUG_APP_DISCONNECTED, w, 1, "");
    claim_event(host, PLUG_APP_DISCONNECTED, w, 1, "");
    claim_event(host, PLUG_APP_DISCONNECTED, w, 2, "");
    check_run_for(host, 5);
  }
  check_no_breach(host, by_contract, "after events in all orders");
  check_end(host);

  host = claim_start(run, false, NULL);
  sessions_come_and_go(host, watch, 1000);
  size_t before = settled_bytes(host, 0), grown = 0;
  /* Pools and tables grow now and then; what is kept of each session grows each time. */
  for (unsigned round = 0; round < 4; round++) {
    sessions_come_and_go(host, watch, 2000 + round * 1000);
    size_t after = settled_bytes(host, before + EVENT_SESSIONS * 16 - 1);
    grown = after > before ? after - before : 0;
    before = after;
    if (grown < EVENT_SESSIONS * 16)
      break;
  }
  CHECK(run, grown < EVENT_SESSIONS * 16, "%d sessions have come and gone, and %zu bytes are left",
        EVENT_SESSIONS, grown);
  check_end(host);
}

/* ---- P6 ---- */

static void p6(struct check_run *run)
{
  struct check_host *host = claim_start(run, true, NULL);
  struct claim_request request;
  struct claim_outcome outcome;
  needs_claims(host);
  for (unsigned round = 0; round < 3; round++)
    for (size_t i = 0; claim_next(host, &i, &request);) {
      request.session = round + 1;
      claim_request(host, &request, &outcome);
      check_run_for(host, 5);
    }
  for (uint64_t session = 1; check_app(run)->event && session < 4; session++)
    claim_event(host, PLUG_APP_DISCONNECTED, 0, session, "");
  check_run_for(host, 50);
  check_end(host);
}

/* ---- P7 ---- */

enum { DESCRIPTION = 512 };

/* What this request is answered with by an instance that has seen nothing else. */
static void alone(struct check_run *run, const struct claim_request *request, char *out)
{
  struct check_host *host = claim_start(run, false, NULL);
  struct claim_outcome outcome;
  claim_request(host, request, &outcome);
  claim_describe(&outcome, out, DESCRIPTION);
  check_end(host);
}

static void compare(struct check_host *host, const struct claim_request *request,
                    const struct claim_outcome *outcome, const char *expected, const char *when)
{
  char got[DESCRIPTION];
  claim_describe(outcome, got, sizeof got);
  CHECK(host->run, strcmp(got, expected) == 0, "%s is answered with %s; %s, with %s",
        name_of(host, request), expected, when, got);
}

static void p7(struct check_run *run)
{
  struct check_host *first = claim_start(run, false, NULL);
  struct claim_request one, other;
  needs_claims(first);
  for (size_t i = 0; claim_next(first, &i, &one);) {
    char of_one[DESCRIPTION], of_other[DESCRIPTION];
    struct claim_outcome outcomes[2];
    plug_status returned[2];
    one.value = "alpha";
    other = one;
    other.session = 2;
    other.value = "beta";
    alone(run, &one, of_one);
    alone(run, &other, of_other);
    struct check_host *host = claim_start(run, false, NULL);
    struct plug_op *op_one = claim_begin(host, &one, &outcomes[0], &returned[0]);
    struct plug_op *op_other = claim_begin(host, &other, &outcomes[1], &returned[1]);
    claim_finish(host, op_other, returned[1], &outcomes[1]);
    claim_finish(host, op_one, returned[0], &outcomes[0]);
    compare(host, &one, &outcomes[0], of_one, "while another session asks, too");
    compare(host, &other, &outcomes[1], of_other, "while another session asks, too");
    if (check_app(run)->event) {
      claim_event(host, PLUG_APP_DISCONNECTED, 0, 1, "");
      claim_request(host, &other, &outcomes[1]);
      compare(host, &other, &outcomes[1], of_other, "when another session has gone");
    }
    check_end(host);
  }
  check_end(first);
}

/* ---- P8 ---- */

static void p8(struct check_run *run)
{
  struct check_host *host = claim_start(run, false, NULL);
  struct claim_request request;
  static struct claim_outcome outcomes[16];
  size_t n = 0;
  needs_claims(host);
  for (unsigned round = 0; round < 4; round++)
    for (size_t i = 0; n < 12 && claim_next(host, &i, &request);) {
      plug_status returned;
      struct plug_op *op = claim_begin(host, &request, &outcomes[n++], &returned);
      if (returned != PLUG_PENDING)
        check_wait(host, op, returned);
    }
  check_drain(host);
  plug_status status = check_stop(host);
  CHECK(run, status == PLUG_OK, "stop ends with %d", status);
  check_no_breach(host, by_contract | CHECK_BREACH(MOCK_LEFT) | CHECK_BREACH(MOCK_STOPPED),
                  "stopped while requests were open");
  check_run_for(host, 50);
  check_destroy(host);
  check_no_breach(host, by_contract | CHECK_BREACH(MOCK_LEFT) | CHECK_BREACH(MOCK_STOPPED),
                  "after stop");
  check_free(host);
}

/* ---- P9 ---- */

static void stir(struct check_host *host)
{
  struct claim_request request;
  struct claim_outcome outcome;
  for (size_t i = 0; claim_next(host, &i, &request);) {
    claim_request(host, &request, &outcome);
    judge(host, &request, &outcome);
  }
  for (size_t w = 0; claim_next_watch(host, &w); w++) {
    claim_event(host, PLUG_APP_SUBSCRIBED, w, 1, "sub-0");
    check_run_for(host, 5);
    claim_event(host, PLUG_APP_UNSUBSCRIBED, w, 1, "sub-0");
  }
  if (host->mock->plugin->app->event)
    claim_event(host, PLUG_APP_DISCONNECTED, 0, 1, "");
  check_run_for(host, 20);
}

static void p9(struct check_run *run)
{
  static const plug_status failures[] = {PLUG_ENOMEM, PLUG_EUNAVAIL, PLUG_ESTATE, PLUG_EINVAL};
  static char fault[256];
  struct check_host *host = claim_start(run, false, fault);
  stir(host);
  CHECK(run, !fault[0], "it publishes a message that is not well-formed: %s", fault);
  for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
    host->mock->publish_status = failures[i];
    stir(host);
  }
  host->mock->publish_status = PLUG_OK;
  stir(host);
  CHECK(run, !fault[0], "it publishes a message that is not well-formed: %s", fault);
  check_end(host);
}

static const struct check checks[] = {
    {"P1", "claims and watches are patterns of destinations",
     "Each begins with a slash, has no empty segment, ends the braces that it begins, and has at "
     "most PLUG_APP_VARIABLES_MAX variables; claims are for SEND, SUBSCRIBE or both, and no two "
     "are "
     "the same. Who has claims has request, who has watches has event.",
     0, p1},
    {"P2", "each request is answered exactly once",
     "To each claim six bodies, from three sessions, once from nobody whom an auth plugin knows. "
     "The outcome is one answer, one op_done, PLUG_OK or a failure: not two of them, not none, and "
     "none that only auth plugins have.",
     60, p2},
    {"P3", "answers are well-formed",
     "Also to bodies that are not UTF-8, or half of a JSON text: codes of errors are of "
     "[a-z0-9-]{1,32}, reasons are one line of text, destinations begin with a slash, and no "
     "header "
     "is one that only the server writes. What came in as bytes does not go out as a reason.",
     60, p3},
    {"P4", "hostile bodies and variables do no harm",
     "Nothing, NULs, what is not UTF-8, broken and endless JSON, a hundred thousand brackets, "
     "variables of odd characters. Each body ends at the end of its memory, so that reading on is "
     "a crash, and is a null pointer when it is empty. Every request is answered all the same.",
     120, p4},
    {"P5", "events come in any order, and leave nothing behind",
     "Ends of subscriptions that it never heard of, the same twice, sessions that have gone and "
     "come again. The memory of an event is inaccessible after the call. Then four hundred "
     "sessions "
     "come and go, again and again: what is kept of them has to go with them.",
     120, p5},
    {"P6", "nothing of a request is looked at after its answer",
     "The memory of each request becomes inaccessible when its operation has been completed; then "
     "time passes and more is asked. A crash here means that a pointer was kept.",
     60, p6},
    {"P7", "sessions do not disturb each other",
     "Each claim is asked by two sessions at once, and by one after the other has gone; status, "
     "error, number and destinations of messages have to be those that an instance gives that is "
     "asked nothing else.",
     120, p7},
    {"P8", "after stop nothing is open and nothing comes",
     "Requests are sent, and the instance is drained and stopped without waiting for them. Until "
     "stop completes all are answered; after it nothing of the host is called but log and "
     "msg_unref.",
     60, p8},
    {"P9", "what is published unasked can be published, and need not be",
     "What the application publishes by itself, for requests, events and with time, is "
     "well-formed. "
     "Then publish fails, for want of memory, of a backend, of a destination: requests are "
     "answered "
     "all the same, and nothing is tried again at once.",
     15, p9},
};

const struct check_group check_group_app = CHECK_GROUP("P", "applications", checks);
