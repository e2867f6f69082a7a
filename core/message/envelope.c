#include "message/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "message/message.h"
#include "message/message_rules.h"

#define MAGIC        0xb5u
#define VERSION      1u
#define HEAD_LEN     2u
#define FIELD_HEAD   5u /* tag and length */
#define HEADERS_NEAR 32u

enum tag {
  TAG_TOPIC = 1,
  TAG_CONTENT_TYPE = 2,
  TAG_ORIGIN = 3,
  TAG_ID = 4,
  TAG_PAYLOAD = 5,
  TAG_HEADER = 6,
  TAG_FLAGS = 7,
};

/* --- writing ------------------------------------------------------------------------------ */

static char *put_u32(char *at, uint32_t v)
{
  at[0] = (char)(v >> 24);
  at[1] = (char)(v >> 16);
  at[2] = (char)(v >> 8);
  at[3] = (char)v;
  return at + 4;
}

static char *put_str(char *at, struct plug_str s)
{
  if (s.len)
    memcpy(at, s.ptr, s.len);
  return at + s.len;
}

static char *put_head(char *at, enum tag tag, size_t len)
{
  *at = (char)tag;
  return put_u32(at + 1, (uint32_t)len);
}

static char *put_field(char *at, enum tag tag, struct plug_str value)
{
  return put_str(put_head(at, tag, value.len), value);
}

/* At least as much as it takes. */
static size_t size_of(const struct plug_msg *msg)
{
  size_t n = HEAD_LEN + 6 * FIELD_HEAD + 12 + msg->topic.len + msg->content_type.len +
             msg->origin.len + msg->payload.len;
  for (size_t i = 0; i < msg->n_headers; i++)
    n += FIELD_HEAD + 4 + msg->headers[i].key.len + msg->headers[i].value.len;
  return n;
}

static char *put_all(char *at, const struct plug_msg *msg)
{
  *at++ = (char)MAGIC;
  *at++ = (char)VERSION;
  at = put_field(at, TAG_TOPIC, msg->topic);
  if (msg->content_type.len)
    at = put_field(at, TAG_CONTENT_TYPE, msg->content_type);
  at = put_field(at, TAG_ORIGIN, msg->origin);
  at = put_head(at, TAG_ID, 8);
  at = put_u32(at, (uint32_t)(msg->id >> 32));
  at = put_u32(at, (uint32_t)msg->id);
  if (msg->flags)
    at = put_u32(put_head(at, TAG_FLAGS, 4), msg->flags);
  for (size_t i = 0; i < msg->n_headers; i++) {
    const struct plug_kv *header = &msg->headers[i];
    at = put_head(at, TAG_HEADER, 4 + header->key.len + header->value.len);
    at = put_str(put_u32(at, (uint32_t)header->key.len), header->key);
    at = put_str(at, header->value);
  }
  return msg->payload.len ? put_field(at, TAG_PAYLOAD, msg->payload) : at;
}

void envelope_put(struct buf *out, const struct plug_msg *msg)
{
  size_t most = size_of(msg);
  if (most > UINT32_MAX)
    out->failed = true; /* the format cannot say a length beyond that */
  if (buf_reserve(out, most))
    out->len = (size_t)(put_all(out->data + out->len, msg) - out->data);
}

/* --- reading ------------------------------------------------------------------------------ */

struct reader {
  struct plug_str rest;
  const char *why;
};

static uint32_t get_u32(const char *bytes)
{
  const unsigned char *p = (const unsigned char *)bytes;
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct plug_str take(struct plug_str *from, size_t n)
{
  struct plug_str taken = str_from(from->ptr, n);
  from->ptr += n;
  from->len -= n;
  return taken;
}

/* False at the end, or with why set. */
static bool next_field(struct reader *r, unsigned *tag, struct plug_str *value)
{
  if (r->rest.len == 0)
    return false;
  if (r->rest.len < FIELD_HEAD) {
    r->why = "the message ends within a field's head";
    return false;
  }
  struct plug_str head = take(&r->rest, FIELD_HEAD);
  *tag = (unsigned char)head.ptr[0];
  uint32_t len = get_u32(head.ptr + 1);
  if (len > r->rest.len) {
    r->why = "a field is longer than the rest of the message";
    return false;
  }
  *value = take(&r->rest, len);
  return true;
}

/* Text goes into STOMP headers, which cannot carry anything else. */
static bool is_text(struct plug_str s)
{
  return s.len == 0 || (!memchr(s.ptr, '\0', s.len) && utf8_valid(s.ptr, s.len));
}

static const char *read_header(struct plug_str value, struct plug_kv *header)
{
  if (value.len < 4)
    return "a header has no name";
  uint32_t name_len = get_u32(take(&value, 4).ptr);
  if (name_len == 0)
    return "a header has no name";
  if (name_len > value.len)
    return "a header's name is longer than the header";
  header->key = take(&value, name_len);
  header->value = value;
  return is_text(header->key) && is_text(value) ? NULL : "a header is not text";
}

struct parsed {
  struct plug_msg_init init;
  struct plug_str origin;
  uint64_t id;
  struct plug_kv *headers;
};

static const char *read_field(struct parsed *parsed, unsigned tag, struct plug_str value)
{
  struct plug_msg_init *init = &parsed->init;
  switch (tag) {
  case TAG_TOPIC:
    init->topic = value;
    return is_text(value) ? NULL : "the topic is not text";
  case TAG_CONTENT_TYPE:
    init->content_type = value;
    return is_text(value) ? NULL : "the content type is not text";
  case TAG_ORIGIN:
    parsed->origin = value;
    return is_text(value) ? NULL : "the origin is not text";
  case TAG_ID:
    if (value.len != 8)
      return "the id is not 8 bytes long";
    parsed->id = (uint64_t)get_u32(value.ptr) << 32 | get_u32(value.ptr + 4);
    return NULL;
  case TAG_PAYLOAD:
    init->payload = value;
    return NULL;
  case TAG_HEADER:
    return read_header(value, &parsed->headers[init->n_headers++]);
  case TAG_FLAGS: /* known ones are found out anew, so that nobody has to be believed */
    return value.len == 4 ? NULL : "the flags are not 4 bytes long";
  default:
    return NULL;
  }
}

const struct plug_msg *envelope_parse(struct plug_str wire, const char **why)
{
  const struct plug_msg *msg = NULL;
  struct plug_kv near[HEADERS_NEAR], *far = NULL;
  struct parsed parsed = {.init.size = sizeof parsed.init, .headers = near};
  struct plug_str value;
  unsigned tag;
  size_t n_headers = 0;
  uint32_t seen = 0;

  if (wire.len < HEAD_LEN || (unsigned char)wire.ptr[0] != MAGIC) {
    *why = "this is no message of a Plugboard node";
    return NULL;
  }
  if ((unsigned char)wire.ptr[1] != VERSION) {
    *why = (unsigned char)wire.ptr[1] > VERSION
               ? "the message is of a newer version than this server understands"
               : "the message is of an unknown version";
    return NULL;
  }
  take(&wire, HEAD_LEN);

  struct reader reader = {wire, NULL};
  while (next_field(&reader, &tag, &value)) {
    n_headers += tag == TAG_HEADER;
    if (tag == TAG_HEADER || tag > TAG_FLAGS)
      continue;
    if (seen & 1u << tag)
      reader.why = "a field that may not repeat does";
    seen |= 1u << tag;
    if (reader.why)
      break;
  }
  if (reader.why) {
    *why = reader.why;
    return NULL;
  }
  if (!(seen & 1u << TAG_TOPIC) || !(seen & 1u << TAG_ORIGIN) || !(seen & 1u << TAG_ID)) {
    *why = "topic, origin or id is missing";
    return NULL;
  }
  if (n_headers > HEADERS_NEAR) {
    far = malloc(n_headers * sizeof *far);
    if (!far) {
      *why = "out of memory";
      return NULL;
    }
    parsed.headers = far;
  }
  reader.rest = wire;
  *why = NULL;
  while (!*why && next_field(&reader, &tag, &value))
    *why = read_field(&parsed, tag, value);
  if (*why)
    goto free_headers;
  if (parsed.init.topic.len == 0 || parsed.origin.len == 0) {
    *why = "topic or origin is empty";
    goto free_headers;
  }
  parsed.init.headers = parsed.headers;
  if ((*why = message_breaks_frames(&parsed.init)))
    goto free_headers;
  msg = message_new_from(&parsed.init, parsed.origin, parsed.id);
  if (!msg)
    *why = "out of memory";

free_headers:
  free(far);
  return msg;
}
