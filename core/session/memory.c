#include "session/memory.h"

#include <inttypes.h>

#include "base/counter.h"

bool session_keep(struct session *session, const struct plug_str *receipt, size_t bytes)
{
  uint64_t max = session->env->max_session_memory;
  if (session->kept_bytes + bytes <= max) {
    session->kept_bytes += (uint32_t)bytes;
    return true;
  }
  struct stomp_header header = {STR("receipt"), receipt ? *receipt : STR("")};
  struct stomp_frame frame = {.headers = &header, .n_headers = receipt != NULL};
  COUNT(refused_memory);
  session_fail(session, &frame, CLOSE_PROTOCOL,
               "Use shorter ids, or wait for receipts before asking for more.",
               "subscriptions and receipts take more than max-session-memory (%" PRIu64 " bytes)",
               max);
  return false;
}

void session_release(struct session *session, size_t bytes)
{
  session->kept_bytes -= (uint32_t)bytes;
}

void session_end_subscription(struct session *session, struct subscription *sub)
{
  session->n_subscriptions--;
  session_release(session, subscription_bytes(sub));
  hub_unsubscribe(session->env->hub, sub);
}
