/* planted_auth.h: a well-behaved auth plugin with two users, which the planted ones differ from in
 * one function each. planted_auth.ini names the first of them to the kit. Every identity has a
 * context of its own, which session_end frees. Home thread only. */
#ifndef PLANTED_AUTH_H
#define PLANTED_AUTH_H

#include <plugboard/plugin.h>
#include <plugboard/secret.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAYBE __attribute__((unused))

struct context {
  char user[64];
};

struct pending {
  struct pending *next;
  struct base *base;
  const struct plug_auth_request *request;
  struct plug_op *op;
  int cancelled;
};

struct base {
  const struct plug_host *host;
  /* For the planted ones. */
  struct plug_str kept;
  const struct plug_auth_request *request;
  struct context *shared;
  struct pending *pending;
  unsigned n_asked;
};

static MAYBE struct plug_str text_of(const char *text)
{
  return (struct plug_str){text, strlen(text)};
}

static MAYBE int same(struct plug_str a, struct plug_str b)
{
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#define THE_PASSCODE "correct-horse-battery"

static MAYBE int knows(struct plug_str user)
{
  return same(user, text_of("ann")) || same(user, text_of("bob"));
}

static MAYBE plug_status base_create(const struct plug_host *host, void **self,
                                     struct plug_err *err)
{
  struct base *base = calloc(1, sizeof *base);
  if (!base)
    return err->code = PLUG_ENOMEM;
  base->host = host;
  *self = base;
  return PLUG_OK;
}

static MAYBE plug_status base_step(void *self, struct plug_op *op)
{
  (void)self, (void)op;
  return PLUG_OK;
}

static MAYBE void base_destroy(void *self)
{
  free(self);
}

static MAYBE struct context *new_context(struct plug_str user)
{
  struct context *context = calloc(1, sizeof *context);
  if (context)
    memcpy(context->user, user.ptr, user.len < 63 ? user.len : 63);
  return context;
}

/* An identity as the base grants it, with roles that live as long as the image. */
static MAYBE struct plug_identity identity_of(struct plug_str user, void *ctx)
{
  static const struct plug_str roles[] = {{"USER", 4}};
  return (struct plug_identity){
      .size = sizeof(struct plug_identity), .user = user, .roles = roles, .n_roles = 1, .ctx = ctx};
}

static MAYBE plug_status refuse(struct base *base, struct plug_op *op, const char *code,
                                struct plug_str detail)
{
  struct plug_refusal refusal = {.size = sizeof refusal,
                                 .code = text_of(code),
                                 .reason = text_of("wrong name or password"),
                                 .detail = detail};
  base->host->auth->refuse(op, &refusal);
  return PLUG_PENDING;
}

static MAYBE plug_status grant(struct base *base, struct plug_op *op, struct plug_str user)
{
  struct context *context = new_context(user);
  if (!context)
    return PLUG_ENOMEM;
  struct plug_identity who = identity_of(user, context);
  base->host->auth->grant(op, &who);
  return PLUG_PENDING;
}

static MAYBE int is_right(const struct plug_auth_request *request)
{
  return knows(request->login) && plug_secret_equal(request->passcode, text_of(THE_PASSCODE));
}

static MAYBE plug_status base_authenticate(void *self, const struct plug_auth_request *request,
                                           struct plug_op *op)
{
  struct base *base = self;
  if (!request->login.len)
    return PLUG_DEFER;
  if (request->who && !same(request->who->user, request->login))
    return PLUG_DENY;
  if (!is_right(request))
    return refuse(base, op, PLUG_CODE_FAILED, text_of("the password is another"));
  return grant(base, op, request->login);
}

/* The same, but answered when the home thread comes round again. */
static MAYBE void answer_pending(void *arg)
{
  struct pending *pending = arg;
  const struct plug_host *host = pending->base->host;
  plug_status status = PLUG_ECANCELED;
  if (!pending->cancelled)
    status = base_authenticate(pending->base, pending->request, pending->op);
  if (status != PLUG_PENDING)
    host->op_done(pending->op, status, text_of(""));
  for (struct pending **at = &pending->base->pending; *at; at = &(*at)->next)
    if (*at == pending) {
      *at = pending->next;
      break;
    }
  free(pending);
}

static MAYBE plug_status later_authenticate(void *self, const struct plug_auth_request *request,
                                            struct plug_op *op)
{
  struct base *base = self;
  struct pending *pending = calloc(1, sizeof *pending);
  if (!pending)
    return PLUG_ENOMEM;
  pending->base = base;
  pending->request = request;
  pending->op = op;
  pending->next = base->pending;
  base->pending = pending;
  base->host->post(base->host, answer_pending, pending);
  return PLUG_PENDING;
}

static MAYBE void later_cancel(void *self, struct plug_op *op)
{
  struct base *base = self;
  for (struct pending *pending = base->pending; pending; pending = pending->next)
    if (pending->op == op)
      pending->cancelled = 1;
}

/* All may read; what lies below /topic/news only its editor, ann, may write. */
static MAYBE plug_status base_authorize(void *self, const struct plug_authz_request *request,
                                        struct plug_decision *out, struct plug_op *op)
{
  (void)self, (void)op;
  out->scope = PLUG_SCOPE_TOPIC;
  out->cache_ms = 1000;
  if (request->action == PLUG_SUBSCRIBE || same(request->who->user, text_of("ann")))
    return PLUG_ALLOW;
  return PLUG_DENY;
}

static MAYBE void base_session_end(void *self, void *ctx)
{
  (void)self;
  free(ctx);
}

#endif
