/* The server from within: what server.c, which runs it, server_parts.c, which makes what it is made
 * of, and server_check.c, which only looks whether it could be made, share. The main thread, unless
 * tagged. */
#ifndef SERVER_INNER_H
#define SERVER_INNER_H

#include "net/doors.h"
#include "net/generation.h"
#include "net/mount.h"
#include "net/pages.h"
#include "net/worker.h"
#include "ops/admin.h"
#include "ops/health.h"
#include "ops/monitor.h"
#include "ops/orders.h"
#include "ops/reload.h"
#include "ops/swap.h"
#include "plugin/workpool.h"
#include "presence/presence.h"
#include "session/admission.h"
#include "session/applications.h"
#include "tls/tls_contexts.h"

struct server {
  const struct config *config;
  const struct settings *settings;
  struct destination_rules *destinations; /* of the first generation */
  struct pages pages, admin_pages;
  struct loop *loop;
  struct workpool *pool;
  struct broker *broker;
  struct presence *presence;                                  /* NULL: the broker has none */
  struct access *access;                                      /* NULL: nobody is asked */
  struct access_worker *access_workers[INTEREST_WORKERS_MAX]; /* one per worker, or none */
  struct app *app;                                            /* NULL: there are no applications */
  struct app_worker *app_workers[INTEREST_WORKERS_MAX];
  struct user_names users;
  struct refused_users *refused;
  struct api_service *api;
  struct api_keyring *api_keys; /* of the first generation, as the destinations */
  struct interest_table *interests;
  struct sockjs_registry *sockjs;
  const struct service *const *services; /* by endpoint, or NULL */
  struct worker *workers;
  unsigned n_initialised, n_running;
  bool broker_started;
  struct doors doors;
  struct mounts mounts;
  struct net_crew crew;
  _Atomic bool serving; /* workers run, and may be woken */
  _Atomic bool leaving; /* the end is near: /ready says so */
  uint64_t end_ms;      /* when all is to be over, by base/clock.h; 0: it was not asked to stop */
  _Atomic int64_t n_sockets;
  struct tls_contexts *tls; /* NULL: nobody listens for TLS, and nothing says how */
  struct orders orders;
  struct ops_sources sources; /* from start_all on */
  struct monitor monitor;
  struct health_mounts health;
  struct admin *admin;
  struct addresses *addresses;
  struct reload reload;
  struct swap swap;
  bool broker_owed;            /* the configuration names a broker, and the swap to it has failed */
  struct reload_part parts[2]; /* of it */
};

/* Nothing is made, but room for it. server_fini also after a failure. */
plug_status server_init(struct server *server, const struct config *config,
                        const struct settings *settings, struct plug_err *err);
/* Frees what there is, once no thread uses it. */
void server_fini(struct server *server);

/* One part each: nothing is started, no address is bound. In this order, each after those that it
 * looks at. err->text is complete. */
plug_status server_create_broker(struct server *server, struct plug_err *err);
plug_status server_create_presence(struct server *server, struct plug_err *err);
plug_status server_create_access(struct server *server, struct plug_err *err);
plug_status server_create_app(struct server *server, struct plug_err *err);
plug_status server_create_api(struct server *server, struct plug_err *err);
plug_status server_create_admin(struct server *server, struct plug_err *err);
plug_status server_create_tls(struct server *server, struct plug_err *err);
plug_status server_create_ops(struct server *server, struct plug_err *err);
plug_status server_make_pages(struct server *server, struct plug_err *err);
/* Do the broker and who signs in fit together? */
plug_status server_check_auth(struct server *server, struct plug_err *err);

/* Complains of all that is wrong with a configuration, beyond what its settings say: parts are made
 * and taken apart again, mistakes are taken out of config. */
void server_find_mistakes(struct config *config, const struct settings *settings,
                          struct config_complaints *complaints);

/* An order to swap; answered when it is over: {"from","to","took_ms"}, and "overlap_ms" of a
 * broker, "kind" of the others; or {"code","message"} with PLUG_EINVAL or PLUG_ESTATE. */
void server_swap(struct server *server, struct order *order);
/* A reload, whose answer is text, has named another broker, or other options of it: answered when
 * that is over, with what has become of it. */
void server_swap_reloaded(struct server *server, struct order *order, const char *text);

/* All that is the main thread's own goes by what a reload has made. */
void server_follow_reload(struct server *server);

/* What worker i has of access control and applications. */
plug_status server_give_access(struct server *server, unsigned i, struct plug_err *err);
plug_status server_give_app(struct server *server, unsigned i, struct plug_err *err);

#endif
