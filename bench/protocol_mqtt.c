/* MQTT 3.1.1 over WebSocket, QoS 0. */
#include <stdio.h>

#include "protocol.h"

enum { CONNACK = 0x20, PUBLISH = 0x30, SUBACK = 0x90, PINGRESP = 0xd0 };

static void put_u16(struct bytes *out, size_t v)
{
  bytes_put(out, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void put_string(struct bytes *out, const char *text)
{
  put_u16(out, strlen(text));
  bytes_put_text(out, text);
}

static void put_fixed_header(struct bytes *out, int type, size_t len)
{
  bytes_put(out, (uint8_t[]){(uint8_t)type}, 1);
  do {
    uint8_t digit = (uint8_t)(len & 127);
    len >>= 7;
    bytes_put(out, (uint8_t[]){(uint8_t)(digit | (len ? 128 : 0))}, 1);
  } while (len);
}

static void topic(struct bytes *out, const char *name, unsigned index)
{
  bytes_printf(out, "%s/%u", name, index);
}

static void connect_packet(struct bytes *out, const struct credentials *credentials, unsigned index,
                           unsigned heartbeat_ms)
{
  char client[32];
  (void)heartbeat_ms;
  (void)credentials;
  snprintf(client, sizeof client, "load%u", index);
  put_fixed_header(out, 0x10, 10 + 2 + strlen(client));
  put_string(out, "MQTT");
  bytes_put(out, (uint8_t[]){4, 2 /* clean session */, 0, 0 /* no keep-alive */}, 4);
  put_string(out, client);
}

static void subscribe(struct bytes *out, const char *name)
{
  put_fixed_header(out, 0x82, 2 + 2 + strlen(name) + 1);
  put_u16(out, 1);
  put_string(out, name);
  bytes_put(out, "", 1); /* QoS 0 */
}

static size_t publish(struct bytes *out, const char *name, const void *body, size_t len, bool fence)
{
  put_fixed_header(out, PUBLISH, 2 + strlen(name) + len);
  put_string(out, name);
  size_t at = out->len;
  bytes_put(out, body, len);
  if (fence)
    put_fixed_header(out, 0xc0, 0); /* PINGREQ */
  return at;
}

static size_t parse(struct conn *conn, const uint8_t *in, size_t len, size_t body_len)
{
  size_t used = 0;
  (void)body_len;
  while (len - used >= 2) {
    const uint8_t *p = in + used + 1, *end = in + len;
    size_t n = 0, shift = 0;
    while (p < end && *p & 128 && shift < 28) {
      n |= (size_t)(*p++ & 127) << shift;
      shift += 7;
    }
    if (p == end)
      break;
    n |= (size_t)*p++ << shift;
    if ((size_t)(end - p) < n)
      break;
    switch (in[used] & 0xf0) {
    case PUBLISH: {
      size_t skip = n >= 2 ? 2 + ((size_t)p[0] << 8 | p[1]) : n + 1;
      if (skip > n)
        on_refused(conn, "malformed PUBLISH", 17);
      else
        on_delivery(conn, p + skip, n - skip);
      break;
    }
    case CONNACK:
      if (n == 2 && p[1] == 0)
        on_reply(conn);
      else
        on_refused(conn, "CONNACK with an error", 21);
      break;
    case SUBACK:
      if (n == 3 && p[2] == 0)
        on_reply(conn);
      else
        on_refused(conn, "SUBACK with an error", 20);
      break;
    case PINGRESP:
      on_reply(conn);
      break;
    default:
      on_refused(conn, "unexpected packet", 17);
    }
    used = (size_t)(p + n - in);
  }
  return used;
}

const struct protocol protocol_mqtt = {
    .name = "mqtt",
    .subprotocol = "mqtt",
    .opcode = WS_BINARY,
    .stream = true,
    .path = protocol_path_base,
    .topic = topic,
    .connect = connect_packet,
    .subscribe = subscribe,
    .publish = publish,
    .parse = parse,
};
