#include "redis_presence_table.h"

static plug_status presence_join(void *self, const struct plug_member *v, size_t n,
                                 struct plug_op *op) PLUG_NOEXCEPT
{
  return redis_presence_join(redis_presence_of(self), true, v, n, op);
}

static plug_status presence_leave(void *self, const struct plug_member *v, size_t n,
                                  struct plug_op *op) PLUG_NOEXCEPT
{
  return redis_presence_join(redis_presence_of(self), false, v, n, op);
}

static plug_status presence_watch(void *self, struct plug_str topic,
                                  struct plug_op *op) PLUG_NOEXCEPT
{
  return redis_presence_watch(redis_presence_of(self), topic, op);
}

static void presence_unwatch(void *self, struct plug_str topic) PLUG_NOEXCEPT
{
  redis_presence_unwatch(redis_presence_of(self), topic);
}

static plug_status presence_list(void *self, struct plug_str topic,
                                 struct plug_op *op) PLUG_NOEXCEPT
{
  return redis_presence_list(redis_presence_of(self), topic, op);
}

static void presence_restored(void *self) PLUG_NOEXCEPT
{
  redis_presence_restored(redis_presence_of(self));
}

const struct plug_broker_presence redis_presence_table = {.size = sizeof redis_presence_table,
                                                          .join = presence_join,
                                                          .leave = presence_leave,
                                                          .watch = presence_watch,
                                                          .unwatch = presence_unwatch,
                                                          .list = presence_list,
                                                          .restored = presence_restored};
