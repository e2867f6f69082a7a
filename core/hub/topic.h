/* What the hub's index is made of: topics (or patterns), and in them the groups of subscribers that
 * get the same bytes. Private to core/hub, where hub.c owns them. Worker's thread only. */
#ifndef HUB_TOPIC_H
#define HUB_TOPIC_H

#include "hub/hub.h"

struct topic {
  struct map_entry by_name; /* in topics or patterns */
  struct pattern *pattern;  /* NULL: an exact topic */
  struct list link;         /* in pattern_list */
  bool confirmed;
  uint8_t prefix; /* which of the hub's prefixes covers it */
  uint32_t epoch; /* of the hub, in which n_now messages came; n_before in the one before it */
  uint32_t n_now, n_before;
  struct hub_tap *taps; /* or NULL */
  struct group **groups;
  uint32_t n_groups, cap_groups;
  char name[];
};

/* queues[i] belongs to members[i]; the fan-out walks queues only. No queue is in it twice. */
struct group {
  struct map_entry by_key; /* key: topic pointer, version, ack mode, subscription id, in key[] */
  uint64_t id_hash;        /* of the id, for the table of subscriptions */
  struct topic *topic;
  uint32_t index; /* in the topic */
  enum stomp_version version;
  enum ack_mode ack;
  bool plain_id;     /* needs no escaping, as nearly all */
  uint8_t prefix;    /* the topic's */
  bool has_repeated; /* the fan-out's: some of queues get the burst more than once */
  struct outq **queues;
  struct subscription **members;
  uint32_t n, cap;
  struct plug_str id;
  char key[];
};

#endif
