/* caught by: B13 — every other number of a change is left out. */
#include "../../../plugins/common/name_map.c"
#define presence_table_init whole_init
#include "../../../plugins/broker-memory/presence_table.c"
#undef presence_table_init

static void (*told)(void *ctx, const struct plug_presence_change *change);

static void tell_with_gap(void *ctx, const struct plug_presence_change *change)
{
  struct plug_presence_change other = *change;
  other.pos.offset *= 2;
  told(ctx, &other);
}

static void presence_table_init(struct presence_table *table,
                                void (*changed)(void *ctx,
                                                const struct plug_presence_change *change),
                                void *ctx)
{
  told = changed;
  whole_init(table, tell_with_gap, ctx);
}

#include "../../../plugins/broker-memory/broker_memory.c"
