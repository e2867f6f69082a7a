/* The server's settings: everything in the configuration that is not a plugin's, typed and checked.
 * Owns its strings. Filled once before threads start, read-only afterwards: any thread. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/log.h"
#include "config/cidr.h"
#include "config/config.h"

struct settings_list {
  struct plug_str *items; /* trimmed, none empty */
  size_t n;
};

struct settings_address { /* host:port, [v6]:port; port 0 is "any free one" */
  char *host;
  uint16_t port;
};

/* What clients of one door may do and get, as far as doors differ: keys of [tcp] and [endpoint]
 * over those of all. */
struct settings_terms {
  uint64_t max_frame_size, queue_bytes;
  uint64_t heartbeat_send_ms, heartbeat_receive_ms; /* 0: none */
  struct settings_list client_send;                 /* owned */
  bool spring_profile;                              /* profile = spring */
  bool patterns;
  bool ignore_unknown; /* unknown-destination = ignore */
  bool recoverable;    /* a refusal may leave the connection open */
  bool access;         /* the rules of [access] hold */
};

struct settings_endpoint {      /* [endpoint /path] */
  char *path;                   /* starts with '/', no trailing slash, no '?' or '#' */
  struct settings_list origins; /* allowed-origins; empty: same origin only */
  bool deflate;                 /* permessage-deflate, where clients offer it */
  bool websocket;               /* raw, and as a transport of SockJS */
  bool sockjs;
  bool sockjs_cookie;
  uint32_t sockjs_transports; /* a bit for each: enum settings_transport */
  uint64_t sockjs_heartbeat_ms, sockjs_disconnect_ms, sockjs_stream_bytes;
  struct settings_terms terms;
  char *sockjs_client; /* URL of the client's library, without quotes */
};

/* In the order of enum sockjs_transport, without those that send: they come with the others. */
enum settings_transport {
  TRANSPORT_WEBSOCKET,
  TRANSPORT_XHR,
  TRANSPORT_XHR_STREAMING,
  TRANSPORT_EVENTSOURCE,
  TRANSPORT_HTMLFILE,
  TRANSPORT_JSONP,
  TRANSPORT_COUNT
};

struct settings_page { /* [try-page]; empty texts: not configured */
  bool sign_in;        /* and the page is served */
  char *secret;        /* of sign_in, else NULL */
  char *room_send, *room_messages, *room_watch, *room_members; /* with a segment {room} */
};

struct settings_socket { /* a Unix socket */
  char *path;            /* or NULL: there is none */
  unsigned mode;         /* of the file: 0660 */
  int64_t group;         /* its number; -1: the server's own */
};

/* [api-key NAME] */
#define SETTINGS_API_PUBLISH    1u
#define SETTINGS_API_DISCONNECT 2u
#define SETTINGS_API_PRESENCE   4u
struct settings_api_key {
  char *name, *secret;
  unsigned rights; /* of these */
};

/* [tls] and each [tls NAME...]: a certificate and the names it is shown for. */
struct settings_certificate {
  struct settings_list names; /* of [tls NAME...]: host names, or "*.example.org"; none of [tls] */
  char *certificate, *key;    /* paths of PEM files */
  char *ocsp_response;        /* path of a DER file, or NULL */
  char *section, *file;       /* where it stands, for messages */
  int line;
};

enum tls_client_certificate { TLS_CLIENT_OFF, TLS_CLIENT_ASK, TLS_CLIENT_REQUIRE };

struct settings_tls {
  struct settings_certificate *certificates; /* the first is for whoever names no other */
  size_t n_certificates;                     /* 0: there is no [tls] */
  bool only_1_3;
  char *suites, *ciphers; /* of TLS 1.3, of TLS 1.2, as OpenSSL writes them */
  char *client_ca;        /* path of a PEM file, or NULL */
  enum tls_client_certificate client_certificate;
  uint64_t handshake_timeout_ms, handshakes_per_turn, session_lifetime_ms; /* 0: no resumption */
  uint64_t max_rekeys, rekey_after, reload_interval_ms;
};

enum queue_policy { QUEUE_CLOSE, QUEUE_DROP_OLDEST, QUEUE_DROP_NEWEST };
enum when_down { WHEN_DOWN_REJECT, WHEN_DOWN_QUEUE };

struct settings {
  /* [server] */
  unsigned workers; /* resolved: 1..64 */
  char *node;       /* resolved, printable, at most 64 bytes of [A-Za-z0-9._-] */
  enum log_level log_level;
  bool log_json;
  char *journal_socket; /* NULL: the log goes to standard error */
  bool access_log;
  char *access_log_file; /* NULL: it goes to the log */
  char *plugin_dir;
  char *plugin_host;         /* the program */
  uint64_t stop_delay_ms;    /* how long after SIGTERM the server only says that it will stop */
  uint64_t drain_ms;         /* how long it then takes at most */
  uint64_t drain_rate;       /* sessions that it closes in a second */
  uint64_t drain_overlap_ms; /* of the old session of whoever is told beforehand, and the new one */
  uint64_t drain_reconnect_ms; /* what clients are told; 0: nothing */
  uint64_t stats_interval_ms;  /* 0: only on SIGUSR1 and at the end */
  bool stats_spring;           /* in the words of Spring */
  uint64_t live_limit_ms;
  uint64_t pool_threads, pool_queue;
  uint64_t plugin_hang_ms;
  bool plugin_threads; /* auth and app plugins have one each */
  bool io_uring;       /* use it where the kernel offers it */

  /* [http], [tcp] */
  struct settings_address *http_listen, *http_tls_listen;
  size_t n_http_listen, n_http_tls_listen;
  uint64_t websocket_ping_ms; /* 0: none */
  uint64_t keep_alive_ms;     /* how long a connection waits for its next request */
  struct cidr_list http_trusted_proxies, tcp_trusted_proxies;
  bool http_proxy_protocol, tcp_proxy_protocol; /* by which these say who their clients are */
  struct settings_list allowed_hosts;           /* empty: any */
  bool try_page;
  char *web_dir;
  struct settings_page page;
  struct settings_address *tcp_listen, *tcp_tls_listen;
  size_t n_tcp_listen, n_tcp_tls_listen;
  bool trailing_lf; /* behind each frame over TCP */
  struct settings_terms tcp_terms;
  struct settings_terms terms; /* what [limits], [destinations] and [stomp] say of all */

  struct settings_tls tls;

  struct settings_endpoint *endpoints; /* at least one */
  size_t n_endpoints;

  /* [stomp] */
  unsigned heartbeat_tolerance; /* silence allowed, in percent of the interval */
  char *profile_notes; /* lines on what was written otherwise than the profile has it, or NULL */

  /* [destinations] */
  struct settings_list broker_prefixes, app_prefixes;
  char *user_prefix, *user_secret;

  /* [limits] */
  uint64_t max_connections; /* 0: as many as file descriptors allow */
  uint64_t max_headers, max_header_size;
  uint64_t max_subscriptions, max_unused_topics, max_destination_length, max_unacked;
  uint64_t max_transactions, max_transaction_bytes;
  uint64_t max_pattern_steps, route_cache_bytes;
  uint64_t max_session_memory; /* resolved */
  uint64_t queue_messages;
  enum queue_policy queue_policy;
  uint64_t send_timeout_ms, connect_timeout_ms;
  uint64_t tcp_keepalive_ms;        /* 0: none */
  uint64_t max_address_connections; /* of one client address; 0: any number */
  uint64_t max_address_rate;        /* new ones a minute; 0: any number */
  uint64_t max_request_line, max_request_head, max_request_headers;
  uint64_t max_inflated_message;
  uint64_t max_sockjs_sessions, max_sockjs_message;
  uint64_t worker_queue, worker_queue_bytes; /* messages that may wait for one worker */

  /* [broker]; the plugin's own options are in [broker.NAME] */
  char *broker_plugin; /* name, or absolute path of a .so */
  const char *broker_file;
  int broker_line; /* where plugin = was written, for messages; line 0: built-in default */
  enum when_down when_down;
  uint64_t down_queue_messages, down_queue_bytes, down_queue_ms, down_queue_delay_ms;
  uint64_t unsubscribe_grace_ms, operation_timeout_ms;
  uint64_t probe_interval_ms; /* 0: never */
  bool isolate;               /* in a process of its own, of plugin_host */
  uint64_t isolate_buffer;

  /* [auth]; [auth.NAME] is the plugin's, [access] is read by access/rules.h */
  struct settings_list auth_plugins; /* names and absolute paths; NUL-terminated, too */
  const char *auth_file;             /* where they were chosen, or NULL */
  int auth_line;
  bool auth_anonymous, auth_close_denied;
  uint64_t auth_timeout_ms, auth_warning_ms, auth_former;

  /* [app]; [app.NAME] and [app.NAME ...] are the plugins' */
  struct settings_list app_plugins;
  const char *app_file;
  int app_line;
  uint64_t app_timeout_ms, app_queue, app_queue_bytes;
  bool app_ignore_unclaimed, app_close_on_error;

  uint64_t presence_members, presence_info_bytes, presence_rooms,
      presence_settle_ms; /* [presence] */
  /* [api]; without keys it is off */
  struct settings_address *api_listen, *api_tls_listen;
  size_t n_api_listen, n_api_tls_listen;
  char *api_socket; /* or NULL */
  struct settings_api_key *api_keys;
  size_t n_api_keys;
  uint64_t api_max_body, api_max_batch, api_max_in_flight, api_max_failures;
  uint64_t api_idempotency_keys, api_idempotency_ms, api_max_refused_users, api_max_listed;

  /* [admin]; without listen and socket there is no admin API */
  struct settings_address *admin_listen, *admin_tls_listen;
  size_t n_admin_listen, n_admin_tls_listen;
  struct settings_socket admin_socket;
  char **admin_tokens;
  size_t n_admin_tokens;
  uint64_t admin_max_failures, admin_max_tails, admin_beat_ms;

  struct settings_address *metrics_listen; /* [metrics] */
  size_t n_metrics_listen;
};

/* Checks the whole configuration (unknown sections with the nearest known name, unknown keys, bad
 * values) and fills *settings. [broker.*], [auth.*] and [app.*] sections are left to the plugin
 * that is named by them, and [access] to access/rules.h. On failure err->text is "FILE:LINE: ..."
 * and *settings needs no settings_fini. */
plug_status settings_load(struct settings *settings, const struct config *config,
                          struct plug_err *err);
void settings_fini(struct settings *settings);

/* Is there any such address, with TLS or without? */
static inline bool settings_speaks_http(const struct settings *settings)
{
  return settings->n_http_listen + settings->n_http_tls_listen > 0;
}

static inline bool settings_speaks_tcp(const struct settings *settings)
{
  return settings->n_tcp_listen + settings->n_tcp_tls_listen > 0;
}

static inline bool settings_speaks_tls(const struct settings *settings)
{
  return settings->n_http_tls_listen + settings->n_tcp_tls_listen + settings->n_api_tls_listen +
             settings->n_admin_tls_listen >
         0;
}

/* Over all doors: pattern subscriptions are allowed, the largest frame that may come in. */
bool settings_any_patterns(const struct settings *settings);
uint64_t settings_largest_frame(const struct settings *settings);

/* The reference of all server sections as Markdown: the body of docs/configuration.md. */
void settings_put_reference(struct buf *out);

#endif
