/* What the broken plugins of this directory have in common: the parts that are not broken. */
#ifndef TESTS_ABI_BAD_PARTS_H
#define TESTS_ABI_BAD_PARTS_H

#include <plugboard/plugin.h>

#define UNUSED __attribute__((unused))

static int good_self;

UNUSED static plug_status good_create(const struct plug_host *host, void **self,
                                      struct plug_err *err)
{
  (void)host, (void)err;
  *self = &good_self;
  return PLUG_OK;
}

UNUSED static void good_destroy(void *self)
{
  (void)self;
}

UNUSED static plug_status good_interest(void *self, const struct plug_interest *v, size_t n,
                                        struct plug_op *op)
{
  (void)self, (void)v, (void)n, (void)op;
  return PLUG_OK;
}

UNUSED static plug_status good_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  (void)self, (void)msg, (void)op;
  return PLUG_OK;
}

UNUSED static void good_health(void *self, struct plug_health *out)
{
  (void)self;
  out->state = PLUG_STATE_UP;
}

#define GOOD_BROKER                                                                             \
  .size = sizeof(struct plug_broker), .subscribe = good_interest, .unsubscribe = good_interest, \
  .publish = good_publish, .health = good_health

UNUSED static const struct plug_broker good_broker = {GOOD_BROKER};

UNUSED static plug_status good_authenticate(void *self, const struct plug_auth_request *request,
                                            struct plug_op *op)
{
  (void)self, (void)request, (void)op;
  return PLUG_DENY;
}

UNUSED static plug_status good_authorize(void *self, const struct plug_authz_request *request,
                                         struct plug_decision *out, struct plug_op *op)
{
  (void)self, (void)request, (void)out, (void)op;
  return PLUG_DENY;
}

UNUSED static const struct plug_auth good_auth = {
    .size = sizeof(struct plug_auth),
    .authenticate = good_authenticate,
    .authorize = good_authorize,
};

#define GOOD_NAMES .id = "org.example.bad", .version = "1", .summary = "broken on purpose"
#define GOOD_LIFE  .create = good_create, .destroy = good_destroy
#define GOOD_REST  GOOD_NAMES, .broker = &good_broker, GOOD_LIFE

#endif
