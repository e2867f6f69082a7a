#include "access/identity.h"

#include <stdlib.h>

#include "base/str.h"
#include "base/utf8.h"
#include "plugin/grant.h"

struct grant {
  _Atomic uint32_t refs;
  struct plugin_instance *instance;
  void *ctx;
  struct loop_task end;
};

void identity_end(struct plugin_instance *instance, void *ctx)
{
  const struct plug_auth *auth = instance_auth(instance);
  if (!auth->session_end)
    return;
  struct instance_call call;
  instance_call_begin(&call, instance, "session_end");
  auth->session_end(instance_self(instance), ctx);
  instance_call_end(&call);
}

static void end_at_home(struct loop_task *task)
{
  struct grant *grant = container_of(task, struct grant, end);
  if (instance_state(grant->instance) < INSTANCE_STOPPED)
    identity_end(grant->instance, grant->ctx);
  instance_release(grant->instance);
  free(grant);
}

static void grant_unref(struct grant *grant)
{
  if (atomic_fetch_sub_explicit(&grant->refs, 1, memory_order_acq_rel) != 1)
    return;
  grant->end.run = end_at_home;
  loop_post_task(instance_loop(grant->instance), &grant->end);
}

/* Takes over a reference to the grant. */
static struct identity *make(struct grant *grant, const struct plug_identity *who)
{
  size_t len;
  void *block = grant_copy_identity(who, sizeof(struct identity), &len);
  if (!block)
    return NULL;
  struct identity *identity = block;
  size_t align = _Alignof(max_align_t);
  struct plug_identity *copy =
      (struct plug_identity *)(void *)((char *)block +
                                       (sizeof *identity + align - 1) / align * align);
  copy->ctx = grant->ctx;
  atomic_init(&identity->refs, 1);
  identity->grant = grant;
  identity->who = copy;
  return identity;
}

struct identity *identity_new(struct plugin_instance *instance, const struct plug_identity *who)
{
  struct grant *grant = malloc(sizeof *grant);
  if (!grant)
    return NULL;
  *grant = (struct grant){.instance = instance, .ctx = who->ctx};
  atomic_init(&grant->refs, 1);
  struct identity *identity = make(grant, who);
  if (identity)
    instance_hold(instance);
  else
    free(grant);
  return identity;
}

struct identity *identity_changed(const struct identity *old, const struct plug_identity *who)
{
  struct identity *identity = make(old->grant, who);
  if (identity)
    atomic_fetch_add_explicit(&old->grant->refs, 1, memory_order_relaxed);
  return identity;
}

void identity_ref(struct identity *identity)
{
  atomic_fetch_add_explicit(&identity->refs, 1, memory_order_relaxed);
}

void identity_unref(struct identity *identity)
{
  if (!identity || atomic_fetch_sub_explicit(&identity->refs, 1, memory_order_acq_rel) != 1)
    return;
  grant_unref(identity->grant);
  free(identity);
}

struct plugin_instance *identity_instance(const struct identity *identity)
{
  return identity->grant->instance;
}

static bool has_control(struct plug_str s)
{
  for (size_t i = 0; i < s.len; i++)
    if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
      return true;
  return false;
}

const char *identity_fault(const struct plug_identity *who)
{
  if (!who->user.len)
    return "the user's name is empty";
  if (who->user.len > IDENTITY_USER_MAX)
    return "the user's name is longer than 255 bytes";
  if (!utf8_valid(who->user.ptr, who->user.len))
    return "the user's name is not UTF-8";
  if (has_control(who->user)) /* CONNECTED is not escaped */
    return "the user's name has control characters";
  return NULL;
}
