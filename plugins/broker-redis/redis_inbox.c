#include "redis_inbox.h"

#include "redis_single.h"

void redis_inbox_fini(struct redis_inbox *inbox)
{
  redis_buf_fini(&inbox->scratch);
}

static bool decode(struct redis_inbox *inbox, struct plug_str wire, struct redis_single *in)
{
  const char *why = NULL;
  plug_status status = redis_single_decode(&inbox->scratch, wire, in, &why);
  if (status == PLUG_OK)
    return true;
  if (status == PLUG_ESTATE) {
    redis_count(inbox->env, REDIS_M_DROPPED_NO_CONTENT, 1);
    redis_log_limited(inbox->env, &inbox->content_limit, PLUG_LOG_WARN,
                      "dropped a message on the channel %s: its content is null or missing",
                      inbox->channel);
    return false;
  }
  redis_count(inbox->env, REDIS_M_DROPPED_BAD_JSON, 1);
  redis_log_limited(inbox->env, &inbox->json_limit, PLUG_LOG_WARN,
                    "dropped a message of %zu bytes on the channel %s: %s", wire.len,
                    inbox->channel, why);
  return false;
}

void redis_inbox_take(struct redis_inbox *inbox, struct plug_str wire)
{
  const struct plug_host *host = inbox->env->host;
  struct redis_single in;
  if (!decode(inbox, wire, &in))
    return;
  const struct plug_msg_init init = {.size = sizeof init,
                                     .topic = in.topic,
                                     .content_type = in.content_type,
                                     .payload = in.payload};
  const struct plug_msg *msg = host->msg_make(host, &init);
  if (msg == NULL) {
    redis_log_limited(inbox->env, &inbox->json_limit, PLUG_LOG_WARN,
                      "dropped a message of %zu bytes: the server does not make it", wire.len);
    return;
  }
  redis_count(inbox->env, REDIS_M_DELIVERED, 1);
  if (host->broker->deliver(host, 0, msg) != PLUG_OK)
    redis_count(inbox->env, REDIS_M_CONGESTED, 1);
  host->msg_unref(msg);
}
