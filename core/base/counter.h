/* The server's counters and gauges by name. Each worker (and the control thread) adds to a block of
 * its own, so that counting costs a plain add; readers sum the blocks. counter_add: the thread that
 * bound the block. Reading: any thread.
 *
 * The X-macro is the one list: name as it is logged, whether it is a gauge, and its help text. */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

#define COUNTER_MAP(X)                                                                      \
  X(connections, 1, "open connections")                                                     \
  X(newcomers, 1, "connections that stand in line: they have not connected yet")            \
  X(connections_total, 0, "connections accepted since the start")                           \
  X(connections_refused, 0, "connections refused over max-connections")                     \
  X(refused_address, 0, "connections refused over max-address-connections")                 \
  X(refused_rate, 0, "connections refused over max-address-rate")                           \
  X(refused_proxy, 0, "connections of trusted proxies without a PROXY header")              \
  X(tls_handshaking, 1, "connections whose TLS handshake is under way")                     \
  X(tls_handshakes, 0, "TLS handshakes that succeeded")                                     \
  X(tls_resumed, 0, "those of them that resumed a session")                                 \
  X(tls_failed, 0, "TLS handshakes that failed")                                            \
  X(tls_plain, 0, "those of them whose client spoke without TLS")                           \
  X(tls_timeouts, 0, "TLS handshakes that were not over in time")                           \
  X(tls_rekeys, 0, "TLS keys changed by clients, and attempts to negotiate anew")           \
  X(closed_rekeys, 0, "connections closed over max-rekeys")                                 \
  X(tls_reloads, 0, "times that certificates were read anew")                               \
  X(tls_reloads_failed, 0, "times that they could not be used")                             \
  X(accept_paused, 0, "times accepting paused for want of file descriptors")                \
  X(requests, 0, "HTTP requests read")                                                      \
  X(requests_refused, 0, "HTTP requests refused, handshakes included")                      \
  X(hosts_refused, 0, "requests to a host that is not in allowed-hosts")                    \
  X(handshakes_refused, 0, "HTTP requests to an endpoint refused before the upgrade")       \
  X(origins_refused, 0, "upgrades refused because of their Origin")                         \
  X(sign_ins, 0, "tokens that the try page's sign-in has given out")                        \
  X(sign_ins_refused, 0, "requests that it has refused")                                    \
  X(sockjs_sessions, 1, "SockJS sessions carried by HTTP requests")                         \
  X(sockjs_requests, 0, "requests of SockJS sessions")                                      \
  X(sockjs_handed_over, 0, "those of them that came to another worker than the session")    \
  X(sockjs_refused, 0, "SockJS sessions refused over max-sockjs-sessions")                  \
  X(sockjs_expired, 0, "SockJS sessions whose client did not come back")                    \
  X(sockjs_interrupted, 0, "SockJS sessions whose waiting request was cut off")             \
  X(sockjs_bad_messages, 0, "SockJS messages that were not JSON strings")                   \
  X(sockjs_busy, 0, "SockJS messages refused while earlier ones wait to be read")           \
  X(refused_inflated, 0, "WebSocket messages over max-inflated-message")                    \
  X(refused_sockjs_message, 0, "SockJS messages over max-sockjs-message")                   \
  X(sessions, 1, "STOMP sessions between CONNECTED and their end")                          \
  X(sessions_total, 0, "CONNECTED frames sent")                                             \
  X(subscriptions, 1, "subscriptions of all sessions")                                      \
  X(frames_in, 0, "STOMP frames received")                                                  \
  X(connects_in, 0, "those of them that were CONNECT or STOMP")                             \
  X(disconnects_in, 0, "those of them that were DISCONNECT")                                \
  X(errors_out, 0, "ERROR frames sent")                                                     \
  X(published, 0, "SENDs handed to the broker, or known to have no listener")               \
  X(publish_failed, 0, "SENDs that the broker did not take")                                \
  X(publish_late, 0, "those of them that it took after operation-timeout")                  \
  X(swaps, 0, "brokers, auth plugins and applications that took over while the server ran") \
  X(swaps_failed, 0, "attempts that left the old plugin as it was")                         \
  X(swap_duplicates, 0, "messages that two brokers brought during one, dropped")            \
  X(delivered_node, 0, "messages that reached this node by its broker, wanted or not")      \
  X(delivered, 0, "MESSAGE frames queued for sessions")                                     \
  X(dropped_queue, 0, "MESSAGE frames dropped by drop-oldest or drop-newest")               \
  X(closed_queue, 0, "sessions closed because their queue was full")                        \
  X(closed_stalled, 0, "sessions closed because a send made no progress")                   \
  X(closed_lost, 0, "connections that broke, without an end of their peer")                 \
  X(closed_connect_timeout, 0, "connections closed without a CONNECT in time")              \
  X(closed_heartbeat, 0, "sessions closed because heart-beats stopped")                     \
  X(closed_silent, 0, "WebSockets closed because pings were not answered")                  \
  X(refused_frame_size, 0, "frames over max-frame-size")                                    \
  X(refused_headers, 0, "frames over max-headers or max-header-size")                       \
  X(refused_subscriptions, 0, "SUBSCRIBEs over max-subscriptions")                          \
  X(refused_unused, 0, "topics not subscribed because of max-unused-topics")                \
  X(refused_destination, 0, "destinations over max-destination-length")                     \
  X(refused_pattern_steps, 0, "sessions over max-pattern-steps")                            \
  X(refused_memory, 0, "sessions over max-session-memory")                                  \
  X(route_cache_full, 0, "times that the cache of patterns was emptied for its size")       \
  X(ignored_destination, 0, "SENDs and SUBSCRIBEs to a destination that nobody has")        \
  X(refused_unacked, 0, "sessions over max-unacked")                                        \
  X(refused_transactions, 0, "sessions over the limits of transactions")                    \
  X(reads_paused, 0, "times a publisher was paused because the node was congested")         \
  X(dropped_congested, 0, "messages dropped because a worker's inbound queue was full")     \
  X(auth_waiting, 1, "CONNECTs and renewals that wait for an auth plugin")                  \
  X(auth_granted, 0, "CONNECTs that an auth plugin granted")                                \
  X(auth_denied, 0, "CONNECTs and renewals denied")                                         \
  X(auth_failed, 0, "CONNECTs and renewals that no auth plugin could judge in time")        \
  X(auth_renewed, 0, "identities renewed on their session")                                 \
  X(access_denied, 0, "SUBSCRIBEs and SENDs denied by [access]")                            \
  X(app_requests, 0, "SENDs and SUBSCRIBEs given to applications")                          \
  X(app_waiting, 1, "requests and events that wait for applications")                       \
  X(app_refused, 0, "requests refused: [app] queue is full, or the plugin hangs")           \
  X(app_lost, 0, "events not told to an application that hangs, over [app] queue")          \
  X(app_errors, 0, "requests that an application answered with an error, or not at all")    \
  X(app_unclaimed, 0, "SENDs and SUBSCRIBEs that no application claims")                    \
  X(presence_members, 1, "members that this node keeps in rooms")                           \
  X(presence_rooms, 1, "rooms that this node watches")                                      \
  X(presence_users, 1, "users of these rooms, on all nodes")                                \
  X(presence_changes, 0, "joins and leaves of users in these rooms")                        \
  X(presence_lists, 0, "rooms that were listed, at first and after a gap")                  \
  X(presence_failed, 0, "batches of presence that the backend did not take")                \
  X(presence_refused, 0, "members and rooms refused over a limit of [presence]")            \
  X(closed_expired, 0, "sessions closed because their identity expired")                    \
  X(closed_revoked, 0, "sessions closed because an auth plugin revoked them")               \
  X(closed_disconnected, 0, "sessions closed because the API said so")                      \
  X(closed_drain, 0, "sessions closed because the server stops")                            \
  X(drain_notices, 0, "sessions told beforehand that the server stops")                     \
  X(refused_drain, 0, "new sessions refused because the server stops")                      \
  X(refused_users, 0, "CONNECTs of users who are refused for a while")                      \
  X(api_requests, 0, "requests of the API with a valid key")                                \
  X(api_published, 0, "messages that the broker took from the API")                         \
  X(api_in_flight, 1, "messages of the API that the broker has not taken yet")              \
  X(api_bad_keys, 0, "requests of the API without a valid key")                             \
  X(api_limited, 0, "requests refused because their address is over max-failures")          \
  X(api_refused, 0, "requests of the API with a valid key that were refused")               \
  X(api_refused_body, 0, "those of them over [api] max-body")                               \
  X(api_refused_batch, 0, "those of them over [api] max-batch")                             \
  X(api_refused_in_flight, 0, "those of them over [api] max-in-flight")                     \
  X(api_refused_congested, 0, "those of them because the node was congested")               \
  X(api_repeated, 0, "requests that got the answer of an earlier one")                      \
  X(api_remembered, 1, "answers that are kept for such requests")                           \
  X(api_forgotten, 0, "answers not kept for their whole time, for want of room")            \
  X(api_orders, 0, "orders about sessions that this node has heard")                        \
  X(api_bad_orders, 0, "orders that were not understood")                                   \
  X(api_unsubscribed, 0, "subscriptions taken away by the API")                             \
  X(api_unrefused, 0, "users not refused because of max-refused-users")                     \
  X(admin_requests, 0, "requests of the admin API with a valid token")                      \
  X(admin_refused, 0, "those of them that were refused")                                    \
  X(admin_bad_tokens, 0, "requests of the admin API without a valid token")                 \
  X(admin_limited, 0, "requests refused because their address is over max-failures")        \
  X(admin_tails, 1, "topics that are watched by the admin API")                             \
  X(admin_tail_dropped, 0, "messages that such a watcher was too slow for")                 \
  X(pool_jobs, 0, "jobs that the work pool has begun")                                      \
  X(pool_waiting, 1, "jobs that wait for a thread of the work pool")                        \
  X(pool_refused, 0, "jobs refused over pool-queue")                                        \
  X(refused_made, 0, "messages of plugins refused over a limit or for their headers")       \
  X(log_dropped, 0, "log lines dropped because nobody read the log")                        \
  X(bytes_in, 0, "bytes received on connections")                                           \
  X(bytes_out, 0, "bytes sent on connections")

enum counter {
#define X(name, gauge, help) COUNTER_##name,
  COUNTER_MAP(X)
#undef X
      COUNTER_COUNT
};

#define COUNTER_BLOCKS_MAX 80

struct counter_block {
  _Alignas(64) _Atomic int64_t values[COUNTER_COUNT];
};

extern _Thread_local struct counter_block *counter_mine;

/* Gives this thread a block of its own, once, and returns it; it stays for ever. Threads without
 * one share an atomic block. */
struct counter_block *counter_bind_thread(void);
void counter_add_shared(enum counter which, int64_t n);

/* Only the block's thread writes it: a relaxed load and store, no locked instruction. */
static inline void counter_add(enum counter which, int64_t n)
{
  struct counter_block *block = counter_mine;
  if (!block) {
    counter_add_shared(which, n);
    return;
  }
  int64_t v = atomic_load_explicit(&block->values[which], memory_order_relaxed);
  atomic_store_explicit(&block->values[which], v + n, memory_order_relaxed);
}

#define COUNT(name)        counter_add(COUNTER_##name, 1)
#define COUNT_BY(name, by) counter_add(COUNTER_##name, (int64_t)(by))

int64_t counter_read(enum counter which);
/* What one thread has counted: of a gauge, its share. NULL: nothing yet. */
static inline int64_t counter_read_of(const struct counter_block *block, enum counter which)
{
  return block ? atomic_load_explicit(&block->values[which], memory_order_relaxed) : 0;
}
const char *counter_name(enum counter which);
const char *counter_help(enum counter which);
int counter_is_gauge(enum counter which);

#endif
