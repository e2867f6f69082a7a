#include "redis_lease.h"

#include <inttypes.h>
#include <stdio.h>

enum { MIN_SLACK_MS = 500 };

void redis_lease_init(struct redis_lease *lease, const char *node, uint64_t ttl_ms,
                      uint64_t renew_ms)
{
  *lease = (struct redis_lease){.node = node, .ttl_ms = ttl_ms, .slack_ms = renew_ms / 2};
  if (lease->slack_ms < MIN_SLACK_MS)
    lease->slack_ms = MIN_SLACK_MS;
}

void redis_lease_connect(struct redis_lease *lease, uint64_t now_ms)
{
  lease->server_ms = 0;
  lease->calm_ms = now_ms + lease->ttl_ms;
}

static void remove_old(struct redis_lease *lease, size_t i)
{
  memmove(lease->old[i], lease->old[i + 1], (lease->n_old - i - 1) * sizeof lease->old[0]);
  memmove(lease->old_used + i, lease->old_used + i + 1, (lease->n_old - i - 1) * sizeof(bool));
  lease->n_old--;
}

static size_t dispensable(const struct redis_lease *lease)
{
  for (size_t i = 0; i < lease->n_old; i++)
    if (!lease->old_used[i])
      return i;
  return 1;
}

void redis_lease_rename(struct redis_lease *lease, uint64_t nonce, bool condemned)
{
  if (lease->name[0] != '\0' && !condemned) {
    if (lease->n_old == REDIS_LEASE_MAX_OLD)
      remove_old(lease, dispensable(lease));
    lease->old_used[lease->n_old] = lease->used;
    memcpy(lease->old[lease->n_old++], lease->name, sizeof lease->name);
  }
  lease->used = false;
  lease->replid[0] = '\0';
  /* The name of the node is for people, the number makes it unique: two nodes of one name do not
   * meet. The scripts read the time to live at the end. */
  snprintf(lease->name, sizeof lease->name, "%.128s:%016" PRIx64 ":%" PRIu64, lease->node, nonce,
           lease->ttl_ms);
}

bool redis_lease_bounds(const struct redis_lease *lease, uint64_t now_ms, uint64_t *from_ms,
                        uint64_t *to_ms)
{
  if (lease->server_ms == 0 || now_ms < lease->calm_ms)
    return false;
  *from_ms = lease->server_ms + (now_ms - lease->answered_ms) - lease->slack_ms;
  *to_ms = lease->server_ms + (now_ms - lease->sent_ms) + lease->slack_ms;
  return true;
}

/* The clock of Redis, read between two times of ours each time, has gone as far as ours. */
static bool goes_together(const struct redis_lease *lease, uint64_t server_ms, uint64_t sent_ms,
                          uint64_t now_ms)
{
  uint64_t least = sent_ms > lease->answered_ms ? sent_ms - lease->answered_ms : 0;
  uint64_t most = now_ms - lease->sent_ms + lease->slack_ms;
  return server_ms + lease->slack_ms >= lease->server_ms + least &&
         server_ms <= lease->server_ms + most;
}

enum redis_lease_verdict redis_lease_take(struct redis_lease *lease,
                                          const struct redis_lease_answer *answer, bool entered,
                                          uint64_t sent_ms, uint64_t now_ms)
{
  enum redis_lease_verdict verdict = REDIS_LEASE_HELD;
  size_t skip = !entered;
  if (lease->server_ms != 0 && !goes_together(lease, answer->server_ms, sent_ms, now_ms))
    lease->calm_ms = now_ms + lease->ttl_ms;
  lease->server_ms = answer->server_ms;
  lease->sent_ms = sent_ms;
  lease->answered_ms = now_ms;
  for (size_t i = lease->n_old; i-- > 0;)
    if (i + skip >= answer->alive.len || answer->alive.ptr[i + skip] != '1')
      remove_old(lease, i);
  struct plug_str replid = answer->replid;
  if (replid.len >= REDIS_LEASE_REPLID)
    replid.len = REDIS_LEASE_REPLID - 1;
  if (!entered && (answer->alive.len == 0 || answer->alive.ptr[0] != '1'))
    verdict = REDIS_LEASE_OVER;
  else if (!entered && !redis_str_eq(redis_str(lease->replid), replid))
    verdict = REDIS_LEASE_STRANGE;
  snprintf(lease->replid, sizeof lease->replid, "%.*s", (int)replid.len,
           replid.len > 0 ? replid.ptr : "");
  return verdict;
}
