/* auth-file: clients log in with the name and the password of a user in a file, or by a certificate
 * whose subject stands there. Hashing runs in the work pool, where the file is read again when it
 * has changed, too; everything else on the home thread. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <plugboard/ext/auth.h>
#include <plugboard/ext/metrics.h>
#include <plugboard/ext/workpool.h>
#include <plugboard/plugin.h>

#include "file_users.h"
#include "host_log.h"
#include "metric_table.h"
#include "whole_file.h"

enum metric { M_ACCEPTED, M_REFUSED, M_BUSY, M_PENDING, M_USERS, M_LOADED, M_FAILED, N_METRICS };

struct auth_file {
  const struct plug_host *host;
  const struct plug_workpool *pool;
  const struct plug_auth_control *control; /* NULL: the server cannot end sessions */
  const struct plug_metrics *metrics;
  struct plug_metric *metric[N_METRICS];
  char *path;
  uint64_t reload_ms;
  int64_t max_pending;
  bool defer_unknown;
  uint64_t seed;
  struct file_users *users;
  struct whole_file_stamp stamp; /* of what users was read from, or of what was refused */
  struct plug_str credentials[1];
  struct plug_timer *timer;
  struct plug_op *stop_op;
  int64_t n_pending; /* logins in the pool */
  bool reloading, stopping;
};

/* One login being judged. The request is the host's and lives until the operation is completed. */
struct login {
  struct auth_file *self;
  struct plug_op *op;
  const struct plug_auth_request *request;
  struct file_users *users;
  const struct file_user *user; /* of users */
  bool good;
};

/* One look at the file, and what has changed since the last. */
struct reload {
  struct auth_file *self;
  struct whole_file_stamp stamp;
  struct file_users *before, *users; /* users NULL: refused */
  bool changed;
  char why[400];
};

static void count(const struct auth_file *self, enum metric m)
{
  if (self->metric[m] != NULL)
    self->metrics->add(self->metric[m], 1);
}

static void gauge(const struct auth_file *self, enum metric m, int64_t value)
{
  if (self->metric[m] != NULL)
    self->metrics->set(self->metric[m], value);
}

__attribute__((format(printf, 3, 4))) static void say(const struct auth_file *self, int32_t level,
                                                      const char *format, ...)
{
  va_list args;
  va_start(args, format);
  host_vlog(self->host, level, NULL, format, args);
  va_end(args);
}

static struct plug_str str(const char *text)
{
  return (struct plug_str){text, strlen(text)};
}

static void check_stopped(struct auth_file *self)
{
  struct plug_op *op = self->stop_op;
  if (!self->stopping || self->n_pending > 0 || self->reloading || op == NULL)
    return;
  self->stop_op = NULL;
  self->host->op_done(op, PLUG_OK, (struct plug_str){NULL, 0});
}

/* ---- logins */

static void refuse(const struct auth_file *self, struct plug_op *op, const char *code,
                   const char *reason, const char *detail)
{
  const struct plug_refusal refusal = {
      .size = sizeof refusal, .code = str(code), .reason = str(reason), .detail = str(detail)};
  self->host->auth->refuse(op, &refusal);
}

static struct plug_identity identity_of(const struct file_user *user)
{
  return (struct plug_identity){.size = sizeof(struct plug_identity),
                                .user = str(user->name),
                                .roles = user->roles,
                                .n_roles = user->n_roles};
}

static void login_work(void *arg) PLUG_NOEXCEPT
{
  struct login *login = arg;
  const struct plug_auth_request *request = login->request;
  login->good = file_users_check(login->users, login->user, request->login, request->passcode,
                                 login->self->seed);
}

static bool run(struct login *login);

static void answer(struct login *login)
{
  struct auth_file *self = login->self;
  const struct plug_identity *who = login->request->who;
  char detail[300], name[3 * 64 + 4], *p = name;
  struct plug_str shown = login->request->login;
  if (login->good && login->request->stage == PLUG_STAGE_REFRESH &&
      (who == NULL || who->user.len != strlen(login->user->name) ||
       memcmp(who->user.ptr, login->user->name, who->user.len) != 0))
    login->good = false; /* of somebody else */
  if (login->good) {
    struct plug_identity identity = identity_of(login->user);
    count(self, M_ACCEPTED);
    self->host->auth->grant(login->op, &identity);
    return;
  }
  for (size_t i = 0; i < shown.len && i < 64; i++)
    p += shown.ptr[i] > ' ' && shown.ptr[i] <= '~' && shown.ptr[i] != '%'
             ? snprintf(p, 2, "%c", shown.ptr[i])
             : snprintf(p, 4, "%%%02X", (unsigned)(unsigned char)shown.ptr[i]);
  *p = '\0';
  snprintf(detail, sizeof detail, "%s %s%s",
           login->user == NULL ? "no user" : "wrong password of user", name,
           shown.len > 64 ? "..." : "");
  count(self, M_REFUSED);
  refuse(self, login->op, PLUG_CODE_FAILED, "", detail);
}

static void login_done(void *arg) PLUG_NOEXCEPT
{
  struct login *login = arg;
  struct auth_file *self = login->self;
  gauge(self, M_PENDING, --self->n_pending);
  if (login->users != self->users && !self->stopping) { /* the file has changed meanwhile */
    file_users_unref(login->users);
    if (run(login))
      return;
    login->users = NULL;
    count(self, M_BUSY);
    refuse(self, login->op, PLUG_CODE_BUSY, "server is busy, try again",
           "the queue of the work pool is full");
  } else {
    answer(login);
  }
  file_users_unref(login->users);
  free(login);
  check_stopped(self);
}

/* Judges the login by the users of now. False when the pool has no room. */
static bool run(struct login *login)
{
  struct auth_file *self = login->self;
  login->users = file_users_ref(self->users);
  login->user = file_users_find(login->users, login->request->login);
  if (self->n_pending < self->max_pending &&
      self->pool->run(self->host, login_work, login_done, login) == PLUG_OK) {
    gauge(self, M_PENDING, ++self->n_pending);
    return true;
  }
  file_users_unref(login->users);
  login->users = NULL;
  return false;
}

/* The server has verified it. Who says a name, too, has to say the right one. */
static plug_status by_certificate(const struct auth_file *self,
                                  const struct plug_auth_request *request, struct plug_op *op)
{
  const struct file_user *user = file_users_find_subject(self->users, request->tls_subject);
  if (user == NULL ||
      (request->login.len > 0 && (request->login.len != strlen(user->name) ||
                                  memcmp(request->login.ptr, user->name, request->login.len) != 0)))
    return PLUG_DEFER;
  struct plug_identity identity = identity_of(user);
  count(self, M_ACCEPTED);
  self->host->auth->grant(op, &identity);
  return PLUG_PENDING;
}

static plug_status authenticate(void *arg, const struct plug_auth_request *request,
                                struct plug_op *op) PLUG_NOEXCEPT
{
  struct auth_file *self = arg;
  if (request->passcode.len == 0 && request->tls_subject.len > 0)
    return by_certificate(self, request, op);
  if (request->login.len == 0 || request->passcode.len == 0)
    return PLUG_DEFER;
  if (self->defer_unknown && file_users_find(self->users, request->login) == NULL)
    return PLUG_DEFER;
  struct login *login = calloc(1, sizeof *login);
  if (login == NULL)
    return PLUG_ENOMEM;
  login->self = self;
  login->op = op;
  login->request = request;
  if (!run(login)) {
    count(self, M_BUSY);
    refuse(self, op, PLUG_CODE_BUSY, "server is busy, try again", "too many logins at once");
    free(login);
  }
  return PLUG_PENDING;
}

static plug_status authorize(void *arg, const struct plug_authz_request *request,
                             struct plug_decision *out, struct plug_op *op) PLUG_NOEXCEPT
{
  (void)arg;
  (void)request;
  (void)out;
  (void)op;
  return PLUG_DEFER; /* the rules decide */
}

static void credentials(void *arg, struct plug_credentials *out) PLUG_NOEXCEPT
{
  struct auth_file *self = arg;
  self->credentials[0] = str("passcode");
  out->headers = self->credentials;
  out->n_headers = 1;
}

/* ---- the file */

static struct file_users *load(const struct auth_file *self, bool *others_read, char why[400])
{
  char what[240] = "";
  size_t len = 0;
  unsigned line = 0;
  struct file_users *users = NULL;
  char *text = whole_file_read(self->path, FILE_MAX_BYTES, &len, others_read, what);
  if (text != NULL) {
    users = file_users_parse((struct plug_str){text, len}, what, &line);
    explicit_bzero(text, len);
    free(text);
  }
  if (users == NULL && line > 0)
    snprintf(why, 400, "%.120s:%u: %s", self->path, line, what);
  else if (users == NULL)
    snprintf(why, 400, "%.120s: %s", self->path, what);
  return users;
}

static bool same_roles(const struct file_user *a, const struct file_user *b)
{
  if (a->n_roles != b->n_roles)
    return false;
  for (size_t i = 0; i < a->n_roles; i++)
    if (a->roles[i].len != b->roles[i].len ||
        memcmp(a->roles[i].ptr, b->roles[i].ptr, a->roles[i].len) != 0)
      return false;
  return true;
}

/* Sessions of users who are gone, or have another password, end; others get their new roles. Both
 * tables are sorted. */
static void apply(const struct auth_file *self, const struct file_users *before)
{
  size_t k = 0, n = file_users_count(self->users);
  for (size_t i = 0; self->control != NULL && i < file_users_count(before); i++) {
    const struct file_user *old = file_users_at(before, i), *new = NULL;
    while (k < n && strcmp(file_users_at(self->users, k)->name, old->name) < 0)
      k++;
    if (k < n && strcmp(file_users_at(self->users, k)->name, old->name) == 0)
      new = file_users_at(self->users, k);
    if (new == NULL || strcmp(new->hash, old->hash) != 0) {
      self->control->invalidate_user(self->host, str(old->name), PLUG_INVALIDATE_CLOSE,
                                     str("the login is no longer valid"));
    } else if (!same_roles(old, new)) {
      struct plug_identity identity = identity_of(new);
      self->control->update_user(self->host, &identity);
    }
  }
}

static void reload_work(void *arg) PLUG_NOEXCEPT
{
  struct reload *reload = arg;
  struct whole_file_stamp before = reload->stamp;
  whole_file_look(reload->self->path, &reload->stamp);
  reload->changed = memcmp(&before, &reload->stamp, sizeof before) != 0;
  if (reload->changed)
    reload->users = load(reload->self, NULL, reload->why);
}

static void reload_done(void *arg) PLUG_NOEXCEPT
{
  struct reload *reload = arg;
  struct auth_file *self = reload->self;
  self->reloading = false;
  if (self->stopping) {
    file_users_unref(reload->users);
    free(reload);
    check_stopped(self);
    return;
  }
  if (reload->changed && reload->users != NULL) {
    struct file_users *before = self->users;
    self->users = reload->users;
    self->stamp = reload->stamp;
    count(self, M_LOADED);
    gauge(self, M_USERS, (int64_t)file_users_count(self->users));
    say(self, PLUG_LOG_INFO, "%zu users from %s, which has changed", file_users_count(self->users),
        self->path);
    apply(self, before);
    file_users_unref(before);
  } else if (reload->changed) {
    self->stamp = reload->stamp; /* looked at again once it has changed again */
    count(self, M_FAILED);
    say(self, PLUG_LOG_ERROR, "%s; the users of before stay", reload->why);
  }
  free(reload);
  self->host->timer_set(self->timer, self->reload_ms);
}

static void on_timer(void *arg) PLUG_NOEXCEPT
{
  struct auth_file *self = arg;
  struct reload *reload = calloc(1, sizeof *reload);
  if (reload != NULL) {
    reload->self = self;
    reload->stamp = self->stamp;
    if (self->pool->run(self->host, reload_work, reload_done, reload) == PLUG_OK) {
      self->reloading = true;
      return;
    }
  }
  free(reload);
  self->host->timer_set(self->timer, self->reload_ms); /* the pool is busy: later */
}

/* ---- life */

static void register_metrics(struct auth_file *self)
{
  static const struct metric_row all[N_METRICS] = {
      [M_ACCEPTED] = {"accepted", "Logins accepted", false},
      [M_REFUSED] = {"refused", "Logins refused", false},
      [M_BUSY] = {"refused_busy", "Logins not judged because too many were pending", false},
      [M_PENDING] = {"pending", "Logins being judged", true},
      [M_USERS] = {"users", "Users in the file", true},
      [M_LOADED] = {"loaded", "Times that the file was read again", false},
      [M_FAILED] = {"load_failed", "Times that the file was changed and could not be used", false},
  };
  self->metrics = metric_table_make(self->host, all, N_METRICS, self->metric);
}

static void destroy(void *arg) PLUG_NOEXCEPT
{
  struct auth_file *self = arg;
  file_users_unref(self->users);
  free(self->path);
  free(self);
}

static plug_status fail(struct auth_file *self, struct plug_err *err, plug_status status,
                        const char *why)
{
  err->code = status;
  snprintf(err->text, sizeof err->text, "%.250s", why);
  if (self != NULL)
    destroy(self);
  return status;
}

static plug_status create(const struct plug_host *host, void **out,
                          struct plug_err *err) PLUG_NOEXCEPT
{
  struct auth_file *self = calloc(1, sizeof *self);
  struct plug_str path = {NULL, 0}, unknown = {NULL, 0};
  int64_t reload_ms = 0;
  char why[400];
  bool others_read = false;
  if (self == NULL)
    return fail(self, err, PLUG_ENOMEM, "out of memory");
  self->host = host;
  self->pool = host->extension(host, PLUG_EXT_WORKPOOL);
  if (self->pool == NULL || !PLUG_HAS(self->pool, run))
    return fail(self, err, PLUG_ENOTSUP, "the server offers no work pool");
  const struct plug_auth_control *control = host->extension(host, PLUG_EXT_AUTH);
  if (control != NULL && PLUG_HAS(control, invalidate_user) && PLUG_HAS(control, update_user))
    self->control = control;
  if (host->cfg_str(host, "users", &path) != PLUG_OK ||
      host->cfg_str(host, "unknown-user", &unknown) != PLUG_OK ||
      host->cfg_i64(host, "reload-interval", &reload_ms) != PLUG_OK ||
      host->cfg_i64(host, "max-pending", &self->max_pending) != PLUG_OK)
    return fail(self, err, PLUG_EINVAL, "an option has no value");
  self->reload_ms = (uint64_t)reload_ms;
  self->defer_unknown = unknown.len == 5;
  self->path = calloc(1, path.len + 1);
  if (self->path == NULL)
    return fail(self, err, PLUG_ENOMEM, "out of memory");
  memcpy(self->path, path.ptr, path.len);
  if (getrandom(&self->seed, sizeof self->seed, 0) != (ssize_t)sizeof self->seed)
    return fail(self, err, PLUG_EINTERNAL, "the system gives no random numbers");
  register_metrics(self);
  whole_file_look(self->path, &self->stamp);
  self->users = load(self, &others_read, why);
  if (self->users == NULL)
    return fail(self, err, PLUG_EINVAL, why);
  gauge(self, M_USERS, (int64_t)file_users_count(self->users));
  if (others_read)
    say(self, PLUG_LOG_WARN, "everybody on this machine may read the hashes in %s: chmod o-r",
        self->path);
  *out = self;
  return PLUG_OK;
}

static plug_status start(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct auth_file *self = arg;
  (void)op;
  self->timer = self->host->timer_new(self->host, on_timer, self);
  if (self->timer == NULL)
    return PLUG_ENOMEM;
  self->host->timer_set(self->timer, self->reload_ms);
  say(self, PLUG_LOG_INFO, "%zu users from %s", file_users_count(self->users), self->path);
  return PLUG_OK;
}

static plug_status stop(void *arg, struct plug_op *op) PLUG_NOEXCEPT
{
  struct auth_file *self = arg;
  self->stopping = true;
  if (self->timer != NULL)
    self->host->timer_free(self->timer);
  self->timer = NULL;
  if (self->n_pending == 0 && !self->reloading)
    return PLUG_OK;
  self->stop_op = op;
  return PLUG_PENDING;
}

static const struct plug_option options[] = {
    {"users", PLUG_OPT_PATH, PLUG_OPT_REQUIRED, NULL, NULL,
     "The file: a line for each user, USER:HASH:ROLE,ROLE."},
    {"reload-interval", PLUG_OPT_DURATION, 0, "2s", "100ms..1h",
     "How often the file is looked at."},
    {"unknown-user", PLUG_OPT_CHOICE, 0, "refuse", "refuse|defer",
     "What follows for a user who is not in the file: a refusal, or the question to the next "
     "plugin."},
    {"max-pending", PLUG_OPT_INTEGER, 0, "64", "1..10000",
     "Logins that may be judged or wait for it at one time; more are told to try again."},
};

static const struct plug_auth auth = {
    .size = sizeof auth,
    .authenticate = authenticate,
    .authorize = authorize,
    .credentials = credentials,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,   .id = "plugboard.auth.file",
    .version = "0.1.0", .summary = "Clients log in with a name and a password that a file has",
    .options = options, .n_options = sizeof options / sizeof *options,
    .auth = &auth,      .create = create,
    .start = start,     .stop = stop,
    .destroy = destroy,
};
