/* The broker of a single node: what is published is delivered at once, on the publisher's own
 * thread. Nothing is stored and nothing can be lost, so it has no options and no state but the time
 * of its start. */
#include <plugboard/plugin.h>

#include <stdlib.h>

struct memory {
  const struct plug_host *host;
  uint64_t since_ms;
};

static plug_status memory_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct memory *memory = calloc(1, sizeof *memory);
  if (!memory) {
    err->code = PLUG_ENOMEM;
    return PLUG_ENOMEM;
  }
  memory->host = host;
  *self = memory;
  return PLUG_OK;
}

static plug_status memory_start(void *self, struct plug_op *op)
{
  struct memory *memory = self;
  (void)op;
  memory->since_ms = memory->host->now_ms(memory->host);
  return PLUG_OK;
}

static void memory_destroy(void *self)
{
  free(self);
}

/* The server knows who wants what; deliver looks it up there. */
static plug_status memory_interest(void *self, const struct plug_interest *v, size_t n,
                                   struct plug_op *op)
{
  (void)self, (void)v, (void)n, (void)op;
  return PLUG_OK;
}

static plug_status memory_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  const struct memory *memory = self;
  (void)op;
  plug_status status = memory->host->broker->deliver(memory->host, 0, msg);
  /* Dropped for those who are behind: to the sender it is published all the same. */
  return status == PLUG_EUNAVAIL || status == PLUG_ENOMEM ? PLUG_EAGAIN : status;
}

static void memory_health(void *self, struct plug_health *out)
{
  const struct memory *memory = self;
  out->state = PLUG_STATE_UP;
  out->since_ms = memory->since_ms;
}

static const struct plug_broker memory_broker = {
    .size = sizeof memory_broker,
    .caps = PLUG_CAP_ECHO | PLUG_CAP_ORDERED | PLUG_CAP_NO_GAPS | PLUG_CAP_ACK |
            PLUG_CAP_PUBLISH_ANY | PLUG_CAP_DIRECT,
    .subscribe = memory_interest,
    .unsubscribe = memory_interest,
    .publish = memory_publish,
    .health = memory_health,
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,         .id = "plugboard.broker.memory",
    .version = "0.1.0",       .summary = "delivers within one node, without a backend",
    .broker = &memory_broker, .create = memory_create,
    .start = memory_start,    .destroy = memory_destroy,
};
