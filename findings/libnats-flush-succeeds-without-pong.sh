#!/usr/bin/env bash
# libnats 3.4.1: natsConnection_FlushTimeout gives NATS_OK although no PONG has come, and none can, when the
# PING could not be written: the socket is full and its write deadline passes, or the connection has just been
# reset and the reading thread does not know yet. _flushTimeout does not look at the outcome of _sendPing, so
# its PONG was never awaited. Whoever takes NATS_OK for "the server has all that I have published" is wrong
# just when it matters. nats_GetLastError of the thread tells of the failed write.
#
# Seen (Debian's libnats 3.4.1-1): "NATS_OK after 0 ms, last error IO Error". Fails if that changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if ! [[ -e /usr/include/nats/nats.h ]]; then
  apt-get update -qq && apt-get install -y -qq libnats-dev >/dev/null
fi
cat >flush.c <<'C'
#include <nats/nats.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A server that answers the PING of the login and then reads nothing. */
static void *serve(void *arg)
{
  char in[4096];
  int fd = accept(*(int *)arg, NULL, NULL);
  dprintf(fd, "INFO {\"server_id\":\"x\",\"version\":\"2.9.0\",\"max_payload\":100000000}\r\n");
  for (size_t n = 0; n < sizeof in - 1;) {
    ssize_t got = read(fd, in + n, sizeof in - 1 - n);
    if (got <= 0)
      return NULL;
    in[n += (size_t)got] = '\0';
    if (strstr(in, "PING\r\n"))
      break;
  }
  dprintf(fd, "PONG\r\n");
  pause();
  return NULL;
}

int main(void)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (struct sockaddr *)&at, len) || listen(fd, 1) || getsockname(fd, (struct sockaddr *)&at, &len))
    return 2;
  pthread_t server;
  pthread_create(&server, NULL, serve, &fd);

  char url[64];
  natsConnection *nc = NULL;
  natsOptions *options = NULL;
  snprintf(url, sizeof url, "nats://127.0.0.1:%d", ntohs(at.sin_port));
  if (natsOptions_Create(&options) || natsOptions_SetURL(options, url) || natsOptions_SetAllowReconnect(options, false) ||
      natsOptions_SetWriteDeadline(options, 200) || natsConnection_Connect(&nc, options))
    return 2;
  size_t size = 50000000; /* more than both kernels take */
  char *payload = calloc(1, size);
  natsConnection_Publish(nc, "a", payload, (int)size); /* fails, too, and leaves the rest in the buffer */
  nats_ReleaseThreadMemory();                          /* and its error is forgotten */
  natsStatus last = NATS_OK;
  int64_t begin = nats_Now();
  natsStatus status = natsConnection_FlushTimeout(nc, 3000);
  int64_t took = nats_Now() - begin;
  nats_GetLastError(&last);
  printf("%s after %d ms, last error %s\n", status == NATS_OK ? "NATS_OK" : natsStatus_GetText(status),
         (int)(took / 100 * 100), natsStatus_GetText(last));
  return status == NATS_OK && last != NATS_OK ? 0 : 1;
}
C
gcc -o flush flush.c -lnats -pthread
timeout 20 ./flush
