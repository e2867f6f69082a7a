#include "sockjs/sockjs_message.h"

#include <jansson.h>

#include "base/str.h"
#include "sockjs/sockjs_url.h"

static bool are_strings(const json_t *list)
{
  for (size_t i = 0; i < json_array_size(list); i++)
    if (!json_is_string(json_array_get(list, i)))
      return false;
  return true;
}

/* jansson hands its text out as constant, and the session writes into what it reads. */
static void take_all(const json_t *list, struct buf *copy,
                     void (*take)(void *ctx, char *message, size_t len), void *ctx)
{
  size_t at = 0;
  for (size_t i = 0; i < json_array_size(list); i++) {
    size_t len = json_string_length(json_array_get(list, i));
    take(ctx, copy->data + at, len);
    at += len;
  }
}

static enum sockjs_messages read_list(const json_t *list,
                                      void (*take)(void *ctx, char *message, size_t len), void *ctx)
{
  struct buf copy = {0};
  if (!are_strings(list))
    return SOCKJS_BAD_JSON;
  buf_reserve(&copy, 1); /* so that there is an address, even of nothing */
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *item = json_array_get(list, i);
    buf_put(&copy, json_string_value(item), json_string_length(item));
  }
  if (copy.failed) {
    buf_free(&copy);
    return SOCKJS_NO_MEMORY;
  }
  take_all(list, &copy, take, ctx);
  buf_free(&copy);
  return SOCKJS_MESSAGES;
}

enum sockjs_messages sockjs_messages_read(struct plug_str json, bool lone,
                                          void (*take)(void *ctx, char *message, size_t len),
                                          void *ctx)
{
  if (!json.len)
    return SOCKJS_NO_PAYLOAD;
  json_error_t error;
  json_t *value = json_loadb(json.ptr, json.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
  if (!value)
    return json_error_code(&error) == json_error_out_of_memory ? SOCKJS_NO_MEMORY : SOCKJS_BAD_JSON;
  enum sockjs_messages result = SOCKJS_NO_PAYLOAD;
  if (lone && json_is_string(value)) {
    json_t *list = json_array();
    if (!list || json_array_append(list, value) != 0)
      result = SOCKJS_NO_MEMORY;
    else
      result = read_list(list, take, ctx);
    json_decref(list);
  } else if (json_is_array(value)) {
    result = read_list(value, take, ctx);
  }
  json_decref(value);
  return result;
}

void sockjs_messages_unwrap(struct buf *body, bool form, struct plug_str *payload)
{
  *payload = str_from(body->data, body->len);
  if (!form)
    return;
  struct plug_str value;
  if (!sockjs_form_find(*payload, STR("d"), &value)) {
    *payload = str_from(NULL, 0);
    return;
  }
  char *at = body->data + (value.ptr - body->data);
  *payload = str_from(at, sockjs_form_decode(value, at));
}
