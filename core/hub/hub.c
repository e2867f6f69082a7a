#include "hub/hub.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/counter.h"
#include "base/hash.h"
#include "message/message.h"
#include "stomp/stomp_encoder.h"

struct topic {
  struct map_entry by_name; /* in topics or patterns */
  struct pattern *pattern;  /* NULL: an exact topic */
  struct list link;         /* in pattern_list */
  bool confirmed;
  struct group **groups;
  uint32_t n_groups, cap_groups;
  char name[];
};

/* Subscribers that get the same bytes. queues[i] belongs to members[i]; the fan-out walks queues
 * only. */
struct group {
  struct map_entry by_key; /* key: topic pointer, version, ack mode, subscription id, in key[] */
  struct topic *topic;
  uint32_t index; /* in the topic */
  enum stomp_version version;
  enum ack_mode ack;
  bool plain_id; /* needs no escaping, as nearly all */
  struct outq **queues;
  struct subscription **members;
  uint32_t n, cap;
  struct plug_str id;
  char key[];
};

/* Which patterns match a destination, so that a steady publisher costs no matching. */
struct route {
  struct map_entry by_name;
  uint64_t generation;
  uint32_t n, cap;
  struct topic **matches;
  char name[];
};

#define ROUTES_MAX 4096

struct plug_str subscription_topic(const struct subscription *sub)
{
  return sub->group->topic->by_name.key;
}

enum ack_mode subscription_ack_mode(const struct subscription *sub)
{
  return sub->group->ack;
}

void hub_init(struct hub *hub, unsigned worker, struct interest_table *interests)
{
  memset(hub, 0, sizeof *hub);
  hub->worker = worker;
  hub->interests = interests;
  list_init(&hub->outqs.dirty);
  list_init(&hub->pattern_list);
}

static void routes_clear(struct hub *hub)
{
  struct map_iter it = {0, NULL};
  struct map_entry *e;
  while ((e = map_next(&hub->routes, &it))) {
    struct route *route = container_of(e, struct route, by_name);
    free(route->matches);
    free(route);
  }
  map_fini(&hub->routes);
}

void hub_fini(struct hub *hub)
{
  invariant(hub->subscriptions.count == 0);
  routes_clear(hub);
  map_fini(&hub->topics);
  map_fini(&hub->patterns);
  map_fini(&hub->subscriptions);
  map_fini(&hub->groups);
  for (unsigned i = 0; i <= STOMP_1_2; i++)
    buf_free(&hub->shared[i]);
}

/* --- topics ------------------------------------------------------------------------------- */

static struct topic *topic_find(const struct hub *hub, struct plug_str name, bool is_pattern)
{
  struct map_entry *e = map_find(is_pattern ? &hub->patterns : &hub->topics, name);
  return e ? container_of(e, struct topic, by_name) : NULL;
}

/* Takes pattern over only when it succeeds. */
static plug_status topic_new(struct hub *hub, struct plug_str name, struct pattern *pattern,
                             struct topic **out)
{
  struct topic *topic = calloc(1, sizeof *topic + name.len);
  if (!topic)
    return PLUG_ENOMEM;
  memcpy(topic->name, name.ptr, name.len);
  topic->by_name.key = str_from(topic->name, name.len);
  list_init(&topic->link);
  struct map *map = pattern ? &hub->patterns : &hub->topics;
  if (!map_insert(map, &topic->by_name)) {
    free(topic);
    return PLUG_ENOMEM;
  }
  plug_status status = interest_join(hub->interests, hub->worker, name, pattern != NULL);
  if (status < 0) {
    map_remove(map, &topic->by_name);
    free(topic);
    return status;
  }
  topic->confirmed = status == PLUG_OK;
  topic->pattern = pattern;
  if (pattern) {
    list_append(&hub->pattern_list, &topic->link);
    hub->pattern_generation++;
  }
  *out = topic;
  return PLUG_OK;
}

static void topic_free(struct hub *hub, struct topic *topic)
{
  interest_leave(hub->interests, hub->worker, topic->by_name.key, topic->pattern != NULL);
  map_remove(topic->pattern ? &hub->patterns : &hub->topics, &topic->by_name);
  if (topic->pattern) {
    list_remove(&topic->link);
    hub->pattern_generation++;
    pattern_free(topic->pattern);
    if (list_empty(&hub->pattern_list))
      routes_clear(hub);
  }
  free(topic->groups);
  free(topic);
}

/* --- groups ------------------------------------------------------------------------------- */

#define GROUP_KEY_HEAD (sizeof(struct topic *) + 2)
#define ID_ON_STACK    128

static struct group *group_new(struct hub *hub, struct topic *topic, struct plug_str key)
{
  struct group *group = calloc(1, sizeof *group + key.len);
  if (!group)
    return NULL;
  if (topic->n_groups == topic->cap_groups) {
    uint32_t cap = topic->cap_groups ? topic->cap_groups * 2 : 1;
    struct group **groups = realloc(topic->groups, cap * sizeof *groups);
    if (!groups) {
      free(group);
      return NULL;
    }
    topic->groups = groups;
    topic->cap_groups = cap;
  }
  memcpy(group->key, key.ptr, key.len);
  group->by_key.key = str_from(group->key, key.len);
  group->id = str_from(group->key + GROUP_KEY_HEAD, key.len - GROUP_KEY_HEAD);
  group->topic = topic;
  group->plain_id = true;
  for (size_t i = 0; i < group->id.len; i++)
    group->plain_id &= !strchr(":\\\n\r", group->id.ptr[i]);
  if (!map_insert(&hub->groups, &group->by_key)) {
    free(group);
    return NULL;
  }
  group->index = topic->n_groups;
  topic->groups[topic->n_groups++] = group;
  return group;
}

static void group_free(struct hub *hub, struct group *group)
{
  struct topic *topic = group->topic;
  struct group *last = topic->groups[--topic->n_groups];
  topic->groups[group->index] = last;
  last->index = group->index;
  map_remove(&hub->groups, &group->by_key);
  free(group->queues);
  free(group->members);
  free(group);
}

static struct group *group_get(struct hub *hub, struct topic *topic,
                               const struct hub_subscribe *request)
{
  char on_stack[GROUP_KEY_HEAD + ID_ON_STACK];
  size_t len = GROUP_KEY_HEAD + request->id.len;
  char *key = len <= sizeof on_stack ? on_stack : malloc(len);
  if (!key)
    return NULL;
  memcpy(key, &topic, sizeof topic);
  key[sizeof topic] = (char)request->version;
  key[sizeof topic + 1] = (char)request->ack;
  if (request->id.len)
    memcpy(key + GROUP_KEY_HEAD, request->id.ptr, request->id.len);
  struct map_entry *e = map_find(&hub->groups, str_from(key, len));
  struct group *group =
      e ? container_of(e, struct group, by_key) : group_new(hub, topic, str_from(key, len));
  if (key != on_stack)
    free(key);
  if (!group)
    return NULL;
  group->version = request->version;
  group->ack = request->ack;
  if (group->n < group->cap)
    return group;
  uint32_t cap = group->cap ? group->cap * 2 : 1;
  struct outq **queues = realloc(group->queues, cap * sizeof *queues);
  if (queues)
    group->queues = queues;
  struct subscription **members = realloc(group->members, cap * sizeof *members);
  if (members)
    group->members = members;
  if (queues && members) {
    group->cap = cap;
    return group;
  }
  if (group->n == 0)
    group_free(hub, group);
  return NULL;
}

/* --- subscriptions ------------------------------------------------------------------------ */

plug_status hub_subscribe(struct hub *hub, const struct hub_subscribe *request,
                          struct subscription **out)
{
  struct pattern *pattern = request->pattern;
  size_t key_len = sizeof request->session + request->id.len;
  struct subscription *sub = calloc(1, sizeof *sub + key_len);
  struct topic *topic = topic_find(hub, request->destination, pattern != NULL);
  struct group *group = NULL;
  plug_status status = PLUG_ENOMEM;
  if (topic && pattern) {
    pattern_free(pattern); /* the topic has one */
    pattern = NULL;
  }
  if (!sub)
    goto fail;
  if (!topic) {
    status = topic_new(hub, request->destination, pattern, &topic);
    if (status != PLUG_OK)
      goto fail;
    pattern = NULL;
    status = PLUG_ENOMEM;
  }
  group = group_get(hub, topic, request);
  if (!group)
    goto fail;
  memcpy(sub->key, &request->session, sizeof request->session);
  if (request->id.len)
    memcpy(sub->key + sizeof request->session, request->id.ptr, request->id.len);
  sub->id_len = request->id.len;
  sub->by_id.key = str_from(sub->key, key_len);
  sub->owner = request->owner;
  sub->session_unacked = request->session_unacked;
  if (!map_insert(&hub->subscriptions, &sub->by_id))
    goto fail;
  sub->group = group;
  sub->index = group->n;
  group->queues[group->n] = request->queue;
  group->members[group->n++] = sub;
  list_append(request->list, &sub->link);
  COUNT(subscriptions);
  *out = sub;
  return topic->confirmed ? PLUG_OK : PLUG_PENDING;

fail:
  free(sub);
  if (pattern)
    pattern_free(pattern);
  if (group && group->n == 0)
    group_free(hub, group);
  if (topic && topic->n_groups == 0)
    topic_free(hub, topic);
  return status;
}

void hub_unsubscribe(struct hub *hub, struct subscription *sub)
{
  struct group *group = sub->group;
  struct topic *topic = group->topic;
  uint32_t last = --group->n;
  group->queues[sub->index] = group->queues[last];
  group->members[sub->index] = group->members[last];
  group->members[sub->index]->index = sub->index;
  map_remove(&hub->subscriptions, &sub->by_id);
  list_remove(&sub->link);
  if (sub->n_unacked)
    *sub->session_unacked -= sub->n_unacked;
  free(sub->unacked);
  free(sub);
  COUNT_BY(subscriptions, -1);
  if (group->n == 0)
    group_free(hub, group);
  if (topic->n_groups == 0)
    topic_free(hub, topic);
}

struct subscription *hub_find(const struct hub *hub, uint64_t session, struct plug_str id)
{
  char on_stack[sizeof session + ID_ON_STACK];
  size_t len = sizeof session + id.len;
  char *key = len <= sizeof on_stack ? on_stack : malloc(len);
  if (!key)
    return NULL;
  memcpy(key, &session, sizeof session);
  if (id.len)
    memcpy(key + sizeof session, id.ptr, id.len);
  struct map_entry *e = map_find(&hub->subscriptions, str_from(key, len));
  if (key != on_stack)
    free(key);
  return e ? container_of(e, struct subscription, by_id) : NULL;
}

/* --- fan-out ------------------------------------------------------------------------------ */

/* What is being fanned out: the encodings are made when the first group asks for them. */
struct fanout {
  const struct plug_msg *msg;
  bool encoded[STOMP_1_2 + 1];
  char message_id[96]; /* node ids have at most 64 bytes */
  size_t message_id_len;
};

static void fanout_init(struct fanout *fanout, const struct plug_msg *msg)
{
  memset(fanout->encoded, 0, sizeof fanout->encoded);
  fanout->msg = msg;
  size_t len = msg->origin.len < 64 ? msg->origin.len : 64;
  memcpy(fanout->message_id, msg->origin.ptr, len);
  fanout->message_id[len++] = '-';
  len += str_put_u64(fanout->message_id + len, msg->id);
  fanout->message_id_len = len;
}

/* Everything behind the headers that differ between groups. */
static struct plug_str fanout_shared(struct hub *hub, struct fanout *fanout,
                                     enum stomp_version version)
{
  struct buf *out = &hub->shared[version];
  if (fanout->encoded[version])
    return str_from(out->data, out->len);
  const struct plug_msg *msg = fanout->msg;
  out->len = 0;
  out->failed = false;
  stomp_put_header(out, version, STOMP_MESSAGE, STR("destination"), msg->topic);
  stomp_put_header(out, version, STOMP_MESSAGE, STR("message-id"),
                   str_from(fanout->message_id, fanout->message_id_len));
  if (msg->content_type.len)
    stomp_put_header(out, version, STOMP_MESSAGE, STR("content-type"), msg->content_type);
  for (size_t i = 0; i < msg->n_headers; i++)
    stomp_put_header(out, version, STOMP_MESSAGE, msg->headers[i].key, msg->headers[i].value);
  stomp_put_header_u64(out, STR("content-length"), msg->payload.len);
  stomp_put_body(out, msg->payload);
  if (out->failed)
    return str_from(NULL, 0);
  fanout->encoded[version] = true;
  return str_from(out->data, out->len);
}

static struct frame *fanout_frame(struct hub *hub, struct fanout *fanout, const struct group *group)
{
  struct plug_str shared = fanout_shared(hub, fanout, group->version);
  if (!shared.len)
    return NULL;
  uint8_t opcode = fanout->msg->flags & PLUG_MSG_BINARY ? FRAME_WS_BINARY : FRAME_WS_TEXT;
  struct buf head = {0};
  char on_stack[256];
  struct plug_str parts[2];
  if (group->ack == ACK_AUTO && group->plain_id && group->id.len <= 200) {
    static const char start[] = "MESSAGE\nsubscription:";
    size_t len = sizeof start - 1;
    memcpy(on_stack, start, len);
    if (group->id.len)
      memcpy(on_stack + len, group->id.ptr, group->id.len);
    len += group->id.len;
    on_stack[len++] = '\n';
    parts[0] = str_from(on_stack, len);
  } else {
    stomp_put_command(&head, STOMP_MESSAGE);
    stomp_put_header(&head, group->version, STOMP_MESSAGE, STR("subscription"), group->id);
    if (group->ack != ACK_AUTO && group->version >= STOMP_1_2) {
      /* The ack id names delivery and subscription, as one ACK header must (STOMP 1.2 ACK). */
      struct buf ack = {0};
      buf_put(&ack, fanout->message_id, fanout->message_id_len);
      buf_put_char(&ack, '/');
      buf_put_str(&ack, group->id);
      stomp_put_header(&head, group->version, STOMP_MESSAGE, STR("ack"),
                       str_from(ack.data, ack.len));
      head.failed |= ack.failed;
      buf_free(&ack);
    }
    parts[0] = str_from(head.data, head.len);
  }
  parts[1] = shared;
  /* Who acknowledges counts on getting everything: there the queue's policy may only close. */
  struct frame *frame = head.failed ? NULL : frame_new(opcode, group->ack == ACK_AUTO, parts, 2);
  buf_free(&head);
  return frame;
}

static bool subscription_expect_ack(struct subscription *sub, uint64_t hash, uint64_t limit)
{
  if (*sub->session_unacked >= limit)
    return false;
  if (sub->n_unacked == sub->cap_unacked) {
    uint32_t cap = sub->cap_unacked ? sub->cap_unacked * 2 : 8;
    uint64_t *grown = realloc(sub->unacked, cap * sizeof *grown);
    if (!grown)
      return false;
    sub->unacked = grown;
    sub->cap_unacked = cap;
  }
  sub->unacked[sub->n_unacked++] = hash;
  ++*sub->session_unacked;
  return true;
}

static void fanout_group_acked(struct hub *hub, struct group *group, struct frame *frame,
                               uint64_t hash)
{
  /* Backwards: on_unacked_full may end a session, which removes members of this group at or behind
   * the current place. It must not free the group: its queue is only marked. */
  for (uint32_t i = group->n; i-- > 0;) {
    struct subscription *sub = group->members[i];
    if (!outq_push(&hub->outqs, group->queues[i], frame))
      continue;
    COUNT(delivered);
    if (!subscription_expect_ack(sub, hash, hub->max_unacked))
      hub->on_unacked_full(sub);
  }
}

static void fanout_topic(struct hub *hub, struct fanout *fanout, struct topic *topic)
{
  for (uint32_t g = 0; g < topic->n_groups; g++) {
    struct group *group = topic->groups[g];
    struct frame *frame = fanout_frame(hub, fanout, group);
    if (!frame) {
      COUNT_BY(dropped_congested, group->n);
      continue;
    }
    if (group->ack == ACK_AUTO) {
      uint32_t delivered = 0;
      for (uint32_t i = 0; i < group->n; i++) {
        if (i + 4 < group->n)
          __builtin_prefetch(group->queues[i + 4], 1);
        delivered += outq_push(&hub->outqs, group->queues[i], frame);
      }
      COUNT_BY(delivered, delivered);
    } else {
      fanout_group_acked(hub, group, frame, hash_bytes(fanout->message_id, fanout->message_id_len));
    }
    frame_unref(frame);
  }
}

static bool route_add(struct route *route, struct topic *topic)
{
  if (route->n == route->cap) {
    uint32_t cap = route->cap ? route->cap * 2 : 4;
    struct topic **matches = realloc(route->matches, cap * sizeof *matches);
    if (!matches)
      return false;
    route->matches = matches;
    route->cap = cap;
  }
  route->matches[route->n++] = topic;
  return true;
}

static struct route *route_get(struct hub *hub, struct plug_str name)
{
  struct map_entry *e = map_find(&hub->routes, name);
  struct route *route = e ? container_of(e, struct route, by_name) : NULL;
  if (route && route->generation == hub->pattern_generation)
    return route;
  if (!route) {
    if (hub->routes.count >= ROUTES_MAX)
      routes_clear(hub);
    route = calloc(1, sizeof *route + name.len);
    if (!route)
      return NULL;
    memcpy(route->name, name.ptr, name.len);
    route->by_name.key = str_from(route->name, name.len);
    if (!map_insert(&hub->routes, &route->by_name)) {
      free(route);
      return NULL;
    }
  }
  route->generation = hub->pattern_generation;
  route->n = 0;
  for (struct list *l = hub->pattern_list.next; l != &hub->pattern_list; l = l->next) {
    struct topic *topic = container_of(l, struct topic, link);
    if (pattern_match(topic->pattern, name) && !route_add(route, topic)) {
      route->generation = 0; /* incomplete: not to be used again */
      return NULL;
    }
  }
  return route;
}

static void deliver(struct hub *hub, const struct inbox_item *item)
{
  struct fanout fanout;
  const struct plug_msg *msg = item->msg;
  fanout_init(&fanout, msg);
  if (item->kind == INBOX_DELIVER_PATTERN) {
    struct topic *topic = topic_find(hub, str_from(item->text, item->text_len), true);
    if (topic && pattern_match(topic->pattern, msg->topic))
      fanout_topic(hub, &fanout, topic);
    return;
  }
  /* item->interest is the hash of the topic (interest.c). */
  struct map_entry *e = map_find_hashed(&hub->topics, msg->topic, item->interest);
  if (e)
    fanout_topic(hub, &fanout, container_of(e, struct topic, by_name));
  if (item->kind == INBOX_DELIVER && !list_empty(&hub->pattern_list)) {
    struct route *route = route_get(hub, msg->topic);
    for (uint32_t i = 0; route && i < route->n; i++)
      fanout_topic(hub, &fanout, route->matches[i]);
  }
}

static void interest_answered(struct hub *hub, const struct inbox_item *item)
{
  struct topic *topic = topic_find(hub, str_from(item->text, item->text_len), item->interest != 0);
  if (!topic)
    return;
  topic->confirmed = item->status == PLUG_OK;
  if (item->status == PLUG_PENDING)
    return; /* the backend has lost it: who subscribes now waits for the next answer */
  /* On failure the callee unsubscribes, which may free group and topic: count what there is first,
   * and always take the last member of the last group. */
  if (item->status != PLUG_OK) {
    uint64_t n = 0;
    for (uint32_t g = 0; g < topic->n_groups; g++)
      n += topic->groups[g]->n;
    while (n--) {
      struct group *group = topic->groups[topic->n_groups - 1];
      hub->on_interest(group->members[group->n - 1], item->status);
    }
    return;
  }
  for (uint32_t g = 0; g < topic->n_groups; g++)
    for (uint32_t i = 0; i < topic->groups[g]->n; i++)
      hub->on_interest(topic->groups[g]->members[i], PLUG_OK);
}

void hub_take(struct hub *hub, const struct inbox_item *item)
{
  if (item->kind == INBOX_INTEREST)
    interest_answered(hub, item);
  else
    deliver(hub, item);
}

bool hub_ack(struct subscription *sub, struct plug_str message_id)
{
  uint64_t hash = hash_bytes(message_id.ptr, message_id.len);
  for (uint32_t i = 0; i < sub->n_unacked; i++) {
    if (sub->unacked[i] != hash)
      continue;
    /* "client": the acknowledgment is cumulative (STOMP 1.2 SUBSCRIBE ack Header). */
    uint32_t from = sub->group->ack == ACK_CLIENT ? 0 : i;
    uint32_t rest = sub->n_unacked - i - 1;
    memmove(sub->unacked + from, sub->unacked + i + 1, rest * sizeof *sub->unacked);
    *sub->session_unacked -= sub->n_unacked - (from + rest);
    sub->n_unacked = from + rest;
    return true;
  }
  return false;
}
