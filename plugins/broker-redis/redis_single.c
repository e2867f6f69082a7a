#include "redis_single.h"

#include <strings.h>

#include "redis_json.h"

static bool prefix_is(struct plug_str s, const char *prefix)
{
  size_t n = strlen(prefix);
  return s.len >= n && strncasecmp(s.ptr, prefix, n) == 0;
}

/* application/json, application/anything+json, or no type at all. */
static bool says_json(struct plug_str type)
{
  while (type.len > 0 && (*type.ptr == ' ' || *type.ptr == '\t')) {
    type.ptr++;
    type.len--;
  }
  if (type.len == 0)
    return true;
  const char *semicolon = memchr(type.ptr, ';', type.len);
  if (semicolon != NULL)
    type.len = (size_t)(semicolon - type.ptr);
  while (type.len > 0 && (type.ptr[type.len - 1] == ' ' || type.ptr[type.len - 1] == '\t'))
    type.len--;
  if (!prefix_is(type, "application/"))
    return false;
  return (type.len == 16 && prefix_is(type, "application/json")) ||
         (type.len > 17 && strncasecmp(type.ptr + type.len - 5, "+json", 5) == 0);
}

/* Receivers drop a content of null, so that a payload of null travels as a string. */
static bool is_null(struct plug_str payload)
{
  struct redis_json json = {payload.ptr, payload.ptr + payload.len};
  redis_json_skip_space(&json);
  return json.p < json.end && *json.p == 'n';
}

plug_status redis_single_encode(struct redis_buf *out, struct plug_str topic,
                                struct plug_str content_type, struct plug_str payload,
                                const char **why)
{
  static const char head[] = "{\"destination\":", middle[] = ",\"content\":";
  if (!redis_utf8_valid(topic)) {
    *why = "the destination is not valid UTF-8 and cannot be written as JSON";
    return PLUG_EINVAL;
  }
  redis_buf_put(out, head, sizeof head - 1);
  redis_json_put_quoted(out, topic);
  redis_buf_put(out, middle, sizeof middle - 1);
  /* One level less than a reader of ours accepts, as the content is inside of an object. */
  if (says_json(content_type) && redis_json_valid(payload, REDIS_JSON_MAX_DEPTH - 1) &&
      !is_null(payload)) {
    redis_buf_put(out, payload.ptr, payload.len);
  } else if (redis_utf8_valid(payload)) {
    redis_json_put_quoted(out, payload);
  } else {
    *why = "the payload is neither JSON nor valid UTF-8: binary messages need the layout topics";
    return PLUG_EINVAL;
  }
  redis_buf_put_char(out, '}');
  return out->failed ? PLUG_ENOMEM : PLUG_OK;
}

struct members {
  struct plug_str destination, content; /* as written, ptr NULL when missing */
};

/* Keys may be written with escapes; compare what they say. */
static bool key_is(struct redis_buf *scratch, struct plug_str key, const char *name)
{
  if (memchr(key.ptr, '\\', key.len) == NULL)
    return redis_str_eq((struct plug_str){key.ptr + 1, key.len - 2}, redis_str(name));
  redis_buf_clear(scratch);
  redis_json_put_unquoted(scratch, key);
  return redis_str_eq(redis_buf_str(scratch), redis_str(name));
}

static bool take_members(struct redis_json *json, struct redis_buf *scratch,
                         struct members *members)
{
  if (!redis_json_take(json, '{'))
    return false;
  bool more = !redis_json_take(json, '}');
  while (more) {
    struct plug_str key, value;
    if (!redis_json_take_string(json, &key) || !redis_json_take(json, ':') ||
        !redis_json_take_value(json, REDIS_JSON_MAX_DEPTH - 1, &value))
      return false;
    /* Of duplicates the last one counts, as with Jackson. */
    if (key_is(scratch, key, "destination"))
      members->destination = value;
    else if (key_is(scratch, key, "content"))
      members->content = value;
    more = redis_json_take(json, ',');
    if (!more && !redis_json_take(json, '}'))
      return false;
  }
  redis_json_skip_space(json);
  return json->p == json->end;
}

plug_status redis_single_decode(struct redis_buf *scratch, struct plug_str wire,
                                struct redis_single *out, const char **why)
{
  struct members members = {0};
  redis_buf_clear(scratch);
  if (wire.len == 0) {
    *why = "it is empty";
    return PLUG_EINVAL;
  }
  struct redis_json json = {wire.ptr, wire.ptr + wire.len};
  if (!redis_utf8_valid(wire)) {
    *why = "it is not valid UTF-8";
    return PLUG_EINVAL;
  }
  if (!take_members(&json, scratch, &members)) {
    *why = scratch->failed ? "out of memory" : "it is not a JSON object, or nested too deeply";
    return scratch->failed ? PLUG_ENOMEM : PLUG_EINVAL;
  }
  if (members.destination.ptr == NULL || *members.destination.ptr != '"' ||
      members.destination.len == 2) {
    *why = "it has no destination";
    return PLUG_EINVAL;
  }
  if (members.content.ptr == NULL || *members.content.ptr == 'n')
    return PLUG_ESTATE;

  redis_buf_clear(scratch);
  redis_json_put_unquoted(scratch, members.destination);
  size_t topic_len = scratch->len;
  bool text = *members.content.ptr == '"';
  if (text)
    redis_json_put_unquoted(scratch, members.content);
  if (scratch->failed) {
    *why = "out of memory";
    return PLUG_ENOMEM;
  }
  out->topic = (struct plug_str){scratch->ptr, topic_len};
  out->content_type = redis_str(text ? "text/plain;charset=UTF-8" : "application/json");
  out->payload = text ? (struct plug_str){scratch->ptr + topic_len, scratch->len - topic_len}
                      : members.content;
  if (memchr(out->topic.ptr, '\0', out->topic.len) != NULL) {
    *why = "its destination has a NUL character";
    return PLUG_EINVAL;
  }
  return PLUG_OK;
}
