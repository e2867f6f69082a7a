#include "load_sockjs.h"

#include <stdlib.h>
#include <unistd.h>

static void put_request(struct bytes *out, const struct conn *conn, const char *transport,
                        size_t body_len)
{
  const struct load *load = conn->load;
  bytes_printf(out,
               "POST %s/000/load-%d-%u/%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
               "Origin: http://127.0.0.1:%u\r\nContent-Length: %zu\r\n\r\n",
               load->path, (int)getpid(), conn->session, transport, ntohs(load->server.sin_port),
               ntohs(load->server.sin_port), body_len);
}

static void ask(struct conn *conn)
{
  conn->in_body = false;
  put_request(&conn->out, conn, "xhr_streaming", 0);
  conn_flush(conn);
  if (conn->out.len == 0)
    bytes_free(&conn->out);
}

void sockjs_begin(struct conn *conn)
{
  conn->session = conn->load->n_sessions++;
  ask(conn);
}

/* --- sending ------------------------------------------------------------------------------ */

static void put_json(struct bytes *out, const struct bytes *text)
{
  bytes_put(out, "[\"", 2);
  for (size_t i = 0; i < text->len; i++) {
    char c = (char)text->at[i];
    if (c == '\n')
      bytes_put(out, "\\n", 2);
    else if (c == '"' || c == '\\')
      bytes_printf(out, "\\%c", c);
    else if ((unsigned char)c < ' ')
      bytes_printf(out, "\\u%04x", c);
    else
      bytes_put(out, &c, 1);
  }
  bytes_put(out, "\"]", 2);
}

static struct conn *sender_of(struct load *load)
{
  if (load->sender)
    return load->sender;
  load->sender = calloc(1, sizeof *load->sender);
  if (!load->sender)
    load_fail("out of memory");
  load->sender->load = load;
  conn_begin(load->sender);
  return load->sender;
}

void sockjs_send(struct conn *conn, const struct bytes *message)
{
  struct conn *sender = sender_of(conn->load);
  struct bytes body = {0};
  put_json(&body, message);
  put_request(&sender->out, conn, "xhr_send", body.len);
  bytes_put(&sender->out, body.at, body.len);
  bytes_free(&body);
  if (sender->state == CONN_READY)
    conn_flush(sender);
}

size_t sockjs_read_answers(struct conn *sender, const uint8_t *in, size_t len)
{
  size_t used = 0;
  const uint8_t *end;
  (void)sender;
  while ((end = memmem(in + used, len - used, "\r\n\r\n", 4))) {
    if (memcmp(in + used, "HTTP/1.1 204", 12) != 0)
      load_fail("a message was refused: %.*s", (int)(len - used), (const char *)in + used);
    used = (size_t)(end - in) + 4;
  }
  return used;
}

void sockjs_fini(struct load *load)
{
  if (load->sender)
    conn_close(load->sender);
  free(load->sender);
}

/* --- receiving ---------------------------------------------------------------------------- */

static unsigned hex4(const uint8_t *in)
{
  char text[5] = {(char)in[0], (char)in[1], (char)in[2], (char)in[3], 0};
  return (unsigned)strtoul(text, NULL, 16);
}

/* The string at in, which begins behind its quote and is left at its end. */
static const uint8_t *read_string(struct bytes *out, const uint8_t *in, const uint8_t *end)
{
  out->len = 0;
  while (in < end && *in != '"') {
    const uint8_t *plain = in;
    while (in < end && *in != '"' && *in != '\\')
      in++;
    bytes_put(out, plain, (size_t)(in - plain));
    if (end - in < 2 || *in == '"')
      break;
    char c = (char)in[1];
    in += 2;
    if (c == 'u' && end - in >= 4) {
      c = (char)hex4(in); /* what is published is ASCII */
      in += 4;
    } else {
      c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
    }
    bytes_put(out, &c, 1);
  }
  return in;
}

static void read_messages(struct conn *conn, const uint8_t *in, const uint8_t *end)
{
  static struct bytes text; /* one thread, and as large as the largest message */
  for (; in < end && *in != ']'; in++) {
    if (*in != '"')
      continue;
    in = read_string(&text, in + 1, end);
    conn_payload(conn, text.at, text.len, true);
  }
}

static void read_frame(struct conn *conn, const uint8_t *in, size_t len)
{
  switch (in[0]) {
  case 'o':
    conn_carried(conn);
    break;
  case 'a':
    read_messages(conn, in + 2, in + len);
    break;
  case 'h':
    break;
  default:
    load_fail("SockJS session %u: %.*s", conn->session, (int)len, (const char *)in);
  }
}

static void read_frames(struct conn *conn, const uint8_t *in, size_t len)
{
  const uint8_t *end = in + len, *line_end;
  for (; in < end; in = line_end + 1) {
    line_end = memchr(in, '\n', (size_t)(end - in));
    if (!line_end)
      load_fail("SockJS session %u: a frame goes on in the next chunk", conn->session);
    read_frame(conn, in, (size_t)(line_end - in));
  }
}

static size_t read_head(struct conn *conn, const uint8_t *in, size_t len)
{
  const uint8_t *end = memmem(in, len, "\r\n\r\n", 4);
  if (!end)
    return 0;
  if (memcmp(in, "HTTP/1.1 200", 12) != 0)
    load_fail("SockJS session %u was refused: %.*s", conn->session, (int)len, (const char *)in);
  conn->in_body = true;
  return (size_t)(end - in) + 4;
}

/* Returns 0 while it is not complete. */
static size_t read_chunk(struct conn *conn, const uint8_t *in, size_t len)
{
  char *end;
  if (!memmem(in, len, "\r\n", 2))
    return 0;
  size_t n = strtoul((const char *)in, &end, 16), head = (size_t)(end - (const char *)in) + 2;
  if (len < head + n + 2)
    return 0;
  if (n) {
    conn->load->received_bytes += head + n + 2;
    read_frames(conn, in + head, n);
  } else {
    ask(conn); /* the answer has been as long as answers may be */
  }
  return head + n + 2;
}

size_t sockjs_read(struct conn *conn, const uint8_t *in, size_t len)
{
  size_t used = 0, n = 1;
  while (used < len && n) {
    n = (conn->in_body ? read_chunk : read_head)(conn, in + used, len - used);
    used += n;
  }
  return used;
}
