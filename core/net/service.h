/* What stands at an endpoint in the place of STOMP, on the same carriers: whole messages come in,
 * whole messages go out. The program that starts the server mounts them (server.h). Worker's thread
 * only. */
#ifndef NET_SERVICE_H
#define NET_SERVICE_H

#include <stdbool.h>

#include <plugboard/abi.h>

struct conn;

struct service {
  void (*opened)(struct conn *conn); /* or NULL */
  void (*message)(struct conn *conn, struct plug_str message, bool binary);
};

/* Queues a message. Over SockJS all are text. */
void service_send(struct conn *conn, struct plug_str message, bool binary);
void service_close(struct conn *conn, uint16_t code, const char *reason);

/* --- for carriers: the connection's session is the service's ------------------------------- */

void service_begin(struct conn *conn);

#endif
