/* SPDX-License-Identifier: MIT
 *
 * A small but complete auth plugin to start from: one shared password and a list of names that are
 * administrators. It is written in what C11, C17, C++17 (of GCC and Clang) and C++20 have in
 * common. */
#include <plugboard/plugin.h>
#include <plugboard/secret.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct template_auth {
  const struct plug_host *host;
  char *password, *admins; /* admins: "ann,bob" */
  size_t password_len, admins_len;
};

static struct plug_str str(const char *text)
{
  struct plug_str s = {text, strlen(text)};
  return s;
}

/* What cfg_str gives is gone after create. */
static char *copy(struct plug_str s)
{
  char *text = (char *)calloc(1, s.len + 1);
  if (text && s.len)
    memcpy(text, s.ptr, s.len);
  return text;
}

static void template_destroy(void *arg) PLUG_NOEXCEPT
{
  struct template_auth *self = (struct template_auth *)arg;
  if (self->password)
    plug_secret_wipe(self->password, self->password_len);
  free(self->password);
  free(self->admins);
  free(self);
}

/* Checks the configuration and allocates. No network, no threads, no timers yet. */
static plug_status template_create(const struct plug_host *host, void **out,
                                   struct plug_err *err) PLUG_NOEXCEPT
{
  struct plug_str password = {NULL, 0}, admins = {NULL, 0};
  struct template_auth *self = (struct template_auth *)calloc(1, sizeof *self);
  if (!self)
    return err->code = PLUG_ENOMEM;
  self->host = host;
  host->cfg_str(host, "password", &password);
  host->cfg_str(host, "admins", &admins);
  if (password.len < 8) {
    err->code = PLUG_EINVAL;
    snprintf(err->text, sizeof err->text, "password: has less than 8 bytes");
    free(self);
    return PLUG_EINVAL;
  }
  self->password = copy(password);
  self->admins = copy(admins);
  self->password_len = password.len;
  self->admins_len = admins.len;
  if (!self->password || !self->admins) {
    template_destroy(self);
    return err->code = PLUG_ENOMEM;
  }
  *out = self;
  return PLUG_OK;
}

static int is_admin(const struct template_auth *self, struct plug_str user)
{
  const char *at = self->admins, *end = self->admins + self->admins_len;
  while (at < end) {
    const char *comma = (const char *)memchr(at, ',', (size_t)(end - at));
    const char *stop = comma ? comma : end;
    while (at < stop && *at == ' ')
      at++;
    size_t len = (size_t)(stop - at);
    while (len && at[len - 1] == ' ')
      len--;
    if (len == user.len && memcmp(at, user.ptr, len) == 0)
      return 1;
    at = comma ? comma + 1 : end;
  }
  return 0;
}

/* What may be the name of a user: the server wants 1 to 255 bytes without control characters. */
static int is_name(struct plug_str s)
{
  for (size_t i = 0; i < s.len; i++)
    if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7F)
      return 0;
  return s.len > 0 && s.len <= 255;
}

static int is_same(struct plug_str a, struct plug_str b)
{
  return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Who asks a backend returns PLUG_PENDING at once and completes op when the answer is there. */
static plug_status template_authenticate(void *arg, const struct plug_auth_request *request,
                                         struct plug_op *op) PLUG_NOEXCEPT
{
  const struct template_auth *self = (const struct template_auth *)arg;
  struct plug_str password = {self->password, self->password_len};
  if (!request->login.len)
    return PLUG_DEFER; /* nothing for us: the next plugin is asked */
  /* Who renews an identity, which makes it a REFRESH, stays the same user. */
  int other = request->who && !is_same(request->who->user, request->login);
  if (other || !is_name(request->login) || !plug_secret_equal(password, request->passcode)) {
    struct plug_refusal refusal = {
        .size = (uint32_t)sizeof refusal,
        .reserved = 0,
        .code = str(PLUG_CODE_FAILED),
        .reason = str("wrong name or password"),
        .detail = {NULL, 0},
    };
    self->host->auth->refuse(op, &refusal);
    return PLUG_PENDING;
  }
  struct plug_str roles[2] = {str("USER"), str("ADMIN")};
  struct plug_identity who;
  memset(&who, 0, sizeof who);
  who.size = (uint32_t)sizeof who;
  who.user = request->login;
  who.roles = roles;
  who.n_roles = is_admin(self, request->login) ? 2 : 1;
  self->host->auth->grant(op, &who);
  return PLUG_PENDING;
}

/* Asked where a rule of [access] says "if plugin": administrators may do all, others may read. */
static plug_status template_authorize(void *arg, const struct plug_authz_request *request,
                                      struct plug_decision *out, struct plug_op *op) PLUG_NOEXCEPT
{
  const struct template_auth *self = (const struct template_auth *)arg;
  (void)op;
  out->scope = PLUG_SCOPE_TOPIC;
  return request->action == PLUG_SUBSCRIBE || is_admin(self, request->who->user) ? PLUG_ALLOW
                                                                                 : PLUG_DENY;
}

static const struct plug_auth template_table = {
    .size = (uint32_t)sizeof template_table,
    .flags = PLUG_AUTHORIZE_ANY,
    .authenticate = template_authenticate,
    .authorize = template_authorize,
};

/* What an operator may write in [auth.template]; the server checks it against this table, and
 * --plugin-info prints it. Name, type, flags, default, range, help. A SECRET is never printed. */
static const struct plug_option template_options[] = {
    {"password", PLUG_OPT_SECRET, PLUG_OPT_REQUIRED, NULL, NULL, "The password of everybody."},
    {"admins", PLUG_OPT_LIST, 0, "", NULL, "Names that get the role ADMIN."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "org.example.auth.template",
    .version = "0.1.0",
    .summary = "an auth plugin to start from",
    .options = template_options,
    .n_options = sizeof template_options / sizeof template_options[0],
    .auth = &template_table,
    .create = template_create,
    .destroy = template_destroy,
};
