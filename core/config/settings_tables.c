#include "config/settings_tables_inner.h"

#define TABLE(options) {(options), sizeof(options) / sizeof((options)[0])}

static const struct plug_option server_options[] = {
    {"workers", PLUG_OPT_INTEGER, FIXED, "0", "0..64",
     "Threads that serve connections; 0 is one per core that the process may use."},
    {"node", PLUG_OPT_STRING, FIXED, NULL, NULL,
     "Name of this node, unique in a cluster: 1 to 64 of `A-Z a-z 0-9 . _ -`. Default: the host's "
     "name and a random number, new at each start."},
    {"log-level", PLUG_OPT_CHOICE, LIVE, "info", "debug|info|warn|error",
     "The lowest level that is logged."},
    {"log-format", PLUG_OPT_CHOICE, LIVE, "text", "text|json", "How log lines are written."},
    {"log-target", PLUG_OPT_CHOICE, FIXED, "stderr", "stderr|journald",
     "Where log lines go: to standard error, or to the systemd journal as entries with fields. "
     "What "
     "finds no room there is dropped and counted (`log_dropped`), never waited for."},
    {"journal-socket", PLUG_OPT_PATH, FIXED, "/run/systemd/journal/socket", NULL,
     "Where journald listens; a journal namespace has a socket of its own."},
    {"access-log", PLUG_OPT_STRING, FIXED, "off", NULL,
     "A line for each session and connection that ends: `off`, `on` (in the log, whatever "
     "`log-level` says), or a file, which is appended to, and opened anew on SIGHUP."},
    {"plugin-dir", PLUG_OPT_PATH, FIXED, NULL, NULL,
     "Where plugins that are given by name are looked for. Default: `../lib/plugboard`, seen from "
     "the directory of the executable."},
    {"plugin-host", PLUG_OPT_PATH, FIXED, NULL, NULL,
     "The program that runs a plugin in a process of its own, see `[broker] isolate`. Default: "
     "`../libexec/plugboard/plugboard-plugin-host` beside the executable's directory."},
    {"stop-delay", PLUG_OPT_DURATION, LIVE, "0", "0..10m",
     "How long after SIGTERM the server goes on as before, but for `/ready`, which answers 503: as "
     "long as a balancer needs to notice. A second signal ends it at once."},
    {"drain-time", PLUG_OPT_DURATION, LIVE, "10s", "0..10m",
     "How long a stopping server takes then at most, all in all. Its sessions are closed one after "
     "the other within four fifths of that, and go on until it is their turn."},
    {"drain-rate", PLUG_OPT_INTEGER, LIVE, "500", "1..1000000",
     "How many sessions a stopping server closes in a second at most, so that not all clients come "
     "back at once. With more sessions than fit into `drain-time` they are closed faster, evenly, "
     "and the log says so."},
    {"drain-overlap", PLUG_OPT_DURATION, LIVE, "5s", "0..10m",
     "A client that has asked for that in CONNECT is told before, and its session stays open for "
     "so long, and `drain-reconnect`, so that the new connection is there before the old one ends; "
     "for two fifths of `drain-time` at most. 0: nobody is told."},
    {"drain-reconnect", PLUG_OPT_DURATION, LIVE, "1s", "0..10m",
     "After how long, give or take a tenth, clients are told to connect again; without other "
     "nodes, as long as a restart takes. 0: they are told nothing of that."},
    {"stats-interval", PLUG_OPT_DURATION, LIVE, "0", "0..24h",
     "How often the counters are logged; 0 is only on SIGUSR1 and at the end."},
    {"stats-format", PLUG_OPT_CHOICE, LIVE, "counters", "counters|spring",
     "What `stats-interval` logs: all counters, or the one line of Spring's "
     "`WebSocketMessageBrokerStats` with numbers of this server behind it. With `spring` the first "
     "line comes after a minute at most, and an interval of 0 is 30 minutes. SIGUSR1 and the end "
     "log the "
     "counters."},
    {"live-limit", PLUG_OPT_DURATION, FIXED, "10s", "1s..10m",
     "A worker or the control thread that has not come round for so long hangs: `/live` answers "
     "503, and systemd's watchdog is told nothing more."},
    {"pool-threads", PLUG_OPT_INTEGER, FIXED, "2", "1..8",
     "Threads for what plugins must not do on the control thread, such as checking signatures and "
     "passwords; they start when first needed."},
    {"pool-queue", PLUG_OPT_INTEGER, FIXED, "10000", "1..1000000",
     "How many such jobs may wait; more are refused."},
    {"plugin-hang", PLUG_OPT_DURATION, FIXED, "5s", "100ms..10m",
     "A plugin that has not returned from a call for so long hangs: the log names it and the call, "
     "`/ready` answers 503, what waits for it is refused when its time is over "
     "(`operation-timeout`, `timeout` of `[auth]` and `[app]`), and a stopping server does not "
     "wait "
     "for it."},
    {"plugin-threads", PLUG_OPT_BOOL, FIXED, "off", NULL,
     "Gives each auth and app plugin a thread of its own for what is called on the control thread "
     "otherwise: one that blocks then delays neither the broker nor the other plugins "
     "(docs/operating.md). Each costs some 64 KiB of memory and five descriptors, and a login goes "
     "from thread to thread. app-presence stays on the control thread, which presence belongs "
     "to."},
    {"io-uring", PLUG_OPT_BOOL, FIXED, "on", NULL,
     "Writes to many connections with one io_uring submission where the kernel offers it, and with "
     "a `send()` each where it does not."},
};

static const struct plug_option http_options[] = {
    {"listen", PLUG_OPT_LIST, FIXED, "127.0.0.1:8080", NULL,
     "Addresses to listen on, as `host:port` or `[v6]:port`; port 0 is any free one. Empty: no "
     "HTTP."},
    {"tls-listen", PLUG_OPT_LIST, FIXED, "", NULL,
     "Addresses to listen on for TLS (`wss://`, `https://`), with the certificates of `[tls]`."},
    {"keep-alive-timeout", PLUG_OPT_DURATION, LIVE, "75s", "1s..1h",
     "How long a connection may wait for its next request; longer than proxies in front keep "
     "theirs, or they meet closed ones."},
    {"websocket-ping", PLUG_OPT_DURATION, LIVE, "30s", "0..1h",
     "How long a WebSocket may be silent, where no heart-beats from the client were agreed upon, "
     "before it is pinged; it is closed after three times that without a byte. 0 is never."},
    {"trusted-proxies", PLUG_OPT_LIST, LIVE, "", NULL,
     "Addresses of proxies, or ranges as in `10.0.0.0/8`, whose `Forwarded`, `X-Forwarded-Proto` "
     "and `X-Forwarded-Host` are believed. One that ends TLS has to be among them, or pages that "
     "it "
     "serves are strangers."},
    {"proxy-protocol", PLUG_OPT_BOOL, LIVE, "off", NULL,
     "`trusted-proxies` say who their clients are by the PROXY protocol, version 1 or 2, with "
     "which "
     "each of their connections then has to begin; else by `X-Forwarded-For`."},
    {"allowed-hosts", PLUG_OPT_LIST, LIVE, "", NULL,
     "Names that the server answers to, with `*` for any characters; addresses and `localhost` "
     "always. Empty: all. Set it where the server can be reached from browsers and not everybody "
     "may connect (DNS rebinding)."},
    {"try-page", PLUG_OPT_BOOL, FIXED, "on", NULL,
     "Serves a page to try the server from a browser."},
    {"web-dir", PLUG_OPT_PATH, FIXED, NULL, NULL,
     "Where that page is. Default: `../share/plugboard/web`, seen from the directory of the "
     "executable."},
};

static const struct plug_option tcp_options[] = {
    {"listen", PLUG_OPT_LIST, FIXED, "", NULL, "Addresses to listen on, written as for HTTP."},
    {"tls-listen", PLUG_OPT_LIST, FIXED, "", NULL,
     "Addresses to listen on for STOMP over TLS, with the certificates of `[tls]`."},
    {"trailing-lf", PLUG_OPT_BOOL, LIVE, "on", NULL,
     "Sends a line feed behind the NUL of each frame, as STOMP allows: some clients, PHP's "
     "extension "
     "among them, wait for it."},
    {"trusted-proxies", PLUG_OPT_LIST, LIVE, "", NULL,
     "Addresses of proxies, or ranges, that may say who their clients are."},
    {"proxy-protocol", PLUG_OPT_BOOL, LIVE, "off", NULL,
     "`trusted-proxies` do so by the PROXY protocol, version 1 or 2, with which each of their "
     "connections then has to begin."},
    {"client-send", PLUG_OPT_LIST, LIVE, NULL, NULL,
     "Prefixes, each inside one of `broker` or `user`, that these clients may SEND to. Default: "
     "all of `broker`, whatever `[destinations]` opens to others."},
    {"max-frame-size", PLUG_OPT_BYTES, LIVE, NULL, "1k..64m",
     "One STOMP frame. Default: 4m, or more where `[limits]` has more."},
    {"queue-size", PLUG_OPT_BYTES, LIVE, NULL, "4k..1g",
     "Bytes that wait for one session. Default: 16m, or more where `[limits]` has more."},
    {"profile", PLUG_OPT_CHOICE, FIXED, NULL, "standard|spring",
     "As in `[stomp]`, for these clients. Default: what stands there."},
    {"recoverable", PLUG_OPT_BOOL, LIVE, "on", NULL,
     "Lets refusals that say `recoverable` leave the connection open. `off`: the connection ends "
     "after any ERROR, for clients that take it so; Spring's relay does."},
    {"access", PLUG_OPT_BOOL, LIVE, "on", NULL,
     "The rules of `[access]` hold for these clients. `off`: whoever is let in by `[auth]` may do "
     "what `client-send` and permissions of their own allow."},
};

static const struct plug_option tls_options[] = {
    {"certificate", PLUG_OPT_PATH, LIVE, NULL, NULL,
     "A PEM file with the certificate and, behind it, those that lead to its authority's."},
    {"key", PLUG_OPT_PATH, LIVE, NULL, NULL,
     "A PEM file with the private key, without a password."},
    {"ocsp-response", PLUG_OPT_PATH, LIVE, NULL, NULL,
     "A DER file with the authority's answer about the certificate (OCSP stapling), as `openssl "
     "ocsp -respout` writes it. One that has expired is not sent."},
    {"min-version", PLUG_OPT_CHOICE, LIVE, "1.2", "1.2|1.3",
     "The oldest version of TLS that is spoken; the newest is 1.3."},
    {"ciphers", PLUG_OPT_STRING, LIVE,
     "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
     "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
     "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
     NULL,
     "Ciphers in the server's order, by OpenSSL's names; those that begin with `TLS_` are for TLS "
     "1.3, the others for TLS 1.2. ChaCha20 goes first for clients that put it first."},
    {"client-certificate", PLUG_OPT_CHOICE, LIVE, "off", "off|ask|require",
     "Whether clients are asked for a certificate. With `ask` those without one come in, too; a "
     "certificate that `client-ca` does not vouch for is refused in both cases."},
    {"client-ca", PLUG_OPT_PATH, LIVE, NULL, NULL,
     "A PEM file with the authorities that vouch for clients."},
    {"handshake-timeout", PLUG_OPT_DURATION, LIVE, "10s", "1s..5m",
     "How long a client may take for the handshake."},
    {"handshakes-per-turn", PLUG_OPT_INTEGER, LIVE, "1", "1..1000",
     "Steps of handshakes that a worker takes before it turns to its other clients again. One is "
     "0.3 ms with an ECDSA key and 1 ms with RSA; each handshake has two."},
    {"session-lifetime", PLUG_OPT_DURATION, LIVE, "2h", "0..168h",
     "How long a client may resume its TLS session, by tickets whose keys all workers share and "
     "reloads keep; 0 is never."},
    {"max-rekeys", PLUG_OPT_INTEGER, LIVE, "10", "1..100000",
     "How often in a minute a client may change its keys, or try to negotiate anew, before its "
     "connection is closed."},
    {"rekey-after", PLUG_OPT_INTEGER, LIVE, "8388608", "16..16777216",
     "After so many records the server changes its keys itself, with TLS 1.3."},
    {"reload-interval", PLUG_OPT_DURATION, LIVE, "10s", "0..24h",
     "How often the files are looked at. New connections get what has changed, and a file that "
     "cannot be used changes nothing. 0 is never."},
};

static const struct plug_option tls_name_options[] = {
    {"certificate", PLUG_OPT_PATH, LIVE, NULL, NULL, "As in `[tls]`."},
    {"key", PLUG_OPT_PATH, LIVE, NULL, NULL, "As in `[tls]`."},
    {"ocsp-response", PLUG_OPT_PATH, LIVE, NULL, NULL, "As in `[tls]`."},
};

static const struct plug_option endpoint_options[] = {
    {"allowed-origins", PLUG_OPT_LIST, LIVE, "", NULL,
     "Origins of web pages that may connect, with `*` for any characters and `:[8080,8081]` or "
     "`:[*]` at the end for some ports or any. Empty: the server's own origin only."},
    {"websocket", PLUG_OPT_BOOL, LIVE, "on", NULL,
     "WebSocket, raw at the path itself and at `PATH/websocket`, and as a transport of SockJS."},
    {"deflate", PLUG_OPT_BOOL, LIVE, "off", NULL,
     "Compresses messages over raw WebSockets whose clients offer it (`permessage-deflate`): less "
     "traffic, more CPU."},
    {"sockjs", PLUG_OPT_BOOL, LIVE, "on", NULL,
     "SockJS below the path, for clients and networks without WebSocket."},
    {"sockjs-transports", PLUG_OPT_LIST, LIVE,
     "websocket, xhr, xhr_streaming, eventsource, htmlfile, jsonp", NULL,
     "The transports of SockJS that are served."},
    {"sockjs-heart-beat", PLUG_OPT_DURATION, LIVE, "25s", "0..1h",
     "After how much silence a SockJS client is sent a heart-beat, unless STOMP's own were agreed "
     "upon; 0 is never. Less than proxies in front wait."},
    {"sockjs-disconnect-delay", PLUG_OPT_DURATION, LIVE, "5s", "100ms..10m",
     "How long a SockJS session lives while no request of its client waits for messages."},
    {"sockjs-stream-limit", PLUG_OPT_BYTES, LIVE, "128k", "1k..64m",
     "How much one answer of a streaming transport carries before the client has to ask again; "
     "browsers keep all of it."},
    {"sockjs-cookie", PLUG_OPT_BOOL, LIVE, "on", NULL,
     "Sets `JSESSIONID`, by which balancers keep a client at its node, or echoes the one that is "
     "there, and tells clients that cookies are needed."},
    {"sockjs-client-url", PLUG_OPT_STRING, LIVE,
     "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js", NULL,
     "Where the page for frames of other sites loads the client's library from."},
    {"client-send", PLUG_OPT_LIST, LIVE, NULL, NULL,
     "Prefixes, each inside one of `broker` or `user`, that these clients may SEND to. Default: "
     "as in `[destinations]`."},
    {"max-frame-size", PLUG_OPT_BYTES, LIVE, NULL, "1k..64m",
     "One STOMP frame. Default: as in `[limits]`."},
    {"queue-size", PLUG_OPT_BYTES, LIVE, NULL, "4k..1g",
     "Bytes that wait for one session. Default: as in `[limits]`."},
    {"profile", PLUG_OPT_CHOICE, FIXED, NULL, "standard|spring",
     "As in `[stomp]`, for these clients. Default: what stands there."},
    {"recoverable", PLUG_OPT_BOOL, LIVE, "on", NULL,
     "Lets refusals that say `recoverable` leave the connection open. `off`: the connection ends "
     "after any ERROR, for clients that take it so; Spring's relay does."},
    {"access", PLUG_OPT_BOOL, LIVE, "on", NULL,
     "The rules of `[access]` hold for these clients. `off`: whoever is let in by `[auth]` may do "
     "what `client-send` and permissions of their own allow."},
};

static const struct plug_option stomp_options[] = {
    {"heart-beat-send", PLUG_OPT_DURATION, LIVE, "10s", "0..1h",
     "How often the server offers to send heart-beats; 0 is never."},
    {"heart-beat-receive", PLUG_OPT_DURATION, LIVE, "10s", "0..1h",
     "How often the server asks clients for heart-beats; 0 is never."},
    {"heart-beat-tolerance", PLUG_OPT_INTEGER, LIVE, "300", "100..1000",
     "How long a client may be silent, in percent of the interval agreed upon."},
    {"profile", PLUG_OPT_CHOICE, FIXED, "standard", "standard|spring",
     "`spring` answers as servers built with Spring do where that differs from the STOMP "
     "specification, and is a set of defaults: `heart-beat-send` and `heart-beat-receive` 0, "
     "`client-send` all of `broker`, `patterns` on, `unknown-destination` `ignore`. What is "
     "written "
     "wins; `--check` names it."},
};

static const struct plug_option destinations_options[] = {
    {"broker", PLUG_OPT_LIST, FIXED, "/topic, /queue, /sub", NULL,
     "Prefixes of destinations that the broker carries; clients may subscribe to these."},
    {"app", PLUG_OPT_LIST, FIXED, "", NULL, "Prefixes of destinations that app plugins handle."},
    {"client-send", PLUG_OPT_LIST, LIVE, "/topic", NULL,
     "Prefixes, each inside one of `broker` or `user`, that clients may SEND to. The default "
     "applies as far "
     "as it lies inside `broker`."},
    {"user", PLUG_OPT_STRING, FIXED, "/user", NULL,
     "Prefix of user destinations: who subscribes to `/user/queue/x` gets what is sent to "
     "`/user/NAME/queue/x`, NAME being the user's name or the id of the session. Empty: there are "
     "none."},
    {"user-secret", PLUG_OPT_SECRET, FIXED, "", NULL,
     "What the topics of user destinations are made from beside the name, the same on all nodes. "
     "Worth setting where others than these nodes subscribe at the broker."},
    {"patterns", PLUG_OPT_BOOL, LIVE, "off", NULL,
     "Lets clients subscribe to patterns such as `/topic/*/chat` and `/topic/**`."},
    {"unknown-destination", PLUG_OPT_CHOICE, LIVE, "error", "error|ignore",
     "What a SEND or SUBSCRIBE to a destination outside all of these prefixes meets, or to one of "
     "`app` that no plugin handles: an ERROR that ends the connection, or nothing but, where a "
     "receipt was asked for, an ERROR that leaves it open."},
};

static const struct plug_option broker_options[] = {
    {"plugin", PLUG_OPT_STRING, LIVE, "memory", NULL,
     "Name of a broker plugin in `plugin-dir`, or the absolute path of one. Its options stand in "
     "`[broker.NAME]`; of a path the file's name is taken, without `broker-` and `.so`: "
     "`/opt/x/broker-nats.so` and `/opt/x/nats.so` read `[broker.nats]`."},
    {"when-down", PLUG_OPT_CHOICE, FIXED, "reject", "reject|queue",
     "What happens to messages while the broker cannot be reached."},
    {"down-queue-messages", PLUG_OPT_INTEGER, FIXED, "10000", "1..10000000",
     "With `queue`: how many messages wait."},
    {"down-queue-size", PLUG_OPT_BYTES, FIXED, "64m", "64k..4g",
     "With `queue`: how many bytes of messages wait."},
    {"down-queue-time", PLUG_OPT_DURATION, FIXED, "5s", "10ms..10m",
     "With `queue`: how long a message waits before it is refused."},
    {"down-queue-delay", PLUG_OPT_DURATION, FIXED, "1s", "0..1m",
     "With `queue`: how long messages still wait when the broker can be reached again, so that the "
     "other nodes are back, too."},
    {"unsubscribe-grace", PLUG_OPT_DURATION, FIXED, "5s", "0..10m",
     "How long the broker keeps a topic that nobody on this node subscribes to any more; at most "
     "`[limits] max-unused-topics` of them."},
    {"operation-timeout", PLUG_OPT_DURATION, FIXED, "10s", "100ms..10m",
     "How long the broker may take for one operation."},
    {"probe-interval", PLUG_OPT_DURATION, FIXED, "5s", "0..5m",
     "How often the node sends itself a message by the broker: `/ready` answers 503 as long as the "
     "last one has not come back within `operation-timeout`. 0 is never. A broker that delivers "
     "within the node, or proves by itself that it delivers, is not probed."},
    {"isolate", PLUG_OPT_BOOL, FIXED, "off", NULL,
     "Run the plugin in a process of its own: when it crashes or hangs, the broker is down and "
     "comes back, and clients stay (docs/isolation.md). Not for a plugin that is an auth plugin or "
     "an application, too."},
    {"isolate-buffer", PLUG_OPT_BYTES, FIXED, "64m", "1m..1g",
     "With `isolate`: bytes that may wait on the way to that process, and on the way back, and how "
     "long one message may be. Beyond it operations are refused, and what the plugin delivers is "
     "dropped; both are counted."},
};

static const struct plug_option auth_options[] = {
    {"plugins", PLUG_OPT_LIST, LIVE, "", NULL,
     "Names of auth plugins in `plugin-dir`, or absolute paths, in the order in which they are "
     "asked. Empty: nobody is asked who they are."},
    {"anonymous", PLUG_OPT_BOOL, LIVE, "off", NULL,
     "Lets clients in whose CONNECT no plugin has an opinion of, as nobody. Bad credentials are "
     "refused all the same."},
    {"timeout", PLUG_OPT_DURATION, LIVE, "10s", "100ms..5m",
     "How long the plugins together may take for one CONNECT, and each for one question."},
    {"on-denied", PLUG_OPT_CHOICE, LIVE, "close", "close|keep",
     "What follows the ERROR for a SUBSCRIBE or SEND that is denied: the end of the connection, or "
     "nothing."},
    {"expiry-warning", PLUG_OPT_DURATION, LIVE, "1m", "0..24h",
     "How long before the end of an identity its client is told, if it has subscribed to "
     "`/plugboard/token`; 0 is never."},
    {"former-generations", PLUG_OPT_INTEGER, LIVE, "8", "1..1000",
     "After reloads and swaps the plugins that let sessions in stay until these have gone, or are "
     "renewed. Beyond so many generations the sessions of the oldest are ended."},
};

static const struct plug_option app_options[] = {
    {"plugins", PLUG_OPT_LIST, FIXED, "", NULL,
     "Names of app plugins in `plugin-dir`, or absolute paths. Empty: there are no applications."},
    {"timeout", PLUG_OPT_DURATION, LIVE, "10s", "100ms..5m",
     "How long an application may take for one SEND or SUBSCRIBE."},
    {"queue", PLUG_OPT_INTEGER, LIVE, "10000", "10..10000000",
     "SENDs and SUBSCRIBEs that may wait for applications. From a half on clients are slowed down; "
     "beyond it they are refused."},
    {"queue-size", PLUG_OPT_BYTES, LIVE, "64m", "256k..16g", "The same in bytes."},
    {"unclaimed", PLUG_OPT_CHOICE, LIVE, "error", "error|ignore",
     "What a SEND or SUBSCRIBE gets that no application claims: an ERROR, which ends the "
     "connection, or nothing, as always with `profile = spring`."},
    {"on-error", PLUG_OPT_CHOICE, LIVE, "keep", "keep|close",
     "What follows an application's error: nothing but the message of it, or the end of the "
     "connection."},
};

static const struct plug_option presence_options[] = {
    {"max-members", PLUG_OPT_INTEGER, FIXED, "200000", "1..10000000",
     "Members that this node keeps in rooms: each session in each room is one. What is beyond is "
     "not counted."},
    {"max-info", PLUG_OPT_BYTES, FIXED, "4k", "64..64k",
     "Bytes of what an application says about one member."},
    {"max-rooms", PLUG_OPT_INTEGER, FIXED, "100000", "1..10000000",
     "Rooms that this node watches, each with all its users in memory."},
    {"settle", PLUG_OPT_DURATION, FIXED, "2s", "0..1m",
     "After the backend has lost members, how long all nodes are given to join theirs again before "
     "anybody is told who is missing."},
};

static const struct plug_option page_options[] = {
    {"sign-in", PLUG_OPT_BOOL, FIXED, "off", NULL,
     "For development only: whoever opens the page may sign in by any name, without a password. "
     "`POST /try-page/sign-in?name=NAME` gives out a token, and `auth-jwt` accepts these tokens "
     "and "
     "no others. Not together with `[auth] plugins`; off where `[http] try-page` is."},
    {"sign-in-secret", PLUG_OPT_SECRET, FIXED, "", NULL,
     "What the tokens are signed with, 32 to 256 of `A-Z a-z 0-9 - _ + / = .`; the same on all "
     "nodes where a balancer stands in front of them. Empty: made at each start."},
    {"room-send", PLUG_OPT_STRING, FIXED, "", NULL,
     "Where the page's room SENDs `{\"content\":...}` to: a destination below "
     "`[destinations] app` with a segment `{room}`, as in `/pub/rooms/{room}/chat`. Empty: the "
     "page "
     "has topics only."},
    {"room-messages", PLUG_OPT_STRING, FIXED, "", NULL,
     "Where the room's messages come from: `/sub/rooms/{room}/chat`."},
    {"room-watch", PLUG_OPT_STRING, FIXED, "", NULL,
     "Where it is told who comes and goes: `/sub/rooms/{room}/watch`. Empty: it does not show who "
     "is there."},
    {"room-members", PLUG_OPT_STRING, FIXED, "", NULL,
     "What answers a SUBSCRIBE once with all who are there: `/pub/rooms/{room}/members`."},
};

static const struct plug_option api_options[] = {
    {"listen", PLUG_OPT_LIST, FIXED, "", NULL,
     "Addresses that serve the API and nothing else, written as for HTTP. Empty, without `socket`: "
     "the API is served where clients connect."},
    {"tls-listen", PLUG_OPT_LIST, FIXED, "", NULL,
     "The same over TLS, with the certificates of `[tls]`."},
    {"socket", PLUG_OPT_PATH, FIXED, NULL, NULL,
     "A Unix socket that serves the API and nothing else. Only the server's own user and group may "
     "connect."},
    {"max-body", PLUG_OPT_BYTES, LIVE, "1m", "1k..64m", "The body of one request."},
    {"max-batch", PLUG_OPT_INTEGER, LIVE, "1000", "1..100000", "Messages of one request."},
    {"max-in-flight", PLUG_OPT_INTEGER, LIVE, "100000", "1..10000000",
     "Messages of all requests that the broker has not taken yet; more are refused with 503."},
    {"max-failures", PLUG_OPT_INTEGER, LIVE, "30", "1..1000000",
     "Wrong keys that one address may show in a minute, an IPv6 address by its first 64 bits; then "
     "it is answered with 429, whatever it shows."},
    {"idempotency-keys", PLUG_OPT_INTEGER, FIXED, "10000", "0..10000000",
     "Answers kept for requests that come again with the same `Idempotency-Key`. When there are "
     "more the oldest is forgotten."},
    {"idempotency-time", PLUG_OPT_DURATION, FIXED, "10m", "1s..24h", "How long they are kept."},
    {"max-listed", PLUG_OPT_INTEGER, LIVE, "10000", "0..1000000",
     "Users of one room that are listed by name; they are counted all the same."},
    {"max-refused-users", PLUG_OPT_INTEGER, FIXED, "10000", "1..10000000",
     "Users that may be refused for a while after they were disconnected; more are disconnected "
     "and may come back at once."},
};

static const struct plug_option api_key_options[] = {
    {"secret", PLUG_OPT_SECRET, LIVE, "", NULL,
     "The key: at least 16 characters of printable ASCII without blanks; `${NAME}` takes it from "
     "the environment."},
    {"secret-file", PLUG_OPT_PATH, LIVE, NULL, NULL, "A file with the key in one line, instead."},
    {"rights", PLUG_OPT_LIST, LIVE, "publish", NULL,
     "What it is good for: `publish`; `disconnect`, which takes subscriptions away, too; "
     "`presence`."},
};

static const struct plug_option admin_options[] = {
    {"listen", PLUG_OPT_LIST, FIXED, "", NULL,
     "Addresses that serve operators, written as for HTTP; whoever comes there shows a token. Up "
     "to 64 connections are let in here when `[limits] max-connections` is used up."},
    {"tls-listen", PLUG_OPT_LIST, FIXED, "", NULL,
     "The same over TLS, with the certificates of `[tls]`."},
    {"socket", PLUG_OPT_PATH, FIXED, NULL, NULL,
     "A Unix socket that serves them. Whoever may open it needs no token."},
    {"socket-mode", PLUG_OPT_CHOICE, FIXED, "0660", "0600|0660|0666",
     "Who may: the server's user; its group, too; everybody on the machine."},
    {"socket-group", PLUG_OPT_STRING, FIXED, NULL, NULL,
     "The group of that socket, by name. Default: the server's own."},
    {"token", PLUG_OPT_SECRET, LIVE, NULL, NULL,
     "What operators show as `Authorization: Bearer TOKEN`: at least 16 characters of printable "
     "ASCII without blanks."},
    {"token-file", PLUG_OPT_PATH, LIVE, NULL, NULL,
     "A file with such tokens, one in a line, at most 64; empty lines and those that begin with "
     "`#` do not count."},
    {"max-failures", PLUG_OPT_INTEGER, LIVE, "30", "1..1000000",
     "Wrong tokens that one address may show in a minute, an IPv6 address by its first 64 bits; "
     "then it is answered with 429, whatever it shows."},
    {"max-tails", PLUG_OPT_INTEGER, LIVE, "10", "0..1000",
     "Topics that may be watched at a time by `GET /admin/api/tail`."},
    {"beat-interval", PLUG_OPT_DURATION, FIXED, "5s", "1s..5m",
     "How often this node tells the others of itself. It is told of as gone after three times "
     "that without a word."},
};

static const struct plug_option metrics_options[] = {
    {"listen", PLUG_OPT_LIST, FIXED, "", NULL,
     "Addresses that serve `/metrics`, `/live`, `/ready` and `/health` and nothing else, written "
     "as "
     "for HTTP. Whoever reaches them needs no token: they belong on a private address. Up to 64 "
     "connections are let in here when `[limits] max-connections` is used up."},
};

const struct settings_section settings_sections[SECTION_COUNT] = {
    [SECTION_SERVER] = {"server", "server", "The process.", TABLE(server_options)},
    [SECTION_HTTP] = {"http", "http",
                      "WebSocket and everything else that is spoken over HTTP. There must be at "
                      "least one listener in `[http]` or `[tcp]`.",
                      TABLE(http_options)},
    [SECTION_TCP] = {"tcp", "tcp", "STOMP directly over TCP.", TABLE(tcp_options)},
    [SECTION_TLS] =
        {"tls", "tls",
         "TLS for the addresses of all `tls-listen`: [tls.md](tls.md). The certificate "
         "of this section is for clients that ask for no name, or for one that no other "
         "has.",
         TABLE(tls_options)},
    [SECTION_TLS_NAME] = {"tls", "tls NAME...",
                          "One section for each further certificate, with the host names for which "
                          "it is shown, between blanks: `[tls example.org *.example.org]`. It is "
                          "shown for the names in the certificate, too.",
                          TABLE(tls_name_options)},
    [SECTION_ENDPOINT] = {"endpoint", "endpoint PATH",
                          "One section for each path that clients connect to, as in "
                          "`[endpoint /ws]`. The path starts with a slash and does not end with "
                          "one. Without any such section there is one endpoint, `/ws`. A reload "
                          "neither opens nor closes one.",
                          TABLE(endpoint_options)},
    [SECTION_STOMP] = {"stomp", "stomp", "The protocol.", TABLE(stomp_options)},
    [SECTION_DESTINATIONS] = {"destinations", "destinations",
                              "Who handles which destination. A prefix starts with a slash and "
                              "covers whole segments: `/topic` covers `/topic/a` and not "
                              "`/topics`.",
                              TABLE(destinations_options)},
    [SECTION_LIMITS] = {"limits", "limits", "What a client may use.",
                        TABLE(settings_limits_options)},
    [SECTION_BROKER] = {"broker", "broker",
                        "What carries messages between the nodes. The options of the plugin "
                        "itself stand in a section of its own, `[broker.redis]` for the plugin "
                        "`redis`; `plugboard --plugin-info FILE` lists them.",
                        TABLE(broker_options)},
    [SECTION_AUTH] = {"auth", "auth",
                      "Who clients are. The options of a plugin itself stand in a section of its "
                      "own, `[auth.jwt]` for the plugin `jwt`. [auth.md](auth.md) tells how it all "
                      "works.",
                      TABLE(auth_options)},
    [SECTION_ACCESS] = {"access",
                        "access",
                        "Who may do what: rules, in the order in which they stand here. The key is "
                        "a name of your own for the rule; [auth.md](auth.md#rules) has the value's "
                        "form. The first rule that matches decides; what none matches is denied. "
                        "Without this section everybody whom `[auth]` lets in may do what "
                        "`[destinations]` allows. A reload applies rules, and judges again what "
                        "sessions are subscribed to.\n"
                        "\n"
                        "```ini\n"
                        "[access]\n"
                        "chat    = subscribe, send /topic/chat/** if authenticated\n"
                        "own     = subscribe /sub/users/{id}/** if {id} == claim:userId\n"
                        "monitor = subscribe, subscribe-pattern /sub/** if role MONITOR\n"
                        "```",
                        {NULL, 0}},
    [SECTION_APP] = {"app", "app",
                     "Who answers what is sent below the prefixes of `[destinations] app`. The "
                     "options of a plugin itself stand in a section of its own, `[app.route]` for "
                     "the plugin `route`, and what it lets one name in others, `[app.route NAME]`. "
                     "[apps.md](apps.md) tells how it all works.",
                     TABLE(app_options)},
    [SECTION_PRESENCE] = {"presence", "presence",
                          "Who is in which room, kept for applications by a broker that can do it, "
                          "on all nodes together. [apps.md](apps.md#presence) tells how it works.",
                          TABLE(presence_options)},
    [SECTION_PAGE] = {"try-page", "try-page",
                      "What the page of `[http] try-page` offers beside topics: a room to chat "
                      "in, as `etc/room.ini` has it.",
                      TABLE(page_options)},
    [SECTION_API] =
        {"api", "api",
         "Publishing, disconnecting and presence over HTTP, for services: [api.md](api.md). It is "
         "off as long as there is no `[api-key NAME]`.",
         TABLE(api_options)},
    [SECTION_API_KEY] = {"api-key", "api-key NAME",
                         "One section for each key of the API, with a name of your own for the "
                         "log. A reload takes in new ones, and lets go of those that are gone.",
                         TABLE(api_key_options)},
    [SECTION_METRICS] = {"metrics", "metrics",
                         "What monitoring reads, apart from clients: [metrics.md](metrics.md).",
                         TABLE(metrics_options)},
    [SECTION_ADMIN] = {"admin", "admin",
                       "What operators ask of the server and tell it to do: [admin.md](admin.md). "
                       "It is off without `listen` and `socket`.",
                       TABLE(admin_options)},
};
