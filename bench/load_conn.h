/* The generator's connections: non-blocking sockets on one epoll, the WebSocket upgrade or the
 * SockJS session, the protocol's handshake, and the way of received frames to the protocol's
 * parser. Owns sockets and buffers. One thread.
 *
 *   TCP -> UPGRADE -> CONNECT -> SUBSCRIBE -> READY        publishers skip SUBSCRIBE
 */
#ifndef BENCH_LOAD_CONN_H
#define BENCH_LOAD_CONN_H

#include <netinet/in.h>

#include "load_deflate.h"
#include "load_tls.h"
#include "load_tokens.h"
#include "protocol.h"

enum conn_state {
  CONN_TCP,
  CONN_UPGRADE,
  CONN_CONNECT,
  CONN_SUBSCRIBE,
  CONN_READY,
  CONN_CLOSED,
};

/* What carries the connections that listen; publishers have plain WebSockets always. */
enum carrier { CARRIER_WEBSOCKET, CARRIER_DEFLATE, CARRIER_XHR_STREAMING };

struct conn {
  struct load *load;
  int fd;
  uint8_t role, state;
  uint32_t topic;    /* index into load->topics */
  uint32_t index;    /* among the connections of its role */
  struct bytes in;   /* an unfinished frame */
  struct bytes part; /* an unfinished message of earlier frames */
  struct bytes out;  /* not yet taken by the socket, from out_at on */
  size_t out_at;
  uint64_t fences;      /* answered */
  uint32_t session;     /* of SockJS: its number, in its URL */
  bool in_body;         /* of SockJS: the head of the answer has been read */
  struct conn_tls *tls; /* NULL: plain */
};

struct load {
  const struct protocol *protocol;
  enum carrier carrier;
  struct conn *sender;      /* of all SockJS sessions, see load_sockjs.h; NULL: not yet */
  uint32_t n_sessions;      /* of SockJS, ever begun */
  struct inflater inflater; /* of all compressed connections */
  struct sockaddr_in server, publish_server;
  const char *path, *login, *passcode;
  struct tokens tokens;
  unsigned n_sources; /* connections are spread over 127.0.0.1 .. 127.0.0.n */
  char **topics;
  size_t body_len;
  unsigned heartbeat_ms; /* 0: none */
  struct load_tls *tls;  /* NULL: plain */
  bool silent;           /* idle connections are opened and say nothing */

  int epoll_fd;
  int events_max;     /* handled per load_poll; 0: as many as there are */
  struct conn *conns; /* room for all, so that pointers stay valid */
  size_t n_conns, cap_conns;
  size_t first_number; /* of its connections, which have names for the server */
  size_t n_ready;
  uint64_t now_ns;         /* taken once per recv */
  uint64_t received_bytes; /* of WebSocket frames, headers included */
  uint64_t fences;         /* answered, all connections */
  uint64_t beats;          /* heart-beats received */
  uint8_t *buffer;
};

uint64_t clock_now_ns(void);

/* Prints to stderr and ends the program: a run with a failed connection measures something else. */
__attribute__((noreturn, format(printf, 1, 2))) void load_fail(const char *format, ...);

void load_init(struct load *load, size_t cap_conns);
void load_fini(struct load *load);

/* "websocket", "deflate", "xhr-streaming"; false for others. */
bool load_carrier_find(const char *name, enum carrier *carrier);
bool conn_is_sockjs(const struct conn *conn);

/* Starts one connection; it is READY some polls later. */
struct conn *load_open(struct load *load, enum role role, uint32_t topic, uint32_t index);

/* The same once more, of a connection that has been closed. */
void load_reopen(struct conn *conn);

/* Handles what has arrived; waits at most timeout_ns for it. */
void load_poll(struct load *load, uint64_t timeout_ns);

/* With a reset, so that no port stays in TIME_WAIT. */
void conn_close(struct conn *conn);
/* Sends what is in conn->out. What the socket does not take goes out in later polls. */
void conn_flush(struct conn *conn);
/* Sends a heart-beat. */
void conn_beat(struct conn *conn);

/* --- for load_sockjs ---------------------------------------------------------------------- */

/* Connects the socket; what is sent comes later. */
void conn_begin(struct conn *conn);
/* What carries the protocol stands: its handshake begins. */
void conn_carried(struct conn *conn);
/* A message of the protocol, or a part of one, has come. */
void conn_payload(struct conn *conn, const uint8_t *in, size_t len, bool last);

#endif
