/* The NATS client protocol over WebSocket. */
#include "protocol.h"

static void topic(struct bytes *out, const char *name, unsigned index)
{
  bytes_printf(out, "%s.%u", name, index);
}

static void connect_line(struct bytes *out, const struct credentials *credentials, unsigned index,
                         unsigned heartbeat_ms)
{
  (void)heartbeat_ms;
  (void)credentials;
  (void)index;
  bytes_put_text(out, "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,"
                      "\"name\":\"plugload\",\"lang\":\"c\",\"version\":\"1\",\"protocol\":1,"
                      "\"echo\":false}\r\nPING\r\n");
}

static void subscribe(struct bytes *out, const char *subject)
{
  bytes_printf(out, "SUB %s 1\r\nPING\r\n", subject);
}

static size_t publish(struct bytes *out, const char *subject, const void *body, size_t len,
                      bool fence)
{
  bytes_printf(out, "PUB %s %zu\r\n", subject, len);
  size_t at = out->len;
  bytes_put(out, body, len);
  bytes_put_text(out, fence ? "\r\nPING\r\n" : "\r\n");
  return at;
}

static size_t parse(struct conn *conn, const uint8_t *in, size_t len, size_t body_len)
{
  size_t used = 0;
  (void)body_len;
  while (used < len) {
    const uint8_t *line = in + used, *eol = memchr(line, '\n', len - used);
    if (!eol)
      break;
    size_t next = (size_t)(eol + 1 - in);
    if (line[0] == 'M') {
      size_t n = 0, unit = 1;
      for (const uint8_t *p = eol - 2; p > line && *p >= '0' && *p <= '9'; p--, unit *= 10)
        n += (size_t)(*p - '0') * unit;
      if (len - next < n + 2)
        break;
      on_delivery(conn, eol + 1, n);
      next += n + 2;
    } else if (line[0] == 'P' && line[1] == 'O') {
      on_reply(conn);
    } else if (line[0] == 'P') {
      on_ping(conn, "PONG\r\n", 6);
    } else if (line[0] == '-') {
      on_refused(conn, (const char *)line, (size_t)(eol - line));
    }
    used = next;
  }
  return used;
}

const struct protocol protocol_nats = {
    .name = "nats",
    .opcode = WS_BINARY,
    .stream = true,
    .path = protocol_path_base,
    .topic = topic,
    .connect = connect_line,
    .subscribe = subscribe,
    .publish = publish,
    .parse = parse,
};
