#include "redis_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "redis_reader.h"
#include "redis_tls.h"
#include "redis_tls_error.h"

enum {
  READ_SIZE = 16 * 1024, /* hiredis moves the rest of its buffer after each kilobyte it parsed */
  READS_PER_TURN = 4,    /* then others get their turn; the watch is level-triggered */
  REPLIES_PER_TURN = 500,
  KEEPALIVE_IDLE_S = 15,
  KEEPALIVE_INTERVAL_S = 5,
  KEEPALIVE_COUNT = 3,
  TLS_ALERT = 0x15, /* the first byte of what a TLS server says to somebody who speaks none */
};

enum state { RESOLVING, CONNECTING, SECURING, LOGGING_IN, READY, LOST };

struct redis_conn {
  const struct redis_env *env;
  const struct redis_conn_events *events;
  void *arg;
  struct redis_login login;
  struct redis_role_watch role;
  enum state state;
  struct redis_lookup *lookup;
  struct redis_addrs addrs;
  size_t next_addr;
  struct redis_addr addr; /* who was asked for */
  int fd;
  struct redis_tls *tls; /* NULL: none, or not connected */
  struct plug_io *io;
  uint32_t want, shown; /* shown: to the host, without reading while paused */
  struct redis_reader reader;
  struct redis_buf out;
  size_t out_sent; /* bytes at the front of out that the kernel has */
  uint64_t received;
  struct redis_steps steps;
  bool paused;
  bool busy;   /* inside a callback of the host: close only marks */
  bool doomed; /* closed while busy */
};

static void on_io(void *arg, int fd, uint32_t ready) PLUG_NOEXCEPT;

static void lose(struct redis_conn *conn, plug_status status, const char *why)
{
  if (conn->state == LOST || conn->doomed)
    return;
  struct redis_loss loss = {.status = status};
  snprintf(loss.why, sizeof loss.why, "%s", why);
  conn->state = LOST;
  if (conn->io != NULL)
    conn->env->host->io_want(conn->io, 0);
  conn->events->lost(conn->arg, &loss);
}

/* A port, or the path of a socket, where nobody is. */
static plug_status status_of_errno(int error)
{
  return error == ECONNREFUSED || error == ENOENT ? PLUG_ESTATE : PLUG_EUNAVAIL;
}

/* Who is cut off before anything was said may have spoken, or not spoken, TLS to a port that wants
 * it the other way. */
static const char *hint(const struct redis_conn *conn)
{
  if (conn->tls != NULL && conn->state < READY && redis_tls_owes_certificate(conn->tls))
    return "; " REDIS_TLS_OWED;
  if (conn->state == SECURING)
    return "; is it the tls-port of Redis?";
  if (conn->tls == NULL && conn->state == LOGGING_IN && conn->received == 0 &&
      conn->addr.path[0] == '\0')
    return "; if that port wants TLS, write rediss:// into url";
  return "";
}

static void lose_errno(struct redis_conn *conn, const char *what, int error)
{
  char why[REDIS_WHY_MAX];
  snprintf(why, sizeof why, "%s: %s%s", what, strerror(error), hint(conn));
  lose(conn, status_of_errno(error), why);
}

static void lose_ended(struct redis_conn *conn)
{
  char why[REDIS_WHY_MAX];
  snprintf(why, sizeof why, "Redis closed the connection%s", hint(conn));
  lose(conn, PLUG_EUNAVAIL, why);
}

static void lose_tls(struct redis_conn *conn, enum redis_tls_result result)
{
  if (result == REDIS_TLS_ENDED)
    lose_ended(conn);
  else if (result == REDIS_TLS_LOST)
    lose_errno(conn, "connection lost", redis_tls_errno(conn->tls));
  else
    lose(conn, PLUG_EUNAVAIL, redis_tls_why(conn->tls));
}

static void set_want(struct redis_conn *conn, uint32_t want)
{
  uint32_t shown = conn->paused ? want & ~PLUG_IO_READ : want;
  conn->want = want;
  if (conn->shown == shown || conn->io == NULL)
    return;
  conn->shown = shown;
  conn->env->host->io_want(conn->io, shown);
}

/* What was not answered yet has been refused by now: nothing of it may go out later. A closed TCP
 * socket would still send what it holds, past the messages of the connection that follows it, and a
 * Redis that finds the end of the stream works off all that came before it. After a reset the one
 * sends nothing more, and the other gives up at its first answer. */
static void close_socket(struct redis_conn *conn)
{
  const struct linger reset = {.l_onoff = 1, .l_linger = 0};
  redis_tls_free(conn->tls);
  conn->tls = NULL;
  if (conn->io != NULL)
    conn->env->host->io_close(conn->io);
  if (conn->fd >= 0) {
    (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(conn->fd);
  }
  conn->io = NULL;
  conn->fd = -1;
}

static void set_tcp_options(int fd)
{
  /* All of these only improve matters: a kernel that lacks one is no reason to fail. */
  const int on = 1, idle = KEEPALIVE_IDLE_S, interval = KEEPALIVE_INTERVAL_S,
            count = KEEPALIVE_COUNT;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

/* Starts connecting to the next address that does not fail at once; else 0 or the last errno. */
static int dial_next(struct redis_conn *conn)
{
  int error = EADDRNOTAVAIL;
  close_socket(conn);
  while (conn->next_addr < conn->addrs.n) {
    const struct sockaddr *sa = (const struct sockaddr *)&conn->addrs.v[conn->next_addr].sa;
    socklen_t len = conn->addrs.v[conn->next_addr++].len;
    conn->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0) {
      error = errno;
      continue;
    }
    if (sa->sa_family != AF_UNIX)
      set_tcp_options(conn->fd);
    if (connect(conn->fd, sa, len) == 0 || errno == EINPROGRESS) {
      conn->want = conn->shown = PLUG_IO_READ | PLUG_IO_WRITE;
      conn->io = conn->env->host->io_open(conn->env->host, conn->fd, conn->want, on_io, conn);
      if (conn->io != NULL) {
        conn->state = CONNECTING;
        return 0;
      }
      errno = ENOMEM;
    }
    error = errno;
    close_socket(conn);
  }
  return error;
}

static void on_resolved(void *arg, const struct redis_addrs *addrs, const char *why)
{
  struct redis_conn *conn = arg;
  conn->lookup = NULL;
  conn->addrs = *addrs;
  conn->busy = true;
  if (addrs->n == 0) {
    char text[REDIS_WHY_MAX];
    snprintf(text, sizeof text, "its name cannot be resolved: %s", why);
    lose(conn, PLUG_EUNAVAIL, text);
  } else {
    int error = dial_next(conn);
    if (error != 0)
      lose_errno(conn, "cannot connect", error);
  }
  conn->busy = false;
  if (conn->doomed)
    redis_conn_close(conn);
}

struct redis_conn *redis_conn_open(const struct redis_env *env, struct redis_tasks *tasks,
                                   const struct redis_addr *addr, const struct redis_login *login,
                                   const struct redis_conn_events *events, void *arg,
                                   struct redis_loss *loss)
{
  struct redis_conn *conn = calloc(1, sizeof *conn);
  if (conn == NULL)
    goto no_memory;
  conn->env = env;
  conn->events = events;
  conn->arg = arg;
  conn->addr = *addr;
  conn->login = *login;
  conn->role.expected = login->role;
  conn->fd = -1;
  if (!redis_reader_init(&conn->reader))
    goto no_memory;
  if (!redis_resolve_number(addr, &conn->addrs)) {
    conn->state = RESOLVING;
    conn->lookup = redis_lookup_start(tasks, addr, on_resolved, conn);
    if (conn->lookup == NULL)
      goto no_memory;
    return conn;
  }
  int error = dial_next(conn);
  if (error == 0)
    return conn;
  loss->status = status_of_errno(error);
  snprintf(loss->why, sizeof loss->why, "cannot connect: %s", strerror(error));
  redis_conn_close(conn);
  return NULL;
no_memory:
  loss->status = PLUG_ENOMEM;
  snprintf(loss->why, sizeof loss->why, "out of memory or threads");
  redis_conn_close(conn);
  return NULL;
}

void redis_conn_close(struct redis_conn *conn)
{
  if (conn == NULL)
    return;
  if (conn->lookup != NULL)
    redis_lookup_forget(conn->lookup);
  conn->lookup = NULL;
  close_socket(conn);
  conn->state = LOST;
  conn->doomed = true;
  if (conn->busy)
    return;
  redis_reader_fini(&conn->reader);
  redis_buf_fini(&conn->out);
  free(conn);
}

bool redis_conn_command(struct redis_conn *conn, const struct plug_str *argv, size_t argc)
{
  if (conn->state != READY || !redis_buf_put_command(&conn->out, argv, argc))
    return false;
  set_want(conn, PLUG_IO_READ | PLUG_IO_WRITE);
  return true;
}

struct redis_role_watch *redis_conn_role(struct redis_conn *conn)
{
  return &conn->role;
}

size_t redis_conn_unsent(const struct redis_conn *conn)
{
  return conn->out.len - conn->out_sent + (conn->tls == NULL ? 0 : redis_tls_unsent(conn->tls));
}

uint64_t redis_conn_received(const struct redis_conn *conn)
{
  return conn->received;
}

/* All of it in one go. */
static void log_in(struct redis_conn *conn)
{
  conn->state = LOGGING_IN;
  if (redis_login_begin(&conn->steps, &conn->login, &conn->role, &conn->out))
    set_want(conn, PLUG_IO_READ | PLUG_IO_WRITE);
  else
    lose(conn, PLUG_ENOMEM, "out of memory");
}

static bool is_open(const struct redis_conn *conn)
{
  return conn->state == LOGGING_IN || conn->state == READY;
}

static void shake_hands(struct redis_conn *conn)
{
  enum redis_tls_result result = redis_tls_handshake(conn->tls);
  if (result == REDIS_TLS_OK)
    log_in(conn);
  else if (result == REDIS_TLS_AGAIN)
    set_want(conn, PLUG_IO_READ | (redis_tls_unsent(conn->tls) > 0 ? PLUG_IO_WRITE : 0u));
  else
    lose_tls(conn, result);
}

static void on_connected(struct redis_conn *conn)
{
  if (conn->login.trust == NULL) {
    log_in(conn);
    return;
  }
  conn->tls =
      redis_tls_new(conn->login.trust, conn->fd, conn->addr.host, REDIS_TLS_RECORDS_PER_KEY);
  if (conn->tls == NULL) {
    lose(conn, PLUG_ENOMEM, "out of memory, or the host is no name for TLS");
    return;
  }
  conn->state = SECURING;
  shake_hands(conn);
}

static void on_connecting(struct redis_conn *conn)
{
  int error = 0;
  socklen_t len = sizeof error;
  struct sockaddr_storage peer;
  socklen_t peer_len = sizeof peer;
  if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
    error = errno;
  if (error == 0 && getpeername(conn->fd, (struct sockaddr *)&peer, &peer_len) == 0) {
    on_connected(conn);
    return;
  }
  if (error == 0)
    return; /* not connected yet */
  if (dial_next(conn) != 0)
    lose_errno(conn, "cannot connect", error);
}

static void on_reply(struct redis_conn *conn, const redisReply *reply)
{
  struct redis_loss loss = {.status = PLUG_OK};
  if (conn->state == READY) {
    conn->events->reply(conn->arg, reply);
    return;
  }
  switch (redis_login_reply(&conn->steps, &conn->role, reply, &conn->out, &loss)) {
  case REDIS_LOGIN_WAITS:
    if (redis_conn_unsent(conn) > 0)
      set_want(conn, PLUG_IO_READ | PLUG_IO_WRITE);
    break;
  case REDIS_LOGIN_DONE:
    conn->state = READY;
    conn->events->ready(conn->arg);
    break;
  case REDIS_LOGIN_REFUSED:
    lose(conn, loss.status, loss.why);
    break;
  }
}

/* Returns how many there were. */
static size_t parse_replies(struct redis_conn *conn)
{
  size_t n = 0;
  while (is_open(conn) && !conn->paused) {
    redisReply *reply;
    enum redis_reading reading = redis_reader_next(&conn->reader, &reply);
    if (reading == REDIS_READ_BROKEN) {
      char why[REDIS_WHY_MAX];
      snprintf(why, sizeof why, "it does not speak the Redis protocol: %s",
               redis_reader_why(&conn->reader));
      lose(conn, PLUG_EUNAVAIL, why);
    }
    if (reading != REDIS_READ_REPLY)
      return n;
    on_reply(conn, reply);
    freeReplyObject(reply);
    n++;
  }
  return n;
}

/* Takes what has been read; returns how many replies were in it. */
static size_t take(struct redis_conn *conn, const char *bytes, size_t n)
{
  if (conn->received == 0 && conn->tls == NULL && bytes[0] == TLS_ALERT) {
    lose_ended(conn);
    return 0;
  }
  conn->received += n;
  redis_count(conn->env, REDIS_M_BYTES_IN, (int64_t)n);
  if (!redis_reader_feed(&conn->reader, bytes, n)) {
    lose(conn, PLUG_ENOMEM, "out of memory");
    return 0;
  }
  return parse_replies(conn);
}

static void read_plain(struct redis_conn *conn)
{
  char bytes[READ_SIZE];
  size_t n_replies = 0;
  for (int i = 0; i < READS_PER_TURN; i++) {
    if (!is_open(conn) || conn->paused)
      return;
    ssize_t n = recv(conn->fd, bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (n <= 0) {
      if (n < 0)
        lose_errno(conn, "connection lost", errno);
      else
        lose_ended(conn);
      return;
    }
    n_replies += take(conn, bytes, (size_t)n);
    if ((size_t)n < sizeof bytes || n_replies >= REPLIES_PER_TURN)
      return;
  }
}

/* What libssl holds wakes nobody up: it is emptied before the turn ends, unless a pause does. */
static void read_tls(struct redis_conn *conn)
{
  char bytes[READ_SIZE];
  size_t n_replies = 0;
  for (int i = 0; i < READS_PER_TURN && n_replies < REPLIES_PER_TURN; i++) {
    enum redis_tls_result result = REDIS_TLS_OK;
    for (unsigned allowed = 1; result == REDIS_TLS_OK; allowed = 0) {
      size_t n = 0;
      if (!is_open(conn) || conn->paused)
        return;
      if (allowed > 0)
        redis_tls_allow(conn->tls, allowed);
      result = redis_tls_read(conn->tls, bytes, sizeof bytes, &n);
      if (result == REDIS_TLS_OK)
        n_replies += take(conn, bytes, n);
    }
    if (result != REDIS_TLS_AGAIN) {
      lose_tls(conn, result);
      return;
    }
    if (!redis_tls_has_more(conn->tls))
      return;
  }
}

static void read_some(struct redis_conn *conn)
{
  if (conn->tls != NULL)
    read_tls(conn);
  else
    read_plain(conn);
}

/* A server that turns us away says why before it hangs up. */
static void lose_writing(struct redis_conn *conn, int error)
{
  read_some(conn);
  lose_errno(conn, "connection lost", error);
}

/* What has gone is counted as sent; the rest waits for the socket. */
static void sent_some(struct redis_conn *conn, size_t n)
{
  conn->out_sent += n;
  redis_count(conn->env, REDIS_M_BYTES_OUT, (int64_t)n);
}

/* False: the connection is lost. */
static bool send_plain(struct redis_conn *conn, size_t n)
{
  ssize_t sent = send(conn->fd, conn->out.ptr + conn->out_sent, n, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    lose_writing(conn, errno);
    return false;
  }
  if (sent > 0)
    sent_some(conn, (size_t)sent);
  return true;
}

static bool send_tls(struct redis_conn *conn, size_t n)
{
  size_t taken;
  enum redis_tls_result result =
      redis_tls_write(conn->tls, conn->out.ptr + conn->out_sent, n, &taken);
  sent_some(conn, taken);
  if (result == REDIS_TLS_LOST)
    lose_writing(conn, redis_tls_errno(conn->tls));
  else if (result == REDIS_TLS_BAD || result == REDIS_TLS_ENDED)
    lose_tls(conn, result);
  return result == REDIS_TLS_OK || result == REDIS_TLS_AGAIN;
}

static void write_some(struct redis_conn *conn)
{
  size_t n = conn->out.len - conn->out_sent;
  if (conn->tls != NULL && !send_tls(conn, n))
    return;
  if (conn->tls == NULL && n > 0 && !send_plain(conn, n))
    return;
  if (conn->out_sent == conn->out.len) {
    redis_buf_clear(&conn->out);
    conn->out_sent = 0;
  } else if (conn->out_sent > conn->out.len / 2) {
    redis_buf_drop(&conn->out, conn->out_sent);
    conn->out_sent = 0;
  }
  if (redis_conn_unsent(conn) == 0)
    set_want(conn, PLUG_IO_READ);
}

static void serve(struct redis_conn *conn, uint32_t ready)
{
  conn->busy = true;
  if (conn->state == CONNECTING)
    on_connecting(conn);
  else if (conn->state == SECURING)
    shake_hands(conn);
  if (is_open(conn) && (ready & PLUG_IO_READ) != 0)
    read_some(conn);
  if (is_open(conn) && (ready & PLUG_IO_WRITE) != 0)
    write_some(conn);
  /* libssl may have an answer of its own. */
  if (is_open(conn) && conn->tls != NULL && redis_tls_unsent(conn->tls) > 0)
    set_want(conn, PLUG_IO_READ | PLUG_IO_WRITE);
  conn->busy = false;
  if (conn->doomed)
    redis_conn_close(conn);
}

static void on_io(void *arg, int fd, uint32_t ready) PLUG_NOEXCEPT
{
  (void)fd;
  serve(arg, ready);
}

void redis_conn_poll(struct redis_conn *conn)
{
  if (!conn->busy && conn->state == READY)
    serve(conn, PLUG_IO_READ);
}

const char *redis_conn_late(const struct redis_conn *conn)
{
  if (conn->state == SECURING)
    return "no TLS handshake in time: is it the tls-port of Redis?";
  return "no connection in time: host, port or firewall may be wrong";
}

const char *redis_conn_tls(const struct redis_conn *conn)
{
  return conn->tls == NULL ? NULL : redis_tls_version(conn->tls);
}

bool redis_conn_is_ready(const struct redis_conn *conn)
{
  return conn->state == READY;
}

void redis_conn_adopt(struct redis_conn *conn, const struct redis_conn_events *events, void *arg)
{
  conn->events = events;
  conn->arg = arg;
}

void redis_conn_pause(struct redis_conn *conn, bool paused)
{
  if (conn->paused == paused || conn->state != READY)
    return;
  conn->paused = paused;
  set_want(conn, conn->want);
  if (paused || conn->busy)
    return; /* whoever is reading goes on by itself */
  conn->busy = true;
  (void)parse_replies(conn);
  if (conn->tls != NULL)
    read_tls(conn);
  conn->busy = false;
  if (conn->doomed)
    redis_conn_close(conn);
}
