/* STOMP 1.2 over WebSocket: Plugboard, the epoll limit, RabbitMQ's Web STOMP. */
#include <stdlib.h>
#include <string.h>

#include "protocol.h"

/* What the first MESSAGE showed: how long one is and how many bytes follow the body (the NUL, and
 * an EOL from some servers). Only headers with counters vary after that. */
static size_t learnt_len, learnt_tail;
enum { COUNTER_SLACK = 24 };

static void topic(struct bytes *out, const char *name, unsigned index)
{
  bytes_printf(out, "/topic/%s.%u", name, index);
}

/* In the chat clients SEND to /pub and hear what becomes of it on /sub. */
static void chat_topic(struct bytes *out, const char *name, unsigned index)
{
  bytes_printf(out, "/sub/rooms/%s-%u/chat", name, index);
}

static void connect_frame(struct bytes *out, const struct credentials *credentials, unsigned index,
                          unsigned heartbeat_ms)
{
  (void)index;
  bytes_printf(out, "CONNECT\naccept-version:1.2\nhost:/\nheart-beat:%u,%u\n", heartbeat_ms,
               heartbeat_ms);
  if (*credentials->login)
    bytes_printf(out, "login:%s\npasscode:%s\n", credentials->login, credentials->passcode);
  if (*credentials->token) {
    bytes_put_text(out, "Authorization:Bearer ");
    bytes_put_text(out, credentials->token);
    bytes_put_text(out, "\n");
  }
  bytes_put(out, "\n", 2);
}

static void subscribe(struct bytes *out, const char *destination)
{
  bytes_printf(out, "SUBSCRIBE\nid:sub-0\ndestination:%s\nreceipt:s\n\n", destination);
  bytes_put(out, "", 1);
}

static void subscribe_pair(struct bytes *out, struct bytes *end, const char *destination,
                           unsigned id, bool fence)
{
  bytes_printf(out, "SUBSCRIBE\nid:sub-%u\ndestination:%s\n\n", id, destination);
  bytes_put(out, "", 1);
  bytes_printf(end, "UNSUBSCRIBE\nid:sub-%u\n%s\n", id, fence ? "receipt:f\n" : "");
  bytes_put(end, "", 1);
}

static size_t publish(struct bytes *out, const char *destination, const void *body, size_t len,
                      bool fence)
{
  bytes_printf(out, "SEND\ndestination:%s\n%scontent-length:%zu\n\n", destination,
               fence ? "receipt:f\n" : "", len);
  size_t at = out->len;
  bytes_put(out, body, len);
  bytes_put(out, "", 1);
  return at;
}

static size_t chat_publish(struct bytes *out, const char *destination, const void *body, size_t len,
                           bool fence)
{
  static const char head[] = "{\"content\":\"", tail[] = "\"}";
  bytes_printf(out, "SEND\ndestination:/pub%s\n%scontent-length:%zu\n\n%s",
               destination + strlen("/sub"), fence ? "receipt:f\n" : "",
               sizeof head - 1 + len + sizeof tail - 1, head);
  size_t at = out->len;
  bytes_put(out, body, len);
  bytes_put(out, tail, sizeof tail); /* with its NUL, which ends the frame */
  return at;
}

/* To an application that passes it on to the destination behind the prefix. */
static size_t app_publish(struct bytes *out, const char *destination, const void *body, size_t len,
                          bool fence)
{
  struct bytes prefixed = {0};
  bytes_printf(&prefixed, "/pub%s", destination);
  bytes_put(&prefixed, "", 1);
  size_t at = publish(out, (const char *)prefixed.at, body, len, fence);
  bytes_free(&prefixed);
  return at;
}

static const uint8_t *chat_unwrap(const uint8_t *body, size_t *len)
{
  static const char head[] = "\"content\":\"", tail[] = "\"}";
  const uint8_t *end = body + *len - (sizeof tail - 1);
  const uint8_t *at = memmem(body, *len, head, sizeof head - 1);
  if (!at || memcmp(end, tail, sizeof tail - 1) != 0)
    return NULL;
  at += sizeof head - 1;
  *len = (size_t)(end - at);
  return at;
}

/* One whole frame at the start of in; returns its length with the EOLs that follow, 0 when it is
 * not complete. */
static size_t parse_one(struct conn *conn, const uint8_t *in, size_t len)
{
  const uint8_t *end = in + len, *body = memmem(in, len, "\n\n", 2), *after;
  if (!body)
    return 0;
  body += 2;
  const char *length = memmem(in, (size_t)(body - in), "\ncontent-length:", 16);
  if (length) {
    size_t n = strtoul(length + 16, NULL, 10);
    if (n >= (size_t)(end - body))
      return 0;
    after = body + n;
  } else if (!(after = memchr(body, 0, (size_t)(end - body)))) {
    return 0;
  }
  size_t body_len = (size_t)(after - body);
  for (after++; after < end && (*after == '\n' || *after == '\r');)
    after++;
  size_t used = (size_t)(after - in);
  switch (in[0]) {
  case 'M':
    learnt_len = used;
    learnt_tail = used - (size_t)(body - in) - body_len;
    on_delivery(conn, body, body_len);
    break;
  case 'C': /* CONNECTED */
  case 'R': /* RECEIPT */
    on_reply(conn);
    break;
  default:
    on_refused(conn, (const char *)in, used);
  }
  return used;
}

static size_t parse(struct conn *conn, const uint8_t *in, size_t len, size_t body_len)
{
  /* The short way: one MESSAGE as long as those before. All bytes around the body are looked at,
   * so a frame of another shape takes the long way and is never misread. */
  if (in[0] == 'M' && learnt_len && len <= learnt_len + COUNTER_SLACK &&
      len > body_len + learnt_tail + 2) {
    const uint8_t *body = in + len - learnt_tail - body_len;
    if (body[-1] == '\n' && body[-2] == '\n' && body[0] == 'S' && body[body_len] == 0) {
      on_delivery(conn, body, body_len);
      return len;
    }
  }
  if (len == 1 && in[0] == '\n') {
    on_beat(conn);
    return 1;
  }
  size_t used = 0;
  while (used < len) {
    if (in[used] == '\n' || in[used] == '\r') {
      used++;
      continue;
    }
    size_t n = parse_one(conn, in + used, len - used);
    if (n == 0)
      break;
    used += n;
  }
  return used;
}

const struct protocol protocol_stomp = {
    .name = "stomp",
    .subprotocol = "v12.stomp",
    .opcode = WS_TEXT,
    .path = protocol_path_base,
    .topic = topic,
    .connect = connect_frame,
    .subscribe = subscribe,
    .subscribe_pair = subscribe_pair,
    .publish = publish,
    .parse = parse,
};

/* Through an application, as etc/chat.ini has it: see PlugboardChat in contestants/own.py. */
const struct protocol protocol_stomp_chat = {
    .name = "stomp-chat",
    .subprotocol = "v12.stomp",
    .opcode = WS_TEXT,
    .path = protocol_path_base,
    .topic = chat_topic,
    .connect = connect_frame,
    .subscribe = subscribe,
    .publish = chat_publish,
    .parse = parse,
    .unwrap = chat_unwrap,
};

/* Through the controller of peers/spring that publishes to Redis. */
const struct protocol protocol_stomp_app = {
    .name = "stomp-app",
    .subprotocol = "v12.stomp",
    .opcode = WS_TEXT,
    .path = protocol_path_base,
    .topic = topic,
    .connect = connect_frame,
    .subscribe = subscribe,
    .publish = app_publish,
    .parse = parse,
};
