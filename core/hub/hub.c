#include "hub/hub.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/counter.h"
#include "base/hash.h"
#include "hub/fanout.h"
#include "hub/route.h"
#include "hub/topic.h"

void hub_init(struct hub *hub, unsigned worker, struct interest_table *interests)
{
  memset(hub, 0, sizeof *hub);
  hub->worker = worker;
  hub->interests = interests;
  list_init(&hub->outqs.dirty);
  list_init(&hub->pattern_list);
  slab_init(&hub->subscription_slab, sizeof(struct subscription));
  hub->max_pattern_steps = UINT32_MAX;
  hub->max_route_bytes = SIZE_MAX;
}

void hub_fini(struct hub *hub)
{
  invariant(hub->subscriptions.count == 0);
  routes_clear(hub);
  map_fini(&hub->topics);
  map_fini(&hub->patterns);
  subscription_table_fini(&hub->subscriptions);
  slab_fini(&hub->subscription_slab);
  map_fini(&hub->groups);
  free(hub->targets);
  free(hub->charged);
  for (unsigned i = 0; i <= STOMP_1_2; i++)
    buf_free(&hub->shared[i]);
}

/* --- subscriptions ------------------------------------------------------------------------ */

plug_status hub_subscribe(struct hub *hub, const struct hub_subscribe *request,
                          struct subscription **out)
{
  struct pattern *pattern = request->pattern;
  struct subscription *sub = slab_alloc(&hub->subscription_slab);
  uint64_t hash = hash_bytes(request->destination.ptr, request->destination.len);
  struct topic *topic = topic_find_hashed(hub, request->destination, hash, pattern != NULL);
  struct group *group = NULL;
  plug_status status = PLUG_ENOMEM;
  if (topic && pattern) {
    pattern_free(pattern); /* the topic has one */
    pattern = NULL;
  }
  if (!sub)
    goto fail;
  if (!topic) {
    status = topic_new(hub, request->destination, hash, pattern, &topic);
    if (status != PLUG_OK)
      goto fail;
    pattern = NULL;
    status = PLUG_ENOMEM;
  }
  group = group_get(hub, topic, request);
  if (!group)
    goto fail;
  sub->session = request->session;
  sub->owner = request->owner;
  sub->group = group;
  if (request->ack != ACK_AUTO && !subscription_keep_unacked(sub, request->session_unacked))
    goto fail;
  if (!subscription_table_insert(&hub->subscriptions, sub))
    goto fail;
  sub->index = group->n;
  group->queues[group->n] = request->queue;
  group->members[group->n++] = sub;
  list_append(request->list, &sub->link);
  COUNT(subscriptions);
  hub_prefixes_subscribed(&hub->prefixes, topic->prefix, 1);
  *out = sub;
  return topic->confirmed ? PLUG_OK : PLUG_PENDING;

fail:
  if (sub) {
    subscription_drop_unacked(sub);
    slab_free(&hub->subscription_slab, sub);
  }
  if (pattern)
    pattern_free(pattern);
  if (group && group->n == 0)
    group_free(hub, group);
  if (topic && topic_is_unused(topic))
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
  subscription_table_remove(&hub->subscriptions, sub);
  list_remove(&sub->link);
  subscription_drop_unacked(sub);
  slab_free(&hub->subscription_slab, sub);
  COUNT_BY(subscriptions, -1);
  hub_prefixes_subscribed(&hub->prefixes, topic->prefix, -1);
  if (group->n == 0)
    group_free(hub, group);
  if (topic_is_unused(topic))
    topic_free(hub, topic);
}

struct subscription *hub_find(const struct hub *hub, uint64_t session, struct plug_str id)
{
  return subscription_table_find(&hub->subscriptions, session, id, hash_bytes(id.ptr, id.len));
}

/* --- taps and topics ---------------------------------------------------------------------- */

plug_status hub_tap_open(struct hub *hub, struct hub_tap *tap, struct plug_str name)
{
  uint64_t hash = hash_bytes(name.ptr, name.len);
  struct topic *topic = topic_find_hashed(hub, name, hash, false);
  plug_status status = topic ? PLUG_OK : topic_new(hub, name, hash, NULL, &topic);
  if (status != PLUG_OK)
    return status;
  tap->topic = topic;
  tap->next = topic->taps;
  topic->taps = tap;
  return topic->confirmed ? PLUG_OK : PLUG_PENDING;
}

void hub_tap_close(struct hub *hub, struct hub_tap *tap)
{
  struct topic *topic = tap->topic;
  if (!topic)
    return;
  struct hub_tap **at = &topic->taps;
  while (*at != tap)
    at = &(*at)->next;
  *at = tap->next;
  if (topic_is_unused(topic))
    topic_free(hub, topic);
}

struct scan {
  const struct hub *hub;
  const struct hub_scan *of;
};

static void visit_topic(void *ctx, const struct map_entry *entry)
{
  const struct scan *scan = ctx;
  const struct topic *topic = container_of(entry, const struct topic, by_name);
  uint32_t age = scan->hub->epoch - topic->epoch;
  struct hub_topic seen = {.name = topic->by_name.key,
                           .messages = age == 0 ? topic->n_now : 0,
                           .before = age == 0   ? topic->n_before
                                     : age == 1 ? topic->n_now
                                                : 0,
                           .is_pattern = topic->pattern != NULL};
  for (uint32_t i = 0; i < topic->n_groups; i++)
    seen.subscribers += topic->groups[i]->n;
  scan->of->visit(scan->of->ctx, &seen);
}

#define SCAN_BUCKETS 16

bool hub_scan_topics(const struct hub *hub, struct hub_scan *scan)
{
  struct scan own = {hub, scan};
  for (int i = 0; i < SCAN_BUCKETS; i++) {
    scan->cursor =
        map_scan(scan->patterns ? &hub->patterns : &hub->topics, scan->cursor, visit_topic, &own);
    if (scan->cursor)
      continue;
    if (scan->patterns)
      return false;
    scan->patterns = true;
  }
  return true;
}

/* --- fan-out ------------------------------------------------------------------------------ */

/* Everything that a topic and the patterns that match it have, in one array; NULL when out of
 * memory. */
static struct group **collect_groups(struct hub *hub, const struct topic *topic,
                                     const struct route *route, uint32_t *n_groups)
{
  uint32_t n = topic ? topic->n_groups : 0;
  for (uint32_t i = 0; i < route->n; i++)
    n += route->matches[i]->n_groups;
  if (n > hub->cap_targets) {
    struct group **grown = realloc(hub->targets, n * sizeof(struct group *));
    if (!grown)
      return NULL;
    hub->targets = grown;
    hub->cap_targets = n;
  }
  n = 0;
  for (uint32_t i = 0; topic && i < topic->n_groups; i++)
    hub->targets[n++] = topic->groups[i];
  for (uint32_t i = 0; i < route->n; i++)
    for (uint32_t j = 0; j < route->matches[i]->n_groups; j++)
      hub->targets[n++] = route->matches[i]->groups[j];
  *n_groups = n;
  return hub->targets;
}

static inline void note_followed(struct hub *hub, const struct plug_msg *msg)
{
  uint64_t accepted_us = message_accepted_us(msg);
  if (accepted_us && (!hub->followed_us || accepted_us < hub->followed_us))
    hub->followed_us = accepted_us;
}

static void begin_epoch(const struct hub *hub, struct topic *topic)
{
  topic->n_before = topic->epoch + 1 == hub->epoch ? topic->n_now : 0;
  topic->n_now = 0;
  topic->epoch = hub->epoch;
}

static void tell_taps(const struct topic *topic, const struct plug_msg *const *msgs, uint32_t n)
{
  for (struct hub_tap *tap = topic->taps; tap; tap = tap->next)
    for (uint32_t i = 0; i < n; i++)
      tap->heard(tap, msgs[i]);
}

/* Messages have come for it. */
static inline void note_messages(const struct hub *hub, struct topic *topic,
                                 const struct plug_msg *const *msgs, uint32_t n)
{
  if (topic->epoch != hub->epoch)
    begin_epoch(hub, topic);
  topic->n_now += n;
  if (topic->taps)
    tell_taps(topic, msgs, n);
}

static void deliver_to_pattern(struct hub *hub, const struct inbox_item *item)
{
  struct topic *topic = topic_find(hub, str_from(item->text, item->text_len), true);
  bool matches = topic && route_matches(hub, topic, item->msg->topic);
  note_followed(hub, item->msg);
  route_charges_end(hub);
  if (!matches)
    return;
  note_messages(hub, topic, &item->msg, 1);
  fanout(hub, &item->msg, 1, topic->groups, topic->n_groups);
}

/* n messages of one destination. */
static void deliver(struct hub *hub, const struct inbox_item *first,
                    const struct plug_msg *const *msgs, uint32_t n)
{
  struct plug_str name = msgs[0]->topic;
  if (name.ptr[0] != '/' && hub->control.len && str_eq(name, hub->control)) {
    for (uint32_t i = 0; i < n; i++)
      hub->on_control(hub, msgs[i]);
    return;
  }
  /* interest is the hash of the topic (interest.c). */
  struct map_entry *e = map_find_hashed(&hub->topics, name, first->interest);
  struct topic *topic = e ? container_of(e, struct topic, by_name) : NULL;
  if (topic)
    note_messages(hub, topic, msgs, n);
  struct route *route =
      first->kind == INBOX_DELIVER && !list_empty(&hub->pattern_list) ? route_get(hub, name) : NULL;
  if (!route || !route->n) {
    if (topic)
      fanout(hub, msgs, n, topic->groups, topic->n_groups);
    return;
  }
  for (uint32_t i = 0; i < route->n; i++)
    note_messages(hub, route->matches[i], msgs, n);
  uint32_t n_groups;
  struct group **groups = collect_groups(hub, topic, route, &n_groups);
  if (groups)
    fanout(hub, msgs, n, groups, n_groups);
  else
    COUNT_BY(dropped_congested, n);
}

void hub_deliver_here(struct hub *hub, const struct plug_msg *msg)
{
  struct topic *topic = topic_find(hub, msg->topic, false);
  if (!topic)
    return;
  note_messages(hub, topic, &msg, 1);
  fanout(hub, &msg, 1, topic->groups, topic->n_groups);
}

plug_status hub_deliver_node(struct hub *hub, const struct plug_msg *msg)
{
  return interest_deliver(hub->interests, 0, msg);
}

plug_status hub_deliver_one(struct inbox *inbox, uint64_t session, struct plug_str id,
                            const struct plug_msg *msg)
{
  struct inbox_item *item = inbox_item_new(INBOX_DELIVER_ONE, id);
  if (!item)
    return PLUG_ENOMEM;
  message_ref(msg);
  item->msg = msg;
  item->interest = session;
  if (inbox_put(inbox, item))
    inbox->wake(inbox);
  return PLUG_OK;
}

static void deliver_one(struct hub *hub, const struct inbox_item *item)
{
  struct subscription *sub = hub_find(hub, item->interest, str_from(item->text, item->text_len));
  if (sub && str_eq(subscription_topic(sub), item->msg->topic))
    fanout_one(hub, sub, item->msg);
}

/* A broker that refuses ends them: what they wait for does not come. */
static void answer_taps(struct topic *topic, plug_status status)
{
  struct hub_tap *tap = topic->taps, *next;
  if (status != PLUG_OK)
    topic->taps = NULL;
  for (; tap; tap = next) {
    next = tap->next;
    if (status != PLUG_OK)
      tap->topic = NULL;
    tap->answered(tap, status);
  }
}

static void interest_answered(struct hub *hub, const struct inbox_item *item)
{
  struct plug_str name = str_from(item->text, item->text_len);
  struct topic *topic = topic_find(hub, name, item->interest != 0);
  if (!topic) {
    if (hub->control.len && str_eq(name, hub->control))
      hub->on_control_interest(hub, item->status);
    return;
  }
  topic->confirmed = item->status == PLUG_OK;
  if (item->status == PLUG_PENDING)
    return; /* the backend has lost it: who subscribes now waits for the next answer */
  answer_taps(topic, item->status);
  if (topic_is_unused(topic)) {
    topic_free(hub, topic);
    return;
  }
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

/* A burst takes this many bytes of payload at most: it is written in one piece. */
#define BURST_BYTES 65536u

static bool in_one_burst(const struct inbox_item *first, const struct inbox_item *item)
{
  return item->kind == first->kind && item->interest == first->interest &&
         str_eq(item->msg->topic, first->msg->topic);
}

/* Delivers the first item together with those behind it that go the same way; returns the first
 * that was left. */
static struct mpsc_node *deliver_burst(struct hub *hub, struct mpsc_node *node)
{
  const struct inbox_item *first = container_of(node, struct inbox_item, node);
  const struct plug_msg *msgs[FANOUT_MESSAGES_MAX];
  uint32_t n = 0;
  size_t bytes = 0;
  for (; node && n < FANOUT_MESSAGES_MAX; node = node->next) {
    const struct inbox_item *item = container_of(node, struct inbox_item, node);
    if (n && (!in_one_burst(first, item) || bytes + item->msg->payload.len > BURST_BYTES))
      break;
    bytes += item->msg->payload.len;
    msgs[n++] = item->msg;
    note_followed(hub, item->msg);
  }
  deliver(hub, first, msgs, n);
  return node;
}

static void keep_call(struct hub *hub, struct inbox_item *item)
{
  item->node.next = NULL;
  if (hub->last_call)
    hub->last_call->node.next = &item->node;
  else
    hub->calls = item;
  hub->last_call = item;
}

bool hub_call_later(struct hub *hub, struct inbox_call *call)
{
  struct inbox_item *item = inbox_item_new(INBOX_CALL, str_from(NULL, 0));
  if (!item)
    return false;
  item->waiter = call;
  keep_call(hub, item);
  return true;
}

/* Most are verdicts on logins, of which thousands may come together: messages come in between. */
#define CALLS_PER_TURN 32

bool hub_run_calls(struct hub *hub)
{
  struct inbox_item *item;
  bool any = hub->calls != NULL;
  for (unsigned n = 0; n < CALLS_PER_TURN && (item = hub->calls); n++) {
    hub->calls = item->node.next ? container_of(item->node.next, struct inbox_item, node) : NULL;
    if (!hub->calls)
      hub->last_call = NULL;
    struct inbox_call *call = item->waiter;
    inbox_item_free(item);
    call->run(call);
  }
  return any;
}

/* Does what was left before, or else what is in the inbox, until the matching of patterns has taken
 * so many steps since the start. */
static void take(struct hub *hub, struct inbox *inbox, uint64_t until_steps)
{
  struct mpsc_node *items = hub->left ? hub->left : mpsc_take(&inbox->queue);
  uint64_t load = 0;
  while (items && hub->pattern_steps < until_steps) {
    struct inbox_item *item = container_of(items, struct inbox_item, node);
    struct mpsc_node *rest = items->next;
    switch ((enum inbox_kind)item->kind) {
    case INBOX_DELIVER:
    case INBOX_DELIVER_TOPIC:
      rest = deliver_burst(hub, items);
      break;
    case INBOX_DELIVER_PATTERN:
      deliver_to_pattern(hub, item);
      break;
    case INBOX_DELIVER_ONE:
      deliver_one(hub, item);
      break;
    case INBOX_INTEREST:
      interest_answered(hub, item);
      break;
    case INBOX_PUBLISHED:
      hub->on_published(item->waiter, item->status);
      break;
    case INBOX_CALL:
      load += inbox_item_load(item);
      keep_call(hub, item);
      items = rest;
      continue;
    }
    while (items != rest) {
      item = container_of(items, struct inbox_item, node);
      items = items->next;
      load += inbox_item_load(item);
      inbox_item_free(item);
    }
  }
  hub->left = items;
  if (load)
    inbox_taken(inbox, load);
}

void hub_take_some(struct hub *hub, struct inbox *inbox)
{
  uint64_t until_steps = hub->pattern_steps + HUB_TURN_STEPS;
  bool had_left = hub->left != NULL;
  take(hub, inbox, until_steps);
  if (had_left && !hub->left)
    take(hub, inbox, until_steps);
}

void hub_take_all(struct hub *hub, struct inbox *inbox)
{
  if (hub->left)
    take(hub, inbox, UINT64_MAX);
  take(hub, inbox, UINT64_MAX);
}
