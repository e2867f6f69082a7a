/* nginx with nchan: the channel is in the URL, a WebSocket message is the body, and every publish
 * is answered with a line of statistics. */
#include "protocol.h"

static void path(struct bytes *out, const char *base, enum role role, const char *topic)
{
  bytes_printf(out, "%s%s?id=%s", base, role == ROLE_PUBLISHER ? "pub" : "sub", topic);
}

static void topic(struct bytes *out, const char *name, unsigned index)
{
  bytes_printf(out, "%s-%u", name, index);
}

static size_t publish(struct bytes *out, const char *name, const void *body, size_t len, bool fence)
{
  (void)name;
  (void)fence;
  bytes_put(out, body, len);
  return out->len - len;
}

static size_t parse(struct conn *conn, const uint8_t *in, size_t len, size_t body_len)
{
  (void)body_len;
  if (conn_role(conn) == ROLE_PUBLISHER)
    on_reply(conn);
  else
    on_delivery(conn, in, len);
  return len;
}

const struct protocol protocol_nchan = {
    .name = "nchan",
    .opcode = WS_TEXT,
    .topic_in_path = true,
    .implicit_session = true,
    .fence_each = true,
    .path = path,
    .topic = topic,
    .publish = publish,
    .parse = parse,
};
