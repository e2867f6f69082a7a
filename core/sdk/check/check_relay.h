/* SPDX-License-Identifier: MIT
 *
 * check_relay.h: a TCP relay on loopback between a plugin and its backend, which plugboard-check
 * cuts, stalls and splits. It owns one thread and all of its sockets. The functions are called by
 * the thread that has made it. */
#ifndef CHECK_RELAY_H
#define CHECK_RELAY_H

#include <stddef.h>
#include <stdint.h>

enum check_relay_mode {
  CHECK_RELAY_PASS,
  CHECK_RELAY_SPLIT, /* passes, but each byte by itself */
  CHECK_RELAY_STALL, /* keeps connections and takes new ones, passes nothing */
  CHECK_RELAY_CUT    /* closes all connections, refuses new ones */
};

struct check_relay;

/* NULL with why filled when the backend's name cannot be resolved or no socket can be had. */
struct check_relay *check_relay_new(const char *host, const char *port, char *why, size_t room);
void check_relay_free(struct check_relay *relay);
uint16_t check_relay_port(const struct check_relay *relay);
/* Has taken effect when it returns. */
void check_relay_set(struct check_relay *relay, enum check_relay_mode mode);
/* How many connections have been taken so far. */
size_t check_relay_accepted(const struct check_relay *relay);

/* Where "scheme://user:password@host:port/rest" or "host:port" names its backend: offsets and
 * lengths of host and port. 0 when text is neither. A host in brackets is given without them. */
int check_relay_find(const char *text, size_t *host, size_t *host_len, size_t *port,
                     size_t *port_len);

#endif
