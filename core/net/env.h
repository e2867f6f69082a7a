/* What the connections of one worker share: all that they may know of it. Owned by the worker.
 * Worker's thread only. */
#ifndef NET_ENV_H
#define NET_ENV_H

#include "base/slab.h"
#include "broker/broker.h"
#include "config/settings.h"
#include "net/addresses.h"
#include "net/batch.h"
#include "net/carrier.h"
#include "net/census.h"
#include "net/control.h"
#include "net/gather.h"
#include "net/pages.h"
#include "net/peer.h"
#include "net/poller.h"
#include "net/sockjs_registry.h"
#include "net/timers.h"
#include "session/session.h"
#include "sockjs/sockjs_session.h"

/* How much one read takes at most. A burst of SENDs that comes in one read goes out in one write
 * per subscriber. */
#define NET_READ_BYTES 65536

struct tls_contexts;

/* What code above net does on each worker. [start] fills it. */
struct net_hooks {
  /* Before the worker's first turn, on its thread. */
  void (*started)(void *ctx, struct net_env *env);
  /* The nodes tell each other something that is no order about sessions. False: nobody knows it. */
  bool (*heard)(void *ctx, struct net_env *env, const struct plug_msg *msg);
  void *ctx;
};

/* config, settings, terms and sockjs_limits, api_keys, and what the hub and the sessions have of
 * them, are of a generation (generation.h): what is to be kept beyond a turn is copied. */
struct net_env {
  const struct config *config;
  const struct settings *settings;
  struct broker *broker;
  const struct pages *pages;
  struct poller poller;
  struct timers timers;
  struct hub hub;
  struct session_env session;
  struct session_terms *terms; /* by door: 0 is TCP, 1 + i the endpoint i */
  struct census census;        /* likewise */
  struct batch_set batches[WIRES];
  uint32_t batched; /* those of them that this round uses, a bit for each */
  struct batch_set flush_batches;
  struct list conns;                  /* struct conn.link */
  struct slab stores[CARRIER_STORES]; /* what these lie in */
  struct list http_conns;             /* struct http_conn.link */
  struct list http_ready;             /* struct http_conn.ready: those with more requests to read */
  struct inbox *inbox;                /* the worker's own */
  struct list api_waiting; /* likewise: requests of the API that the broker has not answered */
  struct mpsc handed;      /* struct http_conn.handed: by other workers, which wake this one */
  struct sockjs_registry *sockjs;
  struct sockjs_limits *sockjs_limits;   /* by endpoint */
  const struct service *const *services; /* likewise, NULL for STOMP; NULL: STOMP everywhere */
  struct api_service *api;
  const struct api_keyring *api_keys; /* NULL: there is no API */
  const struct mounts *mounts;        /* what code above answers; NULL: nothing */
  const struct net_hooks *hooks;      /* NULL: there are none */
  const struct net_crew *crew;        /* all workers */
  struct control control;
  struct list proxy_conns;  /* struct proxy_conn.link */
  struct tls_contexts *tls; /* NULL: there is no TLS */
  struct list tls_conns;    /* struct tls_conn.link */
  struct list handshakes;   /* struct tls_conn.due: those whose client has done its part */
  unsigned n_handshakes;    /* done since the heap was last trimmed */
  struct list paused;       /* struct conn.paused */
  struct list scans;        /* struct conn_scan.link */
  struct list doomed;       /* struct conn.doomed */
  uint64_t n_conns;
  uint64_t now_ms; /* taken at the start of each turn */
  uint64_t send_timeout_ms;
  uint32_t turn;               /* number of the turn */
  bool more_to_read;           /* a connection has the rest of a burst in its socket */
  bool shut;                   /* no sessions begin any more: the server stops */
  bool quiet;                  /* nothing is read any more, either */
  bool draining;               /* sessions have been closed, and no new ones begin */
  _Atomic int64_t *n_sockets;  /* of all workers */
  const _Atomic bool *leaving; /* the server is about to stop, and is as it was but for /ready */
  struct addresses *addresses; /* likewise */
  char *rx;                    /* NET_READ_BYTES and STREAM_MORE, for whoever reads */
  char retry_after[40];        /* the header line for who is refused since then */
  struct buf scratch;          /* for whoever puts something together and is done with it */
};

/* One socket less, for the gauges and, if it was counted there, the limits of its address. */
void net_socket_ended(struct net_env *env, const struct net_peer *counted);

/* Of whoever comes in by this endpoint; NULL: over TCP. */
static inline const struct session_terms *net_terms_at(const struct net_env *env,
                                                       const struct settings_endpoint *endpoint)
{
  return &env->terms[endpoint ? 1 + (endpoint - env->settings->endpoints) : 0];
}

/* Of this endpoint; NULL: STOMP. */
const struct service *net_service_at(const struct net_env *env,
                                     const struct settings_endpoint *endpoint);

#endif
