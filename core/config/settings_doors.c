#include "config/settings_doors.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "config/fault.h"
#include "config/origin.h"

bool doors_endpoint_path(const struct config_section *section, struct plug_str *path)
{
  return loader_section_of(section, SECTION_ENDPOINT, path);
}

static const char *path_fault(struct plug_str path)
{
  struct plug_str segments, segment;
  if (path.len == 0)
    return "a path is missing, as in [endpoint /ws]";
  if (path.ptr[0] != '/')
    return "the path must start with '/'";
  if (path.ptr[path.len - 1] == '/')
    return "the path must not end with '/'";
  for (size_t i = 0; i < path.len; i++)
    if (path.ptr[i] <= ' ' || path.ptr[i] > '~' || strchr("?#%\\\"<>", path.ptr[i]))
      return "the path has a character that a URL's path cannot have as it is";
  segments = str_from(path.ptr + 1, path.len - 1);
  while (str_split(&segments, '/', &segment))
    if (segment.len == 0 || str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
      return "the path has an empty segment, '.' or '..'";
  /* What the server answers itself, or will: clients would find the one and balancers not the
   * other. */
  segments = str_from(path.ptr + 1, path.len - 1);
  (void)str_split(&segments, '/', &segment);
  if (str_eq(segment, STR("ready")) || str_eq(segment, STR("api")))
    return "the path is one of the server's own: /ready and /api are";
  return NULL;
}

plug_status doors_check_endpoint(const struct config_section *section, struct plug_str path,
                                 struct plug_err *err)
{
  const char *fault = path_fault(path);
  if (fault)
    return fault_at(err, section->file, section->line, "[%s]: %s", section->name, fault);
  return option_check(loader_table(SECTION_ENDPOINT), section, section->name, err);
}

/* One key that lists addresses. */
struct listed {
  enum settings_section_id id;
  const char *key;
  struct settings_address **addresses;
  size_t *n;
};

#define LISTED 9

static void list_all(struct settings *s, struct listed out[LISTED])
{
  const struct listed all[LISTED] = {
      {SECTION_HTTP, "listen", &s->http_listen, &s->n_http_listen},
      {SECTION_HTTP, "tls-listen", &s->http_tls_listen, &s->n_http_tls_listen},
      {SECTION_TCP, "listen", &s->tcp_listen, &s->n_tcp_listen},
      {SECTION_TCP, "tls-listen", &s->tcp_tls_listen, &s->n_tcp_tls_listen},
      {SECTION_API, "listen", &s->api_listen, &s->n_api_listen},
      {SECTION_API, "tls-listen", &s->api_tls_listen, &s->n_api_tls_listen},
      {SECTION_ADMIN, "listen", &s->admin_listen, &s->n_admin_listen},
      {SECTION_ADMIN, "tls-listen", &s->admin_tls_listen, &s->n_admin_tls_listen},
      {SECTION_METRICS, "listen", &s->metrics_listen, &s->n_metrics_listen}};
  memcpy(out, all, sizeof all);
}

/* Listening sockets share their port among the workers, so the system would not object to an
 * address that is given twice: it would spread the clients over both. */
static plug_status check_listen_twice(struct settings_loader *l, const struct listed all[LISTED])
{
  for (size_t i = 0; i < LISTED; i++)
    for (size_t k = 0; k <= i; k++)
      for (size_t a = 0; a < *all[i].n; a++)
        for (size_t b = 0; b < (k == i ? a : *all[k].n); b++) {
          const struct settings_address *one = &(*all[i].addresses)[a];
          const struct settings_address *other = &(*all[k].addresses)[b];
          if (one->port != other->port || one->port == 0 || strcmp(one->host, other->host) != 0)
            continue;
          char text[300];
          snprintf(text, sizeof(text), strchr(one->host, ':') ? "[%s]:%u" : "%s:%u", one->host,
                   (unsigned)one->port);
          return loader_fault(l, all[i].id, all[i].key, str_of(text), "is listened on twice");
        }
  return PLUG_OK;
}

plug_status doors_load_listeners(struct settings_loader *l)
{
  struct settings *s = l->settings;
  struct listed all[LISTED];
  list_all(s, all);
  for (size_t i = 0; i < LISTED; i++) {
    plug_status status = loader_listen(l, all[i].id, all[i].key, all[i].addresses, all[i].n);
    if (status)
      return status;
  }
  if (!settings_speaks_http(s) && !settings_speaks_tcp(s)) {
    /* Only an empty [http] listen in the configuration brings us here: the default is not empty. */
    const struct config_entry *entry = loader_entry(l, SECTION_HTTP, "listen");
    return fault_at(l->err, entry ? entry->file : NULL, entry ? entry->line : 0,
                    "no listener: 'listen' is empty in both [http] and [tcp]");
  }
  return check_listen_twice(l, all);
}

static plug_status load_origins(struct settings_loader *l, const struct config_section *section,
                                struct settings_endpoint *endpoint)
{
  const struct config_entry *entry = config_section_find(section, "allowed-origins");
  struct plug_str text = str_of(entry ? entry->value : ""), item;
  endpoint->origins.items = loader_array(text, sizeof(*endpoint->origins.items));
  if (!endpoint->origins.items)
    return fault_no_memory(l->err);
  while (text.len && origin_split(&text, &item)) {
    struct fault_quote quote;
    const char *fault = origin_check(item);
    if (fault)
      return fault_at(l->err, entry->file, entry->line, "[%s] allowed-origins: %s: %s",
                      section->name, fault_quote(&quote, item), fault);
    if (!loader_list_add(&endpoint->origins, item))
      return fault_no_memory(l->err);
  }
  return PLUG_OK;
}

static plug_status endpoint_fault(const struct settings_loader *l,
                                  const struct config_section *section, const char *key,
                                  struct plug_str value, const char *why)
{
  const struct config_entry *entry = section ? config_section_find(section, key) : NULL;
  struct fault_quote quote;
  return fault_at(l->err, entry ? entry->file : NULL, entry ? entry->line : 0, "[%s] %s: %s %s",
                  section ? section->name : "endpoint", key, fault_quote(&quote, value), why);
}

static plug_status load_transports(struct settings_loader *l, const struct config_section *section,
                                   struct settings_endpoint *endpoint)
{
  static const char *const names[TRANSPORT_COUNT] = {"websocket",   "xhr",      "xhr_streaming",
                                                     "eventsource", "htmlfile", "jsonp"};
  struct plug_str text, item;
  (void)option_str(loader_table(SECTION_ENDPOINT), section, "sockjs-transports", &text);
  while (text.len && str_split(&text, ',', &item)) {
    unsigned i = 0;
    while (i < TRANSPORT_COUNT && !str_eq(item, str_of(names[i])))
      i++;
    if (i == TRANSPORT_COUNT)
      return endpoint_fault(l, section, "sockjs-transports", item,
                            "is no transport: websocket, xhr, xhr_streaming, eventsource, "
                            "htmlfile and jsonp are");
    endpoint->sockjs_transports |= 1u << i;
  }
  return PLUG_OK;
}

static plug_status load_sockjs(struct settings_loader *l, const struct config_section *section,
                               struct settings_endpoint *endpoint)
{
  const struct option_table *table = loader_table(SECTION_ENDPOINT);
  const struct {
    const char *key;
    uint64_t *number;
    bool *flag;
  } values[] = {
      {"websocket", NULL, &endpoint->websocket},
      {"deflate", NULL, &endpoint->deflate},
      {"sockjs", NULL, &endpoint->sockjs},
      {"sockjs-cookie", NULL, &endpoint->sockjs_cookie},
      {"sockjs-heart-beat", &endpoint->sockjs_heartbeat_ms, NULL},
      {"sockjs-disconnect-delay", &endpoint->sockjs_disconnect_ms, NULL},
      {"sockjs-stream-limit", &endpoint->sockjs_stream_bytes, NULL},
  };
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    int64_t value = 0;
    (void)option_i64(table, section, values[i].key, &value);
    if (values[i].flag)
      *values[i].flag = value != 0;
    else
      *values[i].number = (uint64_t)value;
  }
  struct plug_str client;
  (void)option_str(table, section, "sockjs-client-url", &client);
  for (size_t i = 0; i < client.len; i++)
    if (client.ptr[i] <= ' ' || client.ptr[i] > '~' || strchr("\"'<>&", client.ptr[i]))
      return endpoint_fault(l, section, "sockjs-client-url", client,
                            "has a character that a URL in a page cannot have as it is");
  endpoint->sockjs_client = str_dup(client);
  if (!endpoint->sockjs_client)
    return fault_no_memory(l->err);
  return load_transports(l, section, endpoint);
}

static plug_status load_endpoint(struct settings_loader *l, const struct config_section *section,
                                 struct plug_str path)
{
  struct settings *s = l->settings;
  for (size_t i = 0; i < s->n_endpoints; i++)
    if (str_eq(str_of(s->endpoints[i].path), path))
      return fault_at(l->err, section->file, section->line, "[%s]: this endpoint is given twice",
                      section->name);
  struct settings_endpoint *endpoint = &s->endpoints[s->n_endpoints];
  endpoint->path = str_dup(path);
  if (!endpoint->path)
    return fault_no_memory(l->err);
  s->n_endpoints++;
  plug_status status = load_sockjs(l, section, endpoint);
  return section && !status ? load_origins(l, section, endpoint) : status;
}

plug_status doors_load_endpoints(struct settings_loader *l)
{
  const struct list *head = &l->config->sections;
  struct plug_str path;
  size_t n = 1; /* the default one */
  for (const struct list *link = head->next; link != head; link = link->next)
    n += doors_endpoint_path(container_of(link, struct config_section, link), &path);
  l->settings->endpoints = calloc(n, sizeof(*l->settings->endpoints));
  if (!l->settings->endpoints)
    return fault_no_memory(l->err);
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    plug_status status =
        doors_endpoint_path(section, &path) ? load_endpoint(l, section, path) : PLUG_OK;
    if (status)
      return status;
  }
  return n == 1 ? load_endpoint(l, NULL, STR(DOORS_DEFAULT_ENDPOINT)) : PLUG_OK;
}

static plug_status load_trusted(struct settings_loader *l, enum settings_section_id id,
                                struct cidr_list *list)
{
  struct plug_str text = loader_text(l, id, "trusted-proxies"), item;
  list->items = loader_array(text, sizeof(*list->items));
  if (!list->items)
    return fault_no_memory(l->err);
  while (text.len && str_split(&text, ',', &item)) {
    const char *fault = cidr_parse(item, &list->items[list->n++]);
    if (fault)
      return loader_fault(l, id, "trusted-proxies", item, fault);
  }
  return PLUG_OK;
}

plug_status doors_load_proxies(struct settings_loader *l)
{
  struct settings *s = l->settings;
  s->http_proxy_protocol = loader_number(l, SECTION_HTTP, "proxy-protocol") != 0;
  s->tcp_proxy_protocol = loader_number(l, SECTION_TCP, "proxy-protocol") != 0;
  plug_status status = load_trusted(l, SECTION_HTTP, &s->http_trusted_proxies);
  if (!status)
    status = load_trusted(l, SECTION_TCP, &s->tcp_trusted_proxies);
  if (status)
    return status;
  if (s->http_proxy_protocol && !s->http_trusted_proxies.n)
    return loader_fault(l, SECTION_HTTP, "proxy-protocol", STR("on"),
                        "needs 'trusted-proxies', which says whose headers are believed");
  if (s->tcp_proxy_protocol && !s->tcp_trusted_proxies.n)
    return loader_fault(l, SECTION_TCP, "proxy-protocol", STR("on"),
                        "needs 'trusted-proxies', which says whose headers are believed");
  return PLUG_OK;
}

static const char *host_fault(struct plug_str host)
{
  for (size_t i = 0; i < host.len; i++)
    if (host.ptr[i] == ':' || host.ptr[i] == '/')
      return "is not a host's name: it has no scheme, no port and no path";
    else if (host.ptr[i] <= ' ' || host.ptr[i] > '~')
      return "is not a host's name: that is plain ASCII without blanks";
  return host.len ? NULL : "is not a host's name";
}

plug_status doors_load_hosts(struct settings_loader *l)
{
  struct settings_list *list = &l->settings->allowed_hosts;
  struct plug_str text = loader_text(l, SECTION_HTTP, "allowed-hosts"), item;
  list->items = loader_array(text, sizeof(*list->items));
  if (!list->items)
    return fault_no_memory(l->err);
  while (text.len && str_split(&text, ',', &item)) {
    const char *fault = host_fault(item);
    if (fault)
      return loader_fault(l, SECTION_HTTP, "allowed-hosts", item, fault);
    if (!loader_list_add(list, item))
      return fault_no_memory(l->err);
  }
  return PLUG_OK;
}
