/* GET /admin/api/topics: what is subscribed to on this node, and how much comes for it. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "ops/admin_list.h"

struct topics {
  struct admin_list list;
  struct hub_scan scan;
  struct net_env *env; /* of the worker that is walked through */
};

/* As if the messages of the last epoch had come evenly spread: all of them within one epoch's time
 * until now. */
static double per_s(const struct topics *topics, const struct hub_topic *topic)
{
  double into = (double)(topics->env->now_ms % HUB_EPOCH_MS) / HUB_EPOCH_MS;
  return ((double)topic->messages + (double)topic->before * (1 - into)) * 1000 / HUB_EPOCH_MS;
}

/* Subscribers are of one worker each; messages come to every worker that has some. */
static json_t *merge(json_t *row, const struct hub_topic *topic, double rate)
{
  if (!row)
    return json_pack("{s:o, s:I, s:f}", "topic", admin_string(topic->name), "subscribers",
                     (json_int_t)topic->subscribers, "per_s", rate);
  json_int_t n = json_integer_value(json_object_get(row, "subscribers"));
  double other = json_number_value(json_object_get(row, "per_s"));
  (void)json_object_set_new(row, "subscribers", json_integer(n + (json_int_t)topic->subscribers));
  (void)json_object_set_new(row, "per_s", json_real(rate > other ? rate : other));
  return row;
}

static void see(void *ctx, const struct hub_topic *topic)
{
  struct topics *topics = ctx;
  const struct hub *hub = &topics->env->hub;
  if (!admin_text_has(topic->name, str_of(topics->list.page.search.data)))
    return;
  /* Counted by the first worker that has it. */
  uint64_t before = (UINT64_C(1) << hub->worker) - 1;
  if (!(interest_workers(hub->interests, topic->name, topic->is_pattern) & before))
    topics->list.total++;
  struct top_row *row = admin_list_row(&topics->list, topic->name);
  if (row)
    row->value = merge(row->value, topic, per_s(topics, topic));
}

static bool on_step(struct gather *gather, struct net_env *env)
{
  struct topics *topics = container_of(gather, struct topics, list.gather);
  uint64_t end_us = admin_step_end_us(topics->list.admin);
  if (!topics->list.walking)
    topics->scan = (struct hub_scan){.visit = see, .ctx = topics};
  topics->env = env;
  topics->list.walking = true;
  do {
    if (!hub_scan_topics(&env->hub, &topics->scan)) {
      topics->list.walking = false;
      return true;
    }
  } while (clock_now_us() < end_us);
  return false;
}

static void free_topics(struct admin_list *list)
{
  free(container_of(list, struct topics, list));
}

void admin_topics(struct admin *admin, struct mount_request *request)
{
  struct topics *topics = calloc(1, sizeof *topics);
  if (!topics) {
    admin_no_memory(request);
    return;
  }
  topics->list =
      (struct admin_list){.gather = {.step = on_step}, .name = "topics", .free = free_topics};
  if (!admin_list_start(&topics->list, admin, request))
    free(topics);
}
