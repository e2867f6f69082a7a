/* GET /admin/api/status and /admin/api/nodes: how the node is, and what it knows of the others. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/day.h"
#include "base/str.h"
#include "ops/admin_inner.h"
#include "ops/node_state.h"
#include "ops/swap.h"

#include "net/generation.h"

static void put_warning(void *ctx, const char *id, uint64_t since_ms, const char *text)
{
  char since[DAY_TEXT_SIZE];
  (void)json_array_append_new(ctx, json_pack("{s:s, s:s, s:o}", "since", day_text(since_ms, since),
                                             "id", id, "text", admin_string(str_of(text))));
}

static json_t *warnings_json(const struct admin *admin)
{
  json_t *list = json_array();
  if (list)
    warnings_each(admin->warnings, put_warning, list);
  return list;
}

struct sink {
  json_t *out, *gauges;
  const char *instance;
};

static void put_metric(void *ctx, const char *name, const char *help, int is_gauge, int64_t value)
{
  const struct sink *sink = ctx;
  char full[256];
  (void)help;
  snprintf(full, sizeof full, "%s.%s", sink->instance, name);
  (void)json_object_set_new(sink->out, full, json_integer(value));
  if (is_gauge)
    (void)json_array_append_new(sink->gauges, json_string(full));
}

static void put_instance(json_t *out, json_t *gauges, struct plugin_instance *instance)
{
  struct sink sink = {out, gauges, instance_name(instance)};
  instance_each_metric(instance, put_metric, &sink);
}

/* gauges: gets the names of those that go down, too. */
static json_t *counters_json(const struct net_env *env, json_t *gauges)
{
  const struct net_chains now = generation_chains(env);
  const struct chain *const chains[] = {now.access, now.app};
  json_t *out = json_object();
  if (!out)
    return NULL;
  for (int i = 0; i < COUNTER_COUNT; i++) {
    const char *name = counter_name((enum counter)i);
    (void)json_object_set_new(out, name, json_integer(counter_read((enum counter)i)));
    if (counter_is_gauge((enum counter)i))
      (void)json_array_append_new(gauges, json_string(name));
  }
  put_instance(out, gauges, broker_instance(env->broker));
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; chains[k] && i < chains[k]->n; i++)
      put_instance(out, gauges, chains[k]->instances[i]);
  return out;
}

static json_t *rates_json(const struct admin *admin)
{
  return json_pack("{s:f, s:f, s:f}", "in_per_s", pulse_per_s(&admin->pulse, PULSE_IN), "out_per_s",
                   pulse_per_s(&admin->pulse, PULSE_OUT), "connects_per_s",
                   pulse_per_s(&admin->pulse, PULSE_CONNECTS));
}

/* Without "broker.". */
static const char *broker_name(const char *instance)
{
  const char *dot = strchr(instance, '.');
  return dot ? dot + 1 : instance;
}

void admin_status(struct admin *admin, struct mount_request *request)
{
  const struct settings *settings = admin->parts.settings;
  struct net_env *env = request->env;
  char why[NODE_WHY_SIZE], text[HEALTH_TEXT_MAX], abi[32];
  struct swap_status swap;
  bool swapping = swap_status(admin->parts.swap, &swap);
  enum node_state state = node_state(env->broker, env->leaving, why);
  bool up = broker_ready(env->broker);
  broker_health_text(env->broker, text);
  snprintf(abi, sizeof abi, "%d.%d", PLUG_ABI_MAJOR, PLUG_ABI_MINOR);
  json_t *gauges = json_array(), *counters = counters_json(env, gauges);
  json_t *json = json_pack(
      "{s:s, s:s, s:s, s:I, s:I, s:s, s:o*, s:I, s:{s:s, s:s, s:o}, s:o*, s:I, s:I, s:I, s:o, s:o, "
      "s:o, "
      "s:o}",
      "node", settings->node, "version", PLUGBOARD_VERSION, "abi", abi, "pid", (json_int_t)getpid(),
      "uptime_ms", (json_int_t)(env->now_ms - admin->pulse.started_ms), "state",
      node_state_text(state), "reason", state == NODE_NOT_READY ? admin_string(str_of(why)) : NULL,
      "workers", (json_int_t)settings->workers, "broker", "plugin",
      broker_name(instance_name(broker_instance(env->broker))), "state", up ? "up" : "down", "text",
      admin_string(str_of(text)), "swap",
      swapping ? json_pack("{s:s, s:o, s:o, s:s}", "kind", swap.kind, "from",
                           admin_string(str_of(swap.from)), "to", admin_string(str_of(swap.to)),
                           "phase", swap.phase)
               : NULL,
      "connections", (json_int_t)counter_read(COUNTER_connections), "sessions",
      (json_int_t)counter_read(COUNTER_sessions), "subscriptions",
      (json_int_t)counter_read(COUNTER_subscriptions), "rates", rates_json(admin), "warnings",
      warnings_json(admin), "counters", counters, "gauges", gauges);
  admin_answer(request, 200, json);
}

void admin_nodes(struct admin *admin, struct mount_request *request)
{
  pulse_note_self(&admin->pulse, request->env);
  json_t *list = nodes_list(admin->nodes, admin->pulse.instance, request->env->now_ms);
  admin_answer(request, 200, list ? json_pack("{s:o}", "nodes", list) : NULL);
}
