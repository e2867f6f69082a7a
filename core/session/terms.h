/* What clients may do and get by the door by which they came in: a listener, or an endpoint. Filled
 * in from the settings by whoever opens the doors; owns nothing. While sessions live it changes
 * between two turns of their worker only, when the configuration is read again. */
#ifndef SESSION_TERMS_H
#define SESSION_TERMS_H

#include "hub/destination.h"
#include "stomp/stomp_parser.h"

struct session_terms {
  const char *door; /* "[tcp]", for the log */
  uint16_t number;  /* of the door, for caches */
  const struct destination_rules *destinations;
  struct stomp_limits limits;
  uint32_t queue_bytes; /* 0: as all of the worker's queues */
  uint64_t heartbeat_send_ms, heartbeat_receive_ms;
  bool patterns;       /* pattern subscriptions are allowed */
  bool spring;         /* profile = spring */
  bool ignore_unknown; /* destinations that nobody has are no fault */
  bool errors_end;     /* recoverable = off: after any ERROR the session ends */
  bool no_rules;       /* access = off: the rules of [access] are not for these clients */
};

#endif
