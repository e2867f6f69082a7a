/* Bodies of the HTTP API: what is taken makes whole messages to destinations that are allowed, what
 * is refused is an answer that is JSON; orders that are taken are understood by other nodes. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "api/api_order.h"
#include "api/api_publish.h"
#include "base/str.h"
#include "message/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fault(const struct api_fault *fault)
{
  struct buf out = {0};
  api_fault_put(fault, &out);
  json_t *json = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_string(json_object_get(json, "code")) || fault->status < 400 ||
      !json_string_length(json_object_get(json, "message")))
    abort();
  json_decref(json);
  buf_free(&out);
}

static void check_publish(struct plug_str body)
{
  static const struct plug_str broker[] = {{"/topic", 6}}, app[] = {{"/pub", 4}};
  static const struct destination_rules rules = {
      .broker = {broker, 1}, .app = {app, 1}, .user = {"/user", 5}};
  static const struct user_names users = {{"/user", 5}, {"key", 3}};
  static struct plug_kv kv[8];
  const struct api_world world = {&rules, &users, 100, 5, 1000, kv, 8};
  struct api_batch batch;
  struct api_fault fault;
  if (!api_publish_read(&world, body, &batch, &fault)) {
    check_fault(&fault);
    return;
  }
  if (!batch.n || batch.n > 5)
    abort();
  for (size_t i = 0; i < batch.n; i++) {
    struct plug_str topic = batch.msgs[i]->topic;
    if (!str_has_prefix(topic, STR("/topic")) && !str_has_prefix(topic, STR("user:")))
      abort();
    if (batch.msgs[i]->payload.len > 1000 || batch.msgs[i]->n_headers > 8)
      abort();
  }
  api_batch_free(&batch);
}

static bool read_order(int kind, struct plug_str body, struct api_order *order,
                       struct api_fault *fault)
{
  return kind < 0 ? api_order_read_kick(body, order, fault)
                  : api_order_read((enum api_order_kind)kind, body, 100, order, fault);
}

/* kind: enum api_order_kind; -1: as operators write it. */
static void check_order(int kind, struct plug_str body)
{
  struct api_order order, again;
  struct api_fault fault;
  struct buf text = {0};
  if (!read_order(kind, body, &order, &fault)) {
    check_fault(&fault);
    return;
  }
  if (!api_order_put(&order, &text) ||
      api_order_hear(str_from(text.data, text.len), 100, &again) != API_ORDER_HEARD)
    abort();
  if (again.kind != order.kind || strcmp(order.user, again.user) != 0 ||
      strcmp(order.session, again.session) != 0 || strcmp(order.reason, again.reason) != 0 ||
      order.refuse_s != again.refuse_s || !order.destination != !again.destination ||
      (order.destination && strcmp(order.destination, again.destination) != 0))
    abort();
  api_order_fini(&order);
  api_order_fini(&again);
  buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct plug_str body = {(const char *)data, size};
  struct api_order order;
  check_publish(body);
  check_order(API_ORDER_DISCONNECT, body);
  check_order(API_ORDER_UNSUBSCRIBE, body);
  check_order(-1, body);
  if (api_order_hear(body, 100, &order) == API_ORDER_HEARD)
    api_order_fini(&order);
  return 0;
}
