#include <stdlib.h>

#include "app/app_inner.h"
#include "base/hash.h"
#include "hub/hub.h"
#include "message/message_rules.h"

struct app_publish {
  struct inbox_call call;
  struct loop_task task;
  bool is_local;
  struct app_local local;
  struct app_worker *worker;
  struct plugin_instance *instance;
  struct plug_app_answer *message; /* owned */
  plug_app_published_fn done;
  void *arg;
  plug_status status;
  char text[]; /* local.subscription */
};

const struct app_local *app_publish_local(const struct app_publish *publish)
{
  return publish->is_local ? &publish->local : NULL;
}

static void publish_free(struct app_publish *publish)
{
  instance_release(publish->instance);
  free(publish->message);
  free(publish);
}

static void done_at_home(struct loop_task *task)
{
  struct app_publish *publish = container_of(task, struct app_publish, task);
  if (instance_state(publish->instance) < INSTANCE_STOPPED) {
    struct instance_call call;
    instance_call_begin(&call, publish->instance, "published");
    publish->done(publish->arg, publish->status);
    instance_call_end(&call);
  }
  publish_free(publish);
}

void app_published(struct app_publish *publish, plug_status status)
{
  publish->status = status == PLUG_EAGAIN ? PLUG_OK : status;
  if (!publish->done) {
    publish_free(publish);
    return;
  }
  publish->task.run = done_at_home;
  loop_post_task(instance_loop(publish->instance), &publish->task);
}

static void publish_on_worker(struct inbox_call *call)
{
  struct app_publish *publish = container_of(call, struct app_publish, call);
  struct app_worker *worker = publish->worker;
  worker->publish(worker->ctx, &publish->message->publishes[0], publish);
}

static uint64_t max_destination(const struct app_shared *shared)
{
  return atomic_load_explicit(&shared->max_destination, memory_order_relaxed);
}

static bool is_publishable(const struct app_shared *shared, struct plug_str destination)
{
  const char *why;
  struct plug_str name, rest;
  if (!destination_valid(destination, max_destination(shared), &why))
    return false;
  switch (destination_classify(shared->destinations, destination)) {
  case DESTINATION_BROKER:
    return true;
  case DESTINATION_USER:
    return user_split(&shared->users, destination, &name, &rest);
  default:
    return false;
  }
}

/* Always the same worker for one destination, so that the order stays. template: all that is known
 * but for the worker; the message is taken over. */
static plug_status hand_over(struct app_shared *shared, const struct app_publish *template)
{
  struct plug_app_answer *message = template->message;
  struct plug_str destination = message->publishes[0].destination;
  struct plug_str subscription = template->local.subscription;
  plug_status status = !is_publishable(shared, destination)                   ? PLUG_EINVAL
                       : atomic_load(&shared->draining) || !shared->n_workers ? PLUG_ESTATE
                                                                              : PLUG_OK;
  struct app_publish *publish = status ? NULL : calloc(1, sizeof *publish + subscription.len);
  struct inbox_item *item = publish ? inbox_item_new(INBOX_CALL, str_from(NULL, 0)) : NULL;
  if (!item) {
    free(publish);
    free(message);
    return status ? status : PLUG_ENOMEM;
  }
  *publish = *template;
  instance_hold(publish->instance);
  if (subscription.len)
    memcpy(publish->text, subscription.ptr, subscription.len);
  publish->local.subscription.ptr = publish->text;
  publish->worker =
      shared->workers[hash_bytes(destination.ptr, destination.len) % shared->n_workers];
  publish->call.run = publish_on_worker;
  item->waiter = &publish->call;
  struct inbox *inbox = publish->worker->inbox;
  if (inbox_put(inbox, item))
    inbox->wake(inbox);
  return PLUG_OK;
}

static plug_status on_publish(void *ctx, struct plug_app_answer *message,
                              plug_app_published_fn done, void *arg)
{
  const struct app_link *link = ctx;
  struct app_publish template = {
      .instance = link->instance, .message = message, .done = done, .arg = arg};
  return hand_over(link->shared, &template);
}

static plug_status on_publish_local(void *ctx, struct plug_app_answer *message, uint64_t session,
                                    struct plug_str subscription)
{
  const struct app_link *link = ctx;
  struct app_shared *shared = link->shared;
  struct app_publish template = {.instance = link->instance,
                                 .message = message,
                                 .is_local = true,
                                 .local = {.session = session}};
  if (session) {
    size_t worker = session_worker(session);
    if (worker >= shared->n_workers) {
      free(message);
      return PLUG_EINVAL;
    }
    template.local.inbox = shared->workers[worker]->inbox;
    template.local.subscription = subscription;
  }
  return hand_over(shared, &template);
}

static plug_status on_check(void *ctx, const struct plug_app_message *message)
{
  const struct app_link *link = ctx;
  struct plug_kv headers[64];
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = message->destination,
                               .content_type = message->content_type,
                               .payload = message->body,
                               .headers = headers};
  /* Those that only the server writes are left out when it is published. */
  for (size_t i = 0; i < message->n_headers; i++) {
    if (!message->headers[i].key.len || message_is_servers_header(message->headers[i].key))
      continue;
    if (init.n_headers == sizeof headers / sizeof *headers)
      return PLUG_ETOOBIG;
    headers[init.n_headers++] = message->headers[i];
  }
  /* What goes to users has a topic that may be longer than its destination by a hash. */
  const struct app_shared *shared = link->shared;
  bool is_broker =
      destination_classify(shared->destinations, message->destination) == DESTINATION_BROKER;
  if (message_breaks_frames(&init) || message_over_limit(&init) ||
      (!is_broker && message->destination.len + USER_TOPIC_ADDS > max_destination(shared)))
    return PLUG_ETOOBIG;
  return is_publishable(shared, message->destination) ? PLUG_OK : PLUG_EINVAL;
}

void app_publish_offer(struct app_link *link)
{
  struct instance_app_up up = {on_publish, on_publish_local, on_check, link};
  instance_set_app_up(link->instance, &up);
}
