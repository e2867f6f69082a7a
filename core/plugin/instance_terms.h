/* What an instance and the rest of the server are to each other: the states it goes through, what
 * is done with its upcalls, and extensions that others give to it. Types only; owns nothing. */
#ifndef PLUGIN_INSTANCE_TERMS_H
#define PLUGIN_INSTANCE_TERMS_H

#include <plugboard/app.h>
#include <plugboard/auth.h>
#include <plugboard/ext/presence.h>

enum instance_state {
  INSTANCE_CREATED,
  INSTANCE_RUNNING,
  INSTANCE_DRAINING,
  INSTANCE_STOPPED,
  INSTANCE_ABANDONED, /* would not stop: never destroyed */
};

/* What the server does with the upcalls of a broker; called with ctx. */
struct instance_broker_up {
  plug_status (*deliver)(void *ctx, uint64_t interest, const struct plug_msg *msg); /* [any] */
  void (*state)(void *ctx, int32_t state, uint32_t flags, struct plug_str why);     /* [home] */
  void *ctx;
};

/* What the server does with "plug.host.auth/1"; called with ctx. [any] */
struct instance_auth_up {
  plug_status (*invalidate)(void *ctx, struct plug_str user, uint64_t session, uint32_t flags,
                            struct plug_str reason); /* user empty: that session */
  plug_status (*update)(void *ctx, const struct plug_identity *who);
  void *ctx;
};

/* What the server does with the upcalls of an application; called with ctx. [any] */
struct instance_app_up {
  /* message: one publish; taken over. */
  plug_status (*publish)(void *ctx, struct plug_app_answer *message, plug_app_published_fn done,
                         void *arg);
  plug_status (*publish_local)(void *ctx, struct plug_app_answer *message, uint64_t session,
                               struct plug_str subscription);
  plug_status (*check)(void *ctx, const struct plug_app_message *message);
  void *ctx;
};

/* What the server does with "plug.broker.presence/1"; called with ctx. [home] */
struct instance_presence_up {
  void (*user)(struct plug_op *op, struct plug_str user, struct plug_str info, uint64_t members);
  void (*total)(struct plug_op *op, uint64_t users, uint64_t members, struct plug_position pos);
  void (*changed)(void *ctx, const struct plug_presence_change *change);
  void (*lost)(void *ctx);
  void *ctx;
};

struct plugin_instance;

/* An extension that another part of the server gives to an instance, and that outlives it. */
struct instance_extension {
  const char *id;
  const void *table;
  void *ctx;
  /* [main] What this instance has done there is taken back, since it is about to be stopped while
   * others go on; it calls nothing any more. False: not yet, it has to stay, and this be tried
   * again. NULL: there is nothing that could. */
  bool (*forget)(void *ctx, struct plugin_instance *instance);
};

#endif
