#include "ops/health.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/str.h"
#include "http/http_head.h"
#include "ops/metric_text.h"
#include "ops/metrics.h"
#include "ops/node_state.h"

/* --- /health ------------------------------------------------------------------------------- */

static const char *proof_name(enum proof_kind kind)
{
  static const char *const names[] = {[PROOF_OFF] = "off",
                                      [PROOF_TRIVIAL] = "trivial",
                                      [PROOF_ITS_OWN] = "plugin",
                                      [PROOF_BY_PROBES] = "probes"};
  return names[kind];
}

static json_t *broker_json(const struct ops_sources *sources)
{
  char text[HEALTH_TEXT_MAX];
  struct broker_load load = broker_load(sources->broker);
  const struct proof *proof = broker_proof(sources->broker);
  uint64_t proven_ms = proof_proven_ms(proof);
  struct plug_str name = ops_broker_name(sources);
  broker_health_text(sources->broker, text);
  json_t *json = json_pack("{s:s%, s:s, s:s, s:s, s:I, s:I}", "plugin", name.ptr, name.len, "state",
                           broker_ready(sources->broker) ? "up" : "down", "text", text, "proof",
                           proof_name(proof->kind), "untaken", (json_int_t)load.untaken, "waiting",
                           (json_int_t)load.waiting);
  if (json && proven_ms)
    json_object_set_new(json, "proven_ms_ago",
                        json_integer((json_int_t)(clock_now_ms() - proven_ms)));
  if (json && proof->kind == PROOF_BY_PROBES && proven_ms)
    json_object_set_new(json, "round_trip_us",
                        json_integer((json_int_t)atomic_load(&proof->rtt_us)));
  return json;
}

static json_t *workers_json(const struct ops_sources *sources)
{
  json_t *all = json_array();
  for (unsigned i = 0; all && i < sources->n_workers; i++) {
    const struct worker *worker = &sources->workers[i];
    const struct counter_block *counted = atomic_load(&worker->counters);
    uint64_t load = atomic_load_explicit(&worker->inbox.load, memory_order_relaxed);
    json_array_append_new(
        all, json_pack("{s:I, s:I, s:I, s:I}", "connections",
                       (json_int_t)counter_read_of(counted, COUNTER_connections), "sessions",
                       (json_int_t)counter_read_of(counted, COUNTER_sessions), "subscriptions",
                       (json_int_t)counter_read_of(counted, COUNTER_subscriptions), "inbox",
                       (json_int_t)inbox_load_items(load)));
  }
  return all;
}

static int put_bytes(const char *bytes, size_t n, void *out)
{
  buf_put(out, bytes, n);
  return 0;
}

bool health_put(const struct ops_sources *sources, struct monitor *monitor, struct buf *out,
                bool *ready)
{
  char why[NODE_WHY_SIZE], dead[ROLLCALL_REASON_MAX];
  bool live = !monitor_hangs(monitor, dead, sizeof dead);
  enum node_state state = node_state(sources->broker, sources->leaving, why);
  *ready = live && state == NODE_READY;
  json_t *json =
      json_pack("{s:s, s:b, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o}", "state",
                node_state_text(state), "live", live, "node", sources->settings->node, "version",
                PLUGBOARD_VERSION, "uptime_ms", (json_int_t)(clock_now_ms() - sources->started_ms),
                "connections", (json_int_t)counter_read(COUNTER_connections), "sessions",
                (json_int_t)counter_read(COUNTER_sessions), "subscriptions",
                (json_int_t)counter_read(COUNTER_subscriptions), "broker", broker_json(sources),
                "workers", workers_json(sources));
  const char *reason = !live ? dead : !*ready ? why : NULL;
  if (json && reason)
    json_object_set_new(json, "reason", json_string(reason));
  bool well = json && json_dump_callback(json, put_bytes, out, JSON_COMPACT) == 0;
  json_decref(json);
  buf_put_char(out, '\n');
  return well && !out->failed;
}

#define NO_STORE "cache-control: no-store\r\n"

/* --- mounts -------------------------------------------------------------------------------- */

static bool is_read(struct mount_request *request)
{
  if (request->method == HTTP_GET || request->method == HTTP_HEAD)
    return true;
  mount_answer(request, &(struct mount_answer){.status = 405,
                                               .headers = NO_STORE "allow: GET, HEAD\r\n",
                                               .type = "text/plain; charset=utf-8",
                                               .body = STR("Only GET and HEAD are answered "
                                                           "here.\n")});
  return false;
}

/* What is for operators is shown at their door to whoever has shown that he is one. */
static bool may_see(const struct health_mounts *mine, struct mount_request *request)
{
  return request->door != DOOR_ADMIN || admin_auth_check(mine->operators, request);
}

static void answer_live(void *ctx, struct mount_request *request)
{
  struct health_mounts *mine = ctx;
  char text[ROLLCALL_REASON_MAX + 16] = "not live: ";
  struct mount_answer answer = {.status = 200,
                                .headers = NO_STORE,
                                .type = "text/plain; charset=utf-8",
                                .body = STR("live\n")};
  if (!is_read(request))
    return;
  size_t len = strlen(text);
  if (monitor_hangs(mine->monitor, text + len, sizeof text - len - 1)) {
    len = strlen(text);
    text[len] = '\n';
    answer.status = 503;
    answer.body = str_from(text, len + 1);
  }
  mount_answer(request, &answer);
}

static void answer_health(void *ctx, struct mount_request *request)
{
  struct health_mounts *mine = ctx;
  struct buf text = {0};
  bool ready = false;
  if (!is_read(request) || !may_see(mine, request))
    return;
  if (!health_put(mine->sources, mine->monitor, &text, &ready))
    text.failed = true;
  mount_answer_text(request, ready ? 200 : 503, &text);
}

static void answer_metrics(void *ctx, struct mount_request *request)
{
  struct health_mounts *mine = ctx;
  struct buf text = {0};
  if (!is_read(request) || !may_see(mine, request))
    return;
  metrics_write(mine->sources, mine->monitor, &text);
  if (text.failed) {
    mount_answer_text(request, 503, &text);
    return;
  }
  mount_answer(request, &(struct mount_answer){.status = 200,
                                               .headers = NO_STORE,
                                               .type = METRIC_CONTENT_TYPE,
                                               .body = str_from(text.data, text.len)});
  buf_free(&text);
}

/* At the doors of clients an endpoint that is called so has been there first. */
static unsigned doors_of_live(const struct settings *settings)
{
  for (size_t i = 0; i < settings->n_endpoints; i++)
    if (!strcmp(settings->endpoints[i].path, "/live"))
      return MOUNT_ANYWHERE & ~MOUNT_AT(DOOR_CLIENTS);
  return MOUNT_ANYWHERE;
}

bool health_mount(struct health_mounts *mine, struct mounts *mounts)
{
  const unsigned operators = MOUNT_AT(DOOR_ADMIN) | MOUNT_AT(DOOR_METRICS);
  const struct mount all[] = {
      {.path = "/live",
       .doors = doors_of_live(mine->sources->settings),
       .handle = answer_live,
       .ctx = mine},
      {.path = "/health", .doors = operators, .handle = answer_health, .ctx = mine},
      {.path = "/metrics", .doors = operators, .handle = answer_metrics, .ctx = mine}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (!mounts_add(mounts, &all[i]))
      return false;
  return true;
}
