/* What the load generator knows of each protocol: a small table of functions. They build bytes and
 * read payloads, and do no I/O. Own nothing but what they have learnt of the server's frames.
 * One thread. */
#ifndef BENCH_PROTOCOL_H
#define BENCH_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load_wire.h"

struct conn;

/* ROLE_STORM: comes back during the measurement, see load_storm.h. */
enum role { ROLE_IDLE, ROLE_SUBSCRIBER, ROLE_PUBLISHER, ROLE_STORM };

/* What a connection shows when it connects; empty texts are left out. */
struct credentials {
  const char *login, *passcode, *token;
};

/* What a received payload can mean. The connection knows what a reply answers: it asks one thing
 * at a time. */
void on_delivery(struct conn *conn, const uint8_t *body, size_t len);
void on_reply(struct conn *conn); /* to connect, to subscribe, or to the fence of a publish */
void on_beat(struct conn *conn);  /* a heart-beat that asks for no answer */
void on_ping(struct conn *conn, const void *reply, size_t len);
void on_refused(struct conn *conn, const char *text, size_t len);

enum role conn_role(const struct conn *conn);

struct protocol {
  const char *name;
  const char *subprotocol; /* Sec-WebSocket-Protocol, NULL for none */
  int opcode;              /* of the frames that are sent */
  bool topic_in_path;      /* a connection belongs to one topic: as many publishers as topics */
  bool implicit_session;   /* the upgrade alone connects and subscribes */
  bool stream;             /* messages may be split over frames, and joined in them */
  bool fence_each; /* every publish is answered, not only those that ask for it with fence */

  void (*path)(struct bytes *out, const char *base, enum role role, const char *topic);
  void (*topic)(struct bytes *out, const char *name, unsigned index);
  void (*connect)(struct bytes *out, const struct credentials *credentials, unsigned index,
                  unsigned heartbeat_ms);
  void (*subscribe)(struct bytes *out, const char *topic);
  /* Returns the offset of the body in out->at. fence: ask the server for a sign of life that comes
   * after this message was taken. */
  size_t (*publish)(struct bytes *out, const char *topic, const void *body, size_t len, bool fence);
  /* Optional: a subscription and its end, the latter answered if asked for with fence. */
  void (*subscribe_pair)(struct bytes *subscribe, struct bytes *unsubscribe, const char *topic,
                         unsigned id, bool fence);
  /* Reads whole messages of a payload, calls on_*, returns the number of bytes used. body_len is
   * the length of every body the generator publishes. */
  size_t (*parse)(struct conn *conn, const uint8_t *in, size_t len, size_t body_len);
  /* Optional: what was published, within the body that an application has made of it; NULL when it
   * is not in it. */
  const uint8_t *(*unwrap)(const uint8_t *body, size_t *len);
};

extern const struct protocol protocol_stomp, protocol_stomp_chat, protocol_mqtt, protocol_nats,
    protocol_nchan, protocol_stomp_app, protocol_centrifugo, protocol_socketio;

/* NULL when there is none of that name. */
const struct protocol *protocol_find(const char *name);
/* All names, for the help text. */
const char *protocol_names(void);

/* The usual path: that of the command line, whatever the topic. */
void protocol_path_base(struct bytes *out, const char *base, enum role role, const char *topic);

#endif
