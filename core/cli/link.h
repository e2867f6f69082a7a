/* A STOMP client's connection, over TCP or WebSocket, with or without TLS: opening, CONNECT,
 * heart-beats, frames out and in, a clean end. It has no loop: who owns it polls link_fd for
 * link_wants until link_timeout, and calls link_turn. Owns its stream and buffers. One thread.
 *
 *   OPENING -> UPGRADING -> CONNECTING -> UP -> LEAVING -> ENDED     UPGRADING: WebSocket only
 */
#ifndef CLI_LINK_H
#define CLI_LINK_H

#include "base/buf.h"
#include "cli/exits.h"
#include "cli/stream.h"
#include "cli/target.h"
#include "cli/text_list.h"
#include "stomp/stomp_encoder.h"
#include "stomp/stomp_parser.h"
#include "websocket/ws_reader.h"
#include "websocket/ws_upgrade.h"

/* What is the same for all connections of a command. Borrowed texts. */
struct link_terms {
  const struct target *target;
  SSL_CTX *tls;
  const struct addrinfo *addresses;
  const char *host, *login, *passcode, *token; /* NULL: not said */
  struct text_list connect_headers;            /* NAME:VALUE, of CONNECT */
  bool notices;                  /* asks to be told when the server is about to stop */
  struct text_list http_headers; /* NAME: VALUE, of the handshake */
  uint64_t open_ms;              /* until CONNECTED; and for the answer to DISCONNECT */
  uint64_t heartbeat_ms;         /* 0: none */
};

enum link_state {
  LINK_OPENING,
  LINK_UPGRADING,
  LINK_CONNECTING,
  LINK_UP,
  LINK_LEAVING,
  LINK_ENDED, /* exit and why say how */
};

struct link {
  const struct link_terms *terms;
  /* CONNECTED; MESSAGE and RECEIPT while UP or LEAVING; and ERROR, after which the link ends. Valid
   * during the call. */
  void (*on_frame)(void *ctx, const struct stomp_frame *frame);
  void *ctx;
  enum link_state state;
  enum exit_code exit;
  char why[400];
  enum stomp_version version;
  struct stream stream;
  struct ws_reader reader;
  struct stomp_parser parser;
  char key[WS_KEY_LEN + 1];
  struct buf answer; /* of the handshake, as far as it has come */
  struct buf frame;  /* of STOMP, that is being written */
  struct buf out;    /* what the socket has not taken, from out_at on */
  size_t out_at;
  uint64_t deadline_us;            /* of the state; 0: none */
  uint64_t send_every_us, sent_us; /* heart-beats; 0: none */
  uint64_t hear_every_us, heard_us;
};

void link_open(struct link *link, const struct link_terms *terms,
               void (*on_frame)(void *ctx, const struct stomp_frame *frame), void *ctx);
/* Ends it at once. */
void link_fini(struct link *link);

int link_fd(const struct link *link); /* -1: none, and link_turn says why at once */
short link_wants(const struct link *link);
int link_timeout_ms(const struct link *link); /* for poll */
/* Does what can be done. */
void link_turn(struct link *link);

/* Writes a frame: command, headers with link_put, body with link_send, which leaves it in the
 * buffer; link_flush gives it to the socket. */
void link_begin(struct link *link, enum stomp_command command);
void link_put(struct link *link, enum stomp_command command, struct plug_str name,
              struct plug_str value);
void link_send(struct link *link, struct plug_str body);
void link_flush(struct link *link);
/* Bytes that wait for the socket. */
size_t link_backlog(const struct link *link);

/* DISCONNECT with a receipt; ENDED with EXIT_DONE when it comes. */
void link_leave(struct link *link);

/* Ends it with this exit code; the first end counts. */
void link_end(struct link *link, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
