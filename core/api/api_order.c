#include "api/api_order.h"

#include <stdlib.h>

#include "api/api_json.h"
#include "base/str.h"
#include "hub/destination.h"

#define VERSION 1

static const char *const kinds[] = {"disconnect", "unsubscribe"};

/* Control characters would break lines of logs and of frames. */
static bool read_text(const json_t *object, const char *name, char out[API_ORDER_TEXT_MAX + 1],
                      struct api_fault *fault)
{
  struct plug_str text;
  if (!api_json_text(object, -1, name, API_ORDER_TEXT_MAX, &text, fault))
    return false;
  for (size_t i = 0; i < text.len; i++)
    if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
      return api_refuse(fault, 400, "bad-value", name, "'%s' has a control character", name);
  if (text.len)
    memcpy(out, text.ptr, text.len);
  out[text.len] = '\0';
  return true;
}

static bool read_whom(const json_t *object, struct api_order *order, struct api_fault *fault)
{
  if (!read_text(object, "user", order->user, fault) ||
      !read_text(object, "session", order->session, fault))
    return false;
  if (!order->user[0] && !order->session[0])
    return api_refuse(fault, 400, "missing", "user", "one of 'user' and 'session' is needed");
  if (order->user[0] && order->session[0])
    return api_refuse(fault, 400, "bad-value", "session", "there is a 'user' already");
  return true;
}

static bool read_refusal(const json_t *object, const char *name, struct api_order *order,
                         struct api_fault *fault)
{
  const json_t *value = json_object_get(object, name);
  if (!value)
    return true;
  if (!json_is_integer(value))
    return api_refuse(fault, 400, "bad-type", name, "'%s' is to be a whole number", name);
  json_int_t seconds = json_integer_value(value);
  if (seconds < 0 || seconds > (json_int_t)API_ORDER_REFUSE_MAX)
    return api_refuse(fault, 400, "bad-value", name, "'%s' is to be 0 to %u, which is 30 days",
                      name, API_ORDER_REFUSE_MAX);
  if (seconds && !order->user[0])
    return api_refuse(fault, 400, "bad-value", name,
                      "only a 'user' can be refused, for sessions do not come back");
  order->refuse_s = (uint32_t)seconds;
  return true;
}

static bool read_destination(const json_t *object, size_t max, struct api_order *order,
                             struct api_fault *fault)
{
  struct plug_str destination;
  const char *why;
  if (!api_json_text(object, -1, "destination", SIZE_MAX, &destination, fault))
    return false;
  if (!destination.len)
    return api_refuse(fault, 400, "missing", "destination", "'destination' is missing");
  if (!destination_valid(destination, max, &why))
    return api_refuse(fault, 400, "bad-destination", "destination", "%s", why);
  order->destination = str_dup(destination);
  return order->destination ||
         api_refuse(fault, 503, "out-of-memory", NULL, "the server is out of memory");
}

static bool read_all(const json_t *object, size_t max_destination, struct api_order *order,
                     struct api_fault *fault)
{
  return read_whom(object, order, fault) && read_text(object, "reason", order->reason, fault) &&
         (order->kind == API_ORDER_DISCONNECT
              ? read_refusal(object, "refuseSeconds", order, fault)
              : read_destination(object, max_destination, order, fault));
}

bool api_order_read(enum api_order_kind kind, struct plug_str body, size_t max_destination,
                    struct api_order *order, struct api_fault *fault)
{
  static const char *const names[][4] = {{"user", "session", "reason", "refuseSeconds"},
                                         {"user", "session", "reason", "destination"}};
  *order = (struct api_order){.kind = kind};
  json_t *root = api_json_read(body, fault);
  if (!root)
    return false;
  bool well = api_json_known(root, -1, names[kind], 4, fault) &&
              read_all(root, max_destination, order, fault);
  json_decref(root);
  return well;
}

bool api_order_read_kick(struct plug_str body, struct api_order *order, struct api_fault *fault)
{
  static const char *const names[] = {"user", "session", "message", "for_s"};
  *order = (struct api_order){.kind = API_ORDER_DISCONNECT};
  json_t *root = api_json_read(body, fault);
  if (!root)
    return false;
  bool well = api_json_known(root, -1, names, 4, fault) && read_whom(root, order, fault) &&
              read_text(root, "message", order->reason, fault) &&
              read_refusal(root, "for_s", order, fault);
  json_decref(root);
  return well;
}

void api_order_fini(struct api_order *order)
{
  free(order->destination);
  order->destination = NULL;
}

bool api_order_put(const struct api_order *order, struct buf *out)
{
  json_t *json = json_pack(
      "{s:i, s:s, s:s*, s:s*, s:s*, s:s*}", "version", VERSION, "order", kinds[order->kind], "user",
      order->user[0] ? order->user : NULL, "session", order->session[0] ? order->session : NULL,
      "reason", order->reason[0] ? order->reason : NULL, "destination", order->destination);
  if (json && order->refuse_s)
    json_object_set_new(json, "refuseSeconds", json_integer((json_int_t)order->refuse_s));
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  json_decref(json);
  if (!text)
    return false;
  buf_put_str(out, str_of(text));
  free(text);
  return !out->failed;
}

enum api_order_heard api_order_hear(struct plug_str text, size_t max_destination,
                                    struct api_order *order)
{
  struct api_fault fault;
  enum api_order_heard heard = API_ORDER_BAD;
  *order = (struct api_order){0};
  json_t *root = api_json_read(text, &fault);
  const json_t *version = json_object_get(root, "version");
  const char *kind = json_string_value(json_object_get(root, "order"));
  if (json_is_integer(version) && json_integer_value(version) > VERSION)
    heard = API_ORDER_FOREIGN;
  else if (json_is_integer(version) && kind) {
    heard = API_ORDER_FOREIGN;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
      if (strcmp(kind, kinds[i]) == 0) {
        order->kind = (enum api_order_kind)i;
        heard = read_all(root, max_destination, order, &fault) ? API_ORDER_HEARD : API_ORDER_BAD;
      }
  }
  json_decref(root);
  if (heard != API_ORDER_HEARD)
    api_order_fini(order);
  return heard;
}
