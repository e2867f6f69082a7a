/* SPDX-License-Identifier: MIT
 *
 * A plugin for tests that is a broker and an auth plugin, with a summary that a terminal must not
 * see as it is. */
#include <plugboard/plugin.h>

static int guard;

static plug_status guard_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  (void)host, (void)err;
  *self = &guard;
  return PLUG_OK;
}

static void guard_destroy(void *self)
{
  (void)self;
}

static plug_status guard_interest(void *self, const struct plug_interest *v, size_t n,
                                  struct plug_op *op)
{
  (void)self, (void)v, (void)n, (void)op;
  return PLUG_OK;
}

static plug_status guard_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  (void)self, (void)msg, (void)op;
  return PLUG_OK;
}

static void guard_health(void *self, struct plug_health *out)
{
  (void)self;
  out->state = PLUG_STATE_UP;
}

static plug_status guard_authenticate(void *self, const struct plug_auth_request *request,
                                      struct plug_op *op)
{
  (void)self, (void)request, (void)op;
  return PLUG_DENY;
}

static plug_status guard_authorize(void *self, const struct plug_authz_request *request,
                                   struct plug_decision *out, struct plug_op *op)
{
  (void)self, (void)request, (void)out, (void)op;
  return PLUG_DENY;
}

static const struct plug_broker guard_broker = {
    .size = sizeof guard_broker,
    .caps = PLUG_CAP_ECHO,
    .subscribe = guard_interest,
    .unsubscribe = guard_interest,
    .publish = guard_publish,
    .health = guard_health,
};

static const struct plug_auth guard_auth = {
    .size = sizeof guard_auth,
    .authenticate = guard_authenticate,
    .authorize = guard_authorize,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "org.example.guard",
    .version = "1\x1b[31m",
    .summary = "red\x1b]0;title\a and \xc2\x9b"
               "1m, \xff",
    .broker = &guard_broker,
    .auth = &guard_auth,
    .create = guard_create,
    .destroy = guard_destroy,
};
