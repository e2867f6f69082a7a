#include "message/message_rules.h"

#include <stdatomic.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"

static struct {
  _Atomic uint64_t bytes, n_headers, header_bytes, topic_bytes;
} the_limits;

void message_set_limits(const struct message_limits *limits)
{
  the_limits.bytes = limits->bytes;
  the_limits.n_headers = limits->n_headers;
  the_limits.header_bytes = limits->header_bytes;
  the_limits.topic_bytes = limits->topic_bytes;
}

bool message_is_servers_header(struct plug_str name)
{
  switch (name.len) {
  case 3:
    return str_eq(name, STR("ack"));
  case 10:
    return str_eq(name, STR("message-id"));
  case 11:
    return str_eq(name, STR("destination"));
  case 12:
    return str_eq(name, STR("content-type")) || str_eq(name, STR("subscription"));
  case 14:
    return str_eq(name, STR("content-length"));
  default:
    return false;
  }
}

static bool is_text(struct plug_str s)
{
  return s.len == 0 || (!memchr(s.ptr, '\0', s.len) && utf8_valid(s.ptr, s.len));
}

const char *message_breaks_frames(const struct plug_msg_init *init)
{
  if (!init->topic.len || !is_text(init->topic))
    return "its topic is empty or no text";
  if (!is_text(init->content_type))
    return "its content type is no text";
  for (size_t i = 0; i < init->n_headers; i++) {
    const struct plug_kv *header = &init->headers[i];
    if (!header->key.len)
      return "a header has no name";
    if (!is_text(header->key) || !is_text(header->value))
      return "a header is no text";
    if (message_is_servers_header(header->key))
      return "a header is one that only the server writes";
  }
  return NULL;
}

const char *message_over_limit(const struct plug_msg_init *init)
{
  const struct message_limits now = {
      atomic_load_explicit(&the_limits.bytes, memory_order_relaxed),
      atomic_load_explicit(&the_limits.n_headers, memory_order_relaxed),
      atomic_load_explicit(&the_limits.header_bytes, memory_order_relaxed),
      atomic_load_explicit(&the_limits.topic_bytes, memory_order_relaxed)};
  const struct message_limits *limits = &now;
  uint64_t bytes = init->topic.len + init->content_type.len + init->payload.len;
  if (limits->topic_bytes && init->topic.len > limits->topic_bytes)
    return "its topic is over max-destination-length";
  if (limits->n_headers && init->n_headers > limits->n_headers)
    return "it has more than max-headers";
  for (size_t i = 0; i < init->n_headers; i++) {
    uint64_t header = init->headers[i].key.len + init->headers[i].value.len;
    if (limits->header_bytes && header > limits->header_bytes)
      return "a header is over max-header-size";
    bytes += header;
  }
  return limits->bytes && bytes > limits->bytes ? "it is over max-frame-size" : NULL;
}
