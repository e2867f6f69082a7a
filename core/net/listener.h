/* A listening socket of one worker: accepts and hands connections to libwebsockets. Owns the socket
 * and its watch. Pauses when the process is out of file descriptors, and resumes by itself.
 * Worker's thread, but for listener_bind. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>
#include <uv.h>

#include "config/settings.h"
#include "net/conn.h"

/* A bound and listening socket that shares its port with others of this process (SO_REUSEPORT), or
 * -1 with *err filled. *port: the port that was bound. Any thread. */
int listener_bind(const struct settings_address *address, uint16_t *port, struct plug_err *err);

/* Is the port free for this process alone? SO_REUSEPORT would let a second server of the same user
 * share it unnoticed, so this tries to bind without. */
plug_status listener_probe(const struct settings_address *address, struct plug_err *err);

struct listener {
  struct worker *worker;
  int fd;
  enum conn_kind kind;
  uv_poll_t poll;
  uv_timer_t resume;
  bool open;
};

plug_status listener_open(struct listener *listener, struct worker *worker, int fd,
                          enum conn_kind kind);
/* Starts accepting. */
void listener_start(struct listener *listener);
void listener_close(struct listener *listener);

#endif
