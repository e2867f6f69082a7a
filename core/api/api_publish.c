#include "api/api_publish.h"

#include <stdlib.h>

#include "api/api_json.h"
#include "base/counter.h"
#include "base/str.h"
#include "base64.h"
#include "json_text.h"
#include "message/message.h"
#include "message/message_rules.h"

#define USER_MAX 255 /* as of identities */
#define TYPE_MAX 255

/* One message as it is put together. */
struct draft {
  struct plug_msg_init init;
  struct buf topic;   /* of a user's destination */
  char *json;         /* a body that was given as JSON */
  struct buf decoded; /* or as base64 */
};

static void draft_free(struct draft *draft)
{
  buf_free(&draft->topic);
  buf_free(&draft->decoded);
  free(draft->json);
}

static bool no_memory(struct api_fault *fault)
{
  return api_refuse(fault, 503, "out-of-memory", NULL, "the server is out of memory");
}

/* --- where to ----------------------------------------------------------------------------- */

/* "user" or "session", and a destination as its sessions subscribe to it below the prefix. */
static bool read_users_destination(const struct api_world *world, long item, struct plug_str name,
                                   struct plug_str destination, struct draft *draft,
                                   struct api_fault *fault)
{
  if (!world->users->prefix.len)
    return api_json_refuse(fault, 400, "bad-destination", item, "destination",
                           "there are no user destinations: [destinations] user is empty");
  if (str_has_prefix(destination, world->users->prefix) &&
      (destination.len == world->users->prefix.len ||
       destination.ptr[world->users->prefix.len] == '/'))
    return api_json_refuse(fault, 400, "bad-destination", item, "destination",
                           "with 'user' or 'session' the destination is what follows '%.*s', as "
                           "/queue/x",
                           STR_ARG(world->users->prefix));
  user_put_topic(world->users, name, destination, &draft->topic);
  draft->init.topic = str_from(draft->topic.data, draft->topic.len);
  return !draft->topic.failed || no_memory(fault);
}

static bool read_plain_destination(const struct api_world *world, long item,
                                   struct plug_str destination, struct draft *draft,
                                   struct api_fault *fault)
{
  switch (destination_classify(world->destinations, destination)) {
  case DESTINATION_BROKER:
    draft->init.topic = destination;
    return true;
  case DESTINATION_USER:
    if (user_put_destination(world->users, destination, &draft->topic)) {
      draft->init.topic = str_from(draft->topic.data, draft->topic.len);
      return true;
    }
    if (draft->topic.failed)
      return no_memory(fault);
    return api_json_refuse(fault, 400, "bad-destination", item, "destination",
                           "'destination' is not of the form %.*s/NAME/DESTINATION",
                           STR_ARG(world->users->prefix));
  case DESTINATION_APP:
    return api_json_refuse(fault, 400, "bad-destination", item, "destination",
                           "'destination' is the applications', who answer clients only");
  default:
    return api_json_refuse(
        fault, 400, "bad-destination", item, "destination",
        "'destination' is outside every prefix of [destinations] broker and user");
  }
}

static bool read_destination(const struct api_world *world, const json_t *object, long item,
                             struct draft *draft, struct api_fault *fault)
{
  struct plug_str destination, user, session;
  const char *why;
  if (!api_json_text(object, item, "destination", SIZE_MAX, &destination, fault) ||
      !api_json_text(object, item, "user", USER_MAX, &user, fault) ||
      !api_json_text(object, item, "session", USER_MAX, &session, fault))
    return false;
  if (!destination.len)
    return api_json_refuse(fault, 400, "missing", item, "destination", "'destination' is missing");
  if (!destination_valid(destination, world->max_destination, &why)) {
    if (destination.len > world->max_destination)
      COUNT(refused_destination);
    return api_json_refuse(fault, 400, "bad-destination", item, "destination", "%s", why);
  }
  if (user.len && session.len)
    return api_json_refuse(fault, 400, "bad-value", item, "session", "there is a 'user' already");
  return user.len || session.len ? read_users_destination(world, item, user.len ? user : session,
                                                          destination, draft, fault)
                                 : read_plain_destination(world, item, destination, draft, fault);
}

/* --- what --------------------------------------------------------------------------------- */

static bool decode_base64(struct plug_str text, struct draft *draft, long item,
                          struct api_fault *fault)
{
  if (!text.len)
    return true;
  if (!buf_reserve(&draft->decoded, base64_bound(text.len)))
    return no_memory(fault);
  if (!base64_decode(text, (unsigned char *)draft->decoded.data, &draft->decoded.len))
    return api_json_refuse(fault, 400, "bad-value", item, "base64",
                           "'base64' is not base64 of RFC 4648, section 4, with its padding");
  draft->init.payload = str_from(draft->decoded.data, draft->decoded.len);
  return true;
}

static bool read_body(const json_t *object, long item, struct draft *draft, struct api_fault *fault)
{
  const json_t *body = json_object_get(object, "body"), *json = json_object_get(object, "json"),
               *base64 = json_object_get(object, "base64");
  int n = (body != NULL) + (json != NULL) + (base64 != NULL);
  if (n != 1)
    return api_json_refuse(
        fault, 400, n ? "bad-value" : "missing", item, "body",
        "one of 'body' (text), 'json' (any JSON) and 'base64' (bytes) is needed%s",
        n ? ", and only one" : "");
  if (body) {
    if (!json_is_string(body))
      return api_json_refuse(fault, 400, "bad-type", item, "body",
                             "'body' is to be a string; 'json' takes other JSON");
    draft->init.payload = api_json_str(body);
    draft->init.content_type = STR("text/plain;charset=UTF-8");
    return true;
  }
  if (json) {
    draft->json = json_text_dump(json);
    draft->init.payload = str_of(draft->json);
    draft->init.content_type = STR("application/json");
    return draft->json || no_memory(fault);
  }
  if (!json_is_string(base64))
    return api_json_refuse(fault, 400, "bad-type", item, "base64", "'base64' is to be a string");
  draft->init.content_type = STR("application/octet-stream");
  return decode_base64(api_json_str(base64), draft, item, fault);
}

static bool read_type(const json_t *object, long item, struct draft *draft, struct api_fault *fault)
{
  struct plug_str type;
  if (!api_json_text(object, item, "contentType", TYPE_MAX, &type, fault))
    return false;
  for (size_t i = 0; i < type.len; i++)
    if ((unsigned char)type.ptr[i] < ' ' || type.ptr[i] == 0x7f)
      return api_json_refuse(fault, 400, "bad-value", item, "contentType",
                             "'contentType' has a control character");
  if (type.len)
    draft->init.content_type = type;
  return true;
}

static bool read_headers(const struct api_world *world, const json_t *object, long item,
                         struct draft *draft, struct api_fault *fault)
{
  json_t *headers = json_object_get(object, "headers"), *value;
  const char *name;
  if (!headers)
    return true;
  if (!json_is_object(headers))
    return api_json_refuse(fault, 400, "bad-type", item, "headers",
                           "'headers' is to be an object of strings");
  if (json_object_size(headers) > world->n_kv)
    return api_json_refuse(fault, 413, "too-large", item, "headers",
                           "there are more headers than a frame can have");
  json_object_foreach(headers, name, value)
  {
    if (!*name || !json_is_string(value) ||
        memchr(json_string_value(value), 0, json_string_length(value)))
      return api_json_refuse(fault, 400, "bad-type", item, "headers",
                             "the header '%.*s' is to have a name, and text without NUL",
                             api_json_cut(name, 80), name);
    if (message_is_servers_header(str_of(name)))
      return api_json_refuse(fault, 400, "bad-value", item, "headers",
                             "the header '%s' is the server's to write%s", name,
                             strcmp(name, "content-type") == 0 ? "; see 'contentType'" : "");
    world->kv[draft->init.n_headers++] = (struct plug_kv){str_of(name), api_json_str(value)};
  }
  draft->init.headers = world->kv;
  return true;
}

/* --- messages ----------------------------------------------------------------------------- */

static bool is_carried(const struct api_world *world, long item, const struct draft *draft,
                       struct api_fault *fault)
{
  const char *limit = message_over_limit(&draft->init);
  if (limit)
    return api_json_refuse(fault, 413, "too-large", item, "", "the message cannot be sent: %s",
                           limit);
  if (world->max_payload && draft->init.payload.len > world->max_payload)
    return api_json_refuse(fault, 413, "too-large", item, "",
                           "the body is larger than the broker carries, %llu bytes",
                           (unsigned long long)world->max_payload);
  const char *broken = message_breaks_frames(&draft->init);
  return !broken || api_json_refuse(fault, 400, "bad-value", item, "",
                                    "the message cannot be sent: %s", broken);
}

static const struct plug_msg *read_message(const struct api_world *world, const json_t *object,
                                           long item, struct api_fault *fault)
{
  static const char *const names[] = {"destination", "user",   "session",     "body",
                                      "json",        "base64", "contentType", "headers"};
  struct draft draft = {.init = {.size = sizeof draft.init}};
  const struct plug_msg *msg = NULL;
  if (!json_is_object(object)) {
    api_json_refuse(fault, 400, "bad-type", item, "", "a message is to be an object");
    return NULL;
  }
  if (api_json_known(object, item, names, sizeof names / sizeof *names, fault) &&
      read_destination(world, object, item, &draft, fault) &&
      read_body(object, item, &draft, fault) && read_type(object, item, &draft, fault) &&
      read_headers(world, object, item, &draft, fault) && is_carried(world, item, &draft, fault) &&
      !(msg = message_new(&draft.init)))
    no_memory(fault);
  draft_free(&draft);
  return msg;
}

static bool read_list(const struct api_world *world, const json_t *root, const json_t *list,
                      struct api_batch *batch, struct api_fault *fault)
{
  static const char *const names[] = {"messages"};
  size_t n = json_array_size(list);
  if (!api_json_known(root, -1, names, 1, fault))
    return false;
  if (!json_is_array(list))
    return api_refuse(fault, 400, "bad-type", "messages", "'messages' is to be a list");
  if (!n)
    return api_refuse(fault, 400, "bad-value", "messages", "'messages' is empty");
  if (n > world->max_batch) {
    COUNT(api_refused_batch);
    return api_refuse(fault, 413, "too-large", "messages",
                      "there are more messages than max-batch, %zu", world->max_batch);
  }
  batch->msgs = calloc(n, sizeof *batch->msgs);
  if (!batch->msgs)
    return no_memory(fault);
  for (; batch->n < n; batch->n++)
    if (!(batch->msgs[batch->n] =
              read_message(world, json_array_get(list, batch->n), (long)batch->n, fault)))
      return false;
  return true;
}

static bool read_single(const struct api_world *world, const json_t *root, struct api_batch *batch,
                        struct api_fault *fault)
{
  batch->single = true;
  batch->msgs = calloc(1, sizeof *batch->msgs);
  if (!batch->msgs)
    return no_memory(fault);
  batch->msgs[0] = read_message(world, root, -1, fault);
  batch->n = batch->msgs[0] != NULL;
  return batch->n != 0;
}

bool api_publish_read(const struct api_world *world, struct plug_str body, struct api_batch *batch,
                      struct api_fault *fault)
{
  *batch = (struct api_batch){0};
  json_t *root = api_json_read(body, fault);
  if (!root)
    return false;
  const json_t *list = json_object_get(root, "messages");
  bool well =
      list ? read_list(world, root, list, batch, fault) : read_single(world, root, batch, fault);
  json_decref(root);
  if (!well)
    api_batch_free(batch);
  return well;
}

void api_batch_free(struct api_batch *batch)
{
  for (size_t i = 0; i < batch->n; i++)
    message_unref(batch->msgs[i]);
  free(batch->msgs);
  *batch = (struct api_batch){0};
}
