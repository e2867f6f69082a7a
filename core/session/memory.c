#include "session/memory.h"

#include <inttypes.h>

#include "base/counter.h"

void __attribute__((cold)) session_keeps_too_much(struct session *session,
                                                  const struct plug_str *receipt)
{
  struct stomp_header header = {STR("receipt"), receipt ? *receipt : STR("")};
  struct stomp_frame frame = {.headers = &header, .n_headers = receipt != NULL};
  COUNT(refused_memory);
  session_fail_limit(session, &frame, CLOSE_PROTOCOL,
                     "Use shorter ids, or wait for receipts before asking for more.",
                     "subscriptions and receipts take more than max-session-memory (%" PRIu64
                     " bytes)",
                     session->env->max_session_memory);
}

void session_end_subscription(struct session *session, struct subscription *sub)
{
  session_release(session, subscription_bytes(sub));
  hub_unsubscribe(session->env->hub, sub);
}
