/* caught by: B13 — the total of a list counts members where it should count users. */
#include "../../../plugins/common/name_map.c"
#define presence_table_list whole_list
#include "../../../plugins/broker-memory/presence_table.c"
#undef presence_table_list

static struct presence_total presence_table_list(
    const struct presence_table *table, struct plug_str topic,
    void (*user)(void *ctx, struct plug_str user, struct plug_str info, uint64_t members),
    void *ctx)
{
  struct presence_total total = whole_list(table, topic, user, ctx);
  total.users = total.members;
  return total;
}

#include "../../../plugins/broker-memory/broker_memory.c"
