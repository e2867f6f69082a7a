#include "cli/target.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct scheme {
  const char *name;
  bool websocket, tls;
  const char *port;
};

static const struct scheme schemes[] = {
    {"ws", true, false, "80"},           {"wss", true, true, "443"},
    {"stomp", false, false, "61613"},    {"tcp", false, false, "61613"},
    {"stomp+ssl", false, true, "61614"},
};

static const char *part(CURLU *url, CURLUPart which, unsigned flags, char **out)
{
  char *text = NULL;
  CURLUcode code = curl_url_get(url, which, &text, flags);
  if (code != CURLUE_OK || !text) {
    *out = NULL;
    return code == CURLUE_OUT_OF_MEMORY ? "out of memory" : NULL;
  }
  *out = strdup(text);
  curl_free(text);
  return *out ? NULL : "out of memory";
}

static const struct scheme *scheme_find(const char *name)
{
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
    if (strcasecmp(schemes[i].name, name) == 0)
      return &schemes[i];
  return NULL;
}

/* The path as it goes into a request; has_path: the URL says one, be it "/". */
static const char *take_path(struct target *target, CURLU *url, bool has_path)
{
  char *path = NULL, *query = NULL;
  const char *wrong = part(url, CURLUPART_PATH, 0, &path);
  if (!wrong)
    wrong = part(url, CURLUPART_QUERY, 0, &query);
  if (!wrong && !target->websocket && ((path && strcmp(path, "/") != 0) || query))
    wrong = "STOMP over TCP has no path";
  const char *base = has_path && path ? path : "/ws";
  if (!wrong && asprintf(&target->path, "%s%s%s", base, query ? "?" : "", query ? query : "") < 0) {
    target->path = NULL;
    wrong = "out of memory";
  }
  free(path);
  free(query);
  return wrong;
}

static const char *take_host(struct target *target, CURLU *url, const struct scheme *scheme)
{
  const char *wrong = part(url, CURLUPART_HOST, 0, &target->host);
  if (wrong || !target->host)
    return wrong ? wrong : "it names no host";
  if (part(url, CURLUPART_PORT, 0, &target->port) || !target->port)
    target->port = strdup(scheme->port);
  if (!target->port)
    return "out of memory";
  bool usual = strcmp(target->port, scheme->port) == 0;
  int n = snprintf(target->authority, sizeof target->authority, "%s%s%s", target->host,
                   usual ? "" : ":", usual ? "" : target->port);
  int m = snprintf(target->shown, sizeof target->shown, "%s://%s:%s", scheme->name, target->host,
                   target->port);
  if (n < 0 || (size_t)n >= sizeof target->authority || m < 0 || (size_t)m >= sizeof target->shown)
    return "the host's name is too long";
  size_t len = strlen(target->host);
  if (target->host[0] == '[' && len > 2) { /* the resolver wants it without */
    memmove(target->host, target->host + 1, len - 2);
    target->host[len - 2] = '\0';
  }
  return NULL;
}

static const char *take_all(struct target *target, CURLU *url, const char *text)
{
  const char *after = strstr(text, "://");
  if (!after)
    return "it has no scheme: ws, wss, stomp or stomp+ssl, as in ws://127.0.0.1:8080/ws";
  if (after[3] == '/')
    return "it names no host"; /* where libcurl would take the path for one */
  char *name = NULL, *fragment = NULL;
  CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK)
    return curl_url_strerror(code);
  const char *wrong = part(url, CURLUPART_SCHEME, 0, &name);
  if (wrong)
    return wrong;
  const struct scheme *scheme = name ? scheme_find(name) : NULL;
  free(name);
  if (!scheme)
    return "its scheme is none of ws, wss, stomp, stomp+ssl and tcp";
  target->websocket = scheme->websocket;
  target->tls = scheme->tls;
  wrong = part(url, CURLUPART_FRAGMENT, 0, &fragment);
  if (!wrong && fragment)
    wrong = "it has a fragment, which is no part of a request";
  free(fragment);
  if (!wrong)
    wrong = take_host(target, url, scheme);
  if (!wrong) /* a slash of the query is none of a path */
    wrong = take_path(target, url, after[3 + strcspn(after + 3, "/?")] == '/');
  if (!wrong)
    wrong = part(url, CURLUPART_USER, CURLU_URLDECODE, &target->user);
  if (!wrong)
    wrong = part(url, CURLUPART_PASSWORD, CURLU_URLDECODE, &target->password);
  return wrong;
}

bool target_parse(struct target *target, const char *url, char why[240])
{
  *target = (struct target){0};
  CURLU *parser = curl_url();
  const char *wrong = parser ? take_all(target, parser, url) : "out of memory";
  curl_url_cleanup(parser);
  if (!wrong)
    return true;
  target_fini(target);
  snprintf(why, 240, "%s", wrong);
  return false;
}

void target_fini(struct target *target)
{
  free(target->host);
  free(target->port);
  free(target->path);
  free(target->user);
  free(target->password);
  *target = (struct target){0};
}
