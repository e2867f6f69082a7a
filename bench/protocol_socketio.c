/* Socket.IO 5 (its protocol) on Engine.IO 4, over WebSocket only: a digit of Engine.IO, a digit of
 * Socket.IO, the number of an acknowledgement, JSON. Spoken with peers/socketio/server.mjs, whose
 * events are "join" and "publish" and which sends "message". Bodies need no escape in JSON. */
#include "protocol.h"

static void topic(struct bytes *out, const char *name, unsigned index)
{
  bytes_printf(out, "%s-%u", name, index);
}

static void connect_packet(struct bytes *out, const struct credentials *credentials, unsigned index,
                           unsigned heartbeat_ms)
{
  (void)credentials;
  (void)index;
  (void)heartbeat_ms;
  bytes_put_text(out, "40");
}

static void subscribe(struct bytes *out, const char *room)
{
  bytes_printf(out, "421[\"join\",\"%s\"]", room);
}

static size_t publish(struct bytes *out, const char *room, const void *body, size_t len, bool fence)
{
  bytes_printf(out, "42%s[\"publish\",\"%s\",\"", fence ? "2" : "", room);
  size_t at = out->len;
  bytes_put(out, body, len);
  bytes_put_text(out, "\"]");
  return at;
}

static size_t parse(struct conn *conn, const uint8_t *in, size_t len, size_t body_len)
{
  static const char head[] = "42[\"message\",\"", tail[] = "\"]";
  const size_t head_len = sizeof head - 1, tail_len = sizeof tail - 1;
  (void)body_len;
  if (len >= head_len + tail_len && memcmp(in, head, head_len) == 0 &&
      memcmp(in + len - tail_len, tail, tail_len) == 0)
    on_delivery(conn, in + head_len, len - head_len - tail_len);
  else if (len == 1 && in[0] == '2') /* Engine.IO's ping */
    on_ping(conn, "3", 1);
  else if (len >= 2 && in[0] == '4' && (in[1] == '0' || in[1] == '3')) /* connected; acknowledged */
    on_reply(conn);
  else if (in[0] != '0' && in[0] != '6') /* the session's data; a no-op */
    on_refused(conn, (const char *)in, len);
  return len;
}

const struct protocol protocol_socketio = {
    .name = "socketio",
    .opcode = WS_TEXT,
    .path = protocol_path_base,
    .topic = topic,
    .connect = connect_packet,
    .subscribe = subscribe,
    .publish = publish,
    .parse = parse,
};
