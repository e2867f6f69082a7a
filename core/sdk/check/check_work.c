#include "check_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "check_lend.h"
#include "check_options.h"

struct plug_str check_repeat(const char *piece, size_t n)
{
  size_t len = strlen(piece);
  char *text = malloc(n * len + 1);
  if (!text)
    abort();
  for (size_t i = 0; i < n; i++)
    memcpy(text + i * len, piece, len);
  return str_from(text, n * len);
}

/* ---- Lending ---- */

static void *lend(struct check_host *host, enum lend_how how, const void *bytes, size_t size,
                  const char *what)
{
  void *lent = lend_new(how, 0, size, what);
  if (size)
    memcpy(lent, bytes, size);
  if (host->n_lents % 64 == 0) {
    host->lents = realloc(host->lents, (host->n_lents + 64) * sizeof *host->lents);
    CHECK(host->run, host->lents, "out of memory");
  }
  host->lents[host->n_lents++] = lent;
  return lent;
}

void *check_lend(struct check_host *host, const void *bytes, size_t size, const char *what)
{
  return lend(host, host->lend_guarded ? LEND_GUARDED : LEND_PLAIN, bytes, size, what);
}

struct plug_str check_lend_str(struct check_host *host, struct plug_str s, const char *what)
{
  enum lend_how how = host->lend_guarded ? LEND_EDGE : LEND_PLAIN;
  return str_from(s.len ? lend(host, how, s.ptr, s.len, what) : NULL, s.len);
}

void check_take_back(struct check_host *host, const void *lent)
{
  (void)host;
  lend_take_back((void *)(uintptr_t)lent);
}

void check_take_all_back(struct check_host *host)
{
  for (; host->n_back < host->n_lents; host->n_back++)
    lend_take_back(host->lents[host->n_back]);
}

void check_free_lents(struct check_host *host)
{
  for (size_t i = 0; i < host->n_lents; i++)
    lend_free(host->lents[i]);
  free(host->lents);
  host->lents = NULL;
  host->n_lents = host->n_back = 0;
}

/* After the answer to op: if it is still open, what it was lent stays. */
static void take_back_after(struct check_host *host, const struct plug_op *op)
{
  if (!op || check_op_is_done(op))
    check_take_all_back(host);
}

/* ---- Brokers ---- */

const struct plug_msg *check_message(struct check_host *host, const char *topic,
                                     struct plug_str payload)
{
  static const char text[] = "text/plain";
  struct plug_kv header = {str_of("check"), str_of("1")};
  struct plug_msg_init init = {
      .size = sizeof init,
      .topic = str_of(topic),
      .content_type = str_of(text),
      .payload = payload,
      .headers = &header,
      .n_headers = 1,
  };
  return mock_make_msg(host->mock, &init, str_of(host->node), 0);
}

void check_unref(const struct plug_msg *msg)
{
  mock_msg_of(msg)->mock->host.msg_unref(msg);
}

/* A copy that lives until it is taken back. */
static const struct plug_interest *lend_interests(struct check_host *host,
                                                  const struct plug_interest *v, size_t n)
{
  size_t total = n * sizeof *v;
  for (size_t i = 0; i < n; i++)
    total += v[i].topic.len;
  struct plug_interest *copy = calloc(1, total + 1);
  if (!copy)
    abort();
  struct plug_interest *lent = check_lend(host, copy, total, "the interests of a call");
  free(copy);
  char *at = (char *)(lent + n);
  for (size_t i = 0; i < n; i++) {
    lent[i] = v[i];
    if (v[i].topic.len)
      memcpy(at, v[i].topic.ptr, v[i].topic.len);
    lent[i].topic.ptr = at;
    at += v[i].topic.len;
  }
  return lent;
}

plug_status check_subscribe_op(struct check_host *host, const struct plug_interest *v, size_t n,
                               struct plug_op *op)
{
  const struct plug_interest *lent = lend_interests(host, v, n);
  plug_status status;
  CHECK_CALL(host, "subscribe",
             status = host->mock->plugin->broker->subscribe(host->mock->self, lent, n, op));
  return status;
}

plug_status check_unsubscribe_op(struct check_host *host, const struct plug_interest *v, size_t n,
                                 struct plug_op *op)
{
  const struct plug_interest *lent = lend_interests(host, v, n);
  plug_status status;
  CHECK_CALL(host, "unsubscribe",
             status = host->mock->plugin->broker->unsubscribe(host->mock->self, lent, n, op));
  return status;
}

plug_status check_subscribe(struct check_host *host, const struct plug_interest *v, size_t n)
{
  struct plug_op *op = check_op(host, 10000);
  plug_status status = check_wait(host, op, check_subscribe_op(host, v, n, op));
  take_back_after(host, op);
  return status;
}

plug_status check_unsubscribe(struct check_host *host, const struct plug_interest *v, size_t n)
{
  struct plug_op *op = check_op(host, 10000);
  plug_status status = check_wait(host, op, check_unsubscribe_op(host, v, n, op));
  take_back_after(host, op);
  return status;
}

plug_status check_publish_op(struct check_host *host, const char *topic, struct plug_str payload,
                             struct plug_op *op)
{
  const struct plug_msg *msg = check_message(host, topic, payload);
  plug_status status;
  CHECK(host->run, msg, "the host makes no message for '%s'", topic);
  if (op)
    op->lent = msg;
  CHECK_CALL(host, "publish",
             status = host->mock->plugin->broker->publish(host->mock->self, msg, op));
  /* Borrowed until it is done: the reference goes with the operation, or now. */
  pthread_mutex_lock(&host->mock->lock);
  if (op)
    op->returned = 1;
  if (!op || status != PLUG_PENDING || op->done) {
    mock_unref_locked(msg);
    if (op)
      op->lent = NULL;
  }
  pthread_mutex_unlock(&host->mock->lock);
  return status;
}

plug_status check_publish(struct check_host *host, const char *topic, struct plug_str payload)
{
  struct plug_op *op = check_op(host, 10000);
  return check_wait(host, op, check_publish_op(host, topic, payload, op));
}

/* ---- Auth plugins ---- */

plug_status check_authenticate_op(struct check_host *host, struct plug_op *op,
                                  struct plug_mock_verdict *out)
{
  struct check_run *run = host->run;
  const char *header = options_of_check(run, "header", "");
  const char *colon = strchr(header, ':');
  struct plug_kv headers[3] = {
      {str_of("login"), str_of(options_of_check(run, "login", "check"))},
      {str_of("passcode"), str_of(options_of_check(run, "passcode", "not the passcode"))},
      {str_from(header, colon ? (size_t)(colon - header) : 0),
       str_trim(str_of(colon ? colon + 1 : ""))},
  };
  size_t n_headers = colon ? 3 : 2;
  for (size_t i = 0; i < n_headers; i++) {
    headers[i].key = check_lend_str(host, headers[i].key, "a header's name of authenticate");
    headers[i].value = check_lend_str(host, headers[i].value, "a header of authenticate");
  }
  struct plug_auth_request request = {
      .size = sizeof request,
      .stage = PLUG_STAGE_CONNECT,
      .session = 1,
      .peer = check_lend_str(host, str_of("127.0.0.1:40000"), "the peer of authenticate"),
      .vhost = check_lend_str(host, str_of("localhost"), "the vhost of authenticate"),
      .path = check_lend_str(host, str_of("/ws"), "the path of authenticate"),
      .subprotocol = check_lend_str(host, str_of("v12.stomp"), "the protocol of authenticate"),
      .login = headers[0].value,
      .passcode = headers[1].value,
      .headers =
          check_lend(host, headers, n_headers * sizeof headers[0], "the headers of authenticate"),
      .n_headers = n_headers,
  };
  struct plug_auth_request *lent =
      check_lend(host, &request, sizeof request, "the request of authenticate");
  plug_status status;
  memset(out, 0, sizeof *out);
  op->verdict = out;
  CHECK_CALL(host, "authenticate",
             status = host->mock->plugin->auth->authenticate(host->mock->self, lent, op));
  return status;
}

void check_authenticate(struct check_host *host, struct plug_mock_verdict *out)
{
  struct plug_op *op = check_op(host, 10000);
  plug_status status = check_authenticate_op(host, op, out);
  out->status = check_wait(host, op, status);
  op->verdict = NULL;
  take_back_after(host, op);
}

plug_status check_authorize_op(struct check_host *host, struct plug_op *op, int32_t action,
                               const struct plug_mock_verdict *who, struct plug_decision *out)
{
  struct plug_identity identity = {
      .size = sizeof identity,
      .user = check_lend_str(host, str_of(who->user), "the user of authorize"),
      .ctx = who->ctx,
  };
  struct plug_authz_request request = {
      .size = sizeof request,
      .action = action,
      .session = 1,
      .who = check_lend(host, &identity, sizeof identity, "the identity of authorize"),
      .topic = check_lend_str(host, str_of("/topic/check.a"), "the topic of authorize"),
  };
  struct plug_authz_request *lent =
      check_lend(host, &request, sizeof request, "the request of authorize");
  plug_status status;
  *out = (struct plug_decision){.size = sizeof *out};
  op->decision = out;
  CHECK_CALL(host, "authorize",
             status = host->mock->plugin->auth->authorize(host->mock->self, lent, out, op));
  return status;
}

plug_status check_authorize(struct check_host *host, int32_t action,
                            const struct plug_mock_verdict *who, struct plug_decision *out)
{
  struct plug_op *op = check_op(host, 10000);
  plug_status status = check_authorize_op(host, op, action, who, out);
  status = check_wait(host, op, status);
  op->decision = NULL;
  take_back_after(host, op);
  return status;
}

/* ---- Applications ---- */

/* What the pattern would match: a word for each variable and star. Returns the variables. */
size_t check_fill_pattern(struct plug_str pattern, char *path, size_t room, struct plug_kv *out)
{
  size_t n = 0, at = 0;
  for (size_t i = 0; i < pattern.len && at + 8 < room;) {
    if (pattern.ptr[i] == '{') {
      size_t end = i + 1;
      while (end < pattern.len && pattern.ptr[end] != '}')
        end++;
      size_t name = end - i - 1;
      const char *colon = memchr(pattern.ptr + i + 1, ':', name);
      if (colon)
        name = (size_t)(colon - pattern.ptr) - i - 1;
      if (n < PLUG_APP_VARIABLES_MAX)
        out[n++] = (struct plug_kv){str_from(pattern.ptr + i + 1, name), str_of("7")};
      path[at++] = '7';
      i = end + 1;
    } else if (pattern.ptr[i] == '*' || pattern.ptr[i] == '?') {
      while (i < pattern.len && pattern.ptr[i] == '*')
        i++;
      i += i < pattern.len && pattern.ptr[i] == '?';
      path[at++] = 'a';
    } else {
      path[at++] = pattern.ptr[i++];
    }
  }
  path[at] = '\0';
  return n;
}

plug_status check_request_op(struct check_host *host, struct plug_op *op, size_t claim,
                             uint32_t action, const char *body, struct plug_mock_answer *out)
{
  const struct plug_app *app = host->mock->plugin->app;
  struct plug_kv variables[PLUG_APP_VARIABLES_MAX];
  char path[512], destination[520];
  size_t n =
      check_fill_pattern(host->mock->claims.claims[claim].pattern, path, sizeof path, variables);
  snprintf(destination, sizeof destination, "/app%s", path);
  for (size_t i = 0; i < n; i++) {
    variables[i].key = check_lend_str(host, variables[i].key, "a variable's name of request");
    variables[i].value = check_lend_str(host, variables[i].value, "a variable of request");
  }
  struct plug_app_request request = {
      .size = sizeof request,
      .action = action,
      .session = 1,
      .session_id = check_lend_str(host, str_of("node-1-1"), "the session of request"),
      .destination = check_lend_str(host, str_of(destination), "the destination of request"),
      .path = check_lend_str(host, str_of(path), "the path of request"),
      .claim = claim,
      .variables =
          n ? check_lend(host, variables, n * sizeof variables[0], "the variables of request")
            : NULL,
      .n_variables = n,
      .content_type = action == PLUG_APP_SEND ? check_lend_str(host, str_of("application/json"),
                                                               "the content type of request")
                                              : str_from(NULL, 0),
      .body = check_lend_str(host, str_of(body), "the body of request"),
  };
  struct plug_app_request *lent =
      check_lend(host, &request, sizeof request, "the request of request");
  plug_status status;
  memset(out, 0, sizeof *out);
  op->answer = out;
  CHECK_CALL(host, "request", status = app->request(host->mock->self, lent, op));
  return status;
}

void check_request(struct check_host *host, size_t claim, uint32_t action, const char *body,
                   struct plug_mock_answer *out)
{
  struct plug_op *op = check_op(host, 10000);
  plug_status status = check_request_op(host, op, claim, action, body, out);
  out->status = check_wait(host, op, status);
  op->answer = NULL;
  take_back_after(host, op);
}

/* ---- All of it ---- */

static void exercise_broker(struct check_host *host)
{
  struct plug_mock *mock = host->mock;
  const struct plug_broker *broker = mock->plugin->broker;
  struct plug_interest interests[] = {{1, str_of("/topic/check.a"), 0},
                                      {2, str_of("/topic/check.b"), 0}};
  struct plug_health health = {.size = sizeof health};
  check_subscribe(host, interests, 2);
  for (int i = 0; i < 3; i++)
    check_publish(host, "/topic/check.a", str_of("hello"));
  check_publish_op(host, "/topic/check.b", str_of("hello"), NULL);
  CHECK_CALL(host, "health", broker->health(mock->self, &health));
  plug_mock_turn(mock, 0);
  check_unsubscribe(host, interests, 2);
}

static void exercise_auth(struct check_host *host)
{
  struct plug_mock *mock = host->mock;
  const struct plug_auth *auth = mock->plugin->auth;
  struct plug_mock_verdict verdict;
  check_authenticate(host, &verdict);
  if (verdict.status != PLUG_ALLOW)
    return;
  struct plug_decision decision;
  check_authorize(host, PLUG_SUBSCRIBE, &verdict, &decision);
  check_authorize(host, PLUG_PUBLISH, &verdict, &decision);
  if (auth->session_end)
    CHECK_CALL(host, "session_end", auth->session_end(mock->self, verdict.ctx));
}

static void exercise_app(struct check_host *host)
{
  struct plug_mock *mock = host->mock;
  const struct plug_app *app = mock->plugin->app;
  struct plug_mock_answer answer;
  for (size_t i = 0; app->request && i < mock->claims.n_claims && i < 8; i++) {
    uint32_t actions = mock->claims.claims[i].actions;
    if (actions & PLUG_APP_SEND)
      check_request(host, i, PLUG_APP_SEND, "{\"text\":\"hello\"}", &answer);
    if (actions & PLUG_APP_SUBSCRIBE)
      check_request(host, i, PLUG_APP_SUBSCRIBE, "", &answer);
  }
  for (size_t i = 0; app->event && i < mock->claims.n_watches && i < 8; i++) {
    struct plug_kv variables[PLUG_APP_VARIABLES_MAX];
    char path[512];
    size_t n = check_fill_pattern(mock->claims.watches[i], path, sizeof path, variables);
    struct plug_app_event event = {
        .size = sizeof event,
        .kind = PLUG_APP_SUBSCRIBED,
        .session = 1,
        .session_id = str_of("node-1-1"),
        .subscription = str_of("sub-0"),
        .destination = str_of(path),
        .watch = i,
        .variables = variables,
        .n_variables = n,
    };
    CHECK_CALL(host, "event", app->event(mock->self, &event));
    plug_mock_turn(mock, 0);
    event.kind = PLUG_APP_UNSUBSCRIBED;
    CHECK_CALL(host, "event", app->event(mock->self, &event));
  }
  if (app->event && mock->claims.n_watches) {
    struct plug_app_event gone = {.size = sizeof gone,
                                  .kind = PLUG_APP_DISCONNECTED,
                                  .session = 1,
                                  .session_id = str_of("node-1-1")};
    CHECK_CALL(host, "event", app->event(mock->self, &gone));
  }
  plug_mock_turn(mock, 0);
}

void check_exercise(struct check_host *host)
{
  const struct plug_plugin *plugin = host->mock->plugin;
  if (plugin->broker)
    exercise_broker(host);
  if (plugin->auth)
    exercise_auth(host);
  if (plugin->app)
    exercise_app(host);
  plug_mock_turn(host->mock, 0);
}
