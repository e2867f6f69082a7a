#include "config/settings.h"

#include "base/str.h"
#include "config/address.h"
#include "config/fault.h"
#include "config/origin.h"
#include "config/settings_profile.h"
#include "config/settings_tables.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define WORKERS_MAX      64
#define NODE_LEN_MAX     64
#define DEFAULT_ENDPOINT "/ws"

/* What the steps of settings_load share. */
struct loader {
  struct settings *settings;
  const struct config *config;
  const struct config_section *sections[SECTION_COUNT]; /* NULL: not written */
  struct plug_err *err;
};

static const struct option_table *table_of(enum settings_section_id id)
{
  return &settings_sections[id].table;
}

/* NULL: the value is the default. */
static const struct config_entry *entry_of(const struct loader *l, enum settings_section_id id,
                                           const char *key)
{
  return l->sections[id] ? config_section_find(l->sections[id], key) : NULL;
}

/* The text of an option, an empty one for an option with neither value nor default. */
static struct plug_str text_of(const struct loader *l, enum settings_section_id id, const char *key)
{
  struct plug_str text = STR("");
  (void)option_str(table_of(id), l->sections[id], key, &text);
  return text;
}

/* After option_check there is a value for every number of the tables, none of them negative. */
static uint64_t number_of(const struct loader *l, enum settings_section_id id, const char *key)
{
  int64_t number = 0;
  (void)option_i64(table_of(id), l->sections[id], key, &number);
  return (uint64_t)number;
}

/* The position of the value among the words of the option's range; the enums of settings.h and
 * base/log.h list theirs in the order of the tables. */
static int choice_of(const struct loader *l, enum settings_section_id id, const char *key)
{
  const struct option_table *table = table_of(id);
  struct plug_str value = text_of(l, id, key), words = {NULL, 0}, word;
  for (size_t i = 0; i < table->n; i++)
    if (strcmp(table->options[i].name, key) == 0)
      words = str_of(table->options[i].range);
  for (int i = 0; str_split(&words, '|', &word); i++)
    if (str_eq(word, value))
      return i;
  return 0;
}

/* A fault of one option, at its place or, for a default, without one. */
static plug_status option_fault_at(const struct loader *l, enum settings_section_id id,
                                   const char *key, struct plug_str value, const char *why)
{
  const struct config_entry *entry = entry_of(l, id, key);
  struct fault_quote quote;
  return fault_at(l->err, entry ? entry->file : NULL, entry ? entry->line : 0, "[%s] %s: %s %s",
                  settings_sections[id].name, key, fault_quote(&quote, value), why);
}

static const char *section_name_at(const void *ctx, size_t i)
{
  (void)ctx;
  return settings_sections[i].name;
}

/* "limts" is near "limits", "brokr.redis" near "broker.redis", "endpont /ws" near "endpoint /ws".
 */
static plug_status unknown_section(const struct config_section *section, struct plug_err *err)
{
  char first[32];
  size_t len = strcspn(section->name, " \t.");
  const char *near = NULL;
  if (len < sizeof(first)) {
    memcpy(first, section->name, len);
    first[len] = '\0';
    near = option_nearest(first, section_name_at, NULL, SECTION_COUNT);
  }
  if (!near || strcmp(near, first) == 0)
    return fault_at(err, section->file, section->line, "unknown section [%s]", section->name);
  return fault_at(err, section->file, section->line, "unknown section [%s]; did you mean [%s%s]?",
                  section->name, near, section->name + len);
}

/* The path of "endpoint PATH", an empty one for "endpoint"; false for other sections. */
static bool endpoint_path(const struct config_section *section, struct plug_str *path)
{
  const char *word = settings_sections[SECTION_ENDPOINT].name;
  struct plug_str name = str_of(section->name);
  if (!str_has_prefix(name, str_of(word)))
    return false;
  struct plug_str rest = str_from(name.ptr + strlen(word), name.len - strlen(word));
  if (rest.len && rest.ptr[0] != ' ' && rest.ptr[0] != '\t')
    return false;
  *path = str_trim(rest);
  return true;
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
  return NULL;
}

static plug_status check_endpoint(const struct config_section *section, struct plug_str path,
                                  struct plug_err *err)
{
  const char *fault = path_fault(path);
  if (fault)
    return fault_at(err, section->file, section->line, "[%s]: %s", section->name, fault);
  return option_check(table_of(SECTION_ENDPOINT), section, section->name, err);
}

static bool is_plugin_section(const char *name, const char *kind)
{
  return str_has_prefix(str_of(name), str_of(kind)) && strlen(name) > strlen(kind);
}

/* Judges every section by its name and its entries by the section's table. */
static plug_status check_sections(struct loader *l)
{
  const struct list *head = &l->config->sections;
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    struct plug_str path;
    plug_status status = PLUG_OK;
    size_t id = 0;
    while (id < SECTION_COUNT &&
           (id == SECTION_ENDPOINT || strcmp(section->name, settings_sections[id].name) != 0))
      id++;
    if (endpoint_path(section, &path)) {
      status = check_endpoint(section, path, l->err);
    } else if (id < SECTION_COUNT) {
      l->sections[id] = section;
      if (id != SECTION_ACCESS) /* its keys are names of rules */
        status = option_check(&settings_sections[id].table, section, section->name, l->err);
    } else if (!is_plugin_section(section->name, "broker.") &&
               !is_plugin_section(section->name, "auth.")) {
      status = unknown_section(section, l->err);
    }
    if (status)
      return status;
  }
  return PLUG_OK;
}

static void list_fini(struct settings_list *list)
{
  for (size_t i = 0; i < list->n; i++)
    free((char *)(uintptr_t)list->items[i].ptr);
  free(list->items);
  *list = (struct settings_list){NULL, 0};
}

/* Room for the items between the commas of text; at least one element, so that it is never NULL. */
static void *array_for(struct plug_str text, size_t element)
{
  size_t n = 1;
  for (size_t i = 0; i < text.len; i++)
    n += text.ptr[i] == ',';
  return calloc(n, element);
}

static bool list_add(struct settings_list *list, struct plug_str item)
{
  char *copy = str_dup(item);
  if (!copy)
    return false;
  list->items[list->n++] = str_from(copy, item.len);
  return true;
}

static const char *prefix_fault(struct plug_str prefix)
{
  if (prefix.ptr[0] != '/')
    return "is not a prefix: it must start with '/'";
  if (prefix.len == 1)
    return "is not a prefix: a name must follow the '/'";
  for (size_t i = 0; i < prefix.len; i++)
    if (strchr("*?{}", prefix.ptr[i]))
      return "is not a prefix: it is a pattern";
    else if (prefix.ptr[i] == ' ' || prefix.ptr[i] == '\t')
      return "is not a prefix: it has a blank";
  bool hollow = prefix.ptr[prefix.len - 1] == '/' || strstr(prefix.ptr, "//");
  return hollow ? "is not a prefix: it has an empty segment" : NULL;
}

static plug_status load_prefixes(struct loader *l, const char *key, struct settings_list *list)
{
  struct plug_str text = text_of(l, SECTION_DESTINATIONS, key), item;
  list->items = array_for(text, sizeof(*list->items));
  if (!list->items)
    return fault_no_memory(l->err);
  while (text.len && str_split(&text, ',', &item)) {
    if (item.len > 1 && item.ptr[item.len - 1] == '/')
      item.len--;
    if (!list_add(list, item))
      return fault_no_memory(l->err);
    const char *fault = prefix_fault(list->items[list->n - 1]);
    if (fault)
      return option_fault_at(l, SECTION_DESTINATIONS, key, item, fault);
  }
  return PLUG_OK;
}

/* Is prefix one of the list, or below one? */
static bool lies_in(struct plug_str prefix, const struct settings_list *list)
{
  for (size_t i = 0; i < list->n; i++)
    if (str_has_prefix(prefix, list->items[i]) &&
        (prefix.len == list->items[i].len || prefix.ptr[list->items[i].len] == '/'))
      return true;
  return false;
}

static plug_status load_destinations(struct loader *l)
{
  struct settings *s = l->settings;
  struct settings_list *client_send = &s->client_send_prefixes;
  plug_status status = load_prefixes(l, "broker", &s->broker_prefixes);
  if (!status)
    status = load_prefixes(l, "app", &s->app_prefixes);
  if (!status)
    status = load_prefixes(l, "client-send", client_send);
  if (status)
    return status;

  for (size_t i = 0; i < s->app_prefixes.n; i++)
    for (size_t k = 0; k < s->broker_prefixes.n; k++)
      if (str_eq(s->app_prefixes.items[i], s->broker_prefixes.items[k]))
        return option_fault_at(l, SECTION_DESTINATIONS, "app", s->app_prefixes.items[i],
                               "is a broker prefix, too");

  bool written = entry_of(l, SECTION_DESTINATIONS, "client-send") != NULL;
  size_t kept = 0;
  for (size_t i = 0; i < client_send->n; i++) {
    struct plug_str prefix = client_send->items[i];
    if (lies_in(prefix, &s->broker_prefixes)) {
      client_send->items[i] = client_send->items[kept];
      client_send->items[kept++] = prefix;
    } else if (written) {
      return option_fault_at(l, SECTION_DESTINATIONS, "client-send", prefix,
                             "lies outside every broker prefix");
    }
  }
  for (size_t i = kept; i < client_send->n; i++)
    free((char *)(uintptr_t)client_send->items[i].ptr);
  client_send->n = kept;
  s->patterns = number_of(l, SECTION_DESTINATIONS, "patterns") != 0;
  s->ignore_unknown = choice_of(l, SECTION_DESTINATIONS, "unknown-destination") == 1;
  return PLUG_OK;
}

static plug_status load_listen(struct loader *l, enum settings_section_id id,
                               struct settings_address **addresses, size_t *n)
{
  struct plug_str text = text_of(l, id, "listen"), item, host;
  *addresses = array_for(text, sizeof(**addresses));
  if (!*addresses)
    return fault_no_memory(l->err);
  while (text.len && str_split(&text, ',', &item)) {
    struct settings_address *address = &(*addresses)[*n];
    if (!address_parse(item, &host, &address->port))
      return option_fault_at(l, id, "listen", item,
                             "is not an address (examples: 127.0.0.1:8080, [::1]:8080)");
    address->host = str_dup(host);
    if (!address->host)
      return fault_no_memory(l->err);
    ++*n;
  }
  return PLUG_OK;
}

/* Listening sockets share their port among the workers, so the system would not object to an
 * address that is given twice: it would spread the clients over both. */
static plug_status check_listen_twice(struct loader *l)
{
  const struct settings *s = l->settings;
  for (size_t i = 0; i < s->n_http_listen + s->n_tcp_listen; i++)
    for (size_t k = 0; k < i; k++) {
      const struct settings_address *a =
          i < s->n_http_listen ? &s->http_listen[i] : &s->tcp_listen[i - s->n_http_listen];
      const struct settings_address *b =
          k < s->n_http_listen ? &s->http_listen[k] : &s->tcp_listen[k - s->n_http_listen];
      if (a->port != b->port || a->port == 0 || strcmp(a->host, b->host) != 0)
        continue;
      enum settings_section_id id = i < s->n_http_listen ? SECTION_HTTP : SECTION_TCP;
      char text[300];
      snprintf(text, sizeof(text), strchr(a->host, ':') ? "[%s]:%u" : "%s:%u", a->host,
               (unsigned)a->port);
      return option_fault_at(l, id, "listen", str_of(text), "is listened on twice");
    }
  return PLUG_OK;
}

static plug_status load_listeners(struct loader *l)
{
  struct settings *s = l->settings;
  plug_status status = load_listen(l, SECTION_HTTP, &s->http_listen, &s->n_http_listen);
  if (!status)
    status = load_listen(l, SECTION_TCP, &s->tcp_listen, &s->n_tcp_listen);
  if (status)
    return status;
  if (s->n_http_listen + s->n_tcp_listen == 0) {
    /* Only an empty [http] listen in the configuration brings us here: the default is not empty. */
    const struct config_entry *entry = entry_of(l, SECTION_HTTP, "listen");
    return fault_at(l->err, entry ? entry->file : NULL, entry ? entry->line : 0,
                    "no listener: 'listen' is empty in both [http] and [tcp]");
  }
  return check_listen_twice(l);
}

static plug_status load_origins(struct loader *l, const struct config_section *section,
                                struct settings_endpoint *endpoint)
{
  const struct config_entry *entry = config_section_find(section, "allowed-origins");
  struct plug_str text = str_of(entry ? entry->value : ""), item;
  endpoint->origins.items = array_for(text, sizeof(*endpoint->origins.items));
  if (!endpoint->origins.items)
    return fault_no_memory(l->err);
  while (text.len && origin_split(&text, &item)) {
    struct fault_quote quote;
    const char *fault = origin_check(item);
    if (fault)
      return fault_at(l->err, entry->file, entry->line, "[%s] allowed-origins: %s: %s",
                      section->name, fault_quote(&quote, item), fault);
    if (!list_add(&endpoint->origins, item))
      return fault_no_memory(l->err);
  }
  return PLUG_OK;
}

static plug_status endpoint_fault(const struct loader *l, const struct config_section *section,
                                  const char *key, struct plug_str value, const char *why)
{
  const struct config_entry *entry = section ? config_section_find(section, key) : NULL;
  struct fault_quote quote;
  return fault_at(l->err, entry ? entry->file : NULL, entry ? entry->line : 0, "[%s] %s: %s %s",
                  section ? section->name : "endpoint", key, fault_quote(&quote, value), why);
}

static plug_status load_transports(struct loader *l, const struct config_section *section,
                                   struct settings_endpoint *endpoint)
{
  static const char *const names[TRANSPORT_COUNT] = {"websocket",   "xhr",      "xhr_streaming",
                                                     "eventsource", "htmlfile", "jsonp"};
  struct plug_str text, item;
  (void)option_str(table_of(SECTION_ENDPOINT), section, "sockjs-transports", &text);
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

static plug_status load_sockjs(struct loader *l, const struct config_section *section,
                               struct settings_endpoint *endpoint)
{
  const struct option_table *table = table_of(SECTION_ENDPOINT);
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

static plug_status load_endpoint(struct loader *l, const struct config_section *section,
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

static plug_status load_endpoints(struct loader *l)
{
  const struct list *head = &l->config->sections;
  struct plug_str path;
  size_t n = 1; /* the default one */
  for (const struct list *link = head->next; link != head; link = link->next)
    n += endpoint_path(container_of(link, struct config_section, link), &path);
  l->settings->endpoints = calloc(n, sizeof(*l->settings->endpoints));
  if (!l->settings->endpoints)
    return fault_no_memory(l->err);
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    plug_status status = endpoint_path(section, &path) ? load_endpoint(l, section, path) : PLUG_OK;
    if (status)
      return status;
  }
  return n == 1 ? load_endpoint(l, NULL, STR(DEFAULT_ENDPOINT)) : PLUG_OK;
}

static plug_status load_trusted(struct loader *l, enum settings_section_id id,
                                struct cidr_list *list)
{
  struct plug_str text = text_of(l, id, "trusted-proxies"), item;
  list->items = array_for(text, sizeof(*list->items));
  if (!list->items)
    return fault_no_memory(l->err);
  while (text.len && str_split(&text, ',', &item)) {
    const char *fault = cidr_parse(item, &list->items[list->n++]);
    if (fault)
      return option_fault_at(l, id, "trusted-proxies", item, fault);
  }
  return PLUG_OK;
}

static plug_status load_proxies(struct loader *l)
{
  struct settings *s = l->settings;
  s->http_proxy_protocol = number_of(l, SECTION_HTTP, "proxy-protocol") != 0;
  s->tcp_proxy_protocol = number_of(l, SECTION_TCP, "proxy-protocol") != 0;
  plug_status status = load_trusted(l, SECTION_HTTP, &s->http_trusted_proxies);
  if (!status)
    status = load_trusted(l, SECTION_TCP, &s->tcp_trusted_proxies);
  if (status)
    return status;
  if (s->http_proxy_protocol && !s->http_trusted_proxies.n)
    return option_fault_at(l, SECTION_HTTP, "proxy-protocol", STR("on"),
                           "needs 'trusted-proxies', which says whose headers are believed");
  if (s->tcp_proxy_protocol && !s->tcp_trusted_proxies.n)
    return option_fault_at(l, SECTION_TCP, "proxy-protocol", STR("on"),
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

static plug_status load_hosts(struct loader *l)
{
  struct settings_list *list = &l->settings->allowed_hosts;
  struct plug_str text = text_of(l, SECTION_HTTP, "allowed-hosts"), item;
  list->items = array_for(text, sizeof(*list->items));
  if (!list->items)
    return fault_no_memory(l->err);
  while (text.len && str_split(&text, ',', &item)) {
    const char *fault = host_fault(item);
    if (fault)
      return option_fault_at(l, SECTION_HTTP, "allowed-hosts", item, fault);
    if (!list_add(list, item))
      return fault_no_memory(l->err);
  }
  return PLUG_OK;
}

static unsigned usable_cores(void)
{
  cpu_set_t cores;
  long n = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores)
                                                            : sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

static bool is_node_char(char c)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

static plug_status load_node(struct loader *l)
{
  char name[NODE_LEN_MAX + 1];
  struct plug_str node = text_of(l, SECTION_SERVER, "node");
  if (entry_of(l, SECTION_SERVER, "node")) {
    bool valid = node.len >= 1 && node.len <= NODE_LEN_MAX;
    for (size_t i = 0; valid && i < node.len; i++)
      valid = is_node_char(node.ptr[i]);
    if (!valid)
      return option_fault_at(l, SECTION_SERVER, "node", node,
                             "is not a node's name: 1 to 64 of A-Z a-z 0-9 . _ -");
  } else {
    char host[NODE_LEN_MAX - 8]; /* leaves room for "-" and eight digits */
    uint32_t number;
    if (gethostname(host, sizeof(host)) && errno != ENAMETOOLONG)
      strcpy(host, "node");
    host[sizeof(host) - 1] = '\0'; /* a name that was cut may lack it */
    for (char *c = host; *c; c++)
      if (!is_node_char(*c))
        *c = '-';
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
      return fault_at(l->err, NULL, 0, "cannot get a random number: %s", strerror(errno));
    snprintf(name, sizeof(name), "%s-%08x", host, number);
    node = str_of(name);
  }
  l->settings->node = str_dup(node);
  return l->settings->node ? PLUG_OK : fault_no_memory(l->err);
}

/* The path as written, or the default beside the executable: its directory's parent and below. */
static plug_status load_path(struct loader *l, enum settings_section_id id, const char *key,
                             const char *below, char **out)
{
  char path[4096];
  const struct config_entry *entry = entry_of(l, id, key);
  if (entry) {
    *out = str_dup(str_of(entry->value));
  } else {
    char exe[4000];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (len < 0 || (size_t)len >= sizeof(exe) - 1)
      return fault_at(l->err, NULL, 0, "[%s] %s must be set: /proc/self/exe cannot be read",
                      settings_sections[id].name, key);
    exe[len] = '\0';
    for (int up = 0; up < 2; up++) {
      char *slash = strrchr(exe, '/');
      if (slash)
        *slash = '\0';
    }
    snprintf(path, sizeof(path), "%s/%s", exe, below);
    *out = str_dup(str_of(path));
  }
  return *out ? PLUG_OK : fault_no_memory(l->err);
}

/* A name of characters that files of plugins have, or an absolute path. */
static bool is_plugin(struct plug_str plugin)
{
  bool valid = plugin.len > 0;
  for (size_t i = 0; valid && plugin.ptr[0] != '/' && i < plugin.len; i++) {
    char c = plugin.ptr[i];
    valid = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  }
  return valid;
}

static plug_status load_auth(struct loader *l)
{
  struct settings *s = l->settings;
  const struct config_entry *entry = entry_of(l, SECTION_AUTH, "plugins");
  struct plug_str text = text_of(l, SECTION_AUTH, "plugins"), item;
  s->auth_anonymous = number_of(l, SECTION_AUTH, "anonymous") != 0;
  s->auth_close_denied = choice_of(l, SECTION_AUTH, "on-denied") == 0;
  s->auth_file = str_dup(str_of(entry ? entry->file : ""));
  s->auth_line = entry ? entry->line : 0;
  s->auth_plugins.items = array_for(text, sizeof(*s->auth_plugins.items));
  if (!s->auth_file || !s->auth_plugins.items)
    return fault_no_memory(l->err);
  while (text.len && str_split(&text, ',', &item)) {
    if (!is_plugin(item))
      return option_fault_at(l, SECTION_AUTH, "plugins", item,
                             "is neither a plugin's name nor an absolute path");
    if (!list_add(&s->auth_plugins, item))
      return fault_no_memory(l->err);
  }
  return PLUG_OK;
}

static plug_status load_broker(struct loader *l)
{
  struct settings *s = l->settings;
  const struct config_entry *entry = entry_of(l, SECTION_BROKER, "plugin");
  struct plug_str plugin = text_of(l, SECTION_BROKER, "plugin");
  if (!is_plugin(plugin))
    return option_fault_at(l, SECTION_BROKER, "plugin", plugin,
                           "is neither a plugin's name nor an absolute path");
  s->broker_plugin = str_dup(plugin);
  s->broker_file = str_dup(entry ? str_of(entry->file) : STR("default"));
  s->broker_line = entry ? entry->line : 0;
  s->when_down = (enum when_down)choice_of(l, SECTION_BROKER, "when-down");
  return s->broker_plugin && s->broker_file ? PLUG_OK : fault_no_memory(l->err);
}

static plug_status load_server(struct loader *l)
{
  struct settings *s = l->settings;
  uint64_t workers = number_of(l, SECTION_SERVER, "workers");
  s->workers = workers ? (unsigned)workers : usable_cores();
  s->log_level = (enum log_level)choice_of(l, SECTION_SERVER, "log-level");
  s->log_json = choice_of(l, SECTION_SERVER, "log-format") == 1;
  s->io_uring = number_of(l, SECTION_SERVER, "io-uring") != 0;
  s->try_page = number_of(l, SECTION_HTTP, "try-page") != 0;
  s->trailing_lf = number_of(l, SECTION_TCP, "trailing-lf") != 0;
  s->heartbeat_tolerance = (unsigned)number_of(l, SECTION_STOMP, "heart-beat-tolerance");
  s->spring_profile = choice_of(l, SECTION_STOMP, "profile") == 1;
  s->queue_policy = (enum queue_policy)choice_of(l, SECTION_LIMITS, "queue-policy");
  plug_status status = load_node(l);
  if (!status)
    status = load_path(l, SECTION_SERVER, "plugin-dir", "lib/plugboard", &s->plugin_dir);
  if (!status)
    status = load_path(l, SECTION_HTTP, "web-dir", "share/plugboard/web", &s->web_dir);
  return status;
}

/* The members that are plain numbers. */
static plug_status load_numbers(struct loader *l)
{
  static const struct {
    enum settings_section_id id;
    const char *key;
    size_t offset;
  } numbers[] = {
#define NUMBER(section, key, member) {SECTION_##section, key, offsetof(struct settings, member)}
      NUMBER(SERVER, "drain-time", drain_ms),
      NUMBER(SERVER, "stats-interval", stats_interval_ms),
      NUMBER(SERVER, "pool-threads", pool_threads),
      NUMBER(SERVER, "pool-queue", pool_queue),
      NUMBER(SERVER, "plugin-hang", plugin_hang_ms),
      NUMBER(AUTH, "timeout", auth_timeout_ms),
      NUMBER(AUTH, "expiry-warning", auth_warning_ms),
      NUMBER(STOMP, "heart-beat-send", heartbeat_send_ms),
      NUMBER(STOMP, "heart-beat-receive", heartbeat_receive_ms),
      NUMBER(LIMITS, "max-connections", max_connections),
      NUMBER(LIMITS, "max-frame-size", max_frame_size),
      NUMBER(LIMITS, "max-headers", max_headers),
      NUMBER(LIMITS, "max-header-size", max_header_size),
      NUMBER(LIMITS, "max-subscriptions", max_subscriptions),
      NUMBER(LIMITS, "max-destination-length", max_destination_length),
      NUMBER(LIMITS, "max-unacked", max_unacked),
      NUMBER(LIMITS, "max-transactions", max_transactions),
      NUMBER(LIMITS, "max-transaction-size", max_transaction_bytes),
      NUMBER(LIMITS, "max-pattern-steps", max_pattern_steps),
      NUMBER(LIMITS, "max-session-memory", max_session_memory),
      NUMBER(LIMITS, "route-cache-size", route_cache_bytes),
      NUMBER(LIMITS, "queue-size", queue_bytes),
      NUMBER(LIMITS, "queue-messages", queue_messages),
      NUMBER(LIMITS, "send-timeout", send_timeout_ms),
      NUMBER(LIMITS, "tcp-keepalive", tcp_keepalive_ms),
      NUMBER(HTTP, "websocket-ping", websocket_ping_ms),
      NUMBER(LIMITS, "connect-timeout", connect_timeout_ms),
      NUMBER(LIMITS, "max-address-connections", max_address_connections),
      NUMBER(LIMITS, "max-address-rate", max_address_rate),
      NUMBER(LIMITS, "max-request-line", max_request_line),
      NUMBER(LIMITS, "max-request-head", max_request_head),
      NUMBER(LIMITS, "max-request-headers", max_request_headers),
      NUMBER(LIMITS, "max-inflated-message", max_inflated_message),
      NUMBER(LIMITS, "max-sockjs-sessions", max_sockjs_sessions),
      NUMBER(LIMITS, "max-sockjs-message", max_sockjs_message),
      NUMBER(HTTP, "keep-alive-timeout", keep_alive_ms),
      NUMBER(LIMITS, "worker-queue", worker_queue),
      NUMBER(LIMITS, "worker-queue-size", worker_queue_bytes),
      NUMBER(BROKER, "down-queue-messages", down_queue_messages),
      NUMBER(BROKER, "down-queue-size", down_queue_bytes),
      NUMBER(BROKER, "down-queue-time", down_queue_ms),
      NUMBER(BROKER, "down-queue-delay", down_queue_delay_ms),
      NUMBER(BROKER, "unsubscribe-grace", unsubscribe_grace_ms),
      NUMBER(BROKER, "operation-timeout", operation_timeout_ms),
#undef NUMBER
  };
  for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
    uint64_t value = number_of(l, numbers[i].id, numbers[i].key);
    memcpy((char *)l->settings + numbers[i].offset, &value, sizeof(value));
  }
  return PLUG_OK;
}

/* Two limits that contradict each other. The first is blamed if it was written, else the second. */
static plug_status limits_fault(const struct loader *l, const char *first, const char *rule,
                                const char *second)
{
  struct plug_str a = text_of(l, SECTION_LIMITS, first);
  struct plug_str b = text_of(l, SECTION_LIMITS, second);
  const struct config_entry *entry = entry_of(l, SECTION_LIMITS, first);
  if (!entry)
    entry = entry_of(l, SECTION_LIMITS, second);
  return fault_at(l->err, entry ? entry->file : NULL, entry ? entry->line : 0,
                  "[limits] %s (%.*s) must be %s %s (%.*s)", first, STR_ARG(a), rule, second,
                  STR_ARG(b));
}

static plug_status check_limits(struct loader *l)
{
  const struct settings *s = l->settings;
  if (s->max_header_size > s->max_frame_size)
    return limits_fault(l, "max-header-size", "at most", "max-frame-size");
  if (s->max_request_line > s->max_request_head)
    return limits_fault(l, "max-request-line", "at most", "max-request-head");
  if (s->queue_bytes < s->max_frame_size + 1024) /* what delivering adds to a frame */
    return limits_fault(l, "queue-size", "at least 1k more than", "max-frame-size");
  return PLUG_OK;
}

static plug_status resolve_memory(struct loader *l)
{
  struct settings *s = l->settings;
  if (!s->max_session_memory)
    s->max_session_memory = (UINT64_C(4) << 20) + 1024 * s->max_subscriptions;
  return PLUG_OK;
}

static plug_status apply_profile(struct loader *l)
{
  return settings_profile_apply(l->settings, l->config, l->err);
}

plug_status settings_load(struct settings *settings, const struct config *config,
                          struct plug_err *err)
{
  static plug_status (*const steps[])(struct loader *) = {
      check_sections, load_numbers,  check_limits,   load_server,       load_listeners,
      load_proxies,   load_hosts,    load_endpoints, load_destinations, load_broker,
      load_auth,      apply_profile, resolve_memory,
  };
  struct loader l = {.settings = settings, .config = config, .err = err};
  *settings = (struct settings){0};
  for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
    plug_status status = steps[i](&l);
    if (status) {
      settings_fini(settings);
      return status;
    }
  }
  return PLUG_OK;
}

static void addresses_free(struct settings_address *addresses, size_t n)
{
  for (size_t i = 0; i < n; i++)
    free(addresses[i].host);
  free(addresses);
}

void settings_fini(struct settings *settings)
{
  free(settings->node);
  free(settings->profile_notes);
  free(settings->plugin_dir);
  free(settings->web_dir);
  addresses_free(settings->http_listen, settings->n_http_listen);
  addresses_free(settings->tcp_listen, settings->n_tcp_listen);
  for (size_t i = 0; i < settings->n_endpoints; i++) {
    free(settings->endpoints[i].path);
    free(settings->endpoints[i].sockjs_client);
    list_fini(&settings->endpoints[i].origins);
  }
  free(settings->endpoints);
  free(settings->http_trusted_proxies.items);
  free(settings->tcp_trusted_proxies.items);
  list_fini(&settings->allowed_hosts);
  list_fini(&settings->broker_prefixes);
  list_fini(&settings->app_prefixes);
  list_fini(&settings->client_send_prefixes);
  free(settings->broker_plugin);
  free((char *)(uintptr_t)settings->broker_file);
  list_fini(&settings->auth_plugins);
  free((char *)(uintptr_t)settings->auth_file);
  *settings = (struct settings){0};
}
