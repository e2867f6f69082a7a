#include "plugin/host_presence.h"

#include <string.h>

#include "plugin/border.h"
#include "plugin/op.h"
#include "plugin/part.h"

/* Who listens, or NULL: nobody, or not now. */
static const struct instance_presence_up *listener(struct plugin_instance *instance,
                                                   const char *function)
{
  bool open = border_is_home(instance, function) && !atomic_load(&instance->closed) &&
              instance->presence_up.changed;
  return open ? &instance->presence_up : NULL;
}

static void presence_user(struct plug_op *op, struct plug_str user, struct plug_str info,
                          uint64_t members)
{
  struct plugin_instance *instance = op_instance(op, "user");
  const struct instance_presence_up *up = instance ? listener(instance, "user") : NULL;
  if (up)
    up->user(op, user, info, members);
}

static void presence_total(struct plug_op *op, uint64_t users, uint64_t members,
                           struct plug_position pos)
{
  struct plugin_instance *instance = op_instance(op, "total");
  const struct instance_presence_up *up = instance ? listener(instance, "total") : NULL;
  if (up)
    up->total(op, users, members, pos);
}

static void presence_changed(const struct plug_host *host,
                             const struct plug_presence_change *change)
{
  const struct instance_presence_up *up = listener(part_of(host), "changed");
  struct plug_presence_change mine = {0};
  memcpy(&mine, change, change->size < sizeof mine ? change->size : sizeof mine);
  mine.size = sizeof mine;
  if (up)
    up->changed(up->ctx, &mine);
}

static void presence_lost(const struct plug_host *host)
{
  const struct instance_presence_up *up = listener(part_of(host), "lost");
  if (up)
    up->lost(up->ctx);
}

const struct plug_broker_presence_up host_presence_table = {
    .size = sizeof host_presence_table,
    .user = presence_user,
    .total = presence_total,
    .changed = presence_changed,
    .lost = presence_lost,
};
