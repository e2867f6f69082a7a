/* caught by: B13 — a user leaves with the first of several members, and not with the last. */
#include "../../../plugins/common/name_map.c"
#define presence_table_leave whole_leave
#include "../../../plugins/broker-memory/presence_table.c"
#undef presence_table_leave

/* All members of the user, of whom one was meant. */
static void presence_table_leave(struct presence_table *table, const struct plug_member *v,
                                 size_t n)
{
  static const char *const sessions[] = {"1", "2", "3", "4"};
  whole_leave(table, v, n);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < sizeof sessions / sizeof sessions[0]; k++) {
      char name[64];
      struct plug_member other = v[i];
      size_t len = v[i].user.len < 60 ? v[i].user.len : 60;
      memcpy(name, v[i].user.ptr, len);
      name[len] = '/';
      name[len + 1] = sessions[k][0];
      other.member = (struct plug_str){name, len + 2};
      whole_leave(table, &other, 1);
    }
}

#include "../../../plugins/broker-memory/broker_memory.c"
