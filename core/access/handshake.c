#include "access/handshake.h"

#include <stdlib.h>
#include <string.h>

#include <plugboard/secret.h>

struct block {
  struct handshake shown; /* first: the caller's view */
  size_t bytes;
};

static struct plug_str take(char **at, struct plug_str s)
{
  struct plug_str copy = {*at, s.len};
  if (s.len)
    memcpy(*at, s.ptr, s.len);
  *at += s.len;
  return copy;
}

struct handshake *handshake_new(const struct handshake *parts)
{
  size_t bytes = sizeof(struct block) + parts->n_headers * sizeof *parts->headers +
                 parts->peer.len + parts->vhost.len + parts->path.len + parts->query.len +
                 parts->subprotocol.len + parts->tls_subject.len;
  for (size_t i = 0; i < parts->n_headers; i++)
    bytes += parts->headers[i].key.len + parts->headers[i].value.len;
  struct block *block = malloc(bytes);
  if (!block)
    return NULL;
  struct plug_kv *headers = (struct plug_kv *)(void *)(block + 1);
  char *at = (char *)(headers + parts->n_headers);
  block->bytes = bytes;
  block->shown = (struct handshake){.headers = headers, .n_headers = parts->n_headers};
  block->shown.peer = take(&at, parts->peer);
  block->shown.vhost = take(&at, parts->vhost);
  block->shown.path = take(&at, parts->path);
  block->shown.query = take(&at, parts->query);
  block->shown.subprotocol = take(&at, parts->subprotocol);
  block->shown.tls_subject = take(&at, parts->tls_subject);
  for (size_t i = 0; i < parts->n_headers; i++) {
    char *name = at;
    headers[i].key = take(&at, parts->headers[i].key);
    for (size_t k = 0; k < headers[i].key.len; k++)
      if (name[k] >= 'A' && name[k] <= 'Z')
        name[k] = (char)(name[k] - 'A' + 'a');
    headers[i].value = take(&at, parts->headers[i].value);
  }
  return &block->shown;
}

void handshake_free(struct handshake *handshake)
{
  if (!handshake)
    return;
  struct block *block = (struct block *)(void *)handshake;
  plug_secret_wipe(block, block->bytes);
  free(block);
}
