/* Where a command goes: a URL, read by libcurl's own URL parser, and what its scheme means. Owns
 * its texts. Any thread. */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include <stdbool.h>
#include <stdint.h>

struct target {
  bool websocket, tls;
  char *host;            /* a name or an address, without brackets */
  char *port;            /* in decimal */
  char *path;            /* of a WebSocket: with the query; "/ws" when the URL has none */
  char *user, *password; /* NULL: the URL has none */
  char authority[280];   /* HOST[:PORT] as in a Host header */
  char shown[320];       /* for messages: without user and password */
};

/* ws://, wss://, stomp://, stomp+ssl:// and tcp://. False: why says what is wrong with it. */
bool target_parse(struct target *target, const char *url, char why[240]);
void target_fini(struct target *target);

#endif
