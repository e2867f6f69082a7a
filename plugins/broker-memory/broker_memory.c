/* The broker of a single node: what is published is delivered at once, on the publisher's own
 * thread. Nothing is stored and nothing can be lost, so it has no options and no state but the time
 * of its start, and who is in which room. */
#include <plugboard/ext/presence.h>
#include <plugboard/plugin.h>

#include <stdlib.h>
#include <string.h>

#include "presence_table.h"

struct memory {
  const struct plug_host *host;
  const struct plug_broker_presence_up *presence_up; /* NULL: the server asks for no presence */
  uint64_t since_ms;
  struct presence_table presence;
};

static void on_changed(void *ctx, const struct plug_presence_change *change)
{
  const struct memory *memory = ctx;
  if (memory->presence_up)
    memory->presence_up->changed(memory->host, change);
}

static plug_status memory_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct memory *memory = calloc(1, sizeof *memory);
  if (!memory) {
    err->code = PLUG_ENOMEM;
    return PLUG_ENOMEM;
  }
  memory->host = host;
  memory->presence_up = host->extension(host, PLUG_EXT_BROKER_PRESENCE);
  presence_table_init(&memory->presence, on_changed, memory);
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
  struct memory *memory = self;
  presence_table_fini(&memory->presence);
  free(memory);
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

/* --- "plug.broker.presence/1" ------------------------------------------------------------- */

static plug_status memory_join(void *self, const struct plug_member *v, size_t n,
                               struct plug_op *op)
{
  struct memory *memory = self;
  (void)op;
  return presence_table_join(&memory->presence, v, n);
}

static plug_status memory_leave(void *self, const struct plug_member *v, size_t n,
                                struct plug_op *op)
{
  struct memory *memory = self;
  (void)op;
  presence_table_leave(&memory->presence, v, n);
  return PLUG_OK;
}

static plug_status memory_watch(void *self, struct plug_str topic, struct plug_op *op)
{
  struct memory *memory = self;
  (void)op;
  return presence_table_watch(&memory->presence, topic);
}

static void memory_unwatch(void *self, struct plug_str topic)
{
  struct memory *memory = self;
  presence_table_unwatch(&memory->presence, topic);
}

struct listing {
  const struct memory *memory;
  struct plug_op *op;
};

static void list_user(void *ctx, struct plug_str user, struct plug_str info, uint64_t members)
{
  const struct listing *listing = ctx;
  listing->memory->presence_up->user(listing->op, user, info, members);
}

static plug_status memory_list(void *self, struct plug_str topic, struct plug_op *op)
{
  struct memory *memory = self;
  struct listing listing = {memory, op};
  if (!memory->presence_up)
    return PLUG_ENOTSUP;
  struct presence_total total = presence_table_list(&memory->presence, topic, list_user, &listing);
  memory->presence_up->total(op, total.users, total.members, total.pos);
  return PLUG_OK;
}

/* Nothing is ever lost here. */
static void memory_restored(void *self)
{
  (void)self;
}

static const struct plug_broker_presence memory_presence = {
    .size = sizeof memory_presence,
    .join = memory_join,
    .leave = memory_leave,
    .watch = memory_watch,
    .unwatch = memory_unwatch,
    .list = memory_list,
    .restored = memory_restored,
};

static const void *memory_extension(void *self, const char *id)
{
  (void)self;
  return strcmp(id, PLUG_EXT_BROKER_PRESENCE) == 0 ? &memory_presence : NULL;
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
    PLUG_PLUGIN_HEAD,
    .id = "plugboard.broker.memory",
    .version = "0.1.0",
    .summary = "delivers within one node, without a backend",
    .broker = &memory_broker,
    .create = memory_create,
    .start = memory_start,
    .destroy = memory_destroy,
    .extension = memory_extension,
};
