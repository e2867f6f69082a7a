/* A listening socket of one worker: accepts, and begins a connection with each. Owns the socket.
 * Pauses when the process is out of file descriptors, and resumes by itself. Worker's thread, but
 * for listener_bind. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "config/settings.h"
#include "net/admit.h"
#include "net/env.h"

/* A bound and listening socket that shares its port with others of this process (SO_REUSEPORT), or
 * -1 with *err filled. What it accepts notices peers that vanish, as settings say. *port: the port
 * that was bound. Any thread. */
int listener_bind(const struct settings_address *address, const struct settings *settings,
                  uint16_t *port, struct plug_err *err);

/* Is the port free for this process alone? SO_REUSEPORT would let a second server of the same user
 * share it unnoticed, so this tries to bind without. */
plug_status listener_probe(const struct settings_address *address, struct plug_err *err);

/* The same at a path; -1 with *err filled. A socket that a server which is no more has left there
 * is replaced. Whoever binds it removes the path in the end. */
int listener_bind_unix(const struct settings_socket *place, struct plug_err *err);

/* The address to bind; freeaddrinfo is the caller's. 0, or a fault of getaddrinfo. */
struct addrinfo;
int listener_resolve(const struct settings_address *address, struct addrinfo **found);
/* What a socket accepts notices peers that vanish, as settings say. */
void listener_notice_vanished(int fd, const struct settings *settings);

struct listener {
  struct net_env *env;
  struct door door;
  struct watch watch;
  struct timer resume;
};

/* Takes over fd, and starts accepting. PLUG_EINTERNAL if it cannot be watched. */
plug_status listener_open(struct listener *listener, struct net_env *env, int fd,
                          const struct door *door);
/* What comes in from now on comes in as the settings of its worker have it. */
void listener_renew(struct listener *listener);
/* What waits in its queue is reset. May be called twice. */
void listener_close(struct listener *listener);

#endif
