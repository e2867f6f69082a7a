#include "check_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "check_judge.h"
#include "check_options.h"

/* The one request that is open. */
static struct ask_outcome *current;
static struct plug_op *current_op;

static void on_seen(void *arg, struct plug_op *op, enum mock_seen kind, const void *what)
{
  const char *fault = NULL;
  char *out;
  (void)arg;
  if (!current || op != current_op)
    return;
  if (kind == MOCK_SEEN_IDENTITY) {
    const struct plug_identity *who = what;
    current->n_granted++;
    current->expires_unix_ms = who->expires_unix_ms;
    fault = judge_identity(who);
    out = current->identity_fault;
  } else if (kind == MOCK_SEEN_REFUSAL) {
    fault = judge_refusal(what);
    out = current->refusal_fault;
  } else {
    return;
  }
  if (fault && !*out)
    snprintf(out, sizeof current->identity_fault, "%s", fault);
}

/* ---- Credentials ---- */

static bool read_credentials(struct check_run *run, const char *prefix, struct ask_credentials *out)
{
  char key[32];
  snprintf(key, sizeof key, "%spasscode", prefix);
  const char *passcode = options_of_check(run, key, "");
  snprintf(key, sizeof key, "%sheader", prefix);
  const char *header = options_of_check(run, key, "");
  const char *colon = strchr(header, ':');
  *out = (struct ask_credentials){
      .login = str_of(options_of_check(run, "login", "")),
      .passcode = str_of(passcode),
  };
  if (colon)
    out->header =
        (struct plug_kv){str_from(header, (size_t)(colon - header)), str_trim(str_of(colon + 1))};
  return *passcode || colon;
}

bool ask_right(struct check_run *run, struct ask_credentials *out)
{
  return read_credentials(run, "", out);
}

bool ask_expired(struct check_run *run, struct ask_credentials *out)
{
  return read_credentials(run, "expired-", out);
}

/* A token ends with base64, whose very last character may not count. */
static struct plug_str spoil(struct plug_str s, char text[8192], bool last)
{
  if (s.len == 0 || s.len >= 8192)
    return s;
  size_t at = last ? s.len - 1 : 0;
  if (last && s.len > 40 && memchr(s.ptr, '.', s.len))
    at = s.len - 20;
  memcpy(text, s.ptr, s.len);
  text[at] = text[at] == 'A' ? 'B' : 'A';
  return str_from(text, s.len);
}

void ask_spoil(struct ask_credentials *credentials, char text[2][8192], bool last)
{
  credentials->passcode = spoil(credentials->passcode, text[0], last);
  if (credentials->header.key.len)
    credentials->header.value = spoil(credentials->header.value, text[1], last);
}

/* ---- Asking ---- */

struct check_host *ask_start(struct check_run *run, bool guarded)
{
  struct plug_err err;
  struct check_making making = {.seen = on_seen};
  check_auth(run);
  struct check_host *host = check_make(run, NULL, &making, &err);
  CHECK(run, host, "create fails with these options: %s", err.text);
  host->lend_guarded = guarded && host->lend_guarded;
  plug_status status = check_start_it(host);
  CHECK(run, status == PLUG_OK, "start ends with %d: %s", status, plug_mock_log(host->mock));
  return host;
}

struct plug_op *ask_begin(struct check_host *host, uint64_t session,
                          const struct ask_credentials *credentials,
                          const struct plug_identity *who, struct ask_outcome *out,
                          plug_status *returned)
{
  struct plug_kv headers[3];
  size_t n = 0;
  struct plug_str login = check_lend_str(host, credentials->login, "the login of authenticate");
  struct plug_str passcode =
      check_lend_str(host, credentials->passcode, "the passcode of authenticate");
  if (login.len)
    headers[n++] = (struct plug_kv){check_lend_str(host, STR("login"), "a header's name"), login};
  if (passcode.len)
    headers[n++] =
        (struct plug_kv){check_lend_str(host, STR("passcode"), "a header's name"), passcode};
  if (credentials->header.key.len)
    headers[n++] = (struct plug_kv){
        check_lend_str(host, credentials->header.key, "a header's name of authenticate"),
        check_lend_str(host, credentials->header.value, "a header of authenticate")};
  struct plug_auth_request request = {
      .size = sizeof request,
      .stage = who ? PLUG_STAGE_REFRESH : PLUG_STAGE_CONNECT,
      .session = session,
      .peer = check_lend_str(host, STR("127.0.0.1:40000"), "the peer of authenticate"),
      .vhost = check_lend_str(host, STR("localhost"), "the vhost of authenticate"),
      .path = check_lend_str(host, STR("/ws"), "the path of authenticate"),
      .subprotocol = check_lend_str(host, STR("v12.stomp"), "the protocol of authenticate"),
      .login = login,
      .passcode = passcode,
      .headers = n ? check_lend(host, headers, n * sizeof headers[0], "the headers of authenticate")
                   : NULL,
      .n_headers = n,
      .who = who,
  };
  struct plug_auth_request *lent =
      check_lend(host, &request, sizeof request, "the request of authenticate");
  struct plug_op *op = check_op(host, 10000);
  *out = (struct ask_outcome){0};
  op->verdict = &out->verdict;
  current = out;
  current_op = op;
  CHECK_CALL(host, "authenticate",
             *returned = host->mock->plugin->auth->authenticate(host->mock->self, lent, op));
  return op;
}

void ask_finish(struct check_host *host, struct plug_op *op, plug_status returned,
                struct ask_outcome *out)
{
  out->verdict.status = check_wait(host, op, returned);
  op->verdict = NULL;
  current = NULL;
  if (check_op_is_done(op))
    check_take_all_back(host);
}

void ask_authenticate(struct check_host *host, uint64_t session,
                      const struct ask_credentials *credentials, const struct plug_identity *who,
                      struct ask_outcome *out)
{
  plug_status returned;
  struct plug_op *op = ask_begin(host, session, credentials, who, out, &returned);
  ask_finish(host, op, returned, out);
}

plug_status ask_authorize(struct check_host *host, const struct ask_outcome *who, int32_t action,
                          const char *topic, struct plug_decision *out)
{
  struct plug_str roles[16];
  size_t n_roles = 0;
  const char *at = who->verdict.roles;
  while (*at && n_roles < 16) {
    size_t len = strcspn(at, ",");
    roles[n_roles++] = check_lend_str(host, str_from(at, len), "a role of authorize");
    at += len + (at[len] == ',');
  }
  struct plug_identity identity = {
      .size = sizeof identity,
      .user = check_lend_str(host, str_of(who->verdict.user), "the user of authorize"),
      .roles =
          n_roles ? check_lend(host, roles, n_roles * sizeof roles[0], "roles of authorize") : NULL,
      .n_roles = n_roles,
      .expires_unix_ms = who->expires_unix_ms,
      .ctx = who->verdict.ctx,
  };
  struct plug_authz_request request = {
      .size = sizeof request,
      .action = action,
      .session = 1,
      .who = check_lend(host, &identity, sizeof identity, "the identity of authorize"),
      .topic = check_lend_str(host, str_of(topic), "the topic of authorize"),
  };
  const struct plug_authz_request *lent =
      check_lend(host, &request, sizeof request, "the request of authorize");
  struct plug_op *op = check_op(host, 10000);
  plug_status status;
  *out = (struct plug_decision){.size = sizeof *out};
  op->decision = out;
  CHECK_CALL(host, "authorize",
             status = host->mock->plugin->auth->authorize(host->mock->self, lent, out, op));
  status = check_wait(host, op, status);
  op->decision = NULL;
  if (check_op_is_done(op))
    check_take_all_back(host);
  return status;
}

void ask_end(struct check_host *host, const struct ask_outcome *who)
{
  const struct plug_auth *auth = host->mock->plugin->auth;
  if (auth->session_end)
    CHECK_CALL(host, "session_end", auth->session_end(host->mock->self, who->verdict.ctx));
}
