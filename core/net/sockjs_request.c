#include "net/sockjs_request.h"

#include <stdlib.h>

#include "base/str.h"

static char *make_key(const struct settings_endpoint *endpoint, struct plug_str session)
{
  size_t path = strlen(endpoint->path);
  char *key = malloc(path + 1 + session.len + 1);
  if (!key)
    return NULL;
  memcpy(key, endpoint->path, path);
  key[path] = '/';
  memcpy(key + path + 1, session.ptr, session.len);
  key[path + 1 + session.len] = '\0';
  return key;
}

struct sockjs_request *sockjs_request_new(const struct settings_endpoint *endpoint,
                                          const struct sockjs_url *url, const char *callback,
                                          struct plug_str headers)
{
  struct sockjs_request *request = calloc(1, sizeof *request);
  if (!request)
    return NULL;
  request->endpoint = endpoint;
  request->transport = url->transport;
  request->key = make_key(endpoint, url->session);
  request->headers = str_dup(headers);
  request->callback = callback ? str_dup(str_of(callback)) : NULL;
  if (request->key && request->headers && (request->callback || !callback))
    return request;
  sockjs_request_free(request);
  return NULL;
}

void sockjs_request_free(struct sockjs_request *request)
{
  if (!request)
    return;
  free(request->callback);
  free(request->key);
  free(request->headers);
  handshake_free(request->handshake);
  buf_free(&request->body);
  free(request);
}
