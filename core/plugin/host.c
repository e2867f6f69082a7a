#include "plugin/host.h"

#include <stdlib.h>
#include <string.h>

#include <plugboard/ext/auth.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/str.h"
#include "base/utf8.h"
#include "message/envelope.h"
#include "message/message.h"
#include "message/message_rules.h"
#include "plugin/answer.h"
#include "plugin/border.h"
#include "plugin/grant.h"
#include "plugin/held.h"
#include "plugin/host_config.h"
#include "plugin/host_io.h"
#include "plugin/host_presence.h"
#include "plugin/image.h"
#include "plugin/instance_call.h"
#include "plugin/loop.h"
#include "plugin/metrics.h"
#include "plugin/op_pool.h"
#include "plugin/part.h"
#include "plugin/watch.h"
#include "plugin/workpool.h"

#define REFUSED_PERIOD_MS 10000

static int32_t host_log_on(const struct plug_host *host, int32_t level)
{
  (void)host;
  return log_on((enum log_level)level);
}

static void host_log(const struct plug_host *host, int32_t level, struct plug_str line)
{
  if (level < PLUG_LOG_DEBUG || level > PLUG_LOG_VIOLATION)
    level = PLUG_LOG_ERROR;
  log_line((enum log_level)level, part_of(host)->name, line);
}

static uint64_t host_now_ms(const struct plug_host *host)
{
  (void)host;
  return clock_now_ms();
}

static int32_t host_on_home(const struct plug_host *host)
{
  return loop_on_thread(part_of(host)->loop);
}

struct host_post {
  struct loop_task task;
  struct plugin_instance *instance;
  plug_fn fn;
  void *arg;
};

static void run_host_post(struct loop_task *task)
{
  struct host_post *post = container_of(task, struct host_post, task);
  struct plugin_instance *instance = post->instance;
  if (!atomic_load(&instance->closed)) {
    struct instance_call call;
    instance_call_begin(&call, instance, "a posted function");
    post->fn(post->arg);
    instance_call_end(&call);
  }
  atomic_fetch_sub(&instance->posted, 1);
  free(post);
}

static plug_status host_post(const struct plug_host *host, plug_fn fn, void *arg)
{
  struct plugin_instance *instance = part_of(host);
  if (atomic_load(&instance->creating) || atomic_load(&instance->closed)) {
    /* An abandoned plugin was never told that it is over. */
    if (part_state(instance) != INSTANCE_ABANDONED)
      border_violation(instance, "post", "called before start or after stop");
    return PLUG_ESTATE;
  }
  struct host_post *post = malloc(sizeof *post);
  if (!post)
    return PLUG_ENOMEM;
  *post = (struct host_post){{{NULL}, run_host_post}, instance, fn, arg};
  atomic_fetch_add(&instance->posted, 1);
  loop_post_task(instance->loop, &post->task);
  return PLUG_OK;
}

/* The first reference to a new message is the plugin's. */
static const struct plug_msg *hold(const struct plug_host *host, const struct plug_msg *msg)
{
  if (!msg || held_add(msg, part_of(host)))
    return msg;
  message_unref(msg);
  return NULL;
}

static void refuse_message(struct plugin_instance *instance, const struct plug_msg_init *init,
                           const char *why)
{
  uint64_t held;
  char more[LOG_HELD_MAX];
  COUNT(refused_made);
  if (log_limit_pass(&instance->refused_limit, REFUSED_PERIOD_MS, &held))
    log_warn(instance->name, "a message to '%.*s' is not made: %s%s",
             (int)utf8_cut(init->topic.ptr, init->topic.len, 80), init->topic.ptr, why,
             log_held(held, more));
}

static const struct plug_msg *host_msg_make(const struct plug_host *host,
                                            const struct plug_msg_init *init)
{
  struct plug_msg_init mine = {0};
  memcpy(&mine, init, init->size < sizeof mine ? init->size : sizeof mine);
  mine.size = sizeof mine;
  const char *why = message_breaks_frames(&mine);
  if (!why)
    why = message_over_limit(&mine);
  if (why) {
    refuse_message(part_of(host), &mine, why);
    return NULL;
  }
  return hold(host, message_new(&mine));
}

static const struct plug_msg *host_msg_decode(const struct plug_host *host, struct plug_str wire)
{
  const char *why;
  return hold(host, envelope_parse(wire, &why));
}

static void host_msg_ref(const struct plug_msg *msg)
{
  /* Not counted without memory: it is then kept for ever, which is the lesser evil. */
  held_add(msg, watch_instance());
  message_ref(msg);
}

static void host_msg_unref(const struct plug_msg *msg)
{
  if (held_remove(msg)) {
    message_unref(msg);
    return;
  }
  struct plugin_instance *instance = watch_instance();
  const char *what = "given back a message more often than it was taken";
  if (instance)
    border_violation(instance, "msg_unref", what);
  else
    border_violation_of(NULL, "msg_unref", what);
}

/* --- "plug.host.auth/1" ------------------------------------------------------------------- */

static plug_status check_auth_call(struct plugin_instance *instance, const char *function)
{
  if (!atomic_load(&instance->creating) && !atomic_load(&instance->closed))
    return instance->auth_up.invalidate ? PLUG_OK : PLUG_ESTATE;
  if (part_state(instance) != INSTANCE_ABANDONED)
    border_violation(instance, function, "called before start or after stop");
  return PLUG_ESTATE;
}

static plug_status invalidate_user(const struct plug_host *host, struct plug_str user,
                                   uint32_t flags, struct plug_str reason)
{
  struct plugin_instance *instance = part_of(host);
  plug_status status = check_auth_call(instance, "invalidate_user");
  if (status == PLUG_OK && (!user.len || flags > PLUG_INVALIDATE_CLOSE))
    status = PLUG_EINVAL;
  return status ? status
                : instance->auth_up.invalidate(instance->auth_up.ctx, user, 0, flags, reason);
}

static plug_status invalidate_session(const struct plug_host *host, uint64_t session,
                                      uint32_t flags, struct plug_str reason)
{
  struct plugin_instance *instance = part_of(host);
  plug_status status = check_auth_call(instance, "invalidate_session");
  if (status == PLUG_OK && flags > PLUG_INVALIDATE_CLOSE)
    status = PLUG_EINVAL;
  return status ? status
                : instance->auth_up.invalidate(instance->auth_up.ctx, str_from(NULL, 0), session,
                                               flags, reason);
}

static plug_status update_user(const struct plug_host *host, const struct plug_identity *who)
{
  struct plugin_instance *instance = part_of(host);
  plug_status status = check_auth_call(instance, "update_user");
  return status ? status : instance->auth_up.update(instance->auth_up.ctx, who);
}

static const struct plug_auth_control auth_control_table = {
    .size = sizeof auth_control_table,
    .invalidate_user = invalidate_user,
    .invalidate_session = invalidate_session,
    .update_user = update_user,
};

static const void *host_extension(const struct plug_host *host, const char *id)
{
  if (!id)
    return NULL;
  if (!strcmp(id, PLUG_EXT_CONFIG))
    return &host_config_table;
  if (!strcmp(id, PLUG_EXT_METRICS))
    return &metrics_table;
  if (!strcmp(id, PLUG_EXT_WORKPOOL))
    return &workpool_table;
  const struct plugin_instance *instance = part_of(host);
  if (!strcmp(id, PLUG_EXT_BROKER_PRESENCE) && instance->image->entry.broker)
    return &host_presence_table;
  if (instance->extension && !strcmp(id, instance->extension->id))
    return instance->extension->table;
  if (!strcmp(id, PLUG_EXT_AUTH) && part_of(host)->image->entry.auth)
    return &auth_control_table;
  return NULL;
}

static plug_status host_deliver(const struct plug_host *host, uint64_t interest,
                                const struct plug_msg *msg)
{
  const struct plugin_instance *instance = part_of(host);
  /* What is behind the upcalls may be gone when an abandoned plugin still delivers. */
  if (atomic_load_explicit(&instance->closed, memory_order_relaxed))
    return PLUG_ESTATE;
  return instance->up.deliver(instance->up.ctx, interest, msg);
}

static void host_state(const struct plug_host *host, int32_t state, uint32_t flags,
                       struct plug_str why)
{
  struct plugin_instance *instance = part_of(host);
  if (border_is_home(instance, "state") && !atomic_load(&instance->closed))
    instance->up.state(instance->up.ctx, state, flags, why);
}

static const struct plug_broker_up broker_up = {
    .size = sizeof broker_up,
    .deliver = host_deliver,
    .state = host_state,
};

void host_init(struct plugin_instance *instance)
{
  instance->host = (struct plug_host){
      .size = sizeof instance->host,
      .abi_major = PLUG_ABI_MAJOR,
      .abi_minor = PLUG_ABI_MINOR,
      .server = "plugboard " PLUGBOARD_VERSION,
      .instance = instance->name,
      .node = message_node(),
      .broker = instance->image->entry.broker ? &broker_up : NULL,
      .auth = instance->image->entry.auth ? &grant_auth_up : NULL,
      .log_on = host_log_on,
      .log = host_log,
      .cfg_str = host_config_str,
      .cfg_i64 = host_config_i64,
      .now_ms = host_now_ms,
      .on_home = host_on_home,
      .post = host_post,
      .io_open = host_io_open,
      .io_want = host_io_want,
      .io_close = host_io_close,
      .timer_new = host_timer_new,
      .timer_set = host_timer_set,
      .timer_stop = host_timer_stop,
      .timer_free = host_timer_free,
      .op_done = op_pool_done,
      .op_deadline_ms = op_pool_deadline_ms,
      .msg_make = host_msg_make,
      .msg_decode = host_msg_decode,
      .msg_encode = message_encoded,
      .msg_ref = host_msg_ref,
      .msg_unref = host_msg_unref,
      .extension = host_extension,
      .app = instance->image->entry.app ? &answer_app_up : NULL,
  };
}
