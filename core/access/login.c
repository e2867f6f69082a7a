#include "access/login.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <plugboard/secret.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/day.h"
#include "base/histogram.h"
#include "base/log.h"
#include "base/utf8.h"
#include "plugin/grant.h"

#define LOG_PERIOD_MS 1000

struct login {
  struct inbox_call call; /* to the worker */
  struct loop_task task;  /* to the home of the plugin whose turn it is */
  _Atomic uint32_t refs;  /* the worker's until done, and the plugins' side's */
  _Atomic bool gone;
  struct chain *chain;
  struct inbox *inbox;
  struct inbox_item *item; /* the way back, made beforehand so that it cannot fail */
  login_fn done;
  void *owner; /* worker only */
  bool anonymous;
  /* From home to home: whoever has posted it does not look at it any more. */
  size_t step;
  uint64_t begun_us; /* written before the first home has it */
  uint64_t deadline_ms;
  bool answered;
  bool grant_seen; /* the grant, if there is one, came in time */
  struct plug_auth_request
      shown; /* what the plugins look at; texts are in the block or handshake */
  struct handshake *handshake;
  struct identity *who;
  char *block;
  size_t block_bytes;
  struct login_verdict verdict; /* written before the item goes back */
};

/* --- the worker's side -------------------------------------------------------------------- */

static struct plug_str take(char **at, struct plug_str s)
{
  struct plug_str copy = str_from(*at, s.len);
  if (s.len)
    memcpy(*at, s.ptr, s.len);
  *at += s.len;
  return copy;
}

static struct plug_str header(const struct plug_auth_request *shown, struct plug_str name)
{
  for (size_t i = 0; i < shown->n_headers; i++)
    if (str_eq(shown->headers[i].key, name))
      return shown->headers[i].value;
  return str_from(NULL, 0);
}

static bool copy_frame(struct login *login, const struct stomp_frame *frame)
{
  size_t bytes = frame->n_headers * sizeof(struct plug_kv) + frame->body.len;
  for (size_t i = 0; i < frame->n_headers; i++)
    bytes += frame->headers[i].name.len + frame->headers[i].value.len;
  login->block = malloc(bytes ? bytes : 1);
  if (!login->block)
    return false;
  login->block_bytes = bytes;
  struct plug_kv *headers = (struct plug_kv *)(void *)login->block;
  char *at = (char *)(headers + frame->n_headers);
  for (size_t i = 0; i < frame->n_headers; i++) {
    headers[i].key = take(&at, frame->headers[i].name);
    headers[i].value = take(&at, frame->headers[i].value);
  }
  login->shown.headers = headers;
  login->shown.n_headers = frame->n_headers;
  login->shown.body = take(&at, frame->body);
  return true;
}

static void show(struct login *login, const struct login_init *init)
{
  struct plug_auth_request *shown = &login->shown;
  const struct handshake *handshake = init->handshake;
  shown->size = sizeof *shown;
  shown->stage = init->stage;
  shown->session = init->session;
  shown->login = header(shown, STR("login"));
  shown->passcode = header(shown, STR("passcode"));
  shown->vhost = header(shown, STR("host"));
  shown->who = init->who ? init->who->who : NULL;
  if (!handshake)
    return;
  shown->peer = handshake->peer;
  shown->path = handshake->path;
  shown->query = handshake->query;
  shown->subprotocol = handshake->subprotocol;
  shown->tls_subject = handshake->tls_subject;
  shown->http_headers = handshake->headers;
  shown->n_http_headers = handshake->n_headers;
  if (!shown->vhost.len)
    shown->vhost = handshake->vhost;
}

/* Everything that a credential could be in. */
static void wipe(struct login *login)
{
  handshake_free(login->handshake);
  login->handshake = NULL;
  if (login->block) {
    plug_secret_wipe(login->block, login->block_bytes);
    free(login->block);
  }
  login->block = NULL;
  login->shown = (struct plug_auth_request){0};
  identity_unref(login->who);
  login->who = NULL;
}

static void unref(struct login *login)
{
  if (atomic_fetch_sub_explicit(&login->refs, 1, memory_order_acq_rel) == 1)
    free(login);
}

static void come_back(struct inbox_call *call)
{
  struct login *login = container_of(call, struct login, call);
  COUNT_BY(auth_waiting, -1);
  login->done(login->owner, &login->verdict);
  unref(login);
}

static void run(struct loop_task *task);
static void go_on(struct login *login, bool soon);

struct login *login_begin(struct chain *chain, const struct login_init *init)
{
  struct login *login = calloc(1, sizeof *login);
  if (!login) {
    handshake_free(init->handshake);
    return NULL;
  }
  login->handshake = init->handshake;
  login->item = inbox_item_new(INBOX_CALL, str_from(NULL, 0));
  if (!login->item || !copy_frame(login, init->frame)) {
    if (login->item)
      inbox_item_free(login->item);
    wipe(login);
    free(login);
    return NULL;
  }
  show(login, init);
  login->who = init->who;
  if (login->who)
    identity_ref(login->who);
  login->item->waiter = &login->call;
  login->call.run = come_back;
  login->task.run = run;
  atomic_init(&login->refs, 2);
  atomic_init(&login->gone, false);
  login->chain = chain;
  login->inbox = init->inbox;
  login->done = init->done;
  login->owner = init->owner;
  login->anonymous = init->anonymous;
  login->begun_us = clock_now_us();
  login->deadline_ms = login->begun_us / 1000 + init->timeout_ms;
  COUNT(auth_waiting);
  atomic_fetch_add_explicit(&chain->n_users, 1, memory_order_relaxed);
  go_on(login, true);
  return login;
}

void login_forget(struct login *login)
{
  login->owner = NULL;
  atomic_store_explicit(&login->gone, true, memory_order_relaxed);
}

/* --- the plugins' side -------------------------------------------------------------------- */

static const char *what(const struct login *login)
{
  return login->shown.stage == PLUG_STAGE_REFRESH ? "renewal" : "CONNECT";
}

static void put_text(char *out, size_t max, struct plug_str text)
{
  size_t len = utf8_cut(text.ptr, text.len, max);
  if (len)
    memcpy(out, text.ptr, len);
  out[len] = '\0';
  if (!utf8_valid(out, len))
    out[0] = '\0';
}

static void log_outcome(const struct login *login, const char *by, struct plug_str detail)
{
  static struct log_limit denied, failed;
  const struct login_verdict *verdict = &login->verdict;
  bool is_failure = verdict->result == LOGIN_FAILED;
  uint64_t held;
  char more[LOG_HELD_MAX];
  if (!log_limit_pass(is_failure ? &failed : &denied, LOG_PERIOD_MS, &held))
    return;
  struct plug_str peer = login->shown.peer.len ? login->shown.peer : STR("a client");
  log_write(is_failure ? LOG_ERROR : LOG_INFO, by, "%s of %.*s %s: %s%s%.*s%s", what(login),
            STR_ARG(peer), is_failure ? "could not be judged" : "denied", verdict->code,
            detail.len ? ": " : "", STR_ARG(detail), log_held(held, more));
}

static void answer(struct login *login)
{
  login->answered = true;
  histogram_observe(HISTOGRAM_auth_round_trip, clock_now_us() - login->begun_us);
  if (inbox_put(login->inbox, login->item))
    login->inbox->wake(login->inbox);
}

static void deny(struct login *login, enum login_result result, const char *by,
                 struct plug_str code, struct plug_str reason, struct plug_str detail)
{
  struct login_verdict *verdict = &login->verdict;
  verdict->result = result;
  put_text(verdict->code, LOGIN_CODE_MAX, code);
  put_text(verdict->reason, LOGIN_REASON_MAX, reason);
  if (result == LOGIN_FAILED)
    COUNT(auth_failed);
  else
    COUNT(auth_denied);
  log_outcome(login, by, detail);
  answer(login);
}

uint64_t login_expiry(const struct plug_identity *who)
{
  if (!who->expires_unix_ms)
    return UINT64_MAX;
  int64_t now = (int64_t)day_now_ms();
  return who->expires_unix_ms <= now ? 0 : clock_now_ms() + (uint64_t)(who->expires_unix_ms - now);
}

static void grant(struct login *login, struct plugin_instance *instance,
                  const struct plug_identity *who)
{
  struct identity *identity = NULL;
  const char *by = instance_name(instance), *fault = identity_fault(who);
  struct plug_str failed = STR(PLUG_CODE_FAILED), none = str_from(NULL, 0);
  bool other = login->who && !str_eq(login->who->who->user, who->user);
  if (fault)
    deny(login, LOGIN_DENIED, by, failed, none, str_of(fault));
  else if (!login_expiry(who))
    deny(login, LOGIN_DENIED, by, STR(PLUG_CODE_EXPIRED), STR("the token has expired"),
         STR("the identity has expired already"));
  else if (other)
    deny(login, LOGIN_DENIED, by, STR("other-user"), STR("the token is another user's"),
         STR("the token is another user's"));
  else if (!(identity = identity_new(instance, who)))
    deny(login, LOGIN_FAILED, by, STR("authentication-unavailable"),
         STR("authentication is not possible now"), STR("out of memory"));
  if (!identity) {
    identity_end(instance, who->ctx);
    return;
  }
  login->verdict.result = LOGIN_GRANTED;
  login->verdict.identity = identity;
  answer(login);
}

static bool is_code(struct plug_str code)
{
  for (size_t i = 0; i < code.len; i++) {
    char c = code.ptr[i];
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
      return false;
  }
  return code.len > 0 && code.len <= LOGIN_CODE_MAX;
}

/* Everything but DEFER. */
static void conclude(struct login *login, struct plugin_instance *instance, plug_status status,
                     struct plug_str detail)
{
  const char *by = instance_name(instance);
  struct plug_str none = str_from(NULL, 0);
  if (status == GRANT_IDENTITY) {
    grant(login, instance, (const struct plug_identity *)(const void *)detail.ptr);
  } else if (status == GRANT_REFUSAL) {
    struct plug_refusal refusal;
    memcpy(&refusal, detail.ptr, sizeof refusal);
    deny(login, LOGIN_DENIED, by, is_code(refusal.code) ? refusal.code : STR(PLUG_CODE_FAILED),
         refusal.reason, refusal.detail);
  } else if (status == PLUG_DENY) {
    deny(login, LOGIN_DENIED, by, STR(PLUG_CODE_FAILED), none, detail);
  } else if (status == PLUG_ETIMEDOUT) {
    deny(login, LOGIN_FAILED, by, STR("authentication-timeout"),
         STR("authentication took too long"), detail);
  } else {
    char text[64];
    snprintf(text, sizeof text, "status %d", status);
    deny(login, LOGIN_FAILED, by, STR("authentication-unavailable"),
         STR("authentication is not possible now"), detail.len ? detail : str_of(text));
  }
}

static void end(struct login *login)
{
  wipe(login);
  atomic_fetch_sub_explicit(&login->chain->n_users, 1, memory_order_release);
  unref(login);
}

static void ask(struct login *login);

static void on_done(void *arg, plug_status status, struct plug_str detail)
{
  struct login *login = arg;
  login->grant_seen = status == GRANT_IDENTITY;
  if (status != PLUG_DEFER)
    conclude(login, login->chain->instances[login->step], status, detail);
}

static void on_release(void *arg, plug_status status, struct plug_str detail)
{
  struct login *login = arg;
  /* An answer that comes after the deadline is too late, but a grant still has its end. */
  if (status == GRANT_IDENTITY && !login->grant_seen)
    identity_end(login->chain->instances[login->step],
                 ((const struct plug_identity *)(const void *)detail.ptr)->ctx);
  if (login->answered) {
    end(login);
    return;
  }
  login->step++;
  ask(login);
}

static void nobody_knows(struct login *login)
{
  if (login->anonymous && login->shown.stage == PLUG_STAGE_CONNECT) {
    login->verdict.result = LOGIN_GRANTED;
    answer(login);
    return;
  }
  deny(login, LOGIN_DENIED, "auth", STR("authentication-required"),
       STR("authentication is required"), STR("no credentials that an auth plugin knows"));
}

/* Sends it to the home of the plugin whose turn it is. To one that hangs nothing more is sent: what
 * waits there would grow with every client that tries again. soon: on a worker, which wakes that
 * home at the end of its turn. */
static void go_on(struct login *login, bool soon)
{
  const struct chain *chain = login->chain;
  struct plugin_instance *instance = login->step < chain->n ? chain->instances[login->step] : NULL;
  struct loop *home = instance ? instance_loop(instance) : chain->loop;
  if (instance && loop_is_own(home) && loop_hangs(home)) {
    conclude(login, instance, PLUG_EUNAVAIL, STR("the plugin does not come back from a call"));
    end(login);
  } else if (soon) {
    loop_post_task_soon(home, &login->task);
  } else {
    loop_post_task(home, &login->task);
  }
}

static void ask(struct login *login)
{
  const struct chain *chain = login->chain;
  for (; login->step < chain->n && !atomic_load_explicit(&login->gone, memory_order_relaxed);
       login->step++) {
    struct plugin_instance *instance = chain->instances[login->step];
    const struct plug_auth *auth = instance_auth(instance);
    uint64_t now = clock_now_ms();
    if (instance_state(instance) != INSTANCE_RUNNING || now >= login->deadline_ms) {
      conclude(login, instance, now >= login->deadline_ms ? PLUG_ETIMEDOUT : PLUG_ESTATE,
               str_from(NULL, 0));
      end(login);
      return;
    }
    if (!loop_on_thread(instance_loop(instance))) {
      go_on(login, false);
      return;
    }
    struct plug_op *op = op_new(instance, login->deadline_ms - now, on_done, login);
    if (!op) {
      conclude(login, instance, PLUG_ENOMEM, STR("out of memory"));
      end(login);
      return;
    }
    op_on_release(op, on_release);
    op_takes(op, OP_TAKES_LOGIN);
    struct instance_call call;
    instance_call_begin(&call, instance, "authenticate");
    plug_status status = auth->authenticate(instance_self(instance), &login->shown, op);
    status = op_offered(op, status);
    instance_call_end(&call);
    if (status == PLUG_PENDING)
      return;
    if (status != PLUG_DEFER) {
      /* To accept takes a grant. */
      conclude(login, instance, status >= 0 && status != PLUG_DENY ? PLUG_EINTERNAL : status,
               str_from(NULL, 0));
      end(login);
      return;
    }
  }
  if (login->step < chain->n)
    answer(login); /* gone: nobody reads it */
  else
    nobody_knows(login);
  end(login);
}

static void run(struct loop_task *task)
{
  ask(container_of(task, struct login, task));
}
