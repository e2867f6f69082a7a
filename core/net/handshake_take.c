#include "net/handshake_take.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <plugboard/secret.h>

#include "base/str.h"

#define SHOWN_MAX 16384 /* what libwebsockets takes of a request's headers */

static struct plug_str peer_of(int fd, char *out, size_t size)
{
  struct sockaddr_storage address;
  socklen_t len = sizeof address;
  char host[64], port[8];
  if (getpeername(fd, (struct sockaddr *)&address, &len) != 0 ||
      getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return STR("");
  const char *open = strchr(host, ':') ? "[" : "", *shut = *open ? "]" : "";
  snprintf(out, size, "%s%s%s:%s", open, host, shut, port);
  return str_of(out);
}

struct reader {
  struct lws *wsi;
  char *at, *end;
};

static struct plug_str read_header(struct reader *r, enum lws_token_indexes token)
{
  int room = (int)(r->end - r->at);
  if (lws_hdr_total_length(r->wsi, token) <= 0 || lws_hdr_total_length(r->wsi, token) >= room)
    return STR("");
  int n = lws_hdr_copy(r->wsi, r->at, room, token);
  if (n <= 0)
    return STR("");
  struct plug_str value = str_from(r->at, (size_t)n);
  r->at += n + 1;
  return value;
}

struct handshake *handshake_take(struct lws *wsi, int fd, bool is_websocket)
{
  static const struct {
    const char *name;
    enum lws_token_indexes token;
  } known[] = {{"authorization", WSI_TOKEN_HTTP_AUTHORIZATION},
               {"cookie", WSI_TOKEN_HTTP_COOKIE},
               {"host", WSI_TOKEN_HOST},
               {"origin", WSI_TOKEN_ORIGIN},
               {"user-agent", WSI_TOKEN_HTTP_USER_AGENT},
               {"x-forwarded-for", WSI_TOKEN_X_FORWARDED_FOR},
               {"sec-websocket-protocol", WSI_TOKEN_PROTOCOL}};
  char peer[96];
  struct plug_kv headers[sizeof known / sizeof *known];
  struct handshake parts = {.peer = peer_of(fd, peer, sizeof peer), .headers = headers};
  if (!is_websocket)
    return handshake_new(&parts);
  char *room = malloc(SHOWN_MAX);
  if (!room)
    return NULL;
  struct reader r = {wsi, room, room + SHOWN_MAX};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    struct plug_str value = read_header(&r, known[i].token);
    if (value.len)
      headers[parts.n_headers++] = (struct plug_kv){str_of(known[i].name), value};
  }
  parts.path = read_header(&r, WSI_TOKEN_GET_URI);
  parts.query = read_header(&r, WSI_TOKEN_HTTP_URI_ARGS);
  parts.vhost = read_header(&r, WSI_TOKEN_HOST);
  parts.subprotocol = str_of(lws_get_protocol(wsi)->name);
  struct handshake *handshake = handshake_new(&parts);
  plug_secret_wipe(room, SHOWN_MAX);
  free(room);
  return handshake;
}
