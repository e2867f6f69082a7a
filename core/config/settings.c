#include "config/settings.h"

#include "base/str.h"
#include "config/fault.h"
#include "config/settings_admin.h"
#include "config/settings_api.h"
#include "config/settings_doors.h"
#include "config/settings_loader.h"
#include "config/settings_page.h"
#include "config/settings_terms.h"
#include "config/settings_tls.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define WORKERS_MAX  64
#define NODE_LEN_MAX 64

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

static bool is_plugin_section(const char *name, const char *kind)
{
  return str_has_prefix(str_of(name), str_of(kind)) && strlen(name) > strlen(kind);
}

/* Judges every section by its name and its entries by the section's table. */
static plug_status check_sections(struct settings_loader *l)
{
  const struct list *head = &l->config->sections;
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    struct plug_str path, name;
    plug_status status = PLUG_OK;
    size_t id = 0;
    while (id < SECTION_COUNT &&
           (id == SECTION_ENDPOINT || id == SECTION_API_KEY || id == SECTION_TLS_NAME ||
            strcmp(section->name, settings_sections[id].name) != 0))
      id++;
    if (doors_endpoint_path(section, &path)) {
      status = doors_check_endpoint(section, path, l->err);
    } else if (api_key_name(section, &name)) {
      status = api_check_key(section, name, l->err);
    } else if (tls_section_names(section, &name) && name.len) {
      status = tls_check_named(section, name, l->err);
    } else if (id < SECTION_COUNT) {
      l->sections[id] = section;
      if (id != SECTION_ACCESS) /* its keys are names of rules */
        status = option_check(&settings_sections[id].table, section, section->name, l->err);
    } else if (!is_plugin_section(section->name, "broker.") &&
               !is_plugin_section(section->name, "auth.") &&
               !is_plugin_section(section->name, "app.")) {
      status = unknown_section(section, l->err);
    }
    if (status)
      return status;
  }
  return PLUG_OK;
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

static plug_status load_prefixes(struct settings_loader *l, const char *key,
                                 struct settings_list *list)
{
  struct plug_str text = loader_text(l, SECTION_DESTINATIONS, key), item;
  list->items = loader_array(text, sizeof(*list->items));
  if (!list->items)
    return fault_no_memory(l->err);
  while (text.len && str_split(&text, ',', &item)) {
    if (item.len > 1 && item.ptr[item.len - 1] == '/')
      item.len--;
    if (!loader_list_add(list, item))
      return fault_no_memory(l->err);
    const char *fault = prefix_fault(list->items[list->n - 1]);
    if (fault)
      return loader_fault(l, SECTION_DESTINATIONS, key, item, fault);
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

static plug_status load_user(struct settings_loader *l)
{
  struct settings *s = l->settings;
  struct plug_str prefix = loader_text(l, SECTION_DESTINATIONS, "user");
  while (prefix.len > 1 && prefix.ptr[prefix.len - 1] == '/')
    prefix.len--;
  s->user_prefix = str_dup(prefix);
  s->user_secret = str_dup(loader_text(l, SECTION_DESTINATIONS, "user-secret"));
  if (!s->user_prefix || !s->user_secret)
    return fault_no_memory(l->err);
  const char *fault = prefix.len ? prefix_fault(str_of(s->user_prefix)) : NULL;
  if (!fault && loader_entry(l, SECTION_DESTINATIONS, "user"))
    for (size_t i = 0; i < s->app_prefixes.n + s->broker_prefixes.n && !fault; i++)
      if (str_eq(prefix, i < s->app_prefixes.n ? s->app_prefixes.items[i]
                                               : s->broker_prefixes.items[i - s->app_prefixes.n]))
        fault = "is a prefix of the broker or of applications, too";
  return fault ? loader_fault(l, SECTION_DESTINATIONS, "user", prefix, fault) : PLUG_OK;
}

static plug_status load_destinations(struct settings_loader *l)
{
  struct settings *s = l->settings;
  struct settings_list *client_send = &s->terms.client_send;
  plug_status status = load_prefixes(l, "broker", &s->broker_prefixes);
  if (!status)
    status = load_prefixes(l, "app", &s->app_prefixes);
  if (!status)
    status = load_prefixes(l, "client-send", client_send);
  if (!status)
    status = load_user(l);
  if (status)
    return status;

  for (size_t i = 0; i < s->app_prefixes.n; i++)
    for (size_t k = 0; k < s->broker_prefixes.n; k++)
      if (str_eq(s->app_prefixes.items[i], s->broker_prefixes.items[k]))
        return loader_fault(l, SECTION_DESTINATIONS, "app", s->app_prefixes.items[i],
                            "is a broker prefix, too");

  bool written = loader_entry(l, SECTION_DESTINATIONS, "client-send") != NULL;
  size_t kept = 0;
  for (size_t i = 0; i < client_send->n; i++) {
    struct plug_str prefix = client_send->items[i];
    struct plug_str user = str_of(s->user_prefix);
    struct settings_list users = {&user, user.len ? 1 : 0};
    if (lies_in(prefix, &s->broker_prefixes) || lies_in(prefix, &users)) {
      client_send->items[i] = client_send->items[kept];
      client_send->items[kept++] = prefix;
    } else if (written) {
      return loader_fault(l, SECTION_DESTINATIONS, "client-send", prefix,
                          "lies outside every broker prefix");
    }
  }
  for (size_t i = kept; i < client_send->n; i++)
    free((char *)(uintptr_t)client_send->items[i].ptr);
  client_send->n = kept;
  s->terms.patterns = loader_number(l, SECTION_DESTINATIONS, "patterns") != 0;
  s->terms.ignore_unknown = loader_choice(l, SECTION_DESTINATIONS, "unknown-destination") == 1;
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

static plug_status load_node(struct settings_loader *l)
{
  char name[NODE_LEN_MAX + 1];
  struct plug_str node = loader_text(l, SECTION_SERVER, "node");
  if (loader_entry(l, SECTION_SERVER, "node")) {
    bool valid = node.len >= 1 && node.len <= NODE_LEN_MAX;
    for (size_t i = 0; valid && i < node.len; i++)
      valid = is_node_char(node.ptr[i]);
    if (!valid)
      return loader_fault(l, SECTION_SERVER, "node", node,
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
static plug_status load_path(struct settings_loader *l, enum settings_section_id id,
                             const char *key, const char *below, char **out)
{
  char path[4096];
  const struct config_entry *entry = loader_entry(l, id, key);
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

static plug_status load_plugins(struct settings_loader *l, enum settings_section_id id,
                                struct settings_list *plugins, const char **file, int *line)
{
  const struct config_entry *entry = loader_entry(l, id, "plugins");
  struct plug_str text = loader_text(l, id, "plugins"), item;
  *file = str_dup(str_of(entry ? entry->file : ""));
  *line = entry ? entry->line : 0;
  plugins->items = loader_array(text, sizeof(*plugins->items));
  if (!*file || !plugins->items)
    return fault_no_memory(l->err);
  while (text.len && str_split(&text, ',', &item)) {
    if (!is_plugin(item))
      return loader_fault(l, id, "plugins", item,
                          "is neither a plugin's name nor an absolute path");
    if (!loader_list_add(plugins, item))
      return fault_no_memory(l->err);
  }
  return PLUG_OK;
}

static plug_status load_app(struct settings_loader *l)
{
  struct settings *s = l->settings;
  s->app_ignore_unclaimed =
      s->terms.spring_profile || loader_choice(l, SECTION_APP, "unclaimed") == 1;
  s->app_close_on_error = loader_choice(l, SECTION_APP, "on-error") == 1;
  return load_plugins(l, SECTION_APP, &s->app_plugins, &s->app_file, &s->app_line);
}

static plug_status load_auth(struct settings_loader *l)
{
  struct settings *s = l->settings;
  s->auth_anonymous = loader_number(l, SECTION_AUTH, "anonymous") != 0;
  s->auth_close_denied = loader_choice(l, SECTION_AUTH, "on-denied") == 0;
  return load_plugins(l, SECTION_AUTH, &s->auth_plugins, &s->auth_file, &s->auth_line);
}

static plug_status load_broker(struct settings_loader *l)
{
  struct settings *s = l->settings;
  const struct config_entry *entry = loader_entry(l, SECTION_BROKER, "plugin");
  struct plug_str plugin = loader_text(l, SECTION_BROKER, "plugin");
  if (!is_plugin(plugin))
    return loader_fault(l, SECTION_BROKER, "plugin", plugin,
                        "is neither a plugin's name nor an absolute path");
  s->broker_plugin = str_dup(plugin);
  s->broker_file = str_dup(entry ? str_of(entry->file) : STR("default"));
  s->broker_line = entry ? entry->line : 0;
  s->when_down = (enum when_down)loader_choice(l, SECTION_BROKER, "when-down");
  s->isolate = loader_number(l, SECTION_BROKER, "isolate") != 0;
  return s->broker_plugin && s->broker_file ? PLUG_OK : fault_no_memory(l->err);
}

static plug_status load_log(struct settings_loader *l)
{
  struct settings *s = l->settings;
  struct plug_str socket = loader_text(l, SECTION_SERVER, "journal-socket");
  struct plug_str access = loader_text(l, SECTION_SERVER, "access-log");
  const struct config_entry *entry = loader_entry(l, SECTION_SERVER, "access-log");
  bool to_journal = loader_choice(l, SECTION_SERVER, "log-target") == 1;
  bool is_file = !str_eq(access, STR("on")) && !str_eq(access, STR("off"));
  s->access_log = !str_eq(access, STR("off"));
  if (is_file && (!access.len || !memchr(access.ptr, '/', access.len)))
    return fault_at(l->err, entry->file, entry->line,
                    "[server] access-log is off, on, or a path with a slash in it");
  if (to_journal && !(s->journal_socket = str_dup(socket)))
    return fault_no_memory(l->err);
  if (is_file && !(s->access_log_file = str_dup(access)))
    return fault_no_memory(l->err);
  return PLUG_OK;
}

static plug_status load_server(struct settings_loader *l)
{
  struct settings *s = l->settings;
  uint64_t workers = loader_number(l, SECTION_SERVER, "workers");
  s->workers = workers ? (unsigned)workers : usable_cores();
  s->log_level = (enum log_level)loader_choice(l, SECTION_SERVER, "log-level");
  s->log_json = loader_choice(l, SECTION_SERVER, "log-format") == 1;
  s->stats_spring = loader_choice(l, SECTION_SERVER, "stats-format") == 1;
  s->plugin_threads = loader_number(l, SECTION_SERVER, "plugin-threads") != 0;
  s->io_uring = loader_number(l, SECTION_SERVER, "io-uring") != 0;
  s->try_page = loader_number(l, SECTION_HTTP, "try-page") != 0;
  s->trailing_lf = loader_number(l, SECTION_TCP, "trailing-lf") != 0;
  s->heartbeat_tolerance = (unsigned)loader_number(l, SECTION_STOMP, "heart-beat-tolerance");
  s->terms.spring_profile = loader_choice(l, SECTION_STOMP, "profile") == 1;
  s->queue_policy = (enum queue_policy)loader_choice(l, SECTION_LIMITS, "queue-policy");
  plug_status status = load_node(l);
  if (!status)
    status = load_log(l);
  if (!status)
    status = load_path(l, SECTION_SERVER, "plugin-dir", "lib/plugboard", &s->plugin_dir);
  if (!status)
    status = load_path(l, SECTION_SERVER, "plugin-host", "libexec/plugboard/plugboard-plugin-host",
                       &s->plugin_host);
  if (!status)
    status = load_path(l, SECTION_HTTP, "web-dir", "share/plugboard/web", &s->web_dir);
  return status;
}

/* The members that are plain numbers. */
static plug_status load_numbers(struct settings_loader *l)
{
  static const struct {
    enum settings_section_id id;
    const char *key;
    size_t offset;
  } numbers[] = {
#define NUMBER(section, key, member) {SECTION_##section, key, offsetof(struct settings, member)}
      NUMBER(SERVER, "stop-delay", stop_delay_ms),
      NUMBER(SERVER, "drain-time", drain_ms),
      NUMBER(SERVER, "drain-rate", drain_rate),
      NUMBER(SERVER, "drain-overlap", drain_overlap_ms),
      NUMBER(SERVER, "drain-reconnect", drain_reconnect_ms),
      NUMBER(SERVER, "stats-interval", stats_interval_ms),
      NUMBER(SERVER, "live-limit", live_limit_ms),
      NUMBER(SERVER, "pool-threads", pool_threads),
      NUMBER(SERVER, "pool-queue", pool_queue),
      NUMBER(SERVER, "plugin-hang", plugin_hang_ms),
      NUMBER(AUTH, "timeout", auth_timeout_ms),
      NUMBER(APP, "timeout", app_timeout_ms),
      NUMBER(APP, "queue", app_queue),
      NUMBER(APP, "queue-size", app_queue_bytes),
      NUMBER(PRESENCE, "max-members", presence_members),
      NUMBER(PRESENCE, "max-info", presence_info_bytes),
      NUMBER(PRESENCE, "max-rooms", presence_rooms),
      NUMBER(PRESENCE, "settle", presence_settle_ms),
      NUMBER(API, "max-body", api_max_body),
      NUMBER(API, "max-batch", api_max_batch),
      NUMBER(API, "max-in-flight", api_max_in_flight),
      NUMBER(API, "max-failures", api_max_failures),
      NUMBER(API, "idempotency-keys", api_idempotency_keys),
      NUMBER(API, "idempotency-time", api_idempotency_ms),
      NUMBER(API, "max-listed", api_max_listed),
      NUMBER(API, "max-refused-users", api_max_refused_users),
      NUMBER(ADMIN, "max-failures", admin_max_failures),
      NUMBER(ADMIN, "max-tails", admin_max_tails),
      NUMBER(ADMIN, "beat-interval", admin_beat_ms),
      NUMBER(AUTH, "expiry-warning", auth_warning_ms),
      NUMBER(AUTH, "former-generations", auth_former),
      NUMBER(STOMP, "heart-beat-send", terms.heartbeat_send_ms),
      NUMBER(STOMP, "heart-beat-receive", terms.heartbeat_receive_ms),
      NUMBER(LIMITS, "max-connections", max_connections),
      NUMBER(LIMITS, "max-frame-size", terms.max_frame_size),
      NUMBER(LIMITS, "max-headers", max_headers),
      NUMBER(LIMITS, "max-header-size", max_header_size),
      NUMBER(LIMITS, "max-subscriptions", max_subscriptions),
      NUMBER(LIMITS, "max-unused-topics", max_unused_topics),
      NUMBER(LIMITS, "max-destination-length", max_destination_length),
      NUMBER(LIMITS, "max-unacked", max_unacked),
      NUMBER(LIMITS, "max-transactions", max_transactions),
      NUMBER(LIMITS, "max-transaction-size", max_transaction_bytes),
      NUMBER(LIMITS, "max-pattern-steps", max_pattern_steps),
      NUMBER(LIMITS, "max-session-memory", max_session_memory),
      NUMBER(LIMITS, "route-cache-size", route_cache_bytes),
      NUMBER(LIMITS, "queue-size", terms.queue_bytes),
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
      NUMBER(BROKER, "probe-interval", probe_interval_ms),
      NUMBER(BROKER, "isolate-buffer", isolate_buffer),
#undef NUMBER
  };
  for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
    uint64_t value = loader_number(l, numbers[i].id, numbers[i].key);
    memcpy((char *)l->settings + numbers[i].offset, &value, sizeof(value));
  }
  return PLUG_OK;
}

/* Two limits that contradict each other. The first is blamed if it was written, else the second. */
static plug_status limits_fault(const struct settings_loader *l, const char *first,
                                const char *rule, const char *second)
{
  struct plug_str a = loader_text(l, SECTION_LIMITS, first);
  struct plug_str b = loader_text(l, SECTION_LIMITS, second);
  const struct config_entry *entry = loader_entry(l, SECTION_LIMITS, first);
  if (!entry)
    entry = loader_entry(l, SECTION_LIMITS, second);
  return fault_at(l->err, entry ? entry->file : NULL, entry ? entry->line : 0,
                  "[limits] %s (%.*s) must be %s %s (%.*s)", first, STR_ARG(a), rule, second,
                  STR_ARG(b));
}

static plug_status check_limits(struct settings_loader *l)
{
  const struct settings *s = l->settings;
  if (s->max_header_size > s->terms.max_frame_size)
    return limits_fault(l, "max-header-size", "at most", "max-frame-size");
  if (s->max_request_line > s->max_request_head)
    return limits_fault(l, "max-request-line", "at most", "max-request-head");
  if (s->terms.queue_bytes < s->terms.max_frame_size + 1024) /* what delivering adds to a frame */
    return limits_fault(l, "queue-size", "at least 1k more than", "max-frame-size");
  return PLUG_OK;
}

static plug_status resolve_memory(struct settings_loader *l)
{
  struct settings *s = l->settings;
  if (!s->max_session_memory)
    s->max_session_memory = (UINT64_C(4) << 20) + 1024 * s->max_subscriptions;
  return PLUG_OK;
}

plug_status settings_load(struct settings *settings, const struct config *config,
                          struct plug_err *err)
{
  static plug_status (*const steps[])(struct settings_loader *) = {
      check_sections,       load_numbers,       check_limits,     load_server,
      doors_load_listeners, doors_load_proxies, doors_load_hosts, doors_load_endpoints,
      load_destinations,    load_broker,        load_auth,        load_app,
      settings_page_load,   terms_load,         resolve_memory,   api_load_keys,
      admin_load,           tls_load,
  };
  struct settings_loader l = {.settings = settings, .config = config, .err = err};
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
  free(settings->plugin_host);
  free(settings->journal_socket);
  free(settings->access_log_file);
  free(settings->web_dir);
  free(settings->page.secret);
  free(settings->page.room_send);
  free(settings->page.room_messages);
  free(settings->page.room_watch);
  free(settings->page.room_members);
  addresses_free(settings->http_listen, settings->n_http_listen);
  addresses_free(settings->http_tls_listen, settings->n_http_tls_listen);
  addresses_free(settings->tcp_listen, settings->n_tcp_listen);
  addresses_free(settings->tcp_tls_listen, settings->n_tcp_tls_listen);
  addresses_free(settings->api_listen, settings->n_api_listen);
  addresses_free(settings->api_tls_listen, settings->n_api_tls_listen);
  tls_fini(&settings->tls);
  addresses_free(settings->admin_listen, settings->n_admin_listen);
  addresses_free(settings->admin_tls_listen, settings->n_admin_tls_listen);
  addresses_free(settings->metrics_listen, settings->n_metrics_listen);
  free(settings->api_socket);
  admin_settings_fini(settings);
  api_keys_free(settings->api_keys, settings->n_api_keys);
  for (size_t i = 0; i < settings->n_endpoints; i++) {
    free(settings->endpoints[i].path);
    free(settings->endpoints[i].sockjs_client);
    terms_fini(&settings->endpoints[i].terms);
    loader_list_fini(&settings->endpoints[i].origins);
  }
  free(settings->endpoints);
  terms_fini(&settings->tcp_terms);
  terms_fini(&settings->terms);
  free(settings->http_trusted_proxies.items);
  free(settings->tcp_trusted_proxies.items);
  loader_list_fini(&settings->allowed_hosts);
  loader_list_fini(&settings->broker_prefixes);
  loader_list_fini(&settings->app_prefixes);
  free(settings->broker_plugin);
  free((char *)(uintptr_t)settings->broker_file);
  loader_list_fini(&settings->app_plugins);
  free((char *)(uintptr_t)settings->app_file);
  free(settings->user_prefix);
  free(settings->user_secret);
  loader_list_fini(&settings->auth_plugins);
  free((char *)(uintptr_t)settings->auth_file);
  *settings = (struct settings){0};
}
