#include "config/settings_tables_inner.h"

const struct plug_option settings_limits_options[SETTINGS_N_LIMITS] = {
    {"max-connections", PLUG_OPT_INTEGER, LIVE, "0", "0..10000000",
     "Open connections; 0 is as many as file descriptors allow."},
    {"max-address-connections", PLUG_OPT_INTEGER, LIVE, "0", "0..10000000",
     "Open connections of one client address, an IPv6 address by its first 64 bits; 0 is any "
     "number. Clients of `trusted-proxies` count by their own. A SockJS session is a connection, "
     "too."},
    {"max-address-rate", PLUG_OPT_INTEGER, LIVE, "0", "0..10000000",
     "New connections of one client address in a minute; 0 is any number."},
    {"max-frame-size", PLUG_OPT_BYTES, LIVE, "64k", "1k..64m",
     "One STOMP frame, headers included."},
    {"max-headers", PLUG_OPT_INTEGER, LIVE, "64", "1..1024", "Headers of one frame."},
    {"max-header-size", PLUG_OPT_BYTES, LIVE, "8k", "64..1m",
     "One header line; at most `max-frame-size`."},
    {"max-subscriptions", PLUG_OPT_INTEGER, LIVE, "1000", "1..1000000",
     "Subscriptions of one session."},
    {"max-unused-topics", PLUG_OPT_INTEGER, FIXED, "10000", "100..10000000",
     "Topics that nobody on this node subscribes to any more: so many are kept for "
     "`unsubscribe-grace`, the oldest go; and of so many the broker's answer to the subscription "
     "may be missing. Beyond them a SUBSCRIBE to a topic that the node does not have yet is "
     "refused until the broker answers."},
    {"max-destination-length", PLUG_OPT_INTEGER, LIVE, "1024", "16..65535",
     "Bytes of one destination."},
    {"max-unacked", PLUG_OPT_INTEGER, LIVE, "10000", "1..1000000",
     "Messages that one session has not acknowledged yet."},
    {"max-transactions", PLUG_OPT_INTEGER, LIVE, "16", "1..1000",
     "Open transactions of one session."},
    {"max-transaction-size", PLUG_OPT_BYTES, LIVE, "1m", "1k..1g",
     "Bytes that the open transactions of one session hold."},
    {"max-session-memory", PLUG_OPT_BYTES, LIVE, "0", "0..1g",
     "Bytes that the subscriptions of one session take, their ids and patterns among them, with "
     "its "
     "receipts that wait for the broker; 0 is 4m, and 1k for each of `max-subscriptions`."},
    {"max-pattern-steps", PLUG_OPT_INTEGER, LIVE, "100000", "1000..100000000",
     "What comparing one message's destination with the patterns of one session may take: a step "
     "is "
     "a segment, a character behind a `*`, or an instruction of an expression. 100,000 are about a "
     "third of a millisecond. A session that needs more is ended."},
    {"route-cache-size", PLUG_OPT_BYTES, LIVE, "16m", "64k..4g",
     "What each worker may remember of which patterns match which destination. It begins anew when "
     "that is full."},
    {"queue-size", PLUG_OPT_BYTES, LIVE, "512k", "4k..1g",
     "Bytes that wait for one session; at least 1k more than `max-frame-size`."},
    {"queue-messages", PLUG_OPT_INTEGER, LIVE, "20000", "1..10000000",
     "Messages that wait for one session."},
    {"queue-policy", PLUG_OPT_CHOICE, LIVE, "close", "close|drop-oldest|drop-newest",
     "What happens when a session's queue is full."},
    {"send-timeout", PLUG_OPT_DURATION, LIVE, "10s", "1s..1h",
     "How long a send may make no progress before the session is closed, and a peer may not "
     "acknowledge what was sent to it."},
    {"tcp-keepalive", PLUG_OPT_DURATION, LIVE, "60s", "0..2h",
     "How long a connection may be idle before the system asks whether its peer is still there; it "
     "ends when there is no answer for `send-timeout`. 0 is never."},
    {"connect-timeout", PLUG_OPT_DURATION, LIVE, "30s", "1s..10m",
     "How long a new connection may take to send its CONNECT frame, and any to send a request."},
    {"max-request-line", PLUG_OPT_BYTES, LIVE, "16k", "256..32k",
     "The first line of an HTTP request, with its path and query."},
    {"max-request-head", PLUG_OPT_BYTES, LIVE, "32k", "1k..48k",
     "The head of an HTTP request: its first line and all headers, cookies and tokens among them."},
    {"max-request-headers", PLUG_OPT_INTEGER, LIVE, "100", "8..256", "Headers of an HTTP request."},
    {"max-inflated-message", PLUG_OPT_BYTES, LIVE, "1m", "1k..64m",
     "What a compressed WebSocket message may grow to; at least as much as it is."},
    {"max-sockjs-sessions", PLUG_OPT_INTEGER, LIVE, "100000", "1..10000000",
     "SockJS sessions carried by HTTP requests, which live for a while without a connection."},
    {"max-sockjs-message", PLUG_OPT_BYTES, LIVE, "4m", "1k..64m",
     "One request body or WebSocket message of a SockJS client, which may hold many frames."},
    {"worker-queue", PLUG_OPT_INTEGER, FIXED, "100000", "100..100000000",
     "Messages that may wait for one worker. From a half on publishers are slowed down; what "
     "a broker brings beyond it is dropped."},
    {"worker-queue-size", PLUG_OPT_BYTES, FIXED, "128m", "1m..64g",
     "The same in bytes of messages."},
};
