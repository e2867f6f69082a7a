#include "net/sockjs_request.h"

#include <stdlib.h>

#include "base/counter.h"
#include "base/str.h"
#include "net/env.h"
#include "net/shown.h"

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

static void request_free(struct http_task *task)
{
  struct sockjs_request *request = sockjs_request_of(task);
  free(request->callback);
  free(request->key);
  free(request->headers);
  handshake_free(request->handshake);
  buf_free(&task->body);
  free(request);
}

static void begin(struct http_task *task, struct net_env *env, const struct http_head *head)
{
  struct sockjs_request *request = sockjs_request_of(task);
  if (env->session.access && !sockjs_transport_sends(request->transport))
    request->handshake = shown_take(head, NULL, &task->peer, task->tls);
}

static void too_large(struct http_fault *fault)
{
  COUNT(refused_sockjs_message);
  *fault = (struct http_fault){.status = 413,
                               .text = "The body is larger than max-sockjs-message allows."};
}

static const struct http_task_kind kind = {
    .begin = begin, .serve = sockjs_serve, .free = request_free, .too_large = too_large};

struct sockjs_request *sockjs_request_new(const struct settings *settings,
                                          const struct settings_endpoint *endpoint,
                                          const struct sockjs_url *url, const char *callback,
                                          struct plug_str headers, size_t max_body)
{
  struct sockjs_request *request = calloc(1, sizeof *request);
  if (!request)
    return NULL;
  request->task.kind = &kind;
  request->task.max_body = max_body;
  request->endpoint = (size_t)(endpoint - settings->endpoints);
  request->transport = url->transport;
  request->key = make_key(endpoint, url->session);
  request->headers = str_dup(headers);
  request->callback = callback ? str_dup(str_of(callback)) : NULL;
  if (request->key && request->headers && (request->callback || !callback))
    return request;
  request_free(&request->task);
  return NULL;
}
