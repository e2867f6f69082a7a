/* limit: what the kernel alone costs; limit-tls: and OpenSSL, with one SSL_write per socket and
 * turn. A hand-written epoll server that does the least a STOMP over WebSocket server can do for a
 * fan-out: upgrade, CONNECT, SUBSCRIBE (one per connection), SEND to all subscribers, receipts. No
 * checks beyond its own safety, no limits, no heart-beats: it is the yardstick for Plugboard's cost
 * per delivery, not a server. One thread owns everything.
 *
 * A message is encoded once per topic into the topic's buffer of this turn; at the end of the turn
 * each subscriber gets the whole buffer in one send. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "limit_upgrade.h"
#include "limit_wire.h"

enum {
  READ_CAP = 1 << 18,
  FRAME_MAX = READ_CAP - 64,
  OUT_MAX = 64 << 20, /* a client that reads nothing is dropped after that much */
  EVENTS = 1024,
  TOPIC_SLOTS = 1 << 16,
  ID_CAP = 64,
};

struct buffer {
  char *at;
  size_t len, cap;
};

/* All subscribers of a destination that chose the same subscription id: they get the same bytes. */
struct group {
  struct group *next;       /* of the same destination */
  struct group *next_dirty; /* of this turn */
  bool dirty;
  char id[ID_CAP];
  struct buffer turn;
  int *subscribers; /* file descriptors */
  uint32_t n, cap;
};

struct topic {
  char *name;
  size_t name_len;
  struct group *groups;
};

struct conn {
  struct group *group;
  struct buffer *in, *out; /* leftovers; NULL most of the time */
  uint32_t slot;           /* in group->subscribers */
  bool open, upgraded, failed;
};

static struct {
  int epoll_fd, listen_fd;
  struct conn *conns; /* by file descriptor */
  size_t n_conns;
  struct topic *topics; /* open addressing */
  size_t n_topics;
  struct topic *last;
  struct group *dirty;
  int *failed; /* to be closed at the end of the turn */
  size_t n_failed;
  uint64_t messages;
  int id_len;
  char read[READ_CAP];
} server;

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
  (void)number;
  stopped = 1;
}

__attribute__((noreturn)) static void die(const char *what)
{
  fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void put(struct buffer *b, const void *data, size_t len)
{
  if (b->cap - b->len < len) {
    size_t cap = b->cap ? b->cap : 512;
    while (cap - b->len < len)
      cap *= 2;
    char *at = realloc(b->at, cap);
    if (!at)
      die("memory");
    b->at = at;
    b->cap = cap;
  }
  memcpy(b->at + b->len, data, len);
  b->len += len;
}

static void *allocate(size_t n, size_t size)
{
  void *p = calloc(n, size);
  if (!p)
    die("memory");
  return p;
}

static void drop(struct buffer **b)
{
  if (*b) {
    free((*b)->at);
    free(*b);
    *b = NULL;
  }
}

static void fail(int fd)
{
  struct conn *conn = &server.conns[fd];
  if (!conn->failed) {
    conn->failed = true;
    server.failed[server.n_failed++] = fd;
  }
}

static void want_output(int fd, bool on)
{
  struct epoll_event event = {on ? EPOLLIN | EPOLLOUT : EPOLLIN, {.fd = fd}};
  epoll_ctl(server.epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

static void keep_rest(int fd, const char *data, size_t len)
{
  struct conn *conn = &server.conns[fd];
  if (!conn->out) {
    conn->out = allocate(1, sizeof *conn->out);
    want_output(fd, true);
  }
  if (conn->out->len + len > OUT_MAX)
    fail(fd);
  else
    put(conn->out, data, len);
}

/* The socket took only so many, or none for the reason of a negative errno. */
static void sent_in_part(int fd, const char *data, size_t len, ssize_t sent)
{
  size_t n = sent > 0 ? (size_t)sent : 0;
  if (sent < 0 && sent != -EAGAIN && sent != -EINTR)
    fail(fd);
  else
    keep_rest(fd, data + n, len - n);
}

static void conn_send(int fd, const char *data, size_t len)
{
  struct conn *conn = &server.conns[fd];
  ssize_t n = 0;
  if (conn->failed)
    return;
  if (!conn->out)
    n = wire_send(fd, data, len);
  if (n < 0)
    n = -errno;
  if (n != (ssize_t)len)
    sent_in_part(fd, data, len, n);
}

static void send_rest(int fd)
{
  struct conn *conn = &server.conns[fd];
  ssize_t n = wire_send(fd, conn->out->at, conn->out->len);
  if (n < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
      fail(fd);
    return;
  }
  conn->out->len -= (size_t)n;
  memmove(conn->out->at, conn->out->at + n, conn->out->len);
  if (conn->out->len == 0) {
    drop(&conn->out);
    want_output(fd, false);
  }
}

static struct topic *find_topic(const char *name, size_t len)
{
  if (server.last && server.last->name_len == len && memcmp(server.last->name, name, len) == 0)
    return server.last;
  uint32_t hash = 2166136261U;
  for (size_t i = 0; i < len; i++)
    hash = (hash ^ (uint8_t)name[i]) * 16777619U;
  struct topic *topic = &server.topics[hash % TOPIC_SLOTS];
  while (topic->name && (topic->name_len != len || memcmp(topic->name, name, len) != 0))
    topic = topic + 1 == server.topics + TOPIC_SLOTS ? server.topics : topic + 1;
  if (!topic->name) {
    if (++server.n_topics == TOPIC_SLOTS)
      die("too many topics");
    topic->name = allocate(len + 1, 1);
    memcpy(topic->name, name, len);
    topic->name_len = len;
  }
  server.last = topic;
  return topic;
}

static void subscribe(int fd, const char *name, size_t name_len, const char *id, size_t id_len)
{
  struct conn *conn = &server.conns[fd];
  if (conn->group || id_len >= ID_CAP) {
    fail(fd);
    return;
  }
  struct topic *topic = find_topic(name, name_len);
  struct group *group = topic->groups;
  while (group && (strlen(group->id) != id_len || memcmp(group->id, id, id_len) != 0))
    group = group->next;
  if (!group) {
    group = allocate(1, sizeof *group);
    memcpy(group->id, id, id_len);
    group->next = topic->groups;
    topic->groups = group;
  }
  if (group->n == group->cap) {
    group->cap = group->cap ? group->cap * 2 : 4;
    group->subscribers = realloc(group->subscribers, group->cap * sizeof(int));
    if (!group->subscribers)
      die("memory");
  }
  conn->group = group;
  conn->slot = group->n;
  group->subscribers[group->n++] = fd;
}

static size_t frame_head(char *out, size_t len)
{
  out[0] = (char)0x81;
  if (len < 126) {
    out[1] = (char)len;
    return 2;
  }
  if (len < 65536) {
    out[1] = 126;
    out[2] = (char)(len >> 8);
    out[3] = (char)len;
    return 4;
  }
  out[1] = 127;
  for (int i = 0; i < 8; i++)
    out[2 + i] = (char)((uint64_t)len >> (56 - 8 * i));
  return 10;
}

static void publish(const char *name, size_t name_len, const char *body, size_t body_len)
{
  struct topic *topic = find_topic(name, name_len);
  server.messages++;
  for (struct group *group = topic->groups; group; group = group->next) {
    char text[1024], head[10];
    if (group->n == 0)
      continue;
    int n = snprintf(text, sizeof text,
                     "MESSAGE\ndestination:%.*s\nsubscription:%s\nmessage-id:%0*llu\n"
                     "content-length:%zu\n\n",
                     (int)name_len, name, group->id, server.id_len,
                     (unsigned long long)server.messages, body_len);
    if (n < 0 || (size_t)n >= sizeof text)
      continue;
    put(&group->turn, head, frame_head(head, (size_t)n + body_len + 1));
    put(&group->turn, text, (size_t)n);
    put(&group->turn, body, body_len);
    put(&group->turn, "", 1);
    if (!group->dirty) {
      group->dirty = true;
      group->next_dirty = server.dirty;
      server.dirty = group;
    }
  }
}

static void flush_turn(void)
{
  for (struct group *group = server.dirty, *next; group; group = next) {
    next = group->next_dirty;
    for (uint32_t i = 0; i < group->n; i++) {
      int fd = group->subscribers[i];
      if (server.conns[fd].out || !wire_post(fd, group->turn.at, group->turn.len, sent_in_part))
        conn_send(fd, group->turn.at, group->turn.len);
    }
    group->dirty = false;
  }
  wire_post_end(sent_in_part);
  for (struct group *group = server.dirty; group; group = group->next_dirty)
    group->turn.len = 0;
  server.dirty = NULL;
}

static void close_failed(void)
{
  for (size_t i = 0; i < server.n_failed; i++) {
    int fd = server.failed[i];
    struct conn *conn = &server.conns[fd];
    struct group *group = conn->group;
    if (group) {
      int moved = group->subscribers[--group->n];
      group->subscribers[conn->slot] = moved;
      server.conns[moved].slot = conn->slot;
    }
    drop(&conn->in);
    drop(&conn->out);
    *conn = (struct conn){0};
    wire_close(fd);
  }
  server.n_failed = 0;
}

static void answer(int fd, const char *text, size_t len)
{
  char out[256];
  size_t head = frame_head(out, len);
  memcpy(out + head, text, len);
  conn_send(fd, out, head + len);
}

static const char *header(const char *frame, const char *end, const char *name, size_t *len)
{
  size_t name_len = strlen(name);
  for (const char *line = frame; (line = memchr(line, '\n', (size_t)(end - line)));) {
    line++;
    if ((size_t)(end - line) > name_len && memcmp(line, name, name_len) == 0) {
      const char *value = line + name_len, *eol = memchr(value, '\n', (size_t)(end - value));
      *len = eol ? (size_t)(eol - value) : 0;
      return value;
    }
  }
  *len = 0;
  return NULL;
}

static void stomp_frame(int fd, const char *frame, size_t len)
{
  const char *body = memmem(frame, len, "\n\n", 2), *end = frame + len;
  if (!body) {
    if (len > 2) /* shorter: a heart-beat */
      fail(fd);
    return;
  }
  size_t n, id_len, receipt_len;
  body += 2;
  const char *destination = header(frame, body, "destination:", &n);
  const char *receipt = header(frame, body, "receipt:", &receipt_len);
  if (frame[0] == 'C') {
    static const char connected[] = "CONNECTED\nversion:1.2\nheart-beat:0,0\n\n";
    answer(fd, connected, sizeof connected);
  } else if (frame[0] == 'S' && frame[1] == 'U' && destination) {
    const char *id = header(frame, body, "id:", &id_len);
    subscribe(fd, destination, n, id ? id : "", id_len);
  } else if (frame[0] == 'S' && frame[1] == 'E' && destination) {
    size_t length_len;
    const char *length = header(frame, body, "content-length:", &length_len);
    const char *nul = memchr(body, 0, (size_t)(end - body));
    size_t body_len = length ? strtoul(length, NULL, 10) : nul ? (size_t)(nul - body) : len;
    if (body_len >= (size_t)(end - body))
      fail(fd);
    else
      publish(destination, n, body, body_len);
  }
  if (receipt && receipt_len < 100) {
    char text[160];
    int text_len =
        snprintf(text, sizeof text, "RECEIPT\nreceipt-id:%.*s\n\n", (int)receipt_len, receipt);
    answer(fd, text, (size_t)text_len + 1);
  }
}

static void unmask(char *data, size_t len, const char *key)
{
  uint64_t wide, word;
  uint32_t narrow;
  memcpy(&narrow, key, 4);
  wide = (uint64_t)narrow << 32 | narrow;
  size_t i = 0;
  for (; len - i >= 8; i += 8) {
    memcpy(&word, data + i, 8);
    word ^= wide;
    memcpy(data + i, &word, 8);
  }
  for (; i < len; i++)
    data[i] = (char)(data[i] ^ key[i % 4]);
}

static size_t read_frames(int fd, char *in, size_t len)
{
  struct conn *conn = &server.conns[fd];
  size_t used = 0;
  while (len - used >= 6 && !conn->failed) {
    unsigned char *p = (unsigned char *)in + used;
    size_t head = 6, n = p[1] & 127U;
    if (n == 126) {
      n = (size_t)p[2] << 8 | p[3];
      head = 8;
    } else if (n == 127) {
      if (len - used < 14)
        break;
      n = 0;
      for (int i = 2; i < 10; i++)
        n = n << 8 | p[i];
      head = 14;
    }
    if (!(p[1] & 128) || n > FRAME_MAX || !(p[0] & 128) || (p[0] & 15) == 8) {
      fail(fd); /* a Close among others: the yardstick needs no closing handshake */
      break;
    }
    if (len - used < head + n)
      break;
    char *payload = in + used + head;
    unmask(payload, n, payload - 4);
    if ((p[0] & 15) == 9 && n < 126) {
      char pong[128] = {(char)0x8a, (char)n};
      memcpy(pong + 2, payload, n);
      conn_send(fd, pong, 2 + n);
    } else if ((p[0] & 15) < 8) {
      stomp_frame(fd, payload, n);
    }
    used += head + n;
  }
  return used;
}

static size_t read_request(int fd, char *in, size_t len)
{
  char out[UPGRADE_ANSWER_CAP];
  char *end = memmem(in, len, "\r\n\r\n", 4);
  if (!end) {
    if (len > 8192)
      fail(fd);
    return 0;
  }
  size_t used = (size_t)(end - in) + 4, n = limit_upgrade(in, used, out);
  if (n == 0) {
    fail(fd);
    return used;
  }
  conn_send(fd, out, n);
  server.conns[fd].upgraded = true;
  return used;
}

static void conn_read(int fd)
{
  struct conn *conn = &server.conns[fd];
  size_t have = conn->in ? conn->in->len : 0, used = 0;
  if (have)
    memcpy(server.read, conn->in->at, have);
  ssize_t n = wire_recv(fd, server.read + have, READ_CAP - have);
  if (n <= 0) {
    if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
      fail(fd);
    return;
  }
  size_t len = have + (size_t)n;
  if (!conn->upgraded)
    used = read_request(fd, server.read, len);
  if (conn->upgraded)
    used += read_frames(fd, server.read + used, len - used);
  if (conn->failed)
    return;
  if (used == len) {
    drop(&conn->in);
    return;
  }
  if (!conn->in)
    conn->in = allocate(1, sizeof *conn->in);
  conn->in->len = 0;
  put(conn->in, server.read + used, len - used);
}

static void accept_some(void)
{
  for (int i = 0; i < 64; i++) {
    int fd = accept4(server.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
    if (fd < 0)
      return;
    struct epoll_event event = {EPOLLIN, {.fd = fd}};
    if ((size_t)fd >= server.n_conns || epoll_ctl(server.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
      close(fd);
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    server.conns[fd] = (struct conn){.open = true};
    wire_accepted(fd);
  }
}

static void serve(void)
{
  static struct epoll_event events[EVENTS];
  while (!stopped) {
    int n = epoll_wait(server.epoll_fd, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == server.listen_fd) {
        accept_some();
        continue;
      }
      if (events[i].events & EPOLLOUT && server.conns[fd].out)
        send_rest(fd);
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !server.conns[fd].failed)
        conn_read(fd);
    }
    flush_turn();
    close_failed();
  }
}

static void start(unsigned port, char *const files_of_tls[2])
{
  struct rlimit files;
  int one = 1;
  if (getrlimit(RLIMIT_NOFILE, &files) < 0)
    die("file descriptors");
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  server.n_conns = files.rlim_cur < 1000000 ? files.rlim_cur : 1000000;
  server.conns = allocate(server.n_conns, sizeof *server.conns);
  server.failed = allocate(server.n_conns, sizeof *server.failed);
  server.topics = allocate(TOPIC_SLOTS, sizeof *server.topics);
  if (!wire_start(server.n_conns, files_of_tls))
    die("TLS");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  server.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {EPOLLIN, {.fd = server.listen_fd}};
  if (server.listen_fd < 0 || server.epoll_fd < 0 ||
      setsockopt(server.listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
      bind(server.listen_fd, (struct sockaddr *)&address, sizeof address) < 0 ||
      listen(server.listen_fd, 4096) < 0 ||
      epoll_ctl(server.epoll_fd, EPOLL_CTL_ADD, server.listen_fd, &event) < 0)
    die("listen");
}

static void stop(void)
{
  for (size_t fd = 0; fd < server.n_conns; fd++)
    if (server.conns[fd].open)
      fail((int)fd);
  close_failed();
  for (size_t i = 0; i < TOPIC_SLOTS; i++) {
    for (struct group *group = server.topics[i].groups, *next; group; group = next) {
      next = group->next;
      free(group->subscribers);
      free(group->turn.at);
      free(group);
    }
    free(server.topics[i].name);
  }
  wire_stop();
  free(server.topics);
  free(server.failed);
  free(server.conns);
  close(server.listen_fd);
  close(server.epoll_fd);
}

int main(int argc, char **argv)
{
  unsigned long port = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
  if (port == 0 || port > 65535 || argc > 3 + WIRE_FILES ||
      (WIRE_FILES && argc != 3 + WIRE_FILES)) {
    fputs("limit PORT [MESSAGE-ID-LENGTH]: the epoll baseline, on 127.0.0.1\n"
          "limit-tls PORT MESSAGE-ID-LENGTH CERTIFICATE.pem KEY.pem: the same with TLS\n"
          "  MESSAGE-ID-LENGTH makes its MESSAGE frames as long as those of another server\n",
          stderr);
    return 2;
  }
  server.id_len = argc > 2 ? (int)(strtoul(argv[2], NULL, 10) % 512) : 20;
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  start((unsigned)port, argv + 3);
  fputs("ready\n", stderr);
  serve();
  stop();
  return 0;
}
