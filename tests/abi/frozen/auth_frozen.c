/* An auth plugin of an older minor: whoever's passcode is the login backwards is let in, with the
 * role READER; authorize allows what holds "open". Built with frozen headers only. */
#include <plugboard/plugin.h>

#include <stdlib.h>
#include <string.h>

struct frozen {
  const struct plug_host *host;
};

static plug_status frozen_create(const struct plug_host *host, void **out, struct plug_err *err)
{
  struct frozen *self = calloc(1, sizeof *self);
  (void)err;
  if (!self)
    return PLUG_ENOMEM;
  self->host = host;
  *out = self;
  return PLUG_OK;
}

static void frozen_destroy(void *arg)
{
  free(arg);
}

static plug_status frozen_authenticate(void *arg, const struct plug_auth_request *request,
                                       struct plug_op *op)
{
  struct frozen *self = arg;
  struct plug_str role = {"READER", 6};
  size_t n = request->login.len;
  if (request->size < sizeof *request)
    return PLUG_EINTERNAL; /* a server that is older than this plugin */
  if (!n)
    return PLUG_DEFER;
  if (request->passcode.len != n)
    return PLUG_DENY;
  for (size_t i = 0; i < n; i++)
    if (request->passcode.ptr[i] != request->login.ptr[n - 1 - i])
      return PLUG_DENY;
  struct plug_identity who = {
      .size = sizeof who, .user = request->login, .roles = &role, .n_roles = 1, .ctx = self};
  self->host->auth->grant(op, &who);
  return PLUG_PENDING;
}

static plug_status frozen_authorize(void *arg, const struct plug_authz_request *request,
                                    struct plug_decision *out, struct plug_op *op)
{
  (void)arg, (void)op;
  out->scope = PLUG_SCOPE_TOPIC;
  for (size_t i = 0; i + 4 <= request->topic.len; i++)
    if (memcmp(request->topic.ptr + i, "open", 4) == 0)
      return PLUG_ALLOW;
  return PLUG_DENY;
}

static void frozen_session_end(void *arg, void *ctx)
{
  if (arg != ctx)
    abort();
}

static const struct plug_auth auth = {
    .size = sizeof auth,
    .authenticate = frozen_authenticate,
    .authorize = frozen_authorize,
    .session_end = frozen_session_end,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "plugboard.test.frozen-auth",
    .version = "1",
    .summary = "An auth plugin of an older minor",
    .auth = &auth,
    .create = frozen_create,
    .destroy = frozen_destroy,
};
