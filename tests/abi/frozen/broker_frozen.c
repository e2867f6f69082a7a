/* A broker of an older minor: messages of this node go round through the home thread, as those of a
 * backend do. Built with frozen headers only. */
#include <plugboard/plugin.h>

#include <stdio.h>
#include <stdlib.h>

struct frozen {
  const struct plug_host *host;
  int64_t delay_ms;
  struct plug_timer *timer;
  struct plug_op *start;
  struct held *head, *tail; /* published, not yet delivered */
};

struct held {
  struct held *next;
  const struct plug_msg *msg;
  struct plug_op *op;
};

static struct plug_str text(const char *s, size_t len)
{
  struct plug_str out = {s, len};
  return out;
}

static void deliver_all(struct frozen *self, plug_status status)
{
  struct held *held;
  while ((held = self->head)) {
    self->head = held->next;
    if (!self->head)
      self->tail = NULL;
    if (status == PLUG_OK)
      (void)self->host->broker->deliver(self->host, 0, held->msg);
    if (held->op)
      self->host->op_done(held->op, status, text("", 0));
    self->host->msg_unref(held->msg);
    free(held);
  }
}

static void on_timer(void *arg)
{
  struct frozen *self = arg;
  if (self->start) {
    struct plug_op *op = self->start;
    self->start = NULL;
    self->host->broker->state(self->host, PLUG_STATE_UP, PLUG_INTERESTS_LOST, text("frozen", 6));
    self->host->op_done(op, PLUG_OK, text("", 0));
  }
  deliver_all(self, PLUG_OK);
}

static plug_status frozen_create(const struct plug_host *host, void **out, struct plug_err *err)
{
  struct frozen *self = calloc(1, sizeof *self);
  if (!self || host->cfg_i64(host, "delay", &self->delay_ms) != PLUG_OK) {
    free(self);
    snprintf(err->text, sizeof err->text, "no memory, or no delay");
    return PLUG_EINVAL;
  }
  self->host = host;
  *out = self;
  return PLUG_OK;
}

static plug_status frozen_start(void *arg, struct plug_op *op)
{
  struct frozen *self = arg;
  self->timer = self->host->timer_new(self->host, on_timer, self);
  if (!self->timer)
    return PLUG_ENOMEM;
  self->start = op;
  self->host->timer_set(self->timer, 0);
  return PLUG_PENDING;
}

static plug_status frozen_stop(void *arg, struct plug_op *op)
{
  struct frozen *self = arg;
  (void)op;
  deliver_all(self, PLUG_ECANCELED);
  if (self->timer)
    self->host->timer_free(self->timer);
  return PLUG_OK;
}

static void frozen_destroy(void *arg)
{
  free(arg);
}

static plug_status frozen_interest(void *arg, const struct plug_interest *v, size_t n,
                                   struct plug_op *op)
{
  (void)arg, (void)v, (void)n, (void)op;
  return PLUG_OK;
}

static plug_status frozen_publish(void *arg, const struct plug_msg *msg, struct plug_op *op)
{
  struct frozen *self = arg;
  struct held *held = malloc(sizeof *held);
  if (!held)
    return PLUG_ENOMEM;
  self->host->msg_ref(msg);
  held->next = NULL;
  held->msg = msg;
  held->op = op;
  if (self->tail)
    self->tail->next = held;
  else
    self->head = held;
  self->tail = held;
  self->host->timer_set(self->timer, (uint64_t)self->delay_ms);
  return PLUG_PENDING;
}

static void frozen_health(void *arg, struct plug_health *out)
{
  (void)arg;
  out->state = PLUG_STATE_UP;
  snprintf(out->text, sizeof out->text, "frozen at %d.%d", PLUG_ABI_MAJOR, PLUG_ABI_MINOR);
}

static const struct plug_option options[] = {
    {"delay", PLUG_OPT_DURATION, 0, "1ms", "0..1s", "How long a message is on its way."},
};

static const struct plug_broker broker = {
    .size = sizeof broker,
    .caps = PLUG_CAP_ECHO | PLUG_CAP_ORDERED | PLUG_CAP_ACK,
    .subscribe = frozen_interest,
    .unsubscribe = frozen_interest,
    .publish = frozen_publish,
    .health = frozen_health,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "plugboard.test.frozen-broker",
    .version = "1",
    .summary = "A broker of an older minor",
    .options = options,
    .n_options = 1,
    .broker = &broker,
    .create = frozen_create,
    .start = frozen_start,
    .stop = frozen_stop,
    .destroy = frozen_destroy,
};
