/* Centrifugo's JSON protocol over WebSocket: commands and replies are lines, several of them may
 * share a frame. Every command with an id is answered, so every publish is. A body travels as a
 * JSON string; those of the generator need no escape. */
#include "protocol.h"

static void topic(struct bytes *out, const char *name, unsigned index)
{
  bytes_printf(out, "%s-%u", name, index);
}

static void connect_command(struct bytes *out, const struct credentials *credentials,
                            unsigned index, unsigned heartbeat_ms)
{
  (void)credentials;
  (void)index;
  (void)heartbeat_ms;
  bytes_put_text(out, "{\"id\":1,\"connect\":{\"name\":\"plugload\"}}");
}

static void subscribe(struct bytes *out, const char *channel)
{
  bytes_printf(out, "{\"id\":2,\"subscribe\":{\"channel\":\"%s\"}}", channel);
}

static size_t publish(struct bytes *out, const char *channel, const void *body, size_t len,
                      bool fence)
{
  (void)fence;
  bytes_printf(out, "{\"id\":3,\"publish\":{\"channel\":\"%s\",\"data\":\"", channel);
  size_t at = out->len;
  bytes_put(out, body, len);
  bytes_put_text(out, "\"}}");
  return at;
}

static bool begins(const uint8_t *line, size_t len, const char *text)
{
  size_t n = strlen(text);
  return len >= n && memcmp(line, text, n) == 0;
}

/* {"push":{"channel":"NAME","pub":{"data":"BODY" and what is known of the publisher. */
static void push(struct conn *conn, const uint8_t *line, size_t len)
{
  static const char head[] = "\"pub\":{\"data\":\"";
  const uint8_t *end = line + len, *body = memmem(line, len, head, sizeof head - 1), *after;
  if (!body ||
      !(after = memchr(body + sizeof head - 1, '"', (size_t)(end - body) - sizeof head + 1)))
    on_refused(conn, (const char *)line, len);
  else
    on_delivery(conn, body + sizeof head - 1, (size_t)(after - body) - sizeof head + 1);
}

static void one_line(struct conn *conn, const uint8_t *line, size_t len)
{
  if (begins(line, len, "{\"push\":"))
    push(conn, line, len);
  else if (len == 2 && begins(line, len, "{}"))
    on_ping(conn, "{}", 2);
  else if (begins(line, len, "{\"id\":") && !memmem(line, len, "\"error\":", 8))
    on_reply(conn);
  else
    on_refused(conn, (const char *)line, len);
}

static size_t parse(struct conn *conn, const uint8_t *in, size_t len, size_t body_len)
{
  (void)body_len;
  for (size_t used = 0; used < len;) {
    const uint8_t *eol = memchr(in + used, '\n', len - used);
    size_t n = eol ? (size_t)(eol - in) - used : len - used;
    if (n)
      one_line(conn, in + used, n);
    used += n + (eol ? 1 : 0);
  }
  return len;
}

const struct protocol protocol_centrifugo = {
    .name = "centrifugo",
    .opcode = WS_TEXT,
    .fence_each = true,
    .path = protocol_path_base,
    .topic = topic,
    .connect = connect_command,
    .subscribe = subscribe,
    .publish = publish,
    .parse = parse,
};
