/* SPDX-License-Identifier: MIT
 *
 * An auth plugin for tests that does what the credential says, so that tests need no provider. The
 * credential is the header "Authorization", else the passcode, else the query, a cookie "token", or
 * the body of a renewal:
 *
 *   USER;roles=A|B;claim.NAME=VALUE;subscribe=PATTERN;send=PATTERN;limited;exp=MS;...
 *
 * exp counts from now. How it is answered: "defer", "only=INSTANCE" (others defer, later), "deny",
 * "expired", "refuse=TEXT", "fail", "late=MS" (from a timer), "hold" (by the command release),
 * "never", "pool" (from the work pool), "hang=MS" (does not return for so long, then grants).
 * authorize looks at the destination: one that holds "yes" is allowed, "later-yes" and "later-no"
 * are answered by a timer, "never" is not, everything else is denied.
 *
 * With the option commands=FILE a timer reads that file, removes it and does what its lines say:
 *
 *   close USER REASON    check USER    update CREDENTIAL    forbid TEXT    allow    release
 *
 * "forbid" makes authorize deny what holds the text, until "allow".
 *
 * Compiled with SCRIPT_ANY authorize runs on any thread, and answers at once. */
#include <plugboard/ext/auth.h>
#include <plugboard/ext/metrics.h>
#include <plugboard/ext/workpool.h>
#include <plugboard/plugin.h>
#include <plugboard/secret.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIST_MAX 64

struct script {
  const struct plug_host *host;
  const struct plug_workpool *pool;
  const struct plug_auth_control *control;
  const struct plug_metrics *metrics;
  struct plug_metric *granted, *ended, *asked;
  struct plug_timer *commands_timer;
  struct job *jobs;
  struct plug_op *stopping;
  char commands[512];
  char forbidden[64];
  int64_t cache_ms;
  char fault[8]; /* the step that it fails in */
};

/* An operation that is answered later. */
struct job {
  struct job *next;
  struct script *script;
  struct plug_op *op;
  struct plug_timer *timer;
  char *text; /* the credential of an authenticate, or NULL: an authorize */
  int verdict;
  int held; /* until the command release */
};

/* --- identities --------------------------------------------------------------------------- */

struct parsed {
  struct plug_str roles[LIST_MAX];
  struct plug_kv attrs[LIST_MAX];
  struct plug_permission permissions[LIST_MAX];
  struct plug_identity who;
};

static struct plug_str str_of(const char *text)
{
  struct plug_str s = {text, strlen(text)};
  return s;
}

static const char *after(const char *text, const char *prefix)
{
  size_t len = strlen(prefix);
  return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static int64_t unix_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void add_permission(struct parsed *p, uint32_t actions, const char *pattern)
{
  struct plug_permission permission = {actions, 0, str_of(pattern)};
  if (p->who.n_permissions < LIST_MAX)
    p->permissions[p->who.n_permissions++] = permission;
}

/* Writes into text. */
static void parse(struct parsed *p, char *text)
{
  char *rest = NULL, *inner = NULL;
  memset(p, 0, sizeof *p);
  p->who.size = sizeof p->who;
  p->who.roles = p->roles;
  p->who.attrs = p->attrs;
  p->who.permissions = p->permissions;
  for (char *item = strtok_r(text, ";", &rest); item; item = strtok_r(NULL, ";", &rest)) {
    const char *value;
    if (!p->who.user.ptr) {
      p->who.user = str_of(item);
    } else if (after(item, "roles=")) {
      for (char *role = strtok_r(item + 6, "|", &inner); role && p->who.n_roles < LIST_MAX;
           role = strtok_r(NULL, "|", &inner))
        p->roles[p->who.n_roles++] = str_of(role);
    } else if ((value = after(item, "claim."))) {
      const char *equals = strchr(value, '=');
      if (equals && p->who.n_attrs < LIST_MAX) {
        struct plug_kv attr = {{value, (size_t)(equals - value)}, str_of(equals + 1)};
        p->attrs[p->who.n_attrs++] = attr;
      }
    } else if ((value = after(item, "subscribe="))) {
      add_permission(p, PLUG_SUBSCRIBE, value);
    } else if ((value = after(item, "send="))) {
      add_permission(p, PLUG_PUBLISH, value);
    } else if (strcmp(item, "limited") == 0) {
      p->who.flags |= PLUG_IDENTITY_LIMITED;
    } else if ((value = after(item, "exp="))) {
      p->who.expires_unix_ms = unix_ms() + atoll(value);
    }
  }
}

static char *copy_of(struct plug_str s)
{
  char *copy = calloc(1, s.len + 1);
  if (copy && s.len)
    memcpy(copy, s.ptr, s.len);
  return copy;
}

static void grant(struct script *script, struct plug_op *op, char *text)
{
  struct parsed p;
  parse(&p, text);
  p.who.ctx = script; /* anything that is known in session_end */
  if (script->granted)
    script->metrics->add(script->granted, 1);
  script->host->auth->grant(op, &p.who);
}

static void refuse(const struct script *script, struct plug_op *op, const char *code,
                   const char *reason)
{
  struct plug_refusal refusal = {sizeof refusal, 0, str_of(code), str_of(reason),
                                 str_of("the script says so")};
  script->host->auth->refuse(op, &refusal);
}

/* --- later -------------------------------------------------------------------------------- */

static void job_end(struct job *job)
{
  struct script *script = job->script;
  for (struct job **at = &script->jobs; *at; at = &(*at)->next)
    if (*at == job) {
      *at = job->next;
      break;
    }
  if (job->timer)
    script->host->timer_free(job->timer);
  if (job->text) {
    plug_secret_wipe(job->text, strlen(job->text));
    free(job->text);
  }
  free(job);
  if (script->stopping && !script->jobs) {
    struct plug_op *op = script->stopping;
    script->stopping = NULL;
    script->host->op_done(op, PLUG_OK, str_of(""));
  }
}

static struct job *job_new(struct script *script, struct plug_op *op, char *text)
{
  struct job *job = calloc(1, sizeof *job);
  if (!job)
    return NULL;
  job->script = script;
  job->op = op;
  job->text = text;
  job->next = script->jobs;
  script->jobs = job;
  return job;
}

static void job_answer(struct job *job)
{
  struct script *script = job->script;
  if (job->text)
    grant(script, job->op, job->text);
  else
    script->host->auth->decide(job->op, job->verdict, NULL);
}

static void on_timer(void *arg)
{
  job_answer(arg);
  job_end(arg);
}

static void on_pool(void *arg)
{
  job_answer(arg);
}

static void on_pool_done(void *arg)
{
  job_end(arg);
}

static plug_status answer_after(struct script *script, struct plug_op *op, char *text, int verdict,
                                uint64_t ms)
{
  struct job *job = job_new(script, op, text);
  if (!job) {
    free(text);
    return PLUG_ENOMEM;
  }
  job->verdict = verdict;
  if (ms == UINT64_MAX)
    return PLUG_PENDING;
  job->timer = script->host->timer_new(script->host, on_timer, job);
  if (job->timer)
    script->host->timer_set(job->timer, ms);
  return PLUG_PENDING;
}

/* --- authenticate ------------------------------------------------------------------------- */

static struct plug_str find(const struct plug_kv *headers, size_t n, const char *name)
{
  struct plug_str none = {NULL, 0};
  for (size_t i = 0; i < n; i++)
    if (headers[i].key.len == strlen(name) &&
        memcmp(headers[i].key.ptr, name, headers[i].key.len) == 0)
      return headers[i].value;
  return none;
}

static struct plug_str credential(const struct plug_auth_request *r)
{
  struct plug_str found = find(r->headers, r->n_headers, "Authorization");
  if (!found.len)
    found = r->passcode;
  if (!found.len)
    found = find(r->http_headers, r->n_http_headers, "authorization");
  if (!found.len) {
    found = find(r->http_headers, r->n_http_headers, "cookie");
    if (found.len > 6 && memcmp(found.ptr, "token=", 6) == 0) {
      found.ptr += 6;
      found.len -= 6;
    } else {
      found.len = 0;
    }
  }
  if (!found.len && r->query.len > 6 && memcmp(r->query.ptr, "token=", 6) == 0) {
    found.ptr = r->query.ptr + 6;
    found.len = r->query.len - 6;
  }
  return found.len ? found : r->body;
}

static plug_status script_authenticate(void *self, const struct plug_auth_request *request,
                                       struct plug_op *op)
{
  struct script *script = self;
  struct plug_str shown = credential(request);
  const char *value;
  if (!shown.len)
    return PLUG_DEFER;
  char *text = copy_of(shown), *option;
  if (!text)
    return PLUG_ENOMEM;
  plug_status status = PLUG_PENDING;
  if ((option = strstr(text, ";only=")) &&
      strncmp(option + 6, script->host->instance, strlen(script->host->instance)) != 0) {
    script->host->op_done(op, PLUG_DEFER, str_of("not mine"));
  } else if (strstr(text, ";defer")) {
    status = PLUG_DEFER;
  } else if (strstr(text, ";deny")) {
    status = PLUG_DENY;
  } else if (strstr(text, ";fail")) {
    status = PLUG_EUNAVAIL;
  } else if (strstr(text, ";expired")) {
    refuse(script, op, PLUG_CODE_EXPIRED, "the token has expired");
  } else if ((option = strstr(text, ";refuse="))) {
    refuse(script, op, PLUG_CODE_FAILED, option + 8);
  } else if ((option = strstr(text, ";late="))) {
    value = option + 6;
    return answer_after(script, op, text, 0, (uint64_t)atoll(value));
  } else if (strstr(text, ";hold")) {
    status = answer_after(script, op, text, 0, UINT64_MAX);
    if (script->jobs && status == PLUG_PENDING)
      script->jobs->held = 1;
    return status;
  } else if ((option = strstr(text, ";hang="))) {
    long ms = atol(option + 6);
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
    grant(script, op, text);
  } else if (strstr(text, ";never")) {
    return answer_after(script, op, text, 0, UINT64_MAX);
  } else if (strstr(text, ";pool")) {
    struct job *job = job_new(script, op, text);
    status = job ? script->pool->run(script->host, on_pool, on_pool_done, job) : PLUG_ENOMEM;
    if (status == PLUG_OK)
      return PLUG_PENDING;
    if (job)
      job_end(job);
    return status;
  } else {
    grant(script, op, text);
  }
  plug_secret_wipe(text, strlen(text));
  free(text);
  return status;
}

static void script_session_end(void *self, void *ctx)
{
  struct script *script = self;
  if (ctx == self && script->ended)
    script->metrics->add(script->ended, 1);
}

/* --- authorize ---------------------------------------------------------------------------- */

static plug_status script_authorize(void *self, const struct plug_authz_request *request,
                                    struct plug_decision *out, struct plug_op *op)
{
  struct script *script = self;
  char *topic = copy_of(request->topic);
  plug_status status = PLUG_DENY;
  if (!topic)
    return PLUG_ENOMEM;
  if (script->asked)
    script->metrics->add(script->asked, 1);
#ifdef SCRIPT_ANY
  (void)op;
  if (script->host->on_home(script->host))
    status = PLUG_EINTERNAL; /* a worker is to ask */
  else if (strstr(topic, "yes"))
    status = PLUG_ALLOW;
#else
  if (script->forbidden[0] && strstr(topic, script->forbidden))
    status = PLUG_DENY;
  else if (strstr(topic, "later-yes"))
    status = answer_after(script, op, NULL, PLUG_ALLOW, 100);
  else if (strstr(topic, "later-no"))
    status = answer_after(script, op, NULL, PLUG_DENY, 100);
  else if (strstr(topic, "never"))
    status = answer_after(script, op, NULL, PLUG_DENY, UINT64_MAX);
  else if (strstr(topic, "yes"))
    status = PLUG_ALLOW;
#endif
  out->cache_ms = (uint32_t)script->cache_ms;
  free(topic);
  return status;
}

/* --- commands ----------------------------------------------------------------------------- */

static void release(struct script *script)
{
  for (struct job *job = script->jobs, *next; job; job = next) {
    next = job->next;
    if (!job->held)
      continue;
    job_answer(job);
    job_end(job);
  }
}

static void obey(struct script *script, char *line)
{
  const struct plug_host *host = script->host;
  char *word = strchr(line, ' ');
  if (word)
    *word++ = '\0';
  else
    word = line + strlen(line);
  if (strcmp(line, "close") == 0) {
    char *reason = strchr(word, ' ');
    if (reason)
      *reason++ = '\0';
    script->control->invalidate_user(host, str_of(word), PLUG_INVALIDATE_CLOSE,
                                     str_of(reason ? reason : ""));
  } else if (strcmp(line, "check") == 0) {
    script->control->invalidate_user(host, str_of(word), PLUG_INVALIDATE_CHECK, str_of(""));
  } else if (strcmp(line, "update") == 0) {
    struct parsed p;
    parse(&p, word);
    script->control->update_user(host, &p.who);
  } else if (strcmp(line, "forbid") == 0) {
    snprintf(script->forbidden, sizeof script->forbidden, "%s", word);
  } else if (strcmp(line, "release") == 0) {
    release(script);
  } else if (strcmp(line, "allow") == 0) {
    script->forbidden[0] = '\0';
  }
}

static void read_commands(void *arg)
{
  struct script *script = arg;
  FILE *file = fopen(script->commands, "r");
  char line[512];
  if (file) {
    while (fgets(line, sizeof line, file)) {
      line[strcspn(line, "\n")] = '\0';
      obey(script, line);
    }
    fclose(file);
    unlink(script->commands);
  }
  script->host->timer_set(script->commands_timer, 10);
}

/* --- life --------------------------------------------------------------------------------- */

static plug_status script_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct script *script = calloc(1, sizeof *script);
  struct plug_str commands;
  if (!script) {
    err->code = PLUG_ENOMEM;
    return PLUG_ENOMEM;
  }
  script->host = host;
  script->pool = host->extension(host, PLUG_EXT_WORKPOOL);
  script->control = host->extension(host, PLUG_EXT_AUTH);
  script->metrics = host->extension(host, PLUG_EXT_METRICS);
  if (script->metrics) {
    script->granted = script->metrics->counter(host, "granted", "calls of grant");
    script->ended = script->metrics->counter(host, "ended", "calls of session_end");
    script->asked = script->metrics->counter(host, "asked", "calls of authorize");
  }
  if (host->cfg_str(host, "commands", &commands) == PLUG_OK)
    snprintf(script->commands, sizeof script->commands, "%.*s", (int)commands.len, commands.ptr);
  host->cfg_i64(host, "cache", &script->cache_ms);
  if (host->cfg_str(host, "fault", &commands) == PLUG_OK)
    snprintf(script->fault, sizeof script->fault, "%.*s", (int)commands.len, commands.ptr);
  if (strcmp(script->fault, "create") == 0) {
    free(script);
    snprintf(err->text, sizeof err->text, "fault: it does not want to be created");
    return PLUG_EINVAL;
  }
  *self = script;
  return PLUG_OK;
}

static plug_status script_start(void *self, struct plug_op *op)
{
  struct script *script = self;
  if (strcmp(script->fault, "start") == 0) {
    script->host->op_done(op, PLUG_EUNAVAIL, str_of("it does not want to start"));
    return PLUG_PENDING;
  }
  if (!script->commands[0])
    return PLUG_OK;
  script->commands_timer = script->host->timer_new(script->host, read_commands, script);
  if (!script->commands_timer)
    return PLUG_ENOMEM;
  script->host->timer_set(script->commands_timer, 10);
  return PLUG_OK;
}

static void script_cancel(void *self, struct plug_op *op)
{
  struct script *script = self;
  for (struct job *job = script->jobs; job; job = job->next)
    if (job->op == op && !job->timer) {
      script->host->op_done(op, PLUG_ECANCELED, str_of(""));
      job_end(job);
      return;
    }
}

static plug_status script_stop(void *self, struct plug_op *op)
{
  struct script *script = self;
  if (script->commands_timer)
    script->host->timer_free(script->commands_timer);
  script->commands_timer = NULL;
  if (strcmp(script->fault, "stop") == 0)
    return PLUG_PENDING;
  if (!script->jobs)
    return PLUG_OK;
  script->stopping = op;
  return PLUG_PENDING;
}

static void script_destroy(void *self)
{
  free(self);
}

static void script_credentials(void *self, struct plug_credentials *out)
{
  static const struct plug_str names[] = {{"Authorization", 13}, {"X-Token", 7}};
  (void)self;
  out->headers = names;
  out->n_headers = 2;
  out->max_bytes = 16384;
}

static const struct plug_auth script_auth = {
    .size = sizeof script_auth,
#ifdef SCRIPT_ANY
    .flags = PLUG_AUTHORIZE_ANY,
#endif
    .authenticate = script_authenticate,
    .authorize = script_authorize,
    .session_end = script_session_end,
    .credentials = script_credentials,
};

static const struct plug_option script_options[] = {
    {"commands", PLUG_OPT_PATH, 0, NULL, NULL, "The file with commands."},
    {"fault", PLUG_OPT_CHOICE, 0, "none", "none|create|start|stop", "The step that it fails in."},
    {"cache", PLUG_OPT_DURATION, 0, "0", NULL, "How long decisions may be cached."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "plugboard.test.auth-script",
    .version = "1",
    .summary = "does what the credential says, for tests",
    .options = script_options,
    .n_options = sizeof script_options / sizeof *script_options,
    .auth = &script_auth,
    .create = script_create,
    .start = script_start,
    .stop = script_stop,
    .destroy = script_destroy,
    .cancel = script_cancel,
};
