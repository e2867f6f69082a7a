#include "broker/broker_inner.h"

#include <stdlib.h>

#include "base/counter.h"
#include "broker/both.h"

/* [any] The one that holds now. */
static struct engine *now(const struct broker *broker)
{
  return broker_route(broker)->first;
}

void broker_set_route(struct broker *broker, struct engine *first, struct engine *second)
{
  struct broker_route *route = &broker->routes[broker->n_routes++ % BROKER_ROUTES];
  *route = (struct broker_route){first, second};
  atomic_store_explicit(&broker->route, route, memory_order_release);
}

/* --- interests ---------------------------------------------------------------------------- */

static void run_changes(struct loop_task *task)
{
  struct broker *broker = container_of(task, struct broker, changes_task);
  atomic_store(&broker->changes_posted, 0);
  interest_group_changes(&broker->group);
}

void broker_on_change(void *arg)
{
  struct broker *broker = arg;
  if (!broker->loop || atomic_exchange(&broker->changes_posted, 1))
    return;
  /* A worker that reads thousands of SUBSCRIBEs in one turn would be interrupted by each, where
   * both want the same core. */
  if (interest_on_worker())
    loop_post_task_soon(broker->loop, &broker->changes_task);
  else
    loop_post_task(broker->loop, &broker->changes_task);
}

/* --- publishing --------------------------------------------------------------------------- */

static bool is_too_big(const struct engine *engine, size_t payload_len)
{
  uint64_t max = engine_max_payload(engine);
  return max && payload_len > max;
}

static plug_status publish_both(const struct broker_route *route, const struct plug_msg *msg,
                                struct inbox_item *answer, struct inbox *inbox)
{
  struct publish_to first = {.shared = true}, second = {.shared = true, .second = true};
  struct both *both = NULL;
  bool too_big = is_too_big(route->second, msg->payload.len);
  if (!too_big && answer)
    first.both = second.both = both = both_new(answer, inbox);
  if (too_big || (answer && !both)) {
    COUNT(published);
    COUNT(publish_failed);
    return too_big ? PLUG_ETOOBIG : PLUG_ENOMEM;
  }
  plug_status status = engine_publish(route->first, msg, &first);
  if (both && status != PLUG_PENDING)
    both_finish(both, 0, status);
  plug_status other = engine_publish(route->second, msg, &second);
  if (both && other != PLUG_PENDING)
    both_finish(both, 1, other);
  if (both)
    return PLUG_PENDING;
  return status < 0 && status != PLUG_EAGAIN && other >= 0 ? other : status;
}

plug_status broker_publish(struct broker *broker, const struct plug_msg *msg,
                           struct inbox_item *answer, struct inbox *inbox)
{
  const struct broker_route *route = broker_route(broker);
  static const struct publish_to nobody;
  if (__builtin_expect(route->second != NULL, 0))
    return publish_both(route, msg, answer, inbox);
  if (!answer)
    return engine_publish(route->first, msg, &nobody);
  const struct publish_to to = {.answer = answer, .inbox = inbox};
  return engine_publish(route->first, msg, &to);
}

bool broker_publish_unheard(struct broker *broker, uint64_t topic_hash, size_t payload_len)
{
  const struct broker_route *route = broker_route(broker);
  return !route->second && engine_publish_unheard(route->first, topic_hash, payload_len);
}

bool broker_congested(const struct broker *broker)
{
  const struct broker_route *route = broker_route(broker);
  return engine_congested(route->first) || (route->second && engine_congested(route->second));
}

/* --- life --------------------------------------------------------------------------------- */

struct broker *broker_new(const struct broker_settings *settings)
{
  struct broker *broker = calloc(1, sizeof *broker);
  if (!broker)
    return NULL;
  broker->settings = *settings;
  broker->changes_task.run = run_changes;
  const struct engine_place place = {.group = &broker->group};
  struct engine *engine = engine_new(settings, &place);
  if (!engine) {
    free(broker);
    return NULL;
  }
  broker_set_route(broker, engine, NULL);
  return broker;
}

plug_status broker_create(struct broker *broker, struct plugin_image *image, struct loop *loop,
                          const char *name, const struct config_section *section,
                          struct interest_table *interests, struct plug_err *err)
{
  broker->group.table = interests;
  plug_status status = engine_create(now(broker), image, loop, name, section, err);
  if (status != PLUG_OK)
    return status;
  broker->loop = loop;
  interest_set_local_patterns(interests, !(engine_caps(now(broker)) & PLUG_CAP_CROSS_NODE));
  return PLUG_OK;
}

plug_status broker_start(struct broker *broker, struct plug_err *err)
{
  return engine_start(now(broker), err);
}

void broker_drain(struct broker *broker)
{
  engine_drain(now(broker));
}

void broker_stop(struct broker *broker)
{
  engine_stop(now(broker));
}

void broker_free(struct broker *broker)
{
  if (!broker)
    return;
  if (engine_free(now(broker))) {
    gate_free(broker->gate);
    free(broker);
  }
}

/* --- what it is like ---------------------------------------------------------------------- */

uint64_t broker_max_payload(const struct broker *broker)
{
  const struct broker_route *route = broker_route(broker);
  uint64_t max = engine_max_payload(route->first);
  uint64_t other = route->second ? engine_max_payload(route->second) : 0;
  return other && (!max || other < max) ? other : max;
}

struct plugin_instance *broker_instance(const struct broker *broker)
{
  return engine_instance(now(broker));
}

struct broker_load broker_load(const struct broker *broker)
{
  return engine_load(now(broker));
}

bool broker_ready(const struct broker *broker)
{
  return engine_ready(now(broker));
}

const struct proof *broker_proof(const struct broker *broker)
{
  return engine_proof(now(broker));
}

void broker_health_text(struct broker *broker, char out[HEALTH_TEXT_MAX])
{
  engine_health_text(now(broker), out);
}

bool broker_unready(struct broker *broker, char *out, size_t size)
{
  return engine_unready(now(broker), out, size);
}
