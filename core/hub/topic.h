/* What the hub's index is made of: topics (or patterns), and in them the groups of subscribers that
 * get the same bytes. Private to core/hub, whose hub owns them. Worker's thread only. */
#ifndef HUB_TOPIC_H
#define HUB_TOPIC_H

#include "base/hash.h"
#include "hub/hub.h"

struct topic {
  struct map_entry by_name; /* in topics or patterns */
  struct pattern *pattern;  /* NULL: an exact topic */
  struct list link;         /* in pattern_list */
  bool confirmed;
  uint8_t prefix; /* which of the hub's prefixes covers it */
  uint32_t epoch; /* of the hub, in which n_now messages came; n_before in the one before it */
  uint32_t n_now, n_before;
  struct hub_tap *taps;  /* or NULL */
  struct group **groups; /* &group, or an array of the heap */
  uint32_t n_groups, cap_groups;
  struct group *group; /* the only one, as of nearly all topics */
  char name[];
};

/* queues[i] belongs to members[i]; the fan-out walks queues only. No queue is in it twice. Both are
 * &queue and &member as long as there is but one, and arrays of the heap from then on. */
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
  struct outq *queue;
  struct subscription *member;
  struct plug_str id;
  char key[];
};

static inline struct topic *topic_find_hashed(const struct hub *hub, struct plug_str name,
                                              uint64_t hash, bool is_pattern)
{
  struct map_entry *e = map_find_hashed(is_pattern ? &hub->patterns : &hub->topics, name, hash);
  return e ? container_of(e, struct topic, by_name) : NULL;
}

static inline struct topic *topic_find(const struct hub *hub, struct plug_str name, bool is_pattern)
{
  return topic_find_hashed(hub, name, hash_bytes(name.ptr, name.len), is_pattern);
}

/* hash: of the name, by hash_bytes. Its interest is joined with it: PLUG_OK and PLUG_PENDING as
 * interest_join; otherwise there is none. Takes pattern, or NULL, over only when it succeeds. */
plug_status topic_new(struct hub *hub, struct plug_str name, uint64_t hash, struct pattern *pattern,
                      struct topic **out);
void topic_free(struct hub *hub, struct topic *topic); /* unused */
/* Nobody listens to it any more. */
static inline bool topic_is_unused(const struct topic *topic)
{
  return topic->n_groups == 0 && !topic->taps;
}

/* The group for that subscription, with room for one member more. NULL when out of memory. */
struct group *group_get(struct hub *hub, struct topic *topic, const struct hub_subscribe *request);
void group_free(struct hub *hub, struct group *group); /* empty */

#endif
