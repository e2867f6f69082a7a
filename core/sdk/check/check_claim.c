#include "check_claim.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "check_judge.h"
#include "check_pattern.h"

enum { MAX_OPEN = 16, MAX_CLAIMS = 16 };

static struct {
  struct plug_op *op;
  struct claim_outcome *outcome;
} open_ones[MAX_OPEN];

static void on_seen(void *arg, struct plug_op *op, enum mock_seen kind, const void *what)
{
  const char *fault = NULL;
  char *out = arg;
  if (kind == MOCK_SEEN_MESSAGE && arg) {
    fault = judge_message(what, 1);
  } else if (kind == MOCK_SEEN_ANSWER) {
    for (size_t i = 0; i < MAX_OPEN; i++)
      if (open_ones[i].op == op) {
        fault = judge_answer(what, open_ones[i].outcome->action);
        out = open_ones[i].outcome->fault;
      }
  }
  if (fault && !*out)
    snprintf(out, 256, "%s", fault);
}

struct check_host *claim_start(struct check_run *run, bool guarded, char *unasked)
{
  struct plug_err err;
  struct check_making making = {.seen = on_seen, .seen_arg = unasked};
  check_app(run);
  struct check_host *host = check_make(run, NULL, &making, &err);
  CHECK(run, host, "create fails with these options: %s", err.text);
  host->lend_guarded = guarded && host->lend_guarded;
  plug_status status = check_start_it(host);
  CHECK(run, status == PLUG_OK, "start ends with %d: %s", status, plug_mock_log(host->mock));
  return host;
}

bool claim_next(const struct check_host *host, size_t *i, struct claim_request *out)
{
  const struct plug_app_claims *claims = &host->mock->claims;
  for (; *i / 2 < claims->n_claims && *i / 2 < MAX_CLAIMS; ++*i) {
    uint32_t action = *i % 2 ? PLUG_APP_SUBSCRIBE : PLUG_APP_SEND;
    if (!(claims->claims[*i / 2].actions & action) ||
        check_pattern_has_expression(claims->claims[*i / 2].pattern))
      continue;
    *out = (struct claim_request){.claim = *i / 2, .action = action, .session = 1};
    if (action == PLUG_APP_SEND) {
      out->content_type = STR("application/json");
      out->body = STR("{\"text\":\"hello\"}");
    }
    ++*i;
    return true;
  }
  return false;
}

/* Ann, whom the auth plugin of some other world has let in. */
static const struct plug_identity *lend_who(struct check_host *host)
{
  static const struct plug_str roles[] = {{"USER", 4}};
  static const struct plug_kv attrs[] = {{{"email", 5}, {"ann@example.org", 15}}};
  struct plug_identity who = {.size = sizeof who,
                              .user = check_lend_str(host, STR("ann"), "the user of request"),
                              .roles = check_lend(host, roles, sizeof roles, "roles of request"),
                              .n_roles = 1,
                              .attrs = check_lend(host, attrs, sizeof attrs, "attrs of request"),
                              .n_attrs = 1};
  return check_lend(host, &who, sizeof who, "the identity of request");
}

static const struct plug_kv *lend_variables(struct check_host *host, struct plug_kv *variables,
                                            size_t n)
{
  for (size_t i = 0; i < n; i++) {
    variables[i].key = check_lend_str(host, variables[i].key, "a variable's name");
    variables[i].value = check_lend_str(host, variables[i].value, "a variable");
  }
  return n ? check_lend(host, variables, n * sizeof *variables, "the variables") : NULL;
}

bool claim_next_watch(const struct check_host *host, size_t *w)
{
  const struct plug_app_claims *claims = &host->mock->claims;
  while (*w < claims->n_watches && check_pattern_has_expression(claims->watches[*w]))
    ++*w;
  return *w < claims->n_watches && *w < MAX_CLAIMS;
}

struct plug_op *claim_begin(struct check_host *host, const struct claim_request *request,
                            struct claim_outcome *out, plug_status *returned)
{
  struct plug_str pattern = host->mock->claims.claims[request->claim].pattern;
  struct plug_kv variables[CHECK_PATTERN_VARIABLES];
  struct plug_kv headers[2] = {{STR("x-check"), STR("1")}, {STR("destination"), {NULL, 0}}};
  char path[4096], destination[4200], session_id[32];
  size_t n_variables;
  check_pattern_fill(pattern, request->value ? request->value : "seven", path, sizeof path,
                     variables, &n_variables);
  snprintf(destination, sizeof destination, "/app%s", path);
  snprintf(session_id, sizeof session_id, "node-1-%llu", (unsigned long long)request->session);
  headers[1].value = str_of(destination);
  for (size_t i = 0; i < 2; i++)
    headers[i] =
        (struct plug_kv){check_lend_str(host, headers[i].key, "a header's name of request"),
                         check_lend_str(host, headers[i].value, "a header of request")};
  struct plug_app_request one = {
      .size = sizeof one,
      .action = request->action,
      .session = request->session,
      .session_id = check_lend_str(host, str_of(session_id), "the session of request"),
      .who = request->anonymous ? NULL : lend_who(host),
      .destination = check_lend_str(host, str_of(destination), "the destination of request"),
      .path = check_lend_str(host, str_of(path), "the path of request"),
      .claim = request->claim,
      .n_variables = n_variables,
      .headers = check_lend(host, headers, sizeof headers, "the headers of request"),
      .n_headers = 2,
      .content_type = check_lend_str(host, request->content_type, "the content type of request"),
      .body = check_lend_str(host, request->body, "the body of request"),
  };
  one.variables = lend_variables(host, variables, n_variables);
  struct plug_app_request *lent = check_lend(host, &one, sizeof one, "the request");
  struct plug_op *op = check_op(host, 10000);
  *out = (struct claim_outcome){.action = request->action};
  op->answer = &out->answer;
  size_t slot = 0;
  while (slot < MAX_OPEN - 1 && open_ones[slot].op)
    slot++;
  open_ones[slot].op = op;
  open_ones[slot].outcome = out;
  CHECK_CALL(host, "request",
             *returned = host->mock->plugin->app->request(host->mock->self, lent, op));
  return op;
}

void claim_finish(struct check_host *host, struct plug_op *op, plug_status returned,
                  struct claim_outcome *out)
{
  out->answer.status = check_wait(host, op, returned);
  op->answer = NULL;
  for (size_t i = 0; i < MAX_OPEN; i++)
    if (open_ones[i].op == op)
      open_ones[i].op = NULL;
}

void claim_request(struct check_host *host, const struct claim_request *request,
                   struct claim_outcome *out)
{
  plug_status returned;
  struct plug_op *op = claim_begin(host, request, out, &returned);
  claim_finish(host, op, returned, out);
  if (check_op_is_done(op))
    check_take_all_back(host);
}

void claim_describe(const struct claim_outcome *outcome, char *out, size_t room)
{
  const struct plug_mock_answer *answer = &outcome->answer;
  int n = snprintf(out, room, "status %d, error '%s', %s, %zu messages", answer->status,
                   answer->code, answer->has_reply ? "a reply" : "no reply", answer->n_publishes);
  for (size_t i = 0; i < answer->n_publishes && i < 8 && n > 0 && (size_t)n < room; i++)
    n += snprintf(out + n, room - (size_t)n, " %s", answer->publishes[i].destination);
}

void claim_event(struct check_host *host, uint32_t kind, size_t watch, uint64_t session,
                 const char *subscription)
{
  struct plug_kv variables[CHECK_PATTERN_VARIABLES];
  char path[512] = "", session_id[32];
  size_t n_variables = 0;
  bool gone = kind == PLUG_APP_DISCONNECTED;
  if (!gone)
    check_pattern_fill(host->mock->claims.watches[watch], "seven", path, sizeof path, variables,
                       &n_variables);
  snprintf(session_id, sizeof session_id, "node-1-%llu", (unsigned long long)session);
  struct plug_app_event event = {
      .size = sizeof event,
      .kind = kind,
      .session = session,
      .session_id = check_lend_str(host, str_of(session_id), "the session of an event"),
      .who = lend_who(host),
      .subscription = check_lend_str(host, str_of(gone ? "" : subscription), "the id of an event"),
      .destination = check_lend_str(host, str_of(path), "the destination of an event"),
      .watch = gone ? 0 : watch,
      .n_variables = n_variables,
  };
  event.variables = lend_variables(host, variables, n_variables);
  const struct plug_app_event *lent = check_lend(host, &event, sizeof event, "the event");
  CHECK_CALL(host, "event", host->mock->plugin->app->event(host->mock->self, lent));
  check_take_all_back(host);
}
