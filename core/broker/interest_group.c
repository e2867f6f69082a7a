#include "broker/interest_group.h"

#include <stdio.h>

#include "base/str.h"
#include "base/utf8.h"

static struct interest_sync *other_of(const struct interest_sync *sync)
{
  return sync->group->syncs[1 - sync->slot];
}

static bool is_at_work(const struct interest_sync *sync)
{
  return sync && !sync->stopping;
}

void interest_group_changes(struct interest_group *group)
{
  if (!is_at_work(group->syncs[0]) && !is_at_work(group->syncs[1]))
    return;
  struct interest *next, *interest = interest_take_changes(group->table);
  for (; interest; interest = next) {
    next = interest_next_change(interest);
    enum interest_change change = interest_judge(group->table, interest);
    bool held = false;
    /* Of two, the one may not let go of what the other is about to be told of. */
    for (unsigned i = 0; i < INTEREST_HOLDS; i++)
      held = held || interest->holds[i].held;
    if (change == INTEREST_CHANGE_GONE && !held) {
      interest_free(interest);
      continue;
    }
    bool both[INTEREST_HOLDS];
    for (unsigned i = 0; i < INTEREST_HOLDS; i++)
      both[i] = is_at_work(group->syncs[i]) &&
                (change != INTEREST_CHANGE_GONE || interest->holds[i].held);
    for (unsigned i = 0; i < INTEREST_HOLDS; i++)
      if (both[i])
        interest_sync_change(group->syncs[i], interest, change);
  }
  for (unsigned i = 0; i < INTEREST_HOLDS; i++)
    if (is_at_work(group->syncs[i]))
      interest_sync_changed(group->syncs[i]);
}

/* Confirms what all have confirmed that are asked. */
static void settle(struct interest_group *group, struct interest *interest)
{
  bool any = false;
  unsigned n = 0;
  for (unsigned i = 0; i < INTEREST_HOLDS; i++)
    n += group->syncs[i] && group->syncs[i]->required;
  for (unsigned i = 0; i < INTEREST_HOLDS; i++) {
    const struct interest_sync *sync = group->syncs[i];
    if (!sync || !sync->required)
      continue;
    if (interest->holds[i].confirmed)
      any = true;
    else if (sync->up || n == 1)
      return;
  }
  if (any)
    interest_confirm(group->table, interest);
}

void interest_group_answer(struct interest_sync *sync, struct interest *interest,
                           plug_status status)
{
  struct interest_hold *hold = &interest->holds[sync->slot];
  hold->confirmed = status == PLUG_OK;
  hold->failed = !hold->confirmed;
  if (hold->confirmed && (!sync->required || other_of(sync))) {
    settle(sync->group, interest);
  } else if (sync->required) {
    interest_answer(sync->group->table, interest, status);
  } else if (!sync->n_refused++) {
    snprintf(sync->refused, sizeof sync->refused, "it cannot subscribe '%.*s'%s",
             (int)utf8_cut(interest->name, interest_name(interest).len, 80), interest->name,
             status == PLUG_ENOTSUP && interest->is_pattern ? ": it does not know patterns" : "");
  }
}

bool interest_group_retire(struct interest_sync *sync, struct interest *interest)
{
  struct interest_sync *other = other_of(sync);
  if (!interest_retire(sync->group->table, interest))
    return false;
  if (other && interest->holds[other->slot].held) {
    interest_sync_drop(other, interest);
    interest_sync_give_back(other);
  }
  return true;
}

void interest_group_settle(struct interest_group *group)
{
  for (unsigned i = 0; i < INTEREST_HOLDS; i++) {
    struct interest_sync *sync = group->syncs[i];
    for (struct list *node = sync ? sync->known.next : NULL; sync && node != &sync->known;
         node = node->next) {
      struct interest_hold *hold = container_of(node, struct interest_hold, link);
      if (hold->confirmed)
        settle(group, container_of(hold - i, struct interest, holds[0]));
    }
  }
}
