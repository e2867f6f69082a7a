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
    waiter->server->broker_owed = false; /* an operator's word is not undone by a reload */
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
    static const char why[] = "another swap is under way";
    COUNT(swaps_failed);
    log_error(order->swap_kind, "%s is not swapped to: %s", order->plugin, why);
    refuse(order, PLUG_ESTATE, "not-swapped", why, NULL);
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
    static const char why[] = "the configuration has mistakes, and the broker stays as it is";
    COUNT(swaps_failed);
    log_error("core", "%s", why);
    refuse(order, PLUG_EINVAL, "bad-configuration", why, faults);
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

/* The broker's keys, which were told as applied, are so after a swap alone. A reload that tries
 * once more what has failed before has none that changed. */
static void tell_keys(json_t *reloaded, const char *why)
{
  static const char named[] = "[broker] plugin";
  json_t *applied = json_object_get(reloaded, "applied"), *kept = json_object_get(reloaded, "kept");
  bool any = false;
  for (size_t i = json_array_size(applied); i--;) {
    json_t *key = json_array_get(applied, i);
    if (!json_is_string(key) || !reload_is_brokers(json_string_value(key)))
      continue;
    any = true;
    if (!why)
      continue;
    (void)json_array_append_new(kept, json_pack("{s:O, s:s}", "key", key, "why", why));
    (void)json_array_remove(applied, i);
  }
  if (any)
    return;
  if (why)
    (void)json_array_append_new(kept, json_pack("{s:s, s:s}", "key", named, "why", why));
  else
    (void)json_array_append_new(applied, json_string(named));
}

static void on_reloaded(void *ctx, const struct swap_end *end)
{
  struct waiter *waiter = ctx;
  char why[400];
  waiter->server->broker_owed = end->why != NULL;
  if (end->why)
    snprintf(why, sizeof why, "is not applied, the broker stays %s: %s", end->from, end->why);
  tell_keys(waiter->reloaded, end->why ? why : NULL);
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
