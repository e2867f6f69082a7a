#include "net/shown.h"

#include "base/str.h"

struct handshake *shown_take(const struct http_head *head, const struct ws_upgrade *upgrade,
                             const struct net_peer *peer, const struct tls_stream *tls)
{
  char subject[TLS_SUBJECT_MAX];
  char text[NET_PEER_TEXT_MAX];
  struct plug_kv headers[HTTP_FIELDS_CAP];
  struct handshake parts = {.peer = str_from(text, net_peer_text(peer, text)), .headers = headers};
  if (tls)
    parts.tls_subject = str_from(subject, tls_stream_subject(tls, subject));
  if (!head)
    return handshake_new(&parts);
  for (size_t i = 0; i < head->n_fields; i++)
    headers[parts.n_headers++] = (struct plug_kv){head->fields[i].name, head->fields[i].value};
  parts.vhost = head->host;
  parts.path = head->path;
  parts.query = head->query;
  if (upgrade)
    parts.subprotocol = upgrade->protocol;
  return handshake_new(&parts);
}
