#include "load_conn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <netinet/tcp.h>

#include "load_sockjs.h"

/* The key and its answer from RFC 6455, section 1.3. */
#define UPGRADE_KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define UPGRADE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum { BUFFER_LEN = 1 << 20, MAX_EVENTS = 1024 };

uint64_t clock_now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

void load_fail(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fputs("plugload: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  exit(1);
}

bool load_carrier_find(const char *name, enum carrier *carrier)
{
  static const char *const names[] = {"websocket", "deflate", "xhr-streaming"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) {
      *carrier = (enum carrier)i;
      return true;
    }
  return false;
}

bool conn_is_sockjs(const struct conn *conn)
{
  return conn->load->carrier == CARRIER_XHR_STREAMING && conn->role != ROLE_PUBLISHER;
}

void load_init(struct load *load, size_t cap_conns)
{
  load->conns = calloc(cap_conns, sizeof *load->conns);
  load->buffer = malloc(BUFFER_LEN);
  load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (!load->conns || !load->buffer || load->epoll_fd < 0)
    load_fail("cannot start: %s", strerror(errno));
  load->cap_conns = cap_conns;
}

void conn_close(struct conn *conn)
{
  if (conn->state == CONN_READY)
    conn->load->n_ready--;
  conn_tls_free(conn->tls);
  conn->tls = NULL;
  if (conn->fd >= 0) {
    struct linger reset = {1, 0};
    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(conn->fd);
  }
  conn->fd = -1;
  conn->state = CONN_CLOSED;
  bytes_free(&conn->in);
  bytes_free(&conn->part);
  bytes_free(&conn->out);
}

void load_fini(struct load *load)
{
  for (size_t i = 0; i < load->n_conns; i++)
    conn_close(&load->conns[i]);
  sockjs_fini(load);
  inflater_fini(&load->inflater);
  load_tls_free(load->tls);
  free(load->conns);
  free(load->buffer);
  close(load->epoll_fd);
}

static size_t number_of(const struct conn *conn)
{
  return conn->load->first_number + (size_t)(conn - conn->load->conns);
}

void conn_begin(struct conn *conn)
{
  struct load *load = conn->load;
  size_t number = number_of(conn);
  int one = 1;
  const struct sockaddr_in *server =
      conn->role == ROLE_PUBLISHER ? &load->publish_server : &load->server;
  struct sockaddr_in source = {.sin_family = AF_INET};
  source.sin_addr.s_addr =
      htonl(INADDR_LOOPBACK + (uint32_t)(number % (load->n_sources ? load->n_sources : 1)));
  conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (conn->fd < 0)
    load_fail("connection %zu: %s", number, strerror(errno));
  setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.ptr = conn}};
  if (bind(conn->fd, (struct sockaddr *)&source, sizeof source) < 0 ||
      (connect(conn->fd, (const struct sockaddr *)server, sizeof *server) < 0 &&
       errno != EINPROGRESS) ||
      epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) < 0)
    load_fail("connection %zu: %s", number, strerror(errno));
  if (load->tls)
    conn->tls = conn_tls_new(load->tls, conn->fd);
}

struct conn *load_open(struct load *load, enum role role, uint32_t topic, uint32_t index)
{
  if (load->n_conns == load->cap_conns)
    load_fail("more connections than planned");
  struct conn *conn = &load->conns[load->n_conns++];
  *conn = (struct conn){.load = load, .role = (uint8_t)role, .topic = topic, .index = index};
  conn_begin(conn);
  return conn;
}

void load_reopen(struct conn *conn)
{
  *conn = (struct conn){
      .load = conn->load, .role = conn->role, .topic = conn->topic, .index = conn->index};
  conn_begin(conn);
}

void conn_flush(struct conn *conn)
{
  while (conn->out_at < conn->out.len) {
    const uint8_t *data = conn->out.at + conn->out_at;
    size_t len = conn->out.len - conn->out_at;
    ssize_t n = conn->tls ? conn_tls_send(conn->tls, data, len)
                          : send(conn->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK)
        return;
      if (errno == EINTR)
        continue;
      load_fail("send: %s", strerror(errno));
    }
    conn->out_at += (size_t)n;
  }
  conn->out.len = conn->out_at = 0;
}

/* Connections that only listen keep no buffer: thousands of them would make the generator, and
 * with it the cache the server shares, larger than need be. */
static void conn_flush_once(struct conn *conn)
{
  conn_flush(conn);
  if (conn->out.len == 0)
    bytes_free(&conn->out);
}

static void send_payload(struct conn *conn, const struct bytes *payload)
{
  if (conn_is_sockjs(conn)) {
    sockjs_send(conn, payload);
    return;
  }
  ws_put_frame(&conn->out, conn->load->protocol->opcode, payload->at, payload->len);
  conn_flush_once(conn);
}

void conn_beat(struct conn *conn)
{
  ws_put_frame(&conn->out, conn->load->protocol->opcode, "\n", 1);
  conn_flush_once(conn);
}

static void conn_ready(struct conn *conn)
{
  conn->state = CONN_READY;
  conn->load->n_ready++;
}

static void begin_subscribe(struct conn *conn)
{
  const struct load *load = conn->load;
  struct bytes payload = {0};
  conn->state = CONN_SUBSCRIBE;
  load->protocol->subscribe(&payload, load->topics[conn->topic]);
  send_payload(conn, &payload);
  bytes_free(&payload);
}

static void begin_upgrade(struct conn *conn)
{
  const struct load *load = conn->load;
  struct bytes path = {0};
  int error = 0;
  socklen_t len = sizeof error;
  getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len);
  if (error)
    load_fail("connect: %s", strerror(error));
  conn->state = CONN_UPGRADE;
  if (conn_is_sockjs(conn)) {
    sockjs_begin(conn);
    return;
  }
  load->protocol->path(&path, load->path, conn->role, load->topics[conn->topic]);
  bytes_printf(&conn->out,
               "GET %.*s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
               "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nOrigin: %s://127.0.0.1:%u\r\n"
               "Sec-WebSocket-Key: " UPGRADE_KEY "\r\n",
               (int)path.len, (const char *)path.at, ntohs(load->server.sin_port),
               load->tls ? "https" : "http", ntohs(load->server.sin_port));
  if (load->protocol->subprotocol)
    bytes_printf(&conn->out, "Sec-WebSocket-Protocol: %s\r\n", load->protocol->subprotocol);
  if (load->carrier == CARRIER_DEFLATE && conn->role != ROLE_PUBLISHER)
    bytes_put_text(&conn->out, "Sec-WebSocket-Extensions: " INFLATER_OFFER "\r\n");
  bytes_put_text(&conn->out, "\r\n");
  bytes_free(&path);
  conn_flush_once(conn);
}

void conn_carried(struct conn *conn)
{
  const struct load *load = conn->load;
  if (load->protocol->implicit_session) {
    conn_ready(conn);
    return;
  }
  struct bytes payload = {0};
  conn->state = CONN_CONNECT;
  size_t number = number_of(conn);
  struct credentials credentials = {load->login, load->passcode, tokens_of(&load->tokens, number)};
  load->protocol->connect(&payload, &credentials, (unsigned)number,
                          conn->role == ROLE_PUBLISHER ? 0 : load->heartbeat_ms);
  send_payload(conn, &payload);
  bytes_free(&payload);
}

static void conn_answered(struct conn *conn)
{
  conn->fences++;
  conn->load->fences++;
}

void on_reply(struct conn *conn)
{
  if (conn->state == CONN_CONNECT && conn->role != ROLE_PUBLISHER)
    begin_subscribe(conn);
  else if (conn->state == CONN_CONNECT || conn->state == CONN_SUBSCRIBE)
    conn_ready(conn);
  else
    conn_answered(conn);
}

void on_beat(struct conn *conn)
{
  conn->load->beats++;
}

void on_ping(struct conn *conn, const void *reply, size_t len)
{
  ws_put_frame(&conn->out, conn->load->protocol->opcode, reply, len);
  conn_flush(conn);
}

void on_refused(struct conn *conn, const char *text, size_t len)
{
  load_fail("connection %zu was refused: %.*s", (size_t)(conn - conn->load->conns), (int)len, text);
}

enum role conn_role(const struct conn *conn)
{
  return conn->role;
}

/* The answer to the upgrade; returns its length, 0 while it is not complete. */
static size_t read_upgrade(struct conn *conn, const uint8_t *in, size_t len)
{
  const uint8_t *end = memmem(in, len, "\r\n\r\n", 4);
  if (!end)
    return 0;
  size_t used = (size_t)(end - in) + 4;
  if (used < 12 || memcmp(in, "HTTP/1.1 101", 12) != 0 ||
      !memmem(in, used, UPGRADE_ACCEPT, sizeof UPGRADE_ACCEPT - 1))
    load_fail("the upgrade was refused: %.*s", (int)len, (const char *)in);
  if (conn->load->carrier == CARRIER_DEFLATE && conn->role != ROLE_PUBLISHER &&
      !memmem(in, used, "permessage-deflate", 18))
    load_fail("the server does not compress");
  conn_carried(conn);
  return used;
}

void conn_payload(struct conn *conn, const uint8_t *in, size_t len, bool last)
{
  const struct protocol *protocol = conn->load->protocol;
  size_t body_len = conn->load->body_len, used;
  if (conn->part.len == 0 && last) {
    used = len ? protocol->parse(conn, in, len, body_len) : 0;
    if (used == len)
      return;
    bytes_put(&conn->part, in + used, len - used);
  } else {
    bytes_put(&conn->part, in, len);
    if (!last)
      return;
    used = protocol->parse(conn, conn->part.at, conn->part.len, body_len);
    memmove(conn->part.at, conn->part.at + used, conn->part.len - used);
    conn->part.len -= used;
  }
  if (conn->part.len && !protocol->stream)
    load_fail("a WebSocket message does not end with the message in it: %.*s", (int)conn->part.len,
              (const char *)conn->part.at);
}

/* Whole frames at the start of in; returns the number of bytes used. */
static size_t read_frames(struct conn *conn, const uint8_t *in, size_t len)
{
  size_t used = 0;
  while (len - used >= 2) {
    const uint8_t *p = in + used;
    size_t head = 2, n = p[1] & 127U;
    if (n == 126) {
      head = 4;
      if (len - used < head)
        break;
      n = (size_t)p[2] << 8 | p[3];
    } else if (n == 127) {
      head = 10;
      if (len - used < head)
        break;
      n = 0;
      for (int i = 2; i < 10; i++)
        n = n << 8 | p[i];
      if (n > BUFFER_LEN - 10)
        load_fail("a frame of %zu bytes is more than the generator reads", n);
    }
    if (len - used < head + n)
      break;
    int opcode = p[0] & 15;
    if (opcode == WS_CLOSE)
      load_fail("the server closed connection %zu: %.*s", (size_t)(conn - conn->load->conns),
                n > 2 ? (int)n - 2 : 0, (const char *)p + head + 2);
    if (opcode == WS_PING) {
      ws_put_frame(&conn->out, WS_PONG, p + head, n);
      conn_flush(conn);
    } else if (opcode <= WS_BINARY) {
      conn->load->received_bytes += head + n;
      if (p[0] & 0x40) {
        struct bytes plain = inflater_run(&conn->load->inflater, p + head, n);
        conn_payload(conn, plain.at, plain.len, true);
      } else {
        conn_payload(conn, p + head, n, (p[0] & 0x80) != 0);
      }
    }
    used += head + n;
  }
  return used;
}

static void conn_read(struct conn *conn)
{
  struct load *load = conn->load;
  for (;;) {
    size_t have = conn->in.len;
    if (have)
      memcpy(load->buffer, conn->in.at, have);
    ssize_t n = conn->tls ? conn_tls_recv(conn->tls, load->buffer + have, BUFFER_LEN - have)
                          : recv(conn->fd, load->buffer + have, BUFFER_LEN - have, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return;
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      load_fail("connection %zu (state %d) ended: %s", (size_t)(conn - load->conns), conn->state,
                n ? strerror(errno) : "closed by the server");
    load->now_ns = clock_now_ns();
    size_t len = have + (size_t)n, used = 0;
    if (conn == load->sender)
      used = sockjs_read_answers(conn, load->buffer, len);
    else if (conn_is_sockjs(conn))
      used = sockjs_read(conn, load->buffer, len);
    else if (conn->state == CONN_UPGRADE)
      used = read_upgrade(conn, load->buffer, len);
    if (conn->state > CONN_UPGRADE && conn != load->sender && !conn_is_sockjs(conn))
      used += read_frames(conn, load->buffer + used, len - used);
    conn->in.len = 0;
    if (used < len)
      bytes_put(&conn->in, load->buffer + used, len - used);
    else if (conn->in.at)
      bytes_free(&conn->in);
    if (len < BUFFER_LEN)
      return; /* edge-triggered: a short read has emptied the socket */
  }
}

void load_poll(struct load *load, uint64_t timeout_ns)
{
  int most = load->events_max ? load->events_max : MAX_EVENTS;
  struct epoll_event events[MAX_EVENTS];
  struct timespec timeout = {(time_t)(timeout_ns / 1000000000U), (long)(timeout_ns % 1000000000U)};
  int n = epoll_pwait2(load->epoll_fd, events, most, &timeout, NULL);
  if (n < 0 && errno != EINTR)
    load_fail("epoll: %s", strerror(errno));
  for (int i = 0; i < n; i++) {
    struct conn *conn = events[i].data.ptr;
    uint32_t what = events[i].events;
    bool connected = conn->state == CONN_TCP && what & (EPOLLOUT | EPOLLERR | EPOLLHUP);
    if (connected && conn == load->sender)
      conn->state = CONN_READY;
    else if (connected && load->silent && conn->role == ROLE_IDLE)
      conn_ready(conn);
    else if (connected)
      begin_upgrade(conn);
    if (what & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
      conn_read(conn);
    if (conn->out_at < conn->out.len)
      conn_flush(conn);
  }
}
