#include "hook_delivery.h"

#include <stdio.h>

static void on_published(void *arg, plug_status status) PLUG_NOEXCEPT
{
  struct hook_delivery *delivery = arg;
  delivery->n_publishing--;
  if (status < 0)
    hook_log(delivery->env, delivery->failures, PLUG_LOG_WARN,
             "hook '%s': a message that the answer to an event wanted published was not taken by "
             "the broker: status %d",
             delivery->config->name, status);
  delivery->published(delivery->ctx);
}

static void publish(struct hook_delivery *delivery, const struct hook_job *job,
                    const struct hook_answer *answer)
{
  const struct plug_host *host = delivery->env->host;
  for (size_t i = 0; i < answer->n_publishes; i++) {
    plug_status status = host->app->publish(host, &answer->messages[i], on_published, delivery);
    if (status == PLUG_OK)
      delivery->n_publishing++;
    else
      hook_log(delivery->env, delivery->failures, PLUG_LOG_WARN,
               "hook '%s': the answer to the event %s could not be published: status %d",
               delivery->config->name, job->id, status);
  }
}

/* Nothing of an answer is published if one message of it cannot be. */
static bool check_messages(const struct hook_delivery *delivery, const struct hook_job *job,
                           const struct hook_answer *answer, char why[HOOK_WHY])
{
  const struct plug_host *host = delivery->env->host;
  char shown[HOOK_SHOWN_SIZE];
  size_t n = answer->n_publishes + answer->has_reply;
  for (size_t i = 0; i < n; i++) {
    struct plug_app_message message = answer->messages[i];
    bool is_reply = i == answer->n_publishes;
    if (is_reply && !message.destination.len) /* goes to the subscription that asked */
      message.destination = job->about;
    plug_status status = host->app->check(host, &message);
    if (status == PLUG_OK || (is_reply && status == PLUG_EINVAL))
      continue;
    snprintf(why, HOOK_WHY, "the message to '%.150s' %s", hook_show(shown, message.destination),
             status == PLUG_EINVAL
                 ? "goes neither to the broker nor to a user"
                 : "is over a limit of the server, or has headers that are no text");
    return false;
  }
  return true;
}

bool hook_deliver(struct hook_delivery *delivery, const struct hook_job *job, char why[HOOK_WHY])
{
  struct hook_answer parsed;
  char reason[200];
  if (!hook_answer_parse(&parsed, (struct plug_str){job->call.answer, job->call.len}, job->asked,
                         (size_t)delivery->config->n[HOOK_MAX_MESSAGES], reason)) {
    snprintf(why, HOOK_WHY, "the answer is not understood: %s", reason);
    return false;
  }
  bool good = check_messages(delivery, job, &parsed, why);
  if (good && job->op) {
    struct plug_app_answer answer = {
        .size = sizeof answer,
        .publishes = parsed.messages,
        .n_publishes = parsed.n_publishes,
        .reply = parsed.has_reply ? &parsed.messages[parsed.n_publishes] : NULL,
        .error = parsed.has_error ? &parsed.error : NULL};
    delivery->env->host->app->answer(job->op, &answer);
  } else if (good) {
    publish(delivery, job, &parsed);
  }
  hook_answer_fini(&parsed);
  return good;
}
