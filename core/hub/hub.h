/* One worker's part of the topic index: which of its sessions subscribed to what, and the fan-out
 * to them. Owns topics, groups and subscriptions; sessions own their queues. Worker's thread only.
 *
 *   topic or pattern --> groups (one per subscription id, version and ack mode) --> member queues
 *
 * A MESSAGE differs between subscribers only in its subscription id (and, where asked for, its ack
 * header), and clients number their subscriptions alike, so a frame is encoded once per group and
 * shared by reference. */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "base/buf.h"
#include "base/map.h"
#include "base/number.h"
#include "base/slab.h"
#include "hub/hub_prefixes.h"
#include "hub/interest.h"
#include "hub/outq.h"
#include "hub/pattern.h"
#include "hub/subscription.h"
#include "stomp/stomp.h"

struct topic;

/* The number by which plugins know a session, unique on the node, from its worker's and its own. */
static inline uint64_t node_session_number(unsigned worker, uint64_t number)
{
  return ((uint64_t)worker + 1) << 48 | number;
}

static inline size_t session_worker(uint64_t node_number)
{
  return (size_t)(node_number >> 48) - 1;
}

static inline uint64_t session_worker_number(uint64_t node_number)
{
  return node_number & ((UINT64_C(1) << 48) - 1);
}

struct hub {
  struct outq_set outqs;
  uint64_t max_unacked; /* of a session */
  /* Written instead of what stands before the first slash of a topic that does not start with one:
   * "/user" makes "/user/queue/x" of "user:HASH/queue/x". */
  struct plug_str user_prefix;
  /* A subscriber of an acknowledged subscription does not acknowledge: the session is to end. */
  void (*on_unacked_full)(struct subscription *sub);
  /* A topic whose messages go to no session but to on_control, which may be called in the midst of
   * a session's command (hub_call_later), as on_control_interest with the broker's answers to the
   * interest. Empty: there is none. interest_join is the owner's. */
  struct plug_str control;
  void (*on_control)(struct hub *hub, const struct plug_msg *msg);
  void (*on_control_interest)(struct hub *hub, plug_status status);
  uint32_t max_pattern_steps; /* that the patterns of a session may take for one message */
  size_t max_route_bytes;     /* that the cache of destinations and their patterns may take */
  /* The patterns of its session take more. Called amid the matching: the session's queue is marked
   * as overflown, and it ends later. */
  void (*on_costly)(struct subscription *sub);
  /* The broker's answer to an interest: every subscription of the topic, and status. On failure the
   * callee removes the subscription. */
  void (*on_interest)(struct subscription *sub, plug_status status);
  /* The broker's answer to a publish. */
  void (*on_published)(void *waiter, plug_status status);
  struct hub_prefixes prefixes;
  /* When the oldest of the messages was accepted that were delivered and are followed
   * (message_follow); the owner resets it. 0: none. */
  uint64_t followed_us;
  uint32_t epoch; /* the owner's clock, see HUB_EPOCH_MS: messages of topics are counted by it */
  /* private */
  unsigned worker;
  struct interest_table *interests;
  struct map topics, patterns; /* struct topic */
  struct list pattern_list;
  struct map groups, routes;
  struct subscription_table subscriptions;
  struct slab subscription_slab; /* what these lie in */
  uint64_t pattern_generation;
  uint64_t pattern_steps; /* since the start */
  size_t route_bytes;
  struct outq **charged; /* scratch: whose pattern_steps are not 0 */
  uint32_t n_charged, cap_charged;
  struct mpsc_node *left; /* what hub_take_some has taken and not yet done */
  uint32_t burst;         /* number of the last one, see struct outq */
  uint32_t cap_targets;
  struct group **targets;               /* scratch: whom a message with matching patterns goes to */
  struct buf shared[STOMP_1_2 + 1];     /* what all groups of one version have in common */
  struct number last_id, last_len;      /* of the message that was last encoded, and its body */
  struct inbox_item *calls, *last_call; /* INBOX_CALLs that have been taken and not yet run */
};

void hub_init(struct hub *hub, unsigned worker, struct interest_table *interests);
void hub_fini(struct hub *hub); /* all subscriptions must be gone */

struct hub_subscribe {
  uint64_t session; /* number, unique on this worker */
  void *owner;
  struct outq *queue;
  struct list *list;         /* the session's list of subscriptions */
  uint64_t *session_unacked; /* the session's count of deliveries that wait for ACK or NACK; kept by
                                the hub. Not used with ACK_AUTO */
  struct plug_str id, destination;
  struct pattern *pattern; /* NULL: an exact topic. Taken over */
  enum stomp_version version;
  enum ack_mode ack;
};

/* PLUG_OK: active. PLUG_PENDING: on_interest will tell. Otherwise nothing was subscribed. */
plug_status hub_subscribe(struct hub *hub, const struct hub_subscribe *request,
                          struct subscription **out);
void hub_unsubscribe(struct hub *hub, struct subscription *sub);
struct subscription *hub_find(const struct hub *hub, uint64_t session, struct plug_str id);

/* To the subscribers of exactly its topic on this worker, past the broker. */
void hub_deliver_here(struct hub *hub, const struct plug_msg *msg);
/* To all subscribers of the node, past the broker, behind what this thread has delivered before. */
plug_status hub_deliver_node(struct hub *hub, const struct plug_msg *msg);
/* To one subscription on the worker of that inbox, likewise behind all of that. session: its number
 * there. Dropped if the subscription has gone or is to another topic. */
plug_status hub_deliver_one(struct inbox *inbox, uint64_t session, struct plug_str id,
                            const struct plug_msg *msg);

/* Empties the inbox and does what its items say, from the oldest on. Messages to one destination
 * that come one after the other are fanned out as one burst. */
void hub_take_all(struct hub *hub, struct inbox *inbox);
/* The same, but it stops behind the message with which the matching of patterns has taken more than
 * so many steps: a few milliseconds. The rest comes first next time. */
#define HUB_TURN_STEPS 1000000u
void hub_take_some(struct hub *hub, struct inbox *inbox);
static inline bool hub_has_left(const struct hub *hub)
{
  return hub->left != NULL;
}

/* Runs the INBOX_CALLs that were taken. Apart from hub_take_all, which may be called in the midst
 * of a session's command: calls may do anything to any session. A turn's share of them; false:
 * there were none. */
bool hub_run_calls(struct hub *hub);
/* Runs it with the next hub_run_calls, or a later one. False when out of memory. */
bool hub_call_later(struct hub *hub, struct inbox_call *call);
static inline bool hub_has_calls(const struct hub *hub)
{
  return hub->calls != NULL;
}

/* Hears what comes for one exact topic, beside its subscribers. The callbacks may be called in the
 * midst of a session's command, and may not open or close taps. */
struct hub_tap {
  void (*heard)(struct hub_tap *tap, const struct plug_msg *msg);
  void (*answered)(struct hub_tap *tap, plug_status status); /* of the broker, to the interest */
  struct hub_tap *next;                                      /* private, as is topic */
  struct topic *topic;
};
/* PLUG_OK, PLUG_PENDING (answered will tell), or it is not open. */
/* After an answer that is a failure the tap is closed; hub_tap_close does nothing then. */
plug_status hub_tap_open(struct hub *hub, struct hub_tap *tap, struct plug_str name);
void hub_tap_close(struct hub *hub, struct hub_tap *tap);

/* How many messages a second come for a topic is known from those of this epoch and the last. */
#define HUB_EPOCH_MS 8192u
struct hub_topic {
  struct plug_str name;
  uint64_t subscribers, messages; /* of them in this epoch and */
  uint64_t before;                /* in the last one */
  bool is_pattern;
};
/* As map_scan, over all topics and patterns that have subscribers or taps here. */
struct hub_scan {
  size_t cursor;
  bool patterns;
  void (*visit)(void *ctx, const struct hub_topic *topic);
  void *ctx;
};
/* Visits a few; false: that were all. */
bool hub_scan_topics(const struct hub *hub, struct hub_scan *scan);

#endif
