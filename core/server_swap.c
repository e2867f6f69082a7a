/* Orders to swap the broker, an auth plugin or an application, and reloads that name another one:
 * made into a swap (ops/swap.h), and answered when it is over. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"
#include "config/fault.h"
#include "server_inner.h"

/* Whoever waits for the end of a swap; gone with it. */
struct waiter {
  struct server *server;
  struct order *order; /* NULL: nobody waits */
  struct config *config;
  struct settings settings;
  bool has_settings;
  json_t *reloaded; /* what a reload answers; NULL: it is an order to swap */
};

static void waiter_free(struct waiter *waiter)
{
  json_decref(waiter->reloaded);
  if (waiter->has_settings)
    settings_fini(&waiter->settings);
  config_free(waiter->config);
  free(waiter);
}

/* json is taken over. */
static void answer(struct order *order, plug_status status, json_t *json)
{
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  if (order)
    orders_answer(order, status, text ? text : "{}");
  free(text);
  json_decref(json);
}

static void refuse(struct order *order, plug_status status, const char *code, const char *message,
                   json_t *faults)
{
  json_t *json = json_pack("{s:s, s:s}", "code", code, "message", message);
  if (json && faults)
    (void)json_object_set(json, "faults", faults);
  answer(order, status, json);
}

static void on_swapped(void *ctx, const struct swap_end *end)
{
  struct waiter *waiter = ctx;
  if (!end->why) {
    answer(waiter->order, PLUG_OK,
           json_pack("{s:s, s:s, s:I, s:I}", "from", end->from, "to", end->to, "took_ms",
                     (json_int_t)end->took_ms, "overlap_ms", (json_int_t)end->overlap_ms));
  } else {
    char message[400];
    snprintf(message, sizeof message, "the broker stays %s: %s", end->from, end->why);
    refuse(waiter->order, end->mistaken ? PLUG_EINVAL : PLUG_ESTATE,
           end->mistaken ? "bad-configuration" : "not-swapped", message, NULL);
  }
  waiter_free(waiter);
}

static void hear(void *ctx, const struct plug_err *err)
{
  json_t *text = json_string(err->text);
  log_error("config", "%s", err->text);
  if (text)
    (void)json_array_append_new(ctx, text);
}

/* The file as it is now, for the section of the new broker. False: it has mistakes, which are in
 * faults. Without a file there is what the server was started with. */
static bool read_file(struct waiter *waiter, json_t *faults)
{
  const struct config_source *source = waiter->server->reload.source;
  struct config_complaints complaints = {.complain = hear, .ctx = faults};
  if (!source || !source->file)
    return true;
  waiter->config = config_new();
  waiter->has_settings =
      waiter->config && config_load(source, &complaints, waiter->config, &waiter->settings);
  return waiter->has_settings && complaints.n == 0;
}

void server_follow_reload(struct server *server)
{
  server->config = server->reload.now.config;
  server->settings = server->reload.now.settings;
  server->access = server->reload.now.access;
  server->app = server->reload.now.app;
}

/* Done when this returns: nothing of it waits for clients or for another node. */
static void swap_plugin(struct server *server, struct order *order)
{
  const struct reload_order what = {order->swap_kind, order->plugin, order->former};
  struct buf text = {0};
  if (swap_is_under_way(&server->swap)) {
    COUNT(swaps_failed);
    refuse(order, PLUG_ESTATE, "not-swapped", "another swap is under way", NULL);
    return;
  }
  swap_show(&server->swap, order->swap_kind, order->plugin);
  plug_status status = reload_plugin(&server->reload, &what, &text);
  server_follow_reload(server);
  swap_shown(&server->swap);
  orders_answer(order, status, text.failed ? "{}" : text.data);
  buf_free(&text);
}

static void swap_broker(struct server *server, struct order *order)
{
  struct waiter *waiter = calloc(1, sizeof *waiter);
  json_t *faults = json_array();
  if (!waiter || !faults) {
    free(waiter);
    json_decref(faults);
    orders_answer(order, PLUG_ENOMEM, "out of memory");
    return;
  }
  waiter->server = server;
  waiter->order = order;
  if (!read_file(waiter, faults)) {
    refuse(order, PLUG_EINVAL, "bad-configuration",
           "the configuration has mistakes, and the broker stays as it is", faults);
    waiter_free(waiter);
  } else {
    const struct swap_plan plan = {.settings =
                                       waiter->has_settings ? &waiter->settings : server->settings,
                                   .config = waiter->config ? waiter->config : server->config,
                                   .plugin = order->plugin,
                                   .overlap_ms = order->overlap_ms};
    swap_begin(&server->swap, &plan, on_swapped, waiter);
  }
  json_decref(faults);
}

void server_swap(struct server *server, struct order *order)
{
  if (strcmp(order->swap_kind, "broker") == 0)
    swap_broker(server, order);
  else
    swap_plugin(server, order);
}

/* --- reload ------------------------------------------------------------------------------- */

static bool is_brokers(const json_t *key)
{
  const char *text = json_string_value(key);
  return text && (strncmp(text, "[broker] plugin", 15) == 0 || strncmp(text, "[broker.", 8) == 0);
}

/* What was told as applied was not. */
static void take_back(json_t *reloaded, const char *why)
{
  json_t *applied = json_object_get(reloaded, "applied"), *kept = json_object_get(reloaded, "kept");
  for (size_t i = json_array_size(applied); i--;) {
    json_t *key = json_array_get(applied, i);
    if (!is_brokers(key))
      continue;
    (void)json_array_append_new(kept, json_pack("{s:O, s:s}", "key", key, "why", why));
    (void)json_array_remove(applied, i);
  }
}

static void on_reloaded(void *ctx, const struct swap_end *end)
{
  struct waiter *waiter = ctx;
  waiter->server->broker_owed = end->why != NULL;
  if (end->why) {
    char why[400];
    snprintf(why, sizeof why, "is not applied, the broker stays %s: %s", end->from, end->why);
    take_back(waiter->reloaded, why);
  }
  answer(waiter->order, PLUG_OK, json_incref(waiter->reloaded));
  waiter_free(waiter);
}

void server_swap_reloaded(struct server *server, struct order *order, const char *text)
{
  struct waiter *waiter = calloc(1, sizeof *waiter);
  const struct swap_plan plan = {.settings = server->settings,
                                 .config = server->config,
                                 .plugin = server->settings->broker_plugin,
                                 .by_file = true};
  if (!waiter) {
    orders_answer(order, PLUG_ENOMEM, "out of memory");
    return;
  }
  waiter->server = server;
  waiter->order = order->signal_number ? NULL : order;
  waiter->reloaded = json_loads(text, 0, NULL);
  swap_begin(&server->swap, &plan, on_reloaded, waiter);
}
